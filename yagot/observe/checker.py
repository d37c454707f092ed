"""The checker: one lifecycle behind all adapters.

An adapter calls begin(test) before a test's setup and end(outcome) after its whole teardown, and finish() after the
last test. The checker observes through the core, judges, and informs its reporters.
"""

from __future__ import annotations

import contextlib
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from yagot import __builtins__ as __builtins__
from yagot import _core
from yagot.config import Config, ConfigError, parse_repeat
from yagot.judge.baseline import read
from yagot.judge.judge import UNSEEN, missing
from yagot.judge.matches import key
from yagot.judge.owners import is_known_source
from yagot.judge.project import project_of
from yagot.judge.rules import Rule
from yagot.judge.verdicts import Verdicts
from yagot.model import LATER, Finding, Problem, TestInfo, TestReport, changed
from yagot.observe.boundaries import Boundaries
from yagot.observe.references import CONFIRMED, Again, References
from yagot.observe.release import Ledger, Within
from yagot.observe.reprs import guarded_repr, interrupted
from yagot.observe.run import Reporter, Run
from yagot.originals import dataclasses, originals
from yagot.report.descriptions import Descriptions, LeakError

if TYPE_CHECKING:
    from yagot._core import _Finding, _Observation
    from yagot.observe.growth import Growth


class Checker:
    """Watches one test after the other. Not for use from several threads at once."""

    watching: ClassVar[bool] = False
    """Is any checker's window open? Tests that run inside a test are left alone."""

    def __init__(
        self, config: Config | None = None, reporters: Sequence[Reporter] | None = (), endless: bool = False
    ) -> None:
        """*reporters*: None if somebody else keeps the totals of the run. *endless*: nobody knows when the run is over,
        so that all must be reported with its test."""
        self.config = config or Config()
        self.run = Run(self.config, reporters)
        self._project = project_of(self.config.source)
        self._reported_used: set[str] = set()
        self._unknown = list(self.config.source)
        self.descriptions = Descriptions(self.config.details)
        known: Container[str] = ()
        if self.config.baseline is not None and self.config.baseline_mode == "ratchet":
            known = read(self.config.baseline)
        self._verdicts = Verdicts(self.config, known, self._project)
        try:
            describe = guarded_repr if self.config.repr else None
            ledger = _core.Ledger(describe, native=self.config.native, modules=self._project.modules, once=True)
        except RuntimeError as error:
            raise ConfigError(f"native: {error}") from None
        self._ledger = Ledger(ledger)
        repeat = parse_repeat(self.config.repeat)
        self._growth: Growth | None = None
        if repeat is not None:
            from yagot.observe.growth import Growth

            self._growth = Growth(self._ledger, *repeat, self.config.repeat_seconds, originals.perf_counter)
        self._boundaries = Boundaries(self._ledger, self.config, endless)
        self.runs_again = self.config.confirm or repeat is not None
        """May a test be run once more?"""
        self._references = References(
            self._ledger,
            confirm=self.runs_again,
            last=endless or self._boundaries.at == "never",
            native=self.config.native,
        )
        self._test: TestInfo | None = None
        self._interrupted = self._started = self._closed = self._paused = False
        self._began = self._ended = self._look_seconds = 0.0
        self._seen: _Observation | None = None
        if self.config.trace:
            import tracemalloc

            tracemalloc.start(self.config.trace)

    def show_details(self) -> None:
        """Before the run: reports are to show all, as ``--details`` asks."""
        self.config = self._verdicts.config = dataclasses.replace(self.config, details=True)
        self.descriptions.details = True

    def start(self) -> None:
        """The tests are collected and about to run: what is made from now on has a maker, be it a fixture; what is
        garbage already is nobody's. begin() does the same, if nobody has."""
        if not self._started:
            self._started = True
            self._ledger.call(self._ledger.start if self.config.check_at != "never" else originals.collect)
            self._boundaries.start()

    def begin(self, test: TestInfo, dropped: tuple[object, ...] = ()) -> None:
        """Opens the window of a test. *dropped*: see _core.Ledger.begin. Raises RuntimeError if one is open."""
        if Checker.watching:
            raise RuntimeError("a test is being watched already")
        self.start()
        self._project.add_test(test.module)
        self._interrupted = self._closed = False
        self._test = test  # first: from now on an interrupt finds it here
        Checker.watching = True
        self.run.started(test)
        self._ledger.stand_for(test)
        self._began = originals.perf_counter()
        self._references.begin()
        self._ledger.begin(dropped, self._boundaries.begin(test))

    @contextlib.contextmanager
    def before(self, dropped: tuple[object, ...]) -> Iterator[None]:
        """What is made meanwhile is made before the test, of which nothing has run yet: by a fixture that outlives it,
        and perhaps asks for another one. *dropped*: as for begin()."""
        if self._paused:
            yield
            return
        self._ledger.pause()
        self._paused = True
        try:
            yield
        finally:
            self._paused = False
            self._ledger.begin(dropped, self._boundaries.number)

    def close(self, outcome: str, within: Within | None = None) -> None:
        """Closes the window before end(late=True) does: what is made from now on is not the test's. The arguments are
        as there."""
        self._look(outcome, True, within, early=True)

    def _look(self, outcome: str, late: bool, within: Within | None, early: bool = False) -> None:
        """Closes the window, and looks at what the test has made."""
        self._ended = originals.perf_counter()
        self._project.refresh()
        self._seen = self._references.end(outcome == "passed", not late, within, early)
        self._stop_if_interrupted()
        self._look_seconds = originals.perf_counter() - self._ended
        self._closed = True

    def end(
        self,
        outcome: str,
        problem: Problem | None = None,
        config: Config | None = None,
        rules: Sequence[Rule] = (),
        again: Again | None = None,
        late: bool = False,
        within: Within | None = None,
    ) -> TestReport:
        """Closes the window, judges what it saw unless the test did not pass, and reports to the run.

        *config* and *rules* are the test's own; without *config* the checker's holds. *again* runs the test once
        more, should that be needed to confirm a leak. *late*: end_late() will follow, from where no call in
        progress holds what the test has made. *within*: calls what releases garbage, if there is any.
        """
        test = self._test
        if test is None:
            raise RuntimeError("no test is being watched")
        if not self._closed:
            self._look(outcome, late, within)
        judging = originals.perf_counter()
        seconds = self._ended - self._began
        seen, self._seen = self._seen if outcome == "passed" else None, None
        findings = self._reported(seen["findings"], again) if seen is not None else []
        if seen is not None and self._growth is not None:
            self._references.put_off()
            findings += self._growth.findings(again)
        self._boundaries.end(rules, self._references.noisy())
        if seen is None:
            report = TestReport(test, outcome, seconds, problem=problem, used=self._newly_used())
        else:
            judged = self._judged(findings, config or self.config, rules, test)
            report = TestReport(
                test,
                outcome,
                seconds,
                checked=True,
                check_seconds=self._look_seconds + originals.perf_counter() - judging,
                born=seen["born"],
                survivors=seen["survivors"],
                incomplete=seen["incomplete"],
                missing=missing(judged, rules),
                findings=judged,
                used=self._newly_used(),
            )
        Checker.watching = False
        self._test = None
        self.run.finished(report)
        return report

    @staticmethod
    def _stop_if_interrupted() -> None:
        """Ctrl-C during a repr(), which was called by the core."""
        if interrupted:
            interrupted.clear()
            raise KeyboardInterrupt

    def end_late(
        self, report: TestReport, config: Config, rules: Sequence[Rule], again: Again | None
    ) -> TestReport | None:
        """After end(late=True): the report of references that nobody holds, if there are any."""
        Checker.watching = True
        try:
            findings = self._reported(self._references.late(), again) if report.checked else []
        finally:
            Checker.watching = False
        if not findings:
            return None
        test = dataclasses.replace(report.test, id=report.test.id + LATER, name=report.test.name + LATER)
        judged = self._judged(findings, config, rules, report.test)
        further = TestReport(test, "passed", 0.0, checked=True, findings=judged)
        self.run.finished(further)
        return further

    def is_idle(self, following: TestInfo | None) -> bool:
        """Between a test and the *following* one: would neither end_late() nor boundary() look at anything?"""
        return not (self._references.is_late or self._boundaries.due(following))

    def boundary(self, following: TestInfo | None = None) -> list[TestReport]:
        """To be called before a test begins, and with None before the run's results are shown: looks at all objects
        if a class, module or the run (Config.check_at) is over. Returns reports of what has become garbage since."""
        if Checker.watching or self._interrupted or not self._boundaries.due(following):
            return []
        self._project.refresh()
        looked = self._boundaries.look(following)
        self._stop_if_interrupted()
        reports = []
        for (test, rules, noisy), found in looked:
            findings = self._judged(self._reported_later(found, noisy), self.config, rules, test)
            reports.append(TestReport(test, "passed", 0.0, checked=True, findings=findings))
        # notes are mostly on what frameworks do between tests
        reports = [report for report in reports if any(finding.verdict != "note" for finding in report.findings)]
        for report in reports:
            self.run.finished(report)
        return reports

    def _reported_later(self, findings: Iterable[Finding], noisy: bool) -> list[Finding]:
        """At a boundary no test can be repeated, and references that nobody holds are only suspected. Those that a
        repetition has found to be held are not reported, nor are those of *noisy* tests."""
        kept = []
        for finding in findings:
            unsure = finding.references > 0
            if finding.is_pythons_own or (unsure and (noisy or finding.cause in self._references.passing)):
                continue
            reason = UNSEEN if unsure and self._references.unseen() else finding.reason
            kept.append(changed(finding, suspected=unsure, reason=reason))
        return kept

    def _reported(self, found: list[_Finding], again: Again | None) -> list[Finding]:
        """The findings without references that have turned out to be held, or are to be looked at again."""
        reported = self._references.report(found, again)
        findings: list[Finding] = []
        if not found and not reported.further:
            return findings
        for item in [*found, *reported.further]:
            cause = item["concrete"]
            finding = self._ledger.causes.finding(item)
            if not finding.parts:
                lasting = self._references.lasting(cause)
                finding = changed(finding, cause=lasting, concrete=lasting)
            if finding.is_pythons_own or (finding.references and cause not in reported.confirmed | reported.suspected):
                continue
            suspected = cause in reported.suspected
            if cause in reported.confirmed:
                finding = changed(finding, why=finding.why + CONFIRMED)
            reason = (UNSEEN if reported.unseen else finding.reason) if suspected else ""
            if suspected or finding.reason != reason:
                finding = changed(finding, suspected=suspected, reason=reason)
            findings.append(finding)
        return findings

    def _judged(
        self, findings: Sequence[Finding], config: Config, rules: Sequence[Rule], test: TestInfo
    ) -> tuple[Finding, ...]:
        """With verdicts and advice; those of one cause in general are one."""
        if not findings:
            return ()
        judged = self._verdicts.of(findings, config, rules, test)
        return tuple(map(self._ledger.causes.reported, judged))

    def _newly_used(self) -> tuple[str, ...]:
        """The settings that have matched something since the last report."""
        if not self._unknown and len(self._verdicts.used) == len(self._reported_used):
            return ()
        self._verdicts.used.update(key("source", name) for name in self._unknown if is_known_source(name))
        self._unknown = [name for name in self._unknown if key("source", name) not in self._verdicts.used]
        new = tuple(sorted(self._verdicts.used - self._reported_used))
        self._reported_used.update(new)
        return new

    def error(self, report: TestReport) -> LeakError:
        """The exception that stands for the test's leaks."""
        return self.descriptions.error(report)

    def skip(self) -> None:
        """Closes the window without looking: the test is not to be checked, and nothing is reported of it."""
        self._ledger.end(look=False)
        Checker.watching = False
        self._test = None
        self.run.passed_over()

    def abort(self) -> None:
        """Closes the window without looking: the test was interrupted, as the reports will say, and the run with it."""
        if self._test is not None:
            self._interrupted = True
            with contextlib.suppress(RuntimeError):  # it was interrupted before the window was open, or after its end
                self._ledger.end(look=False)
            Checker.watching = False
            self._test = None
            self.run.interrupted()

    def broke_off(self, error: BaseException) -> None:
        """An exception has ended the run before its time, as the reports will say."""
        self.abort()
        self.run.broke_off(error)

    def finish(self) -> None:
        """Ends the run. Raises UnusablePath if a report could not be written."""
        try:
            self.abort()
            self.boundary()
            self._ledger.close()
        finally:
            self._newly_used()
            self.run.summary.used |= self._verdicts.used
            self.run.close()
