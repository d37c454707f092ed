"""Growth: a test is run over and over; what is more each time by the same amount leaks.

The idea is that of ``-R`` of CPython's own test runner, here for release builds. It sees what no window can: objects
that are held on purpose and too long, strings and numbers, memory of C code, descriptors, threads.
"""

from __future__ import annotations

import itertools
import os
import sys
from array import array
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from yagot import _core
from yagot.model import Finding
from yagot.observe.references import Again
from yagot.originals import originals

if TYPE_CHECKING:
    from tracemalloc import Snapshot

    from yagot.observe.release import Ledger

SHOWN_TYPES = 5
ROUNDS = 60
SECONDS = 2.0
TASKS = {"_asyncio.Task", "asyncio.tasks.Task"}
NAMES = ("allocated blocks", "bytes of the C heap", "file descriptors", "threads")


def _descriptors() -> int:
    """Open file descriptors; 0 where there is no /proc."""
    try:
        return len(originals.listdir("/proc/self/fd"))
    except OSError:
        return 0


def _measure(place: array[int], at: int) -> None:
    """Writes the process's numbers to a place made before: what a measurement keeps would be measured. A full
    collection empties the interpreter's free lists, which grow with any test."""
    originals.collect()
    place[at] = originals.getallocatedblocks()
    place[at + 1] = _core.heap_bytes() or 0
    place[at + 2] = _descriptors()
    place[at + 3] = originals.active_count()


def _step(steps: list[int], exact: bool) -> int:
    """By how much it grows each time; 0 if it does not. Of memory it is enough that it grows nearly each time: other
    things take and give back a block now and then."""
    by, count = Counter(steps).most_common(1)[0]
    if exact:
        return by if by > 0 and count == len(steps) else 0
    grown = sum(step > 0 for step in steps)
    return sorted(steps)[len(steps) // 2] if grown >= len(steps) - len(steps) // 4 and min(steps) >= 0 else 0


def _traced() -> Snapshot | None:
    tracemalloc = sys.modules.get("tracemalloc")
    return tracemalloc.take_snapshot() if tracemalloc is not None and tracemalloc.is_tracing() else None


class Growth:
    """Repeats a test and compares."""

    def __init__(self, ledger: Ledger, warm: int, counted: int) -> None:
        self._ledger = ledger
        self._warm, self._counted = warm, counted

    def _run(self, again: Again, alive: bool = False) -> list[object] | None:
        """The survivors of one more run, if asked for; None if it could not be done or did not pass."""
        outcome = again(self._ledger.begin)
        if outcome is None:
            return None
        seen = self._ledger.end(look=outcome == "passed", alive=alive)
        return seen["alive"] if seen is not None else None

    def findings(self, again: Again | None) -> list[Finding]:
        """What grows. Nothing if the test cannot be repeated, or does not pass each time."""
        if again is None:
            return []
        place = array("q", bytes(8 * len(NAMES) * (self._counted + 1)))
        for _ in range(self._warm):
            if self._run(again) is None:
                return []
            _measure(place, 0)  # it warms up, too
        before = _traced()
        grown = self._lasting(again, place)
        if not grown:
            return []
        where = self._allocations(before) if before is not None else ""
        types = self._count_types(again)
        return [*self._of_types(types, again), *self._of_rest(grown, types, where)]

    def _lasting(self, again: Again, place: array[int]) -> dict[str, int]:
        """What grows in three rounds of four: a cache that fills up does not go on for ever, and now and then
        something else takes a block."""
        votes: dict[str, list[int]] = {name: [] for name in NAMES}
        silent = rounds = 0
        began = originals.perf_counter()
        while silent < 2 and rounds < ROUNDS and (rounds < 2 or originals.perf_counter() - began < SECONDS):
            grown = self._count(again, place)
            for name, by in grown.items():
                votes[name].append(by)
            silent = 0 if grown else silent + 1
            rounds += 1
        if silent == 2:
            return {}
        return {name: steps[-1] for name, steps in votes.items() if len(steps) * 4 >= rounds * 3}

    def _count(self, again: Again, place: array[int]) -> dict[str, int]:
        """What has grown by the same amount in every counted run."""
        for number in range(self._counted + 1):
            if self._run(again) is None:
                return {}
            _measure(place, number * len(NAMES))
        grown = {}
        for i, name in enumerate(NAMES):
            series = place[i :: len(NAMES)]
            by = _step([after - before for before, after in itertools.pairwise(series)], exact=i > 1)
            if by:
                grown[name] = by
        return grown

    def _count_types(self, again: Again) -> dict[str, int]:
        """The types of which there are more after each of as many runs, by the same number."""
        grown: dict[str, int] | None = None
        last = _core.count_types()
        for _ in range(self._counted):
            if self._run(again) is None:
                return {}
            now = _core.count_types()
            steps = {name: now[name] - last.get(name, 0) for name in now}
            if grown is None:
                grown = {name: by for name, by in steps.items() if by > 0}
            else:
                grown = {name: by for name, by in grown.items() if steps.get(name) == by}
            last = now
        return grown or {}

    def _allocations(self, before: Snapshot) -> str:
        """Where most of the memory was allocated that came since."""
        after = _traced()
        if after is None:
            return ""
        grown = [line for line in after.compare_to(before, "lineno") if line.count_diff >= self._counted]
        own = (os.path.dirname(__file__) + os.sep, sys.modules["tracemalloc"].__file__ or "")
        grown = [line for line in grown if not line.traceback[0].filename.startswith(own)]
        return f"{grown[0].traceback[0].filename}:{grown[0].traceback[0].lineno}" if grown else ""

    def _of_types(self, types: dict[str, int], again: Again) -> Iterator[Finding]:
        """One finding for the objects, with a path to one of each type."""
        if not types:
            return
        alive = self._run(again, alive=True) or []
        paths: dict[str, str] = {}
        for item in alive:
            name = _core.type_name(item)
            if name in types and name not in paths:
                path = _core.path_to(item)
                if path:
                    paths[name] = path
        alive.clear()
        tasks = TASKS & types.keys()  # what else there is more of then is theirs
        shown = sorted(paths, key=lambda name: name not in tasks)[:SHOWN_TYPES]
        held = "; ".join(f"{name} by {paths[name]}" for name in shown)
        yield Finding(
            kind="growth",
            cause=f"more {'asyncio tasks' if tasks else ', '.join(sorted(types))} each time",
            objects=sum(types.values()),
            types=types,
            held_bytes=0,
            why=f"held: {held}" if held else "no module leads to them",
        )

    def _of_rest(self, grown: dict[str, int], types: dict[str, int], where: str) -> Iterator[Finding]:
        """Findings for what is no tracked object. Memory is told of only where nothing else explains it."""
        for name, by in grown.items():
            memory = name in NAMES[:2]
            if memory and (types or (name == NAMES[1] and NAMES[0] in grown)):
                continue
            yield Finding(
                kind="growth",
                cause=f"more {name} each time",
                objects=0,
                types={},
                held_bytes=by if name == NAMES[1] else 0,
                why=f"{by:,} more {name} after each run" + (f"; allocated at {where}" if memory and where else ""),
            )
