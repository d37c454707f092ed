"""Files that go with the XML report: a leaking test's findings as JSON, and the cycle that holds most as a picture.

Two consumers take them by a line of the test's output, ``[[ATTACHMENT|path]]``: Jenkins (plugin JUnit Attachments),
which wants absolute paths, and GitLab, which wants them relative to the project and shows the first one only. The path
is written as the directory was given.
"""

from __future__ import annotations

import json

from yagot import __builtins__ as __builtins__
from yagot.files import Output, UnusablePath, readable
from yagot.model import Finding, TestReport
from yagot.originals import os
from yagot.report.drawings import dot, draw

_FORBIDDEN = "[]|"
"""GitLab ends the path at these."""


class Attachments:
    """Writes the files into a directory."""

    def __init__(self, directory: str) -> None:
        """Raises UnusablePath."""
        if not directory.isprintable() or any(c in directory for c in _FORBIDDEN):
            path = readable(directory)
            raise UnusablePath(f"cannot write {path}: the path of attachments must not contain any of {_FORBIDDEN}")
        first = Output(os.path.join(directory, "leak.json"))
        self._directory = directory
        self._absolute = os.path.dirname(first.path)
        self._pictures: dict[str, str | None] = {}
        self._number = 0

    def _write(self, name: str, text: str) -> str:
        Output(os.path.join(self._absolute, name)).write(text)
        return os.path.join(self._directory, name)

    def _picture(self, finding: Finding) -> str | None:
        """The path of a cycle's picture, drawn once; None if it cannot be drawn."""
        if finding.signature not in self._pictures:
            images = draw(["\n".join(dot(finding))]) if finding.steps else []
            path = self._write(f"cycle-{finding.signature}.svg", images[0]) if images else None
            self._pictures[finding.signature] = path
        return self._pictures[finding.signature]

    def add(self, report: TestReport) -> str | None:
        """Writes the files of a leaking test; the lines for its output. Raises UnusablePath."""
        leaks = report.leaks
        if not leaks:
            return None
        self._number += 1
        details = self._write(f"leak-{self._number:05}.json", json.dumps(report.as_json(), indent=1) + "\n")
        paths = [self._picture(leaks[0]), details]
        return "\n".join(f"[[ATTACHMENT|{path}]]" for path in paths if path)
