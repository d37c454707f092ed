"""Who holds what grows: a path from a module, and whether it leads through something that has a bound, or may have."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Mapping, Sequence, Sized
from types import ModuleType
from typing import NamedTuple

from yagot import __builtins__ as __builtins__
from yagot import _core

SMALL_BOUND = 10_000
"""A deque of so many entries is small, however few of them have been seen."""
MOST_KEEPERS = 5
NEAR_BOUND = 10
"""So many times what it has may a larger one take. One of ten million entries is a list, in effect."""

_CACHE = type(functools.lru_cache(len))
_CONTAINERS = (dict, list, set, deque)


class Container(NamedTuple):
    """A container right in a module."""

    holder: Sized
    keeper: str
    """The module. The interpreter's own names there, such as ``__warningregistry__``, are of none: ``builtins``."""


class Way(NamedTuple):
    """How an object is held."""

    path: str
    """A shortest path to it, with the caches that it leads through; '' if no module leads to it."""
    inside: list[object]
    """Holders on it that have a bound."""
    bounded: bool = False
    """Does every path lead through a holder with a bound that is filling up?"""
    container: Container | None = None
    """What it leads through in the last module on it."""
    keepers: frozenset[str] = frozenset()
    """The modules of the containers that all paths lead through, if that of this one is filling up."""


def _is_bounded(holder: object) -> bool:
    """Can it hold so many entries and no more?"""
    if type(holder) is _CACHE:
        return holder.cache_info().maxsize is not None
    if type(holder) is deque:
        return holder.maxlen is not None and holder.maxlen <= max(SMALL_BOUND, len(holder) * NEAR_BOUND)
    return False


def _entries(holder: object) -> int:
    if type(holder) is _CACHE:
        return holder.cache_info().currsize
    return len(holder)  # type: ignore[arg-type]


def _name(holder: object) -> str:
    """What to say of a cache on a path; '' of everything else."""
    if type(holder) is _CACHE:
        limit = holder.cache_info().maxsize
        return "a functools.cache without a bound" if limit is None else f"a functools.lru_cache of maxsize {limit}"
    if type(holder) is deque and holder.maxlen is not None:
        return f"a collections.deque of maxlen {holder.maxlen}"
    return ""


def _container(holders: Sequence[object]) -> Container | None:
    last = max((at for at, holder in enumerate(holders) if isinstance(holder, ModuleType)), default=len(holders))
    module, names, holder = [*holders[last : last + 3], None, None, None][:3]
    if not isinstance(module, ModuleType) or names is not vars(module) or not isinstance(holder, _CONTAINERS):
        return None
    own = any(value is holder and name.startswith("__") for name, value in vars(module).items())
    return Container(holder, "builtins" if own else module.__name__)


def way_to(item: object, around: list[object] | None = None) -> Way:
    """Who holds an object, other than those *around* which the path must lead; takes a walk over the heap."""
    path, holders = _core.path_to(item, around or [])
    names = filter(None, map(_name, holders))
    shown = "".join([path, *(f", inside {name}" for name in names)])
    return Way(shown, list(filter(_is_bounded, holders)), container=_container(holders))


def ways_to(items: Sequence[object], go_on: Callable[[], None]) -> list[Way]:
    """Who holds each of some objects. *go_on* runs the test a few times more: what has more entries then is filling up,
    while what grows in an entry of a full cache has no bound. What is held elsewhere, too, has none either."""
    ways = [way_to(item) for item in items]
    sizes = {id(way.container.holder): len(way.container.holder) for way in ways if way.container is not None}
    ways = _bounded(items, ways, go_on)
    return [_kept(item, way, sizes) for item, way in zip(items, ways, strict=True)]


def _kept(item: object, way: Way, sizes: Mapping[int, int]) -> Way:
    """The way with the keepers, if there are any. *sizes* of containers before further runs."""
    around: list[object] = []
    keepers = set()
    other = way
    while other.container is not None and len(around) < MOST_KEEPERS:
        holder, keeper = other.container
        if not around and len(holder) <= sizes.get(id(holder), len(holder)):
            break
        around.append(holder)
        keepers.add(keeper)
        other = way_to(item, around)
    return way if other.path else way._replace(keepers=frozenset(keepers))


def _bounded(items: Sequence[object], ways: list[Way], go_on: Callable[[], None]) -> list[Way]:
    """The ways, with what is known then of those inside something that has a bound."""
    known: dict[int, object] = {}
    filling: list[object] = []
    while True:
        found = {id(holder): holder for way in ways for holder in way.inside if id(holder) not in known}
        if known and not found:
            return ways
        entries = {key: _entries(holder) for key, holder in found.items()}
        go_on()
        risen = {key for key, holder in found.items() if _entries(holder) > entries[key]}
        filling += [found[key] for key in risen]
        for at, way in enumerate(ways):
            if any(id(holder) in risen for holder in way.inside):
                other = way_to(items[at], filling)
                ways[at] = other if other.path else way._replace(bounded=True)
        if not found:
            return ways
        known |= found
