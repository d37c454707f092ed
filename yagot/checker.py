"""The checker: one lifecycle behind all adapters.

An adapter calls begin(test) before a test's setup and end(outcome) after its whole teardown, and finish() after the
last test. The checker observes through the core, judges, and tells its reporters.
"""

from __future__ import annotations

import time
from collections.abc import Container, Iterator, Sequence
from typing import ClassVar, Protocol

from yagot import _core
from yagot.baseline import Baseline, read
from yagot.config import Config
from yagot.findings import Problem, TestInfo, TestReport, from_core
from yagot.judge import judge_all, missing
from yagot.report_text import describe_report, headline
from yagot.reprs import guarded_repr
from yagot.rules import Rule
from yagot.summary import Summary


class LeakError(AssertionError):
    """A test left garbage behind. The text is the whole report."""

    __module__ = "yagot"


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
        self.summary = Summary()

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


class Checker:
    """Watches one test after the other. Not for use from several threads at once."""

    watching: ClassVar[bool] = False
    """Is any checker's window open? Tests that run inside a test are left alone."""

    def __init__(self, config: Config | None = None, reporters: Sequence[Reporter] = ()) -> None:
        self.config = config or Config()
        self.run = Run(self.config, reporters)
        self._known: Container[str] = ()
        if self.config.baseline is not None and self.config.baseline_mode == "ratchet":
            self._known = read(self.config.baseline)
        self._ledger = _core.Ledger(guarded_repr if self.config.repr else None)
        self._test: TestInfo | None = None
        self._began = 0.0
        if self.config.trace:
            import tracemalloc

            tracemalloc.start(self.config.trace)

    def begin(self, test: TestInfo, owners: tuple[object, ...] = ()) -> None:
        """Opens the window of a test. *owners*: see _core.Ledger.begin. Raises RuntimeError if one is open."""
        if Checker.watching:
            raise RuntimeError("a test is being watched already")
        self.run.started(test)
        Checker.watching = True
        self._test = test
        self._began = time.perf_counter()
        self._ledger.begin(owners)

    def end(
        self,
        outcome: str,
        problem: Problem | None = None,
        config: Config | None = None,
        rules: Sequence[Rule] = (),
    ) -> TestReport:
        """Closes the window, judges what it saw unless the test did not pass, and tells the run.

        *config* and *rules* are the test's own; without *config* the checker's holds.
        """
        seconds = time.perf_counter() - self._began
        test, self._test = self._test, None
        if test is None:
            raise RuntimeError("no test is being watched")
        Checker.watching = False
        seen = self._ledger.end(look=outcome == "passed")
        if seen is None:
            report = TestReport(test, outcome, seconds, problem=problem)
        else:
            findings = judge_all(
                [from_core(found) for found in seen["findings"]], config or self.config, rules, self._known
            )
            report = TestReport(
                test,
                outcome,
                seconds,
                checked=True,
                born=seen["born"],
                survivors=seen["survivors"],
                incomplete=seen["incomplete"],
                missing=missing(findings, rules),
                findings=findings,
            )
        self.run.finished(report)
        return report

    def error(self, report: TestReport) -> LeakError:
        """The exception that stands for the test's leaks."""
        return LeakError(f"{headline(report)}\n{describe_report(report)}")

    def abort(self) -> None:
        """Closes the window without looking."""
        if self._test is not None:
            self._test = None
            Checker.watching = False
            self._ledger.end(look=False)

    def finish(self) -> None:
        """Ends the run. Raises UnusablePath if a report could not be written."""
        self.abort()
        self._ledger.close()
        self.run.close()
