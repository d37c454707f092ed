"""Which reporters a run has."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from yagot import __builtins__ as __builtins__

if TYPE_CHECKING:
    from yagot.config import Config
    from yagot.observe.run import Reporter


def _check_paths(config: Config) -> None:
    """Raises UnusablePath if one report would be written over another."""
    from yagot.files import check_different

    paths = {"baseline": config.baseline, "json": config.json, "markdown": config.markdown, "html": config.html}
    if config.junit_xml is not None:
        from yagot.report.junit import path_of

        paths["junit-xml"] = path_of(config.junit_xml)
    check_different(paths)


def make_reporters(config: Config, content: str = "leaks") -> list[Reporter]:
    """The reporters that the settings ask for. Raises yagot.files.UnusablePath and yagot.config.ConfigError."""
    _check_paths(config)
    reporters: list[Reporter] = []
    if config.baseline is not None:
        from yagot.judge.baseline import Baseline

        reporters.append(Baseline(config))
    if config.json is not None or config.html is not None:
        from yagot.report.about import about_this_run

        about = about_this_run(config)
    if config.json is not None:
        from yagot.report.json import JSONReport

        reporters.append(JSONReport(config.json, about))
    if config.markdown is not None:
        from yagot.report.markdown import MarkdownReport

        reporters.append(MarkdownReport(config.markdown, config.docs))
    elif os.environ.get("GITHUB_STEP_SUMMARY"):
        from yagot.report.markdown import JobSummary

        reporters.append(JobSummary(os.environ["GITHUB_STEP_SUMMARY"], config.docs))
    if config.html is not None:
        from yagot.report.html import HTMLReport

        reporters.append(HTMLReport(config.html, about, docs=config.docs))
    if os.environ.get("GITHUB_ACTIONS") == "true":
        from yagot.report.github import GitHubAnnotations

        reporters.append(GitHubAnnotations(config.docs))
    if config.junit_xml is not None:
        from yagot.report.junit import JUnitReport

        reporters.append(
            JUnitReport(
                config.junit_xml,
                "leaks" if content == "leaks" else "all",
                config.junit_family,
                config.junit_attachments,
                config.junit_datadog,
                config.docs,
            )
        )
    return reporters
