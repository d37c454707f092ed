"""At which line of Python something of the process grows: for what Python's allocators know nothing of.

The test is run under a trace function that looks at the numbers before and after each line. What comes and goes
cancels out; a line is named if it is the same in two runs.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

Measure = Callable[[], int]
Place = tuple[str, int]

_settrace, _gettrace = sys.settrace, sys.gettrace


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

    def grown(self, number: int, by: int) -> dict[Place, int]:
        """Where the measure of that number has grown, if possible by just so much."""
        found = {place: rise for place, rise in self._grown[number].items() if rise > 0}
        exact = {place: rise for place, rise in found.items() if rise == by}
        return exact or found


def common_place(first: dict[Place, int], second: dict[Place, int]) -> Place | None:
    """The one place that has grown by the same in both runs; None if there are several, or none."""
    both = [place for place, rise in first.items() if second.get(place) == rise]
    return both[0] if len(both) == 1 else None
