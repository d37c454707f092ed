"""A whole run: what every reporter hears of, and the totals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from yagot.config import Config
from yagot.judge.baseline import Baseline
from yagot.model import TestInfo, TestReport
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

    def started(self, test: TestInfo) -> None:
        """A test is about to run."""
        for reporter in self.reporters:
            reporter.started(test)

    def finished(self, report: TestReport) -> None:
        """A test is through, or something outside of tests failed, e.g. setUpClass."""
        self.summary.add(report)
        for reporter in self.reporters:
            reporter.finished(report, self.fails(report))

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
        """The run is over: closes the reports. Raises UnusablePath."""
        for reporter in self.reporters:
            reporter.close()
