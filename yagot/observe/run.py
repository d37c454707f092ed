"""A whole run: what every reporter hears of, and the totals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from yagot.config import Config
from yagot.judge.baseline import Baseline
from yagot.model import INTERRUPTED, Problem, TestInfo, TestReport
from yagot.report.totals import Summary


class Reporter(Protocol):
    """What hears of every test."""

    def started(self, test: TestInfo) -> None:
        """A test is about to run."""

    def finished(self, report: TestReport, fails: bool) -> None:
        """A test is through; *fails*: its leaks make it fail."""

    def close(self) -> None:
        """The run is over."""


class Run:
    """A whole run: its reporters and totals. Where tests run in other processes, this is the part that stays."""

    def __init__(self, config: Config, reporters: Sequence[Reporter] = ()) -> None:
        self.config = config
        self.reporters = list(reporters)
        self.summary = Summary(config.show_slowest)
        self._under_way: TestInfo | tuple[TestReport, list[Reporter]] | None = None

    def started(self, test: TestInfo) -> None:
        """A test is about to run."""
        self._under_way = test
        for reporter in self.reporters:
            reporter.started(test)

    def finished(self, report: TestReport) -> None:
        """A test is through, or something outside of tests failed, e.g. setUpClass."""
        self._under_way = (report, list(self.reporters))
        self.summary.add(report)
        self._tell()

    def _tell(self) -> None:
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
            problem = Problem(INTERRUPTED, "interrupted: the run was stopped while this test was running")
            self.finished(TestReport(self._under_way, "interrupted", 0.0, problem=problem))
        self._tell()

    def passed_over(self) -> None:
        """The test that was started is over, and there is nothing to report of it."""
        self._under_way = None

    def fails(self, report: TestReport) -> bool:
        """Do the test's leaks make it fail?"""
        return report.fails(self.config.report_only)

    def lines(self) -> Iterator[str]:
        """The end of the run in words."""
        yield from self.summary.lines(self.config.report_only)
        for reporter in self.reporters:
            if isinstance(reporter, Baseline):
                yield from reporter.lines()

    def close(self) -> None:
        """The run is over: closes the reports. A test that is still under way was interrupted. Raises UnusablePath."""
        self.interrupted()
        for reporter in self.reporters:
            reporter.close()
