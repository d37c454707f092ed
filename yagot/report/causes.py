"""A run's findings by cause, for the reports that are written at its end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from yagot.model import Finding, TestInfo, TestReport


@dataclass(slots=True)
class CauseTotals:
    """One cause, in all tests that have it."""

    finding: Finding
    """The first one."""
    tests: list[TestInfo] = field(default_factory=list)
    objects: int = 0
    held_bytes: int = 0


class CauseReport:
    """A reporter that keeps one finding of each cause; what is written of them is for its heirs."""

    verdicts: Iterable[str] = ("leak",)

    def __init__(self) -> None:
        self.tests = 0
        self._leaking: set[str] = set()
        self._causes: dict[tuple[str, str], CauseTotals] = {}

    def started(self, test: TestInfo) -> None:
        """Nothing to do before a test's end."""

    def finished(self, report: TestReport, fails: bool) -> None:
        """Adds a test."""
        self.tests += report.test.main_id == report.test.id
        if report.leaks:
            self._leaking.add(report.test.main_id)
        for finding in report.findings:
            if finding.verdict in self.verdicts:
                cause = self._causes.setdefault((finding.verdict, finding.signature), CauseTotals(finding))
                cause.tests.append(report.test)
                cause.objects += finding.objects
                cause.held_bytes += finding.held_bytes

    @property
    def leaking(self) -> int:
        """How many tests leaked."""
        return len(self._leaking)

    def ranked(self) -> list[CauseTotals]:
        """Leaks first, then by memory held."""
        return sorted(self._causes.values(), key=lambda cause: (cause.finding.verdict != "leak", -cause.held_bytes))
