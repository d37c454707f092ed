"""What it is that grows: objects with a path to one of them, and where they were made; buffers; references.

It takes a few more runs of the test, under the allocator hook of the core or under a trace function.
"""

from __future__ import annotations

import gc
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from yagot import __builtins__ as __builtins__
from yagot import _core
from yagot.model import BOUNDED, FILLING, Finding, Step
from yagot.observe import growth_series as series
from yagot.observe.growth_lines import OWN, AtFirstCall, Lines, Measure, Place, common_place
from yagot.observe.growth_paths import Way, way_to, ways_to
from yagot.observe.growth_symbols import function_at
from yagot.places import relative, shown_places

LASTING = 1000
"""Hardly any cache of a library takes more runs to be full."""
IMMORTAL = 1 << 28
"""Reference counts from this one on mean nothing."""
SHOWN_TYPES = 5
SHOWN_REFERENCES = 5
SHOWN_PLACES = 3
TASKS = {"_asyncio.Task", "asyncio.tasks.Task"}
SINGLETONS = (None, True, False, Ellipsis, NotImplemented)

_references = sys.getrefcount
_referents = gc.get_referents
_subclasses = type.__subclasses__


class Grown(NamedTuple):
    """What has grown in each run, by how much."""

    numbers: Mapping[int, int]
    """By the places in growth_series.NAMES."""
    types: Mapping[str, int]
    """Tracked objects by type."""
    references: list[tuple[object, int]]
    """Old objects with references that cannot be seen."""
    runs: int

    @property
    def memory(self) -> bool:
        """Is it memory?"""
        return any(name in self.numbers for name in series.MEMORY)


class Left(NamedTuple):
    """Equal things that each run has left."""

    sample: object
    """One of them; None: they are no objects."""
    tracked: bool
    number: int
    size: int
    made: str
    """``file:line``, and the function in C that has called the allocator, if it is known."""
    bounded: bool = False
    """Is it held by what has a bound?"""
    keepers: frozenset[str] = frozenset()
    """The modules whose containers hold it, and nothing else does."""

    @property
    def type(self) -> str:
        """The name of their type."""
        return _core.type_name(self.sample)


Run = Callable[[bool], list[object]]
"""Runs the test once more, and returns what is alive of it, if asked for."""
GoOn = Callable[[int], Mapping[int, int]]
"""Runs the test so often, and returns by how much the numbers of the process have risen."""


def name_all(grown: Grown, run: Run, counted: int, go_on: GoOn) -> list[Finding]:
    """Findings for all that has grown, and still does."""
    references = grown.references
    left: list[Left] = []
    if grown.memory or references:
        left, references = _left(run, counted, references)
        grown, left = _mortal(grown, left)
    lines = _lines(run, grown, references) if grown.numbers or references else {}
    objects = _without_parts([item for item in left if item.sample is not None]) if grown.memory else []
    risen: list[Mapping[int, int]] = []
    ways = ways_to([item.sample for item in objects], lambda: risen.append(go_on(counted)))
    grown = _still(grown, risen[0], counted)
    held, leaked = _split(objects, ways) if grown.memory else ({}, [])
    found = [*_of_held(grown, held, leaked), *_of_leaked(grown, leaked), *_of_references(grown, references, lines)]
    return [*found, *_of_rest(grown, left, lines, found)]


def _mortal(grown: Grown, left: list[Left]) -> tuple[Grown, list[Left]]:
    """Without what the interpreter never releases, as strings that were interned in 3.12: nobody leaks that."""
    mortal = [item for item in left if item.sample is None or _references(item.sample) < IMMORTAL]
    kept = sum(item.number for item in left) - sum(item.number for item in mortal)
    numbers = {name: by - kept if name == series.BLOCKS else by for name, by in grown.numbers.items()}
    return grown._replace(numbers={name: by for name, by in numbers.items() if by > 0}), mortal


def _still(grown: Grown, risen: Mapping[int, int], runs: int) -> Grown:
    """Without what has ended meanwhile, as the growth of a cache that is full now."""
    numbers = {name: by for name, by in grown.numbers.items() if risen[name] * 2 >= by * runs}
    grown = grown._replace(numbers=numbers)
    return grown if grown.memory else grown._replace(types={})


# -- what is left of each run ---------------------------------------------------------------------


def _all_types() -> list[type]:
    """All classes, without asking metaclasses of other people's."""
    found: dict[int, type] = {id(object): object}
    waiting: list[type] = [object]
    while waiting:
        subclasses: list[type] = _subclasses(waiting.pop())
        for cls in subclasses:
            if id(cls) not in found:
                found[id(cls)] = cls
                waiting.append(cls)
    return list(found.values())


def _left(
    run: Run, counted: int, references: list[tuple[object, int]]
) -> tuple[list[Left], list[tuple[object, int]]]:
    """What each of some runs has left, seen twice with a run in between; and the *references* that do not lie in it.
    The last run's things may still be held by the framework."""
    if not _core.watch_allocations():
        return _survivors(run), references
    try:
        for number in range(counted + 2):
            _watched_run(run, stacks=number == counted + 1)
        first = {_key(item) for item in _core.left_blocks(_all_types())}
        _watched_run(run)
        runs = counted + 1
        left = [item for item in _core.left_blocks(_all_types()) if _key(item) in first]
        left = [item for item in left if not _is_replaced(item, runs)]
        references = [(item, by) for item, by in references if _core.words_in_blocks(item) < by * runs]
    finally:
        _core.unwatch_allocations()
    return [_as_left(item) for item in left], references


def _is_replaced(item: _core._Left, runs: int) -> bool:
    """Has an older object of its type been released for each that was left? Then it is in a cache that is full."""
    sample, tracked, number, *_ = item
    return sample is not None and not tracked and _core.released_objects(type(sample)) >= number * runs


def _watched_run(run: Run, stacks: bool = False) -> None:
    """A run that finds the interpreter's free lists empty, as the framework's calls before the test do not leave them:
    what is taken from these is not seen, or seems to have been made where a like object was before."""
    _core.next_run(stacks)
    with AtFirstCall(_empty_free_lists):
        run(False)
    series.collect()


def _empty_free_lists() -> list[object]:
    """Empties the interpreter's free lists. The collection's callbacks leave dicts there, which are taken; so are the
    floats, a hundred at most: from 3.15 on a collection leaves them."""
    series.collect()
    return [*({} for _ in range(5)), *(number / 2 for number in range(101))]


def _survivors(run: Run) -> list[Left]:
    """Where the allocators cannot be watched: one tracked object of each type that a run has left."""
    return list({_core.type_name(item): Left(item, True, 1, 0, "") for item in run(True)}.values())


def _key(item: _core._Left) -> tuple[object, ...]:
    sample, tracked, _, size, place, _ = item
    return (id(type(sample)), tracked, place) if sample is not None else (size, place)


def _as_left(item: _core._Left) -> Left:
    sample, tracked, number, size, place, caller = item
    return Left(sample, bool(tracked), number, size, _made(place, caller))


def _made(place: Place | None, caller: tuple[str, str | None, int] | None = None) -> str:
    text = f"{relative(place[0])}:{place[1]}" if place is not None and not place[0].startswith(OWN) else ""
    inside = function_at(*caller) if caller is not None else ""
    return f"{text} in {inside}" if text and inside else text or inside


# -- lines ----------------------------------------------------------------------------------------


def _measures(grown: Grown, references: Iterable[tuple[object, int]]) -> Iterator[tuple[object, Measure, int]]:
    """What a line can be found for, how it is measured, and by how much it grows."""
    from yagot.observe.growth_series import _descriptors, _threads

    functions: dict[int, Measure] = {
        series.HEAP: lambda: _core.heap_bytes() or 0,
        series.MAPPED: _core.mapped_bytes,
        series.DESCRIPTORS: _descriptors,
        series.THREADS: _threads,
    }
    for name, by in grown.numbers.items():
        if name in functions:
            yield name, functions[name], by
    for item, by in list(references)[:SHOWN_REFERENCES]:
        yield id(item), lambda item=item: _references(item), by  # type: ignore[misc]


def _lines(run: Run, grown: Grown, references: list[tuple[object, int]]) -> dict[object, str]:
    """The places where it grows, found by two runs under a trace function."""
    wanted = list(_measures(grown, references))
    if not wanted:
        return {}
    runs = []
    for _ in range(2):
        with Lines([measure for _, measure, _ in wanted]) as lines:
            run(False)
        runs.append(lines)
    found = {}
    for number, (key, _, by) in enumerate(wanted):
        place = common_place([lines.risen(number, by) for lines in runs])
        if place is not None:
            found[key] = _made(place)
    return found


# -- who holds it ---------------------------------------------------------------------------------


def _split(objects: list[Left], ways: list[Way]) -> tuple[dict[str, list[Left]], list[Left]]:
    """What a module leads to, by the path, and what nothing leads to.

    What nothing leads to may be a part of something in C that does not show it, as the entries of an lru_cache: such a
    part has the address of an object in it that a module leads to, and of that object no reference is unseen."""
    held: dict[str, list[Left]] = {}
    leaked = []
    for item, way in zip(objects, ways, strict=True):
        if way.path:
            held.setdefault(way.path, []).append(item._replace(bounded=way.bounded, keepers=way.keepers))
        else:
            leaked.append(item)
    parts = [item for item in leaked if not item.tracked]
    shown = _wholly_seen(held) if parts else {}
    for item in parts:
        wholes = (path for path, sample in shown.items() if _core.has_in_body(item.sample, item.size, sample))
        whole = next(wholes, None)
        if whole is not None:
            first = held[whole][0]
            held[whole].append(item._replace(bounded=first.bounded, keepers=first.keepers))
            leaked.remove(item)
    return held, leaked


def _wholly_seen(held: Mapping[str, list[Left]]) -> dict[str, object]:
    """Samples, by path, none of whose references is unseen. Nothing here has a reference that is, either."""
    paths = list(held)
    numbers = _core.unseen_references([held[path][0].sample for path in paths])
    return {path: held[path][0].sample for path, number in zip(paths, numbers, strict=True) if number == 0}


# -- findings -------------------------------------------------------------------------------------


def _finding(grown: Grown, cause: str, why: list[str], **more: object) -> Finding:
    text = "; ".join([*filter(None, why), f"seen in {grown.runs} runs"])
    given = {"objects": 0, "types": {}, "held_bytes": 0, **more}
    return Finding(kind="growth", cause=cause, why=text, **given)  # type: ignore[arg-type]


def _places(items: Iterable[Left]) -> str:
    made = sorted({item.made for item in items if item.made})
    more = f" and {len(made) - SHOWN_PLACES} more places" if len(made) > SHOWN_PLACES else ""
    return f"made at {', '.join(map(shown_places, made[:SHOWN_PLACES]))}{more}" if made else ""


def _count(items: Iterable[Left]) -> dict[str, int]:
    """Objects by type."""
    found: dict[str, int] = {}
    for item in items:
        found[item.type] = found.get(item.type, 0) + item.number
    return found


def _step(item: Left) -> Step:
    what, contents, defined = _core.describe(item.sample)
    return Step(what, "", contents, defined, item.made)


def _is_bounded(items: list[Left]) -> bool:
    """Is all in caches with a bound, or held by what is?"""
    inside = [item for item in items if item.bounded]
    others = [item for item in items if not item.bounded]
    return bool(inside) and all(any(_holds(holder, item) for holder in inside) for item in others)


def _holds(holder: Left, item: Left) -> bool:
    """Does it refer to as many such things?"""
    return holder.number >= item.number and any(one is item.sample for one in _referents(holder.sample))


def _without_parts(objects: list[Left]) -> list[Left]:
    """Without what the collector does not track and goes with something that it tracks: an instance's dict, a text, or
    its address, by which the interpreter knows subclasses."""
    found = [item for item in objects if item.tracked]
    addresses = {id(item.sample) for item in found}
    waiting = [item for item in objects if not item.tracked]
    waiting = [item for item in waiting if type(item.sample) is not int or item.sample not in addresses]
    parts: list[Left] = []
    for holder in itertools.chain(found, parts):  # grows meanwhile
        parts += [item for item in waiting if _holds(holder, item)]
        waiting = [item for item in waiting if not _holds(holder, item)]
    return [*found, *waiting]


def _of_held(grown: Grown, held: dict[str, list[Left]], leaked: list[Left]) -> Iterator[Finding]:
    """One finding for the objects that a module leads to, with a path to one of each type. If the collector tracks some
    of them, the others go with those. Of what it tracks some may be *leaked*."""
    everything = [item for items in held.values() for item in items]
    tracked = [item for item in everything if item.tracked]
    types = dict(grown.types) or _count(tracked or everything)
    if not types:
        return
    shown = {item.type: (path, item) for path, items in held.items() for item in items[:1] if item.type in types}
    tasks = TASKS & types.keys()  # what else there is more of then is theirs
    ranked = sorted(shown, key=lambda name: (name not in tasks, len(shown[name][0])))[:SHOWN_TYPES]
    lost = {item.type: item for item in leaked if item.type in types and item.type not in shown}
    samples = [*(shown[name][1] for name in ranked), *list(lost.values())[: SHOWN_TYPES - len(ranked)]]
    paths = "; ".join(f"{name} by {shown[name][0]}" for name in ranked)
    roots = [items[0] for items in held.values() if items[0].type in types]
    filling = grown.runs < LASTING and bool(roots) and all(root.keepers for root in roots)
    makers = {keeper for root in roots for keeper in root.keepers} if filling else set()
    makers |= {name.rpartition(".")[0] for name in types if filling and "." in name}
    yield _finding(
        grown,
        f"more {'asyncio tasks' if tasks else ', '.join(sorted(types))} each time",
        [
            f"held: {paths}" if paths else "no module leads to them",
            _places(samples),
            "a cache may not be full yet, which more --repeat-seconds would show" if filling else "",
        ],
        objects=sum(types.values()),
        types=types,
        held_bytes=sum(item.number * item.size for item in everything),
        steps=tuple(map(_step, samples)),
        makers=tuple(sorted(makers)),
        reason=BOUNDED if _is_bounded(roots) else FILLING if filling else "",
    )


def _of_leaked(grown: Grown, leaked: list[Left]) -> Iterator[Finding]:
    """A finding for each type of object that no module leads to; what the collector tracks has been reported."""
    by_type: dict[str, list[Left]] = {}
    for item in leaked:
        if item.type not in grown.types:
            by_type.setdefault(item.type, []).append(item)
    for name, items in sorted(by_type.items()):
        number = sum(item.number for item in items)
        step = _step(items[0])
        contents = f", e.g. {step.contents}" if step.contents else ""
        yield _finding(
            grown,
            f"more {name} each time",
            [f"{number:,} more {step.object} after each run{contents}", "no module leads to them", _places(items)],
            objects=number,
            types={name: number},
            held_bytes=sum(item.number * item.size for item in items),
            steps=(step,),
        )


def _of_references(grown: Grown, references: list[tuple[object, int]], lines: dict[object, str]) -> Iterator[Finding]:
    """A finding for each old object to which there are more references."""
    for item, by in references[:SHOWN_REFERENCES]:
        what, contents, defined = _core.describe(item)
        path = way_to(item).path
        contents = f" ({contents})" if contents and ": " not in contents[-2:] else ""
        if any(item is one for one in SINGLETONS):
            what, contents, path = str(item), "", ""
        place = lines.get(id(item), "")
        yield _finding(
            grown,
            f"more references to {what} each time",
            [
                f"{by:,} more reference{'s' if by > 1 else ''} to {what}{contents} after each run",
                "nothing that can be seen holds them",
                f"it is {path}" if path and not what.endswith(path) else "",
                f"taken at {place}" if place else "",
            ],
            references=by,
            steps=(Step(what, "", contents, defined),),  # *place* is not where it was made
        )


def _of_rest(grown: Grown, left: list[Left], lines: dict[object, str], found: list[Finding]) -> Iterator[Finding]:
    """Findings for what is no object. Memory is reported only where nothing else explains it."""
    objects = any(finding.types for finding in found)
    for name, by in grown.numbers.items():
        if (name == series.BLOCKS and objects) or (name == series.HEAP and (objects or series.BLOCKS in grown.numbers)):
            continue
        place = lines.get(name, "")
        buffers = [item for item in left if item.sample is None] if name == series.BLOCKS else []
        yield _finding(
            grown,
            f"more {series.NAMES[name]} each time",
            [
                f"{series.more(name, by)} after each run",
                *(
                    f"{item.number:,} of {item.size:,} bytes"
                    + (f", allocated at {shown_places(item.made)}" if item.made else "")
                    for item in buffers
                ),
                f"at {place}" if place else "",
            ],
            held_bytes=by if name in (series.HEAP, series.MAPPED) else 0,
            steps=tuple(Step("a buffer", "", made=item.made) for item in buffers),
        )
