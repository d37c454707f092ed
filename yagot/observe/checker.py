"""The checker: one lifecycle behind all adapters.

An adapter calls begin(test) before a test's setup and end(outcome) after its whole teardown, and finish() after the
last test. The checker observes through the core, judges, and tells its reporters.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Container, Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from yagot import _core
from yagot.config import Config, ConfigError, parse_repeat
from yagot.judge.baseline import read
from yagot.judge.judge import UNSEEN, judge_all, missing
from yagot.judge.owners import unknown_sources
from yagot.judge.rules import Rule
from yagot.model import LATER, Finding, Problem, TestInfo, TestReport, from_core
from yagot.observe.boundaries import Boundaries
from yagot.observe.references import CONFIRMED, Again, References
from yagot.observe.reprs import guarded_repr
from yagot.observe.run import Reporter, Run
from yagot.report.wording import describe_report, headline

if TYPE_CHECKING:
    from yagot._core import _Finding
    from yagot.observe.growth import Growth


class LeakError(AssertionError):
    """A test left garbage behind. The text is the whole report."""

    __module__ = "yagot"


class Checker:
    """Watches one test after the other. Not for use from several threads at once."""

    watching: ClassVar[bool] = False
    """Is any checker's window open? Tests that run inside a test are left alone."""
    _clock = staticmethod(time.perf_counter)
    """Kept here, where freezegun and the like do not replace it."""

    def __init__(
        self, config: Config | None = None, reporters: Sequence[Reporter] = (), endless: bool = False
    ) -> None:
        """*endless*: nobody knows when the run is over, so that all must be told with its test."""
        self.config = config or Config()
        self.run = Run(self.config, reporters)
        self._known: Container[str] = ()
        if self.config.baseline is not None and self.config.baseline_mode == "ratchet":
            self._known = read(self.config.baseline)
        try:
            self._ledger = _core.Ledger(guarded_repr if self.config.repr else None, native=self.config.native)
        except RuntimeError as error:
            raise ConfigError(f"native: {error}") from None
        repeat = parse_repeat(self.config.repeat)
        self._growth: Growth | None = None
        if repeat is not None:
            from yagot.observe.growth import Growth

            self._growth = Growth(self._ledger, *repeat)
        self._boundaries = Boundaries(self._ledger, self.config, endless)
        self._references = References(
            self._ledger,
            confirm=self.config.confirm or repeat is not None,
            last=endless or self._boundaries.at == "never",
            native=self.config.native,
        )
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
        self._began = self._clock()
        self._references.begin()
        self._ledger.begin(owners, self._boundaries.begin(test))

    def end(
        self,
        outcome: str,
        problem: Problem | None = None,
        config: Config | None = None,
        rules: Sequence[Rule] = (),
        again: Again | None = None,
        late: bool = False,
    ) -> TestReport:
        """Closes the window, judges what it saw unless the test did not pass, and tells the run.

        *config* and *rules* are the test's own; without *config* the checker's holds. *again* runs the test once
        more, should that be needed to confirm a leak. *late*: end_late() will follow, from where no call in
        progress holds what the test has made.
        """
        ended = self._clock()
        seconds = ended - self._began
        test, self._test = self._test, None
        if test is None:
            raise RuntimeError("no test is being watched")
        seen = self._references.end(outcome == "passed", not late)
        imported = self._references.imported()
        findings = self._settled(seen["findings"], again) if seen is not None else []
        if seen is not None and self._growth is not None:
            findings += self._growth.findings(again)
        Checker.watching = False
        self._boundaries.end(rules, self._references.noisy())
        if seen is None:
            report = TestReport(test, outcome, seconds, problem=problem)
        else:
            judged = judge_all(findings, config or self.config, rules, self._known, imported)
            report = TestReport(
                test,
                outcome,
                seconds,
                checked=True,
                check_seconds=self._clock() - ended,
                born=seen["born"],
                survivors=seen["survivors"],
                incomplete=seen["incomplete"],
                missing=missing(judged, rules),
                findings=judged,
            )
        self.run.finished(report)
        return report

    def end_late(
        self, report: TestReport, config: Config, rules: Sequence[Rule], again: Again | None
    ) -> TestReport | None:
        """After end(late=True): the report of references that nobody holds, if there are any."""
        Checker.watching = True
        try:
            findings = self._settled(self._references.late(), again) if report.checked else []
        finally:
            Checker.watching = False
        if not findings:
            return None
        test = dataclasses.replace(report.test, id=report.test.id + LATER, name=report.test.name + LATER)
        judged = judge_all(findings, config, rules, self._known)
        further = TestReport(test, "passed", 0.0, checked=True, findings=judged)
        self.run.finished(further)
        return further

    def boundary(self, following: TestInfo | None = None) -> list[TestReport]:
        """To be called before a test begins, and with None before the run's results are shown: looks at all objects
        if a class, module or the run (Config.check_at) is over. Returns reports of what has become garbage since."""
        if Checker.watching or not self._boundaries.due(following):
            return []
        looked = self._boundaries.look(following)
        reports = []
        for (test, rules, noisy), found in looked:
            findings = judge_all(self._told(found, noisy), self.config, rules, self._known)
            reports.append(TestReport(test, "passed", 0.0, checked=True, findings=findings))
        # notes are mostly on what frameworks do between tests
        reports = [report for report in reports if any(finding.verdict != "note" for finding in report.findings)]
        for report in reports:
            self.run.finished(report)
        return reports

    def _told(self, findings: Iterable[Finding], noisy: bool) -> list[Finding]:
        """At a boundary no test can be repeated, and references that nobody holds are only suspected. Those that a
        repetition has found to be held are not told, nor are those of *noisy* tests."""
        told = []
        for finding in findings:
            unsure = finding.references > 0
            if finding.is_pythons_own or (unsure and (noisy or finding.cause in self._references.passing)):
                continue
            reason = UNSEEN if unsure and self._references.unseen() else finding.reason
            told.append(dataclasses.replace(finding, suspected=unsure, reason=reason))
        return told

    def _settled(self, found: list[_Finding], again: Again | None) -> list[Finding]:
        """The findings without references that have turned out to be held, or are to be looked at again."""
        settled = self._references.settle(found, again)
        findings = []
        for item in [*found, *settled.further]:
            cause = item["signature"]
            finding = from_core(item, self._references.lasting(cause))
            if finding.is_pythons_own or (finding.references and cause not in settled.confirmed | settled.suspected):
                continue
            suspected = cause in settled.suspected
            if cause in settled.confirmed:
                finding = dataclasses.replace(finding, why=finding.why + CONFIRMED)
            reason = UNSEEN if settled.unseen else finding.reason
            findings.append(dataclasses.replace(finding, suspected=suspected, reason=reason if suspected else ""))
        return findings

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
        self.boundary()
        self._ledger.close()
        self.run.summary.unknown_sources = unknown_sources(self.config.source)
        self.run.close()
