"""On GitHub Actions: an annotation for each cause, at the line to edit, else at the test that leaks."""

from __future__ import annotations

import sys

from yagot import __builtins__ as __builtins__
from yagot.model import Finding, TestInfo, TestReport
from yagot.report.wording import describe, legend, summary_text

SHOWN = 10
"""GitHub shows ten errors a step."""

_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = _DATA | str.maketrans({":": "%3A", ",": "%2C"})


def annotation(test: TestInfo, finding: Finding, docs: str | None = None) -> str:
    """A workflow command: ``::error file=…,line=…,title=…::…``, as GitHub's documentation of them has it."""
    cut = finding.cut
    file, line = (cut.file, cut.line) if cut is not None and cut.file else (test.file, test.line)
    properties = {"file": file, "line": line, "title": f"{test.name} leaks"}
    given = ",".join(f"{key}={str(value).translate(_PROPERTY)}" for key, value in properties.items() if value)
    lines = [f"LEAK: {summary_text(finding)}", *describe(finding), legend([finding], docs)]
    return f"::error {given}::{chr(10).join(lines).translate(_DATA)}"


class GitHubAnnotations:
    """A reporter that shows each cause, with the first test that has it, at the end."""

    def __init__(self, docs: str | None = None) -> None:
        """*docs*: see Config."""
        self._docs = docs
        self._shown: set[str] = set()
        self._lines: list[str] = []

    def started(self, test: TestInfo) -> None:
        """Nothing to do before a test's end."""

    def finished(self, report: TestReport, fails: bool) -> None:
        """Keeps the annotations for the causes of a failing test that were not seen before."""
        for finding in report.leaks if fails else ():
            if finding.signature not in self._shown and len(self._lines) < SHOWN:
                self._shown.add(finding.signature)
                self._lines.append(annotation(report.test, finding, self._docs))

    def close(self) -> None:
        """Writes to stderr, which is the log that GitHub reads."""
        for line in self._lines:
            print(line, file=sys.stderr)
