"""Adapters for frameworks with plugin interfaces, and what they share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yagot.checker import Reporter
    from yagot.config import Config

OPTIONS: dict[str, tuple[str, str]] = {
    "leaks_only": ("", "only uncollectable objects fail a test"),
    "report_only": ("", "report leaks, but fail no test for them"),
    "strict": ("", "let inherent cycles (of classes made in a test, of the framework) fail too"),
    "repr": ("", "show the repr() of objects on cycles: runs their code"),
    "ignore_types": ("TYPE[,TYPE…]", "do not judge tests that leave objects of these types"),
    "source": ("PKG[,PKG…]", "only leaks of these packages or directories count"),
    "omit": ("PATTERN[,…]", "leaks of which all files and names match do not count"),
    "allow": ("PATTERN[,…]", "leaks whose signature, cause, type or step matches are allowed"),
    "disable_rules": ("RULE[,…]", "do not make notes of leaks by these default rules"),
    "baseline": ("FILE", "leaks in this file are known and fail nothing"),
    "baseline_mode": ("MODE", "ratchet: only new leaks fail (default); strict: known ones too"),
    "update_baseline": ("", "write the leaks of this run into the baseline"),
    "check_at": ("WHERE", "look at all objects at the end of each test, class, module (default), session; or never"),
    "repeat": ("W:N", "run each test W+N times more, and report what grows each time"),
    "native": ("", "find reference leaks of strings, numbers and other untracked objects too (CPython 3.14+)"),
    "no_confirm": ("", "never run a test again to confirm a suspected reference leak"),
    "junit_xml": ("FILE", "write a JUnit XML report; of a directory (DIR/), TEST-yagot.xml in it"),
    "junit_attachments": ("DIR", "write the findings of leaking tests beside the XML, as JSON and pictures"),
    "junit_family": ("FAMILY", "the XML's dialect: xunit2 (default), xunit1 or ant"),
    "json": ("FILE", "write a JSON report"),
    "markdown": ("FILE", "write a Markdown report, with the cycles as Mermaid graphs"),
    "html": ("FILE", "write a page to look at; needs yagot[html]"),
    "show_slowest": ("N", "tell which N checks took longest"),
    "trace": ("N", "tell where objects were made (N frames of tracemalloc)"),
}
"""Settings as command-line options: metavar (empty: a flag) and help."""


def make_reporters(config: Config, content: str = "leaks") -> list[Reporter]:
    """The reporters that the settings ask for. Raises yagot.files.UnusablePath and yagot.config.ConfigError."""
    reporters: list[Reporter] = []
    if config.baseline is not None:
        from yagot.baseline import Baseline

        reporters.append(Baseline(config))
    if config.json is not None:
        from yagot.report_json import JSONReport

        reporters.append(JSONReport(config.json))
    if config.markdown is not None:
        from yagot.files import check_writable
        from yagot.report_markdown import MarkdownReport

        check_writable(config.markdown)
        reporters.append(MarkdownReport(config.markdown))
    elif os.environ.get("GITHUB_STEP_SUMMARY"):
        from yagot.report_markdown import JobSummary

        reporters.append(JobSummary(os.environ["GITHUB_STEP_SUMMARY"]))
    if config.html is not None:
        from yagot.files import check_writable
        from yagot.report_html import HTMLReport

        check_writable(config.html)
        reporters.append(HTMLReport(config.html))
    if os.environ.get("GITHUB_ACTIONS") == "true":
        from yagot.report_github import GitHubAnnotations

        reporters.append(GitHubAnnotations())
    if config.junit_xml is not None:
        from yagot.report_junit import JUnitReport

        reporters.append(
            JUnitReport(
                config.junit_xml,
                "leaks" if content == "leaks" else "all",
                config.junit_family,
                config.junit_attachments,
            )
        )
    return reporters
