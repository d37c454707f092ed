"""A run's findings added up by cause, for the totals and for the reports that are written at its end.

Of each cause the first finding is kept: a run's memory, and what its own collections have to walk, must not grow with
the number of leaks.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from yagot import __builtins__ as __builtins__
from yagot.model import Finding, TestInfo, TestReport
from yagot.report.wording import plural, size


@dataclass(slots=True, eq=False, repr=False)
class CauseTotals:
    """One cause, in all tests that have it."""

    finding: Finding
    """The first one."""
    tests: list[TestInfo] = field(default_factory=list)
    variants: set[str] = field(default_factory=set)
    objects: int = 0
    held_bytes: int = 0

    def add(self, finding: Finding, test: TestInfo) -> None:
        """Counts one more test with this cause."""
        self.tests.append(test)
        self.variants.update(finding.variants)
        self.objects += finding.objects
        self.held_bytes += finding.held_bytes

    @property
    def text(self) -> str:
        """In how many tests, in how many variants."""
        more = f", {len(self.variants):,} variants" if len(self.variants) > 1 else ""
        return f"in {plural(len(self.tests), 'test')}{more}, {size(self.held_bytes)} in all"


class Causes:
    """Adds up the reports of a run."""

    verdicts: Collection[str] = ("leak", "known", "suspected", "allowed", "note")
    """Findings with others are left out."""

    def __init__(self) -> None:
        self.tests = 0
        self._leaking: set[str] = set()
        self._causes: dict[tuple[str, str, str], CauseTotals] = {}

    def add(self, report: TestReport) -> None:
        """Adds a test."""
        self.tests += report.test.is_main
        for finding in report.findings:
            if finding.verdict == "leak":
                self._leaking.add(report.test.main_id)
            if finding.verdict in self.verdicts:
                key = (finding.verdict, finding.kind, finding.cause)
                cause = self._causes.get(key)
                if cause is None:
                    cause = self._causes[key] = CauseTotals(finding)
                cause.add(finding, report.test)

    @property
    def leaking(self) -> int:
        """How many tests leaked."""
        return len(self._leaking)

    def ranked(self) -> list[CauseTotals]:
        """Leaks first, then by memory held."""
        return sorted(self._causes.values(), key=lambda cause: (cause.finding.verdict != "leak", -cause.held_bytes))

    def by_verdict(self, verdict: str) -> list[CauseTotals]:
        """The causes with a verdict, the largest memory first."""
        return [cause for cause in self.ranked() if cause.finding.verdict == verdict]


def suspected_text(suspected: Sequence[CauseTotals]) -> str:
    """One line for what is not confirmed; fails nothing."""
    finding, first = suspected[0].finding, suspected[0].tests[0]
    return (
        f"suspected: {plural(sum(cause.objects for cause in suspected), 'object')} with references that nobody holds, "
        f"not confirmed; the first, {finding.subject or finding.cause}, in {first.id}"
    )


class CauseReport(Causes):
    """A reporter that keeps the leaks by cause; what is written of them is for its heirs."""

    verdicts: Collection[str] = ("leak",)

    def started(self, test: TestInfo) -> None:
        """Nothing to do before a test's end."""

    def finished(self, report: TestReport, fails: bool) -> None:
        """Adds a test."""
        self.add(report)
