"""At which line of Python something of the process grows: for what Python's allocators know nothing of.

The test is run under a trace function that looks at the numbers before and after each line. What comes and goes
within a line cancels out; a line is named if it is found in two runs.
"""

from __future__ import annotations

import sys
import sysconfig
from collections import Counter
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from yagot import __builtins__ as __builtins__
from yagot.originals import os

MOST_EVENTS = 50_000
"""So many calls, lines and returns are looked at: half a second or so. The line of a longer test is not found."""

Measure = Callable[[], int]
Place = tuple[str, int]

_settrace, _gettrace = sys.settrace, sys.gettrace
OWN = os.path.dirname(os.path.dirname(__file__)) + os.sep
_INSTALLED = sysconfig.get_paths()["platlib"] + os.sep
_LIBRARY = os.path.dirname(os.__file__) + os.sep
_FRAMEWORK = os.path.join(_LIBRARY, "unittest") + os.sep


class _Open:
    """A call that is being traced."""

    __slots__ = ("frame", "place", "values")

    def __init__(self, frame: FrameType, values: list[int]) -> None:
        self.frame = frame
        self.place: Place | None = None
        self.values = values


class Lines:
    """The growth of each measure by line, with what the line calls, for one run."""

    def __init__(self, measures: Sequence[Measure]) -> None:
        self._measures = measures
        self._grown: list[Counter[tuple[Place | None, Place]]] = [Counter() for _ in measures]
        """By the line and the one that has called its function."""
        self._own = [0] * len(measures)
        """What these records themselves have taken."""
        self._open: list[_Open] = []
        self._events = 0
        self._before: Any = None

    def __enter__(self) -> Lines:
        self._before = _gettrace()
        _settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        _settrace(self._before)
        self._open.clear()

    def _trace(self, frame: FrameType, event: str, arg: Any) -> Any:
        self._events += 1
        if self._events > MOST_EVENTS:
            _settrace(self._before)
            return None
        seen = [measure() for measure in self._measures]
        self._record(frame, event, [value - own for value, own in zip(seen, self._own, strict=True)])
        for number, measure in enumerate(self._measures):
            self._own[number] += measure() - seen[number]
        return self._trace

    def _record(self, frame: FrameType, event: str, values: list[int]) -> None:
        while self._open and self._open[-1].frame is not frame and event != "call":
            self._open.pop()  # what has been traced from its middle on, as a generator
        if not self._open or event == "call":
            self._open.append(_Open(frame, values))
        if event in ("line", "return"):
            self._line_ends(self._open[-1], values)
            self._open[-1].place = (frame.f_code.co_filename, frame.f_lineno or 0)
        if event == "return":
            self._open.pop()

    def _line_ends(self, call: _Open, values: list[int]) -> None:
        if call.place is not None:
            caller = self._open[-2].place if len(self._open) > 1 else None
            for grown, before, value in zip(self._grown, call.values, values, strict=True):
                if value != before:
                    grown[caller, call.place] += value - before
        call.values = values

    def risen(self, number: int, by: int) -> list[tuple[Place | None, Place]]:
        """The lines where the measure of that number has grown by about so much, each with the one that called its
        function: what malloc takes differs by a few bytes. Nothing if the test was not seen to its end."""
        if self._events > MOST_EVENTS:
            return []
        return [key for key, rise in self._grown[number].items() if by * 3 <= rise * 4 <= by * 6]


def _distance(place: Place) -> int:
    """How far a file is from what is tested: code that was installed, the standard library, what runs the tests."""
    for distance, home in ((3, OWN), (3, _FRAMEWORK), (1, _INSTALLED), (2, _LIBRARY)):
        if place[0].startswith(home):
            return distance
    return 0


class AtFirstCall:
    """Calls a function when the first function of what is tested is called: not one of ours, nor of a library. What it
    returns is kept until the end."""

    def __init__(self, then: Callable[[], object]) -> None:
        self._then = then
        self._kept: object = None
        self._before: Any = None

    def __enter__(self) -> None:
        self._before = _gettrace()
        _settrace(self._trace)

    def __exit__(self, *_: object) -> None:
        if _gettrace() == self._trace:
            _settrace(self._before)
        self._kept = None

    def _trace(self, frame: FrameType, event: str, arg: Any) -> Any:
        if _distance((frame.f_code.co_filename, 0)) == 0:
            _settrace(self._before)
            self._kept = self._then()


def _called_by_risen(risen: Sequence[tuple[Place | None, Place]]) -> list[Place]:
    """The lines from the outermost on, each called by the one before. Of several lines of a function none is sure: some
    take what the function releases at its end."""
    found: list[Place] = []
    callers: set[Place | None] = {None}
    while inner := [key for key in risen if key[0] in callers]:
        lines = Counter(caller for caller, _ in inner)
        places = [place for caller, place in inner if lines[caller] == 1]
        risen = [key for key in risen if key not in inner]
        callers = set(places)
        found += places
    return found


def _innermost(risen: Sequence[tuple[Place | None, Place]]) -> list[Place]:
    """The one line, of those nearest to what is tested, that calls no other of them."""
    callers = {caller for caller, _ in risen}
    last = sorted({place for _, place in risen if place not in callers}, key=_distance)
    return last[:1] if len(last) == 1 or (last and _distance(last[0]) < _distance(last[1])) else []


def common_place(runs: Sequence[Sequence[tuple[Place | None, Place]]]) -> Place | None:
    """The line that is found in all runs, given what has risen in each; None if there is none. Where the callers have
    grown as much it is sure, but other growth may hide theirs."""
    risen = [key for key in runs[0] if all(key in run for run in runs)]
    found = [*reversed(_called_by_risen(risen)), *_innermost(risen)]
    return min((place for place in found if _distance(place) < 3), key=_distance, default=None)
