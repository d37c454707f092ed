"""The JSON report (docs: reference, JSON)."""

from __future__ import annotations

from yagot import __builtins__ as __builtins__
from yagot.files import Output
from yagot.model import TestInfo, TestReport
from yagot.originals import json
from yagot.report.about import About

SCHEMA_VERSION = 2
READABLE = (1, 2)
"""Version 1 had no data on what a step is."""


class JSONReport:
    """Keeps the reports of all tests and writes them at the end."""

    def __init__(self, path: str, about: About) -> None:
        """Raises UnusablePath."""
        self._about = about
        self.output = Output(path)
        self._tests: list[str] = []
        self._newest: tuple[TestReport | None, int] = (None, 0)

    def started(self, test: TestInfo) -> None:
        """Nothing to do: there is no entry for a test before its end."""

    def finished(self, report: TestReport, fails: bool) -> None:
        """Adds a test. After Ctrl-C the same report may come again: it is still one test."""
        if report is not self._newest[0]:
            self._newest = (report, len(self._tests))
        self._tests[self._newest[1] :] = [json.dumps(report.as_json())]

    def close(self) -> None:
        """Writes the file. Raises UnusablePath."""
        head = json.dumps({"version": SCHEMA_VERSION, **self._about.as_json()})
        self.output.write(head[:-1] + ', "tests": [' + ",\n".join(self._tests) + "]}\n")
