"""Numbers of the process after runs of a test, and which of them grow.

A leak grows by the same amount for ever; a cache grows until it is full, and a list that is pruned now and then shrinks
again. So what grows is looked at over more and more runs, in *levels* of a few *steps*: after some steps of one run
each, steps of 2, 4, 8, … 128 runs.
"""

from __future__ import annotations

import gc
import itertools
import re
import sys
import threading
from array import array
from collections.abc import Sequence

from yagot import __builtins__ as __builtins__
from yagot import _core
from yagot.originals import os

BLOCKS, HEAP, MAPPED, DESCRIPTORS, THREADS = range(5)
NAMES = ("allocated blocks", "bytes of the C heap", "bytes of mapped memory", "file descriptors", "threads")
MEMORY = (BLOCKS, HEAP, MAPPED)

ROWS = 256
HARMFUL = {DESCRIPTORS: 32, THREADS: 32, HEAP: 1 << 28, MAPPED: 1 << 28, BLOCKS: 1 << 22}
"""So much growth is believed: more of it could hurt."""
STRIKES = 2

# a test may replace these for good
_collect = gc.collect
_listdir = os.listdir
_blocks = sys.getallocatedblocks
_threads = threading.active_count


def more(name: int, by: int) -> str:
    """``2 more allocated blocks``, ``1 more byte of the C heap``."""
    what = NAMES[name] if by != 1 else re.sub("s( of |$)", r"\1", NAMES[name])
    return f"{by:,} more {what}"


def collect() -> None:
    """A full collection, which also empties the interpreter's free lists: these grow with any test, as its cache of
    attributes does."""
    _core.clear_type_cache()
    _collect()


def _descriptors() -> int:
    """Open file descriptors; 0 where there is no /proc."""
    try:
        return len(_listdir("/proc/self/fd"))
    except OSError:
        return 0


def rate(steps: Sequence[int], runs: int, exact: bool) -> int:
    """By how much something grows in each run, if it grows in each of the steps, of so many runs each; else 0.

    What is counted *exactly* has to grow by the same amount. Memory may differ, as other things take and give back a
    block now and then, but not by half; one step in four may hold more, as where a dict grows beside. In steps of one
    run, where one block is much, one in four may be 0."""
    ranked = sorted(steps)
    middle = ranked[len(ranked) // 2]
    if exact:
        even = ranked[0] == ranked[-1] > 0
    elif runs == 1:
        even = ranked[0] >= 0 and ranked[len(ranked) // 4] > 0
    else:
        even = ranked[0] * 2 >= middle > 0 and ranked[-1 - len(ranked) // 4] <= middle * 2
    return max(1, round(middle / runs)) if even and middle * 2 > runs else 0


class Series:
    """Measurements, one a step."""

    def __init__(self) -> None:
        self._place = array("q")
        self._rows = self._level = 0
        self.strikes = [0] * len(NAMES)
        self.rates = [0] * len(NAMES)
        """Growth in each run of the last level."""

    @property
    def growing(self) -> bool:
        """May anything still turn out to grow?"""
        return min(self.strikes) < STRIKES

    @property
    def memory_grows(self) -> bool:
        """May memory?"""
        return any(self.strikes[name] < STRIKES and self.rates[name] for name in MEMORY)

    def measure(self) -> None:
        """Appends the process's numbers."""
        self._make_room(1)
        collect()
        at = self._rows * len(NAMES)
        place = self._place
        place[at] = _blocks()
        place[at + 1] = _core.heap_bytes() or 0
        place[at + 2] = _core.mapped_bytes()
        place[at + 3] = _descriptors()
        place[at + 4] = _threads()
        self._rows += 1

    def _values(self, name: int, first: int = 0) -> array[int]:
        return self._place[first * len(NAMES) + name : self._rows * len(NAMES) : len(NAMES)]

    def _make_room(self, rows: int) -> None:
        """Makes the places of so many further measurements."""
        missing = (self._rows + rows) * len(NAMES) - len(self._place)
        if missing > 0:
            self._place.frombytes(bytes(8 * max(missing, ROWS * len(NAMES))))

    def begin_level(self, steps: int) -> None:
        """The first measurement of a level of so many *steps*. Their places are made before: else what a measurement
        keeps would be measured."""
        self._make_room(steps + 1)
        self._level = self._rows
        self.measure()

    def end_level(self, runs: int) -> None:
        """Judges the level that was of steps of so many *runs*."""
        for name in range(len(NAMES)):
            steps = [after - before for before, after in itertools.pairwise(self._values(name, self._level))]
            self.rates[name] = by = rate(steps, runs, exact=name not in MEMORY)
            self.strikes[name] = 0 if by else self.strikes[name] + 1

    def risen(self) -> dict[int, int]:
        """By how much each number has risen since the level began."""
        series = [self._values(name, self._level) for name in range(len(NAMES))]
        return {name: values[-1] - values[0] for name, values in enumerate(series)}

    @property
    def harmful(self) -> bool:
        """Has anything that grows evenly grown so much that going on could hurt?"""
        return any(
            self.rates[name] and values[-1] - values[0] >= limit
            for name, limit in HARMFUL.items()
            for values in [self._values(name)]
        )

    def grown(self) -> dict[int, int]:
        """What grows, and by how much in each run. Mappings that malloc, pymalloc or a thread's stack explain do not
        count."""
        found = {name: by for name, by in enumerate(self.rates) if by}
        explained = found.get(BLOCKS, 0) * 512 * 2
        if THREADS in found or found.get(MAPPED, 0) <= explained:
            found.pop(MAPPED, None)
        return found
