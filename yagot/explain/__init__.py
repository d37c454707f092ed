"""Explain: where to cut a cycle, from the core's data and the source's text."""
