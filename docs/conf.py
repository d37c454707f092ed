"""Sphinx configuration."""

project = "yagot"
copyright = "the yagot authors"
author = "the yagot authors"
extensions = ["sphinx.ext.autodoc"]
html_theme = "furo"
exclude_patterns = ["_build"]
autodoc_member_order = "bysource"
autodoc_mock_imports = ["yagot._core"]
nitpicky = False
