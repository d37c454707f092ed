"""Who holds what grows: a path from a module, and whether it leads through something that has a bound."""

from __future__ import annotations

import functools
from collections import deque
from typing import NamedTuple

from yagot import _core

_CACHE = type(functools.lru_cache(len))


def _limit(holder: object) -> int | None:
    """How many entries an object can hold at most; -1: as many as it gets; None: that is not known of it."""
    if type(holder) is _CACHE:
        size = holder.cache_info().maxsize
        return -1 if size is None else size
    if type(holder) is deque:
        return -1 if holder.maxlen is None else holder.maxlen
    return None


def _name(holder: object, limit: int) -> str:
    if type(holder) is _CACHE:
        return "a functools.cache without a bound" if limit < 0 else f"a functools.lru_cache of maxsize {limit}"
    return f"a collections.deque of maxlen {limit}"


class Way(NamedTuple):
    """How an object is held."""

    path: str
    """A shortest path to it, with the bounds that it leads through; '' if no module leads to it."""
    bound: int
    """The smallest of these; -1 if there is none."""


def way_to(item: object) -> Way:
    """Who holds an object; takes a walk over the heap."""
    path, holders = _core.path_to(item)
    bound = -1
    for holder in holders:
        limit = _limit(holder)
        if limit is not None and (limit >= 0 or type(holder) is _CACHE):
            path += f", inside {_name(holder, limit)}"
            bound = limit if bound < 0 else min(bound, limit)
    return Way(path, bound)
