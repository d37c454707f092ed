"""The texts that tests with leaks fail with. A cause is described once, by whoever shows the texts: others may have run
the test in another process, or run it again."""

from __future__ import annotations

from collections.abc import Collection

from yagot import __builtins__ as __builtins__
from yagot.model import TestReport
from yagot.report.wording import describe_report, described, headline, says_nothing_new


class LeakError(AssertionError):
    """A test left garbage behind. The text is the whole report."""

    __module__ = "yagot"

    causes: Collection[str] = ()
    """The signatures of the causes that the text describes, and no text has before."""
    repeats = False
    """Does the text say no more than that the causes have been described?"""


class Descriptions:
    """What has been described so far, and by the text of which test."""

    def __init__(self, details: bool) -> None:
        """*details*: a cause is described each time."""
        self.details = details
        self._described: dict[str, str] = {}

    def error(self, report: TestReport) -> LeakError:
        """The exception that stands for a test's leaks."""
        known = {} if self.details else self._described
        error = LeakError(f"{headline(report, known)}\n{describe_report(report, self.details, known)}")
        error.causes = {finding.signature for finding in described(report, known)} - known.keys()
        error.repeats = says_nothing_new(report, known)
        self._described.update(dict.fromkeys(error.causes - self._described.keys(), report.test.id))
        return error
