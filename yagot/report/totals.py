"""The end of a run: totals by cause."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator

from yagot import __builtins__ as __builtins__
from yagot.judge.owners import BUILTIN
from yagot.model import BEFORE, LATER, TestReport
from yagot.report.causes import Causes, CauseTotals, suspected_text
from yagot.report.wording import describe, legend, plural, size, summary_text

SHOWN_CAUSES = 10
SHOWN_WHOLE = 3
"""So many are described, the others in one line each."""
MANY = 10
"""From so many leaking tests on the totals show the causes."""


class Summary(Causes):
    """The end of a run in words."""

    confirm_command = "yagot run --confirm {test}"
    """What a user types to have a suspect confirmed or cleared; adapters set their own. It may name the test and its
    module."""

    def __init__(self, slowest: int = 0, details: bool = False, docs: str | None = None) -> None:
        """*slowest*: how many of the checks that took longest to show; *details*: all causes, and notes too; *docs*:
        see Config."""
        super().__init__()
        self._show_slowest = slowest
        self.details = details
        self._docs = docs
        self._slowest: list[tuple[float, str]] = []
        self.gone = 0
        self.incomplete = 0
        self.first_incomplete = ""
        self.used: set[str] = set()

    def add(self, report: TestReport) -> None:
        """Adds a test."""
        super().add(report)
        self.gone += bool(report.missing)
        if self._show_slowest:
            self._slowest.append((report.check_seconds, report.test.id))
            self._slowest = heapq.nlargest(self._show_slowest, self._slowest)
        if report.incomplete:
            self.incomplete += 1
            self.first_incomplete = self.first_incomplete or f"{report.test.id}: {report.incomplete}"
        if report.used:
            self.used.update(report.used)

    def lines(self, report_only: bool = False) -> Iterator[str]:
        """The totals."""
        leaks, notes = self.by_verdict("leak"), self.by_verdict("note")
        if not self.tests:
            yield "yagot: no tests were checked in this process"
        elif leaks:
            yield (
                f"yagot: {plural(self.leaking, 'test')} of {self.tests:,} leaked "
                f"{plural(sum(c.objects for c in leaks), 'object')}, {size(sum(c.held_bytes for c in leaks))}, "
                f"from {plural(len(leaks), 'cause')}{' (reported only)' if report_only else ''}"
            )
        else:
            new = "new " if self.by_verdict("known") else ""
            yield f"yagot: no {new}leaks in {plural(self.tests, 'test')}"
        if self.gone:
            yield f"yagot: {plural(self.gone, 'test')} without the leak that was expected"
        owners = {cause.finding.owner for cause in leaks} - {BUILTIN}
        if len(owners) > 1:
            parts = [f"{owner} {sum(c.finding.owner == owner for c in leaks):,}" for owner in sorted(owners)]
            yield f"yagot: causes by owner: {', '.join(parts)} (--source chooses whose leaks count)"
        if leaks and not report_only and (self.leaking >= MANY or self.details):
            yield "yagot: the causes, by memory:"
            yield from self._short_lines(leaks, SHOWN_CAUSES)
        if notes:
            yield from self._note_lines(notes)
        known = self.by_verdict("known")
        if known:
            objects = sum(cause.objects for cause in known)
            yield f"yagot: known: {plural(objects, 'object')} from {plural(len(known), 'cause')}"
        suspected = self.by_verdict("suspected")
        if suspected:
            yield from self._suspected_lines(suspected)
        words = legend((cause.finding for cause in (*leaks, *suspected)), self._docs)
        if words:
            yield f"yagot: {words}"
        if self.incomplete:
            yield f"yagot: {plural(self.incomplete, 'test')} not seen whole, the first {self.first_incomplete}"
        if self._slowest:
            yield "yagot: slowest checks:"
            yield from (f"  {1000 * seconds:9.1f} ms  {test}" for seconds, test in self._slowest)

    def _suspected_lines(self, suspected: list[CauseTotals]) -> Iterator[str]:
        first = suspected[0].tests[0]
        test = first.id.removesuffix(LATER).removesuffix(BEFORE)
        yield f"yagot: {suspected_text(suspected)}"
        yield f"yagot: to confirm it: {self.confirm_command.format(test=test, module=first.module)}"

    @property
    def has_more(self) -> bool:
        """Are there causes that the totals leave out?"""
        return len(self.by_verdict("leak")) > SHOWN_CAUSES and not self.details

    def _note_lines(self, notes: list[CauseTotals]) -> Iterator[str]:
        """What does not count, summed up by owner and rule."""
        groups = Counter((cause.finding.owner, cause.finding.reason) for cause in notes)
        parts = [f"{number:,} of {owner} ({reason})" for (owner, reason), number in groups.most_common(5)]
        more = f", {plural(len(groups) - 5, 'more group')}" if len(groups) > 5 else ""
        yield (
            f"yagot: notes: {plural(sum(c.objects for c in notes), 'object')} from "
            f"{plural(len(notes), 'cause')} that do not count: {', '.join(parts)}{more}"
        )
        if self.details:
            yield from (
                f"  {cause.finding.reason}: {summary_text(cause.finding)}; {cause.text}, the first {cause.tests[0].id}"
                for cause in notes
            )

    def _short_lines(self, causes: list[CauseTotals], most: int, first: int = 1) -> Iterator[str]:
        """The causes, a line each."""
        most = len(causes) if self.details else most
        for number, cause in enumerate(causes[:most], first):
            yield f"{number}. {cause.text}, the first {cause.tests[0].id}: {summary_text(cause.finding)}"
        if len(causes) > most:
            yield f"… {plural(len(causes) - most, 'more cause')}: -v shows all, and so do the reports in files"

    def cause_lines(self) -> Iterator[str]:
        """The leaks by cause, each once: for runs whose tests do not fail for them."""
        leaks = self.by_verdict("leak")
        whole = len(leaks) if self.details else SHOWN_WHOLE
        for number, cause in enumerate(leaks[:whole], 1):
            first, *rest = describe(cause.finding)
            yield f"{number}. {cause.text}; the first is {cause.tests[0].id}:"
            yield f"   {first}"
            yield from (f"   {line}" for line in rest)
        yield from self._short_lines(leaks[whole:], SHOWN_CAUSES - SHOWN_WHOLE, whole + 1)
