"""A whole run: passes each test to the reporters, and keeps the totals."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Sequence
from typing import Protocol

from yagot import __builtins__ as __builtins__
from yagot.config import Config
from yagot.files import UnusablePath
from yagot.judge.matches import unmatched
from yagot.model import BROKEN_OFF, INTERRUPTED, THE_RUN, Problem, TestInfo, TestReport
from yagot.report.totals import Summary
from yagot.restored import restored


class Reporter(Protocol):
    """Is informed of every test."""

    def started(self, test: TestInfo) -> None:
        """A test is about to run."""

    def finished(self, report: TestReport, fails: bool) -> None:
        """A test is through; *fails*: its leaks make it fail."""

    def close(self) -> None:
        """The run is over."""

    # A reporter may also have lines(), for the end of the run in words, and an output (yagot.files.Output).


def interrupted_report(test: TestInfo) -> TestReport:
    """The report of a test that did not end."""
    problem = Problem(INTERRUPTED, "interrupted: the run was stopped while this test was running")
    return TestReport(test, "interrupted", 0.0, problem=problem)


def broken_report(error: str) -> TestReport:
    """The report of a run that *error* has ended."""
    problem = Problem(BROKEN_OFF, f"the run broke off: {error}")
    return TestReport(TestInfo(THE_RUN, "yagot", "yagot", THE_RUN), "error", 0.0, problem=problem)


_forks: list[None] = []
"""As long as the line of forks that has led to this process. To ask the kernel after each test takes longer than all
else here."""

# The interpreter keeps this to its very end: a function of this module would keep the module, its loader and, as that
# is pytest's, all tests, through two more collections.
os.register_at_fork(after_in_child=functools.partial(_forks.append, None))


class Run:
    """A whole run: its reporters and totals. Where tests run in other processes, this is the part that stays.

    A forked child that returns from its test runs the rest of the suite, too: there nothing is reported.
    """

    def __init__(self, config: Config, reporters: Sequence[Reporter] | None = ()) -> None:
        """*reporters*: None if nobody is to hear of anything."""
        self.config = config
        self.reporters = list(reporters or ())
        self._is_heard = reporters is not None
        self.summary = Summary(config.show_slowest, config.details, config.docs)
        self._under_way: TestInfo | tuple[TestReport, list[Reporter]] | None = None
        self._unwritten: list[Reporter] = []
        self._closed = False
        self._forks = len(_forks)

    @property
    def is_copy(self) -> bool:
        """Is this a forked child's copy of the run?"""
        return len(_forks) != self._forks

    def started(self, test: TestInfo) -> None:
        """A test is about to run."""
        if not self._is_heard or self.is_copy:
            return
        self._under_way = test
        for reporter in self.reporters:
            reporter.started(test)

    def finished(self, report: TestReport) -> None:
        """A test is through, or something outside of tests failed, e.g. setUpClass. What comes after the end is not
        reported: unittest's own generators are closed with a run that broke off."""
        if not self._is_heard or self.is_copy or self._closed:
            return
        self._under_way = (report, list(self.reporters))
        self.summary.add(report)
        self._pass_on()

    def _pass_on(self) -> None:
        """Reports to those who have not heard yet: Ctrl-C may come between any two."""
        if isinstance(self._under_way, tuple):
            report, left = self._under_way
            while left:
                left[0].finished(report, self.fails(report))
                del left[0]
        self._under_way = None

    def interrupted(self) -> None:
        """What was under way ends here: the test that was started, or the report of one."""
        if isinstance(self._under_way, TestInfo):
            self.finished(interrupted_report(self._under_way))
        self._pass_on()

    def broke_off(self, error: BaseException | str) -> None:
        """What under the framework has ended the run before its time: nobody is to take the reports for those of a
        whole one. Ctrl-C is reported of the test that it has stopped, if there is one."""
        self.interrupted()
        if not isinstance(error, KeyboardInterrupt):
            text = error if isinstance(error, str) else f"{type(error).__qualname__}: {error}"
            self.finished(broken_report(text))

    def passed_over(self) -> None:
        """The test that was started is over, and there is nothing to report of it."""
        self._under_way = None

    def fails(self, report: TestReport) -> bool:
        """Do the test's leaks make it fail?"""
        return report.fails(self.config.report_only)

    def lines(self) -> Iterator[str]:
        """The end of the run in words."""
        if self.is_copy:
            return
        yield from self.summary.lines(self.config.report_only)
        for setting, text in unmatched(self.config, self.summary.used):
            yield f"yagot: {setting}: {text}"
        written = []
        for reporter in self.reporters:
            yield from getattr(reporter, "lines", tuple)()
            output = getattr(reporter, "output", None)
            if output is not None and reporter not in self._unwritten:
                written.append(output.shown)
        if not written and self.summary.has_more:
            yield "yagot: a report of all: --html FILE, a page to look at, or --json FILE"
        if written:
            yield f"yagot: {'reports' if len(written) > 1 else 'report'}: {', '.join(written)}"

    def cause_lines(self) -> Iterator[str]:
        """The leaks by cause."""
        return iter(()) if self.is_copy else self.summary.cause_lines()

    def close(self) -> None:
        """The run is over: closes the reports. A test that is still under way was interrupted. Raises UnusablePath."""
        if self.is_copy:
            return
        self.interrupted()
        self._closed = True
        problems = []
        for reporter in self.reporters:
            try:
                with restored:
                    reporter.close()
            except UnusablePath as error:  # the others are written all the same
                self._unwritten.append(reporter)
                problems.append(str(error))
        if problems:
            raise UnusablePath("; ".join(problems))
