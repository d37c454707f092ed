"""Who holds what grows: a path from a module, and whether it leads through something that has a bound."""

from __future__ import annotations

import functools
from collections import deque

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


def bound_of(item: object) -> int:
    """The smallest bound on the way to an object; -1 if there is none."""
    limits = [limit for limit in map(_limit, _core.holders_of(item)) if limit is not None and limit >= 0]
    return min(limits, default=-1)


def path_of(item: object) -> str:
    """A shortest path to an object, with the bound that it leads through; '' if no module leads to it."""
    path = _core.path_to(item)
    for holder in _core.holders_of(item) if path else ():
        limit = _limit(holder)
        if limit is not None and (limit >= 0 or type(holder) is _CACHE):
            path += f", inside {_name(holder, limit)}"
    return path
