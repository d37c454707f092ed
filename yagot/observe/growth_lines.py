"""At which line of Python something of the process grows: for what Python's allocators know nothing of.

The test is run under a trace function that looks at the numbers before and after each line. What comes and goes
cancels out; a line is named if it is the only one in two runs.
"""

from __future__ import annotations

import sys
import sysconfig
from collections import Counter
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from yagot.originals import os

Measure = Callable[[], int]
Place = tuple[str, int]

_settrace, _gettrace = sys.settrace, sys.gettrace
_OWN = os.path.dirname(os.path.dirname(__file__)) + os.sep
_INSTALLED = sysconfig.get_paths()["platlib"] + os.sep
_LIBRARY = os.path.dirname(os.__file__) + os.sep


class Lines:
    """The growth of each measure by place, for one run."""

    def __init__(self, measures: Sequence[Measure]) -> None:
        self._measures = measures
        self._grown: list[Counter[Place]] = [Counter() for _ in measures]
        self._last: list[int] = []
        self._place: Place | None = None
        self._before: Any = None

    def __enter__(self) -> Lines:
        self._before = _gettrace()
        self._last = [measure() for measure in self._measures]
        _settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        _settrace(self._before)

    def _trace(self, frame: FrameType, event: str, arg: Any) -> Any:
        for number, measure in enumerate(self._measures):
            value = measure()
            if value != self._last[number] and self._place is not None:
                self._grown[number][self._place] += value - self._last[number]
            self._last[number] = value
        if event == "return":
            back = frame.f_back
            self._place = (back.f_code.co_filename, back.f_lineno or 0) if back is not None else None
        else:
            self._place = (frame.f_code.co_filename, frame.f_lineno or 0)
        return self._trace

    def grown(self, number: int, by: int) -> set[Place]:
        """Where the measure of that number has grown, by about so much: what malloc takes differs by a few bytes."""
        return {place for place, rise in self._grown[number].items() if by * 3 <= rise * 4 <= by * 6}


def _distance(place: Place) -> int:
    """How far a file is from what is tested: code that was installed, the standard library, ours."""
    for distance, home in ((3, _OWN), (1, _INSTALLED), (2, _LIBRARY)):
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


def common_place(first: set[Place], second: set[Place]) -> Place | None:
    """The one place that both runs have in common; None if there is none, or several of which none is nearest. What
    frameworks take they give back elsewhere."""
    both = sorted(first & second, key=_distance)
    if not both or _distance(both[0]) == 3 or (len(both) > 1 and _distance(both[0]) == _distance(both[1])):
        return None
    return both[0]
