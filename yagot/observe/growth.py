"""Growth: a test is run over and over; what is more each time by the same amount leaks.

The idea is that of ``-R`` of CPython's own test runner, here for release builds. It sees what no window can: objects
that are held on purpose and too long, strings and numbers, memory of C code, descriptors, threads, and references to
objects that were there before the test.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

from yagot import __builtins__ as __builtins__
from yagot import _core
from yagot.model import Finding
from yagot.observe.growth_naming import Grown, name_all
from yagot.observe.growth_series import Series
from yagot.observe.references import Again
from yagot.observe.release import Ledger

LEVEL_STEPS = 4
LARGEST_STEP = 128
FITTING = 0.75
"""The part of the time that is for finding out whether anything grows; the rest is for naming it."""
FEWEST, MOST = 3, 16
QUIET_SECONDS = 2.0
MOST_CANDIDATES = 500


class _Failed(Exception):
    """A further run could not be done, or did not pass."""


class Candidate(NamedTuple):
    """An old object to which there seem to be more references after each run."""

    object: object
    unseen: int
    by: int


class Growth:
    """Repeats a test and compares."""

    def __init__(
        self, ledger: Ledger, warm: int, counted: int, seconds: float, clock: Callable[[], float]
    ) -> None:
        self._ledger = ledger
        self._warm, self._counted = warm, counted
        self._seconds, self._clock = seconds, clock
        self._runs = 0
        self._began = self._start = self._shown_at = 0.0
        self._series = Series()
        self._again: Again | None = None

    def run(self, alive: bool = False) -> list[object]:
        """Runs the test once more; returns its survivors, if asked for. Raises _Failed."""
        assert self._again is not None
        outcome = self._again(self._ledger.begin)
        seen = self._ledger.end(look=alive, alive=alive) if outcome is not None else None
        if outcome != "passed":
            raise _Failed
        self._runs += 1
        self._show_progress()
        return seen["alive"] if seen is not None else []

    def _show_progress(self, end: str = "") -> None:
        """Shows a line of progress on a terminal."""
        now = self._clock()
        if (end or now - max(self._shown_at, self._began + QUIET_SECONDS - 1) > 1) and sys.__stderr__ is not None:
            if (self._shown_at or not end) and sys.__stderr__.isatty():
                text = end or f"\ryagot: the test has run {self._runs} times more, and something still grows"
                sys.__stderr__.write(text)
                sys.__stderr__.flush()
            self._shown_at = 0.0 if end else now

    def findings(self, again: Again | None) -> list[Finding]:
        """What grows. Nothing if the test cannot be repeated, or does not pass each time."""
        if again is None:
            return []
        self._again = again
        self._runs, self._shown_at = 0, 0.0
        self._began = self._clock()
        self._start = self._spent()
        self._series = Series()
        try:
            grown = self._grown(self._series)
            return name_all(grown, self.run, self._affordable(), self._go_on) if grown else []
        except _Failed:
            return []
        finally:
            self._again = None
            self._show_progress("\r\033[K")

    def _affordable(self) -> int:
        """Runs for naming what grows: as many as take a fifth of the time, for frameworks keep some things for a few
        runs."""
        each = (self._spent() - self._start) / self._runs
        return max(min(self._counted, FEWEST), min(MOST, int(self._seconds / 5 / max(each, 1e-6))))

    def _go_on(self, runs: int) -> dict[int, int]:
        """By how much the numbers rise in so many further runs."""
        self._series.begin_level(1)
        for _ in range(runs):
            self.run()
        self._series.measure()
        return self._series.risen()

    def _grown(self, series: Series) -> Grown | None:
        """What has grown evenly to the end; None if nothing has."""
        for _ in range(self._warm):
            self.run()
        series.measure()  # it warms up, too
        candidates: list[Candidate] = []
        types: dict[str, int] = {}
        for level, runs in enumerate(self._levels()):
            steps = LEVEL_STEPS if runs > 1 else self._counted
            if level and not self._fits(series, steps * runs):
                break
            try:
                types, candidates = self._level(series, level, steps, runs, candidates)
            except _Failed:
                if level < 2:  # nothing has been seen twice
                    raise
                break
            if not (series.growing or candidates) or series.harmful:
                break
        numbers = series.grown()
        references = [(candidate.object, candidate.by) for candidate in candidates]
        return Grown(numbers, types, references, self._runs - self._warm) if numbers or references else None

    def _levels(self) -> Iterator[int]:
        """The number of runs in a step of each level."""
        yield 1
        runs = 1
        while runs <= LARGEST_STEP:
            yield runs
            runs *= 2

    def _spent(self) -> float:
        """Seconds, without those in which others had the processor: a busy machine must not change what is found."""
        return self._clock() - _core.waited()

    def _fits(self, series: Series, runs: int) -> bool:
        """Is there time for so many more?"""
        spent = self._spent() - self._start
        return spent + runs * spent / max(self._runs, 1) <= self._seconds * FITTING

    def _level(
        self, series: Series, level: int, steps: int, runs: int, candidates: list[Candidate]
    ) -> tuple[dict[str, int], list[Candidate]]:
        """Runs a level; returns the types of which there are more after it, and what is left of the candidates, which
        the first level finds."""
        count = level > 0 and series.memory_grows
        before = _core.count_types() if count else {}
        counts = _core.note_references() if level == 0 else None
        series.begin_level(steps)
        for _ in range(steps):
            for _ in range(runs):
                self.run()
            series.measure()
        series.end_level(runs)
        if counts is not None:
            return {}, self._candidates(counts, steps)
        after = _core.count_types() if count and series.memory_grows else {}
        return _risen(before, after, steps * runs), self._still(candidates, steps * runs, level == 1)

    def _candidates(self, counts: object, runs: int) -> list[Candidate]:
        """Objects with more references than before the runs, and how many of them cannot be seen."""
        objects = _core.risen_references(counts, runs)[:MOST_CANDIDATES]
        if not objects:
            return []
        unseen = _core.unseen_references(objects)
        return [Candidate(item, number, 0) for item, number in zip(objects, unseen, strict=True)]

    def _still(self, candidates: list[Candidate], runs: int, first: bool) -> list[Candidate]:
        """Those with more references that cannot be seen, by the same number for each run as in the level before."""
        if not candidates:
            return []
        objects = [candidate.object for candidate in candidates]
        found = []
        for candidate, unseen in zip(candidates, _core.unseen_references(objects), strict=True):
            by, rest = divmod(unseen - candidate.unseen, runs)
            if by > 0 and rest == 0 and (first or by == candidate.by):
                found.append(Candidate(candidate.object, unseen, by))
        return found


def _risen(before: dict[str, int], after: dict[str, int], runs: int) -> dict[str, int]:
    """The types of which there are more, by the same number for each run, and that number."""
    rises = {name: count - before.get(name, 0) for name, count in after.items()}
    found = {name: round(rise / runs) for name, rise in rises.items()}
    return {name: by for name, by in found.items() if by > 0 and abs(rises[name] - by * runs) <= runs // 16}
