"""Functions as they were when yagot was loaded: a test may replace those of the modules, and leave it at that."""

from __future__ import annotations

import ast as ast
import atexit
import builtins
import contextlib
import copy
import dataclasses as dataclasses
import gc
import genericpath
import io as io
import json as json
import os as os
import posixpath
import signal as signal
import sys
import threading
import time
import tokenize as tokenize
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING


class originals:
    """Kept in a class: what looks for the clock's functions in modules, as freezegun does, must not find them."""

    collect = staticmethod(gc.collect)
    is_enabled = staticmethod(gc.isenabled)
    enable = staticmethod(gc.enable)
    disable = staticmethod(gc.disable)
    get_debug = staticmethod(gc.get_debug)
    set_debug = staticmethod(gc.set_debug)
    get_threshold = staticmethod(gc.get_threshold)
    set_threshold = staticmethod(gc.set_threshold)
    garbage = gc.garbage

    monotonic = staticmethod(time.monotonic)
    perf_counter = staticmethod(time.perf_counter)

    listdir = staticmethod(os.listdir)
    active_count = staticmethod(threading.active_count)
    registered_at_exit = staticmethod(atexit._ncallbacks)

    current_frames = staticmethod(sys._current_frames)
    getallocatedblocks = staticmethod(sys.getallocatedblocks)
    gettrace = staticmethod(sys.gettrace)
    settrace = staticmethod(sys.settrace)

    import_ = staticmethod(builtins.__import__)
    open = staticmethod(builtins.open)


@contextlib.contextmanager
def without_collections() -> Iterator[None]:
    """Meanwhile no collection runs of its own accord: each would look at what yagot itself is making."""
    if not originals.is_enabled():
        yield
        return
    originals.disable()
    try:
        yield
    finally:
        originals.enable()


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Meanwhile modules are imported as they were: unittest, for one, loads what it formats a failure with late."""
    replaced = builtins.__import__
    builtins.__import__ = originals.import_
    try:
        yield
    finally:
        builtins.__import__ = replaced


def _copied(*modules: ModuleType, **held: object) -> ModuleType:
    """A module with the functions that others have now; those written in Python call each other, and use what is
    *held*, whatever becomes of the others."""
    copy = ModuleType(modules[-1].__name__)
    names = vars(copy)
    for module in modules:
        names.update(vars(module))
    names.update(held)
    for name, value in list(names.items()):
        if isinstance(value, FunctionType) and any(value.__globals__ is vars(module) for module in modules):
            rebound = FunctionType(value.__code__, names, name, value.__defaults__, value.__closure__)
            rebound.__kwdefaults__ = value.__kwdefaults__
            names[name] = rebound
    return copy


if not TYPE_CHECKING:
    os = _copied(os)
    os.path = _copied(genericpath, posixpath, os=os)
    dataclasses = _copied(dataclasses, copy=_copied(copy))
    ast, io, json, signal, tokenize = map(_copied, (ast, io, json, signal, tokenize))
