"""Functions as they were when yagot was loaded: a test may replace those of the modules, and leave it at that."""

from __future__ import annotations

import ast as ast
import atexit
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

from yagot import __builtins__ as __builtins__


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


def _rebound(function: FunctionType, names: dict[str, object]) -> FunctionType:
    """A function that finds these names instead of its module's."""
    rebound = FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)
    rebound.__kwdefaults__ = function.__kwdefaults__
    return rebound


def _copied(*modules: ModuleType, **held: object) -> ModuleType:
    """A module with the functions that others have now; those written in Python call each other, and use what is
    *held* and what is built in, whatever becomes of the others."""
    copy = ModuleType(modules[-1].__name__)
    names = vars(copy)
    for module in modules:
        names.update(vars(module))
    names.update(held, __builtins__=__builtins__)
    for name, value in list(names.items()):
        if isinstance(value, FunctionType) and any(value.__globals__ is vars(module) for module in modules):
            names[name] = _rebound(value, names)
    return copy


def _encoder() -> object:
    """The one that json.dumps() uses unless it is asked for more."""
    names, methods = vars(_copied(json.encoder)), vars(json.JSONEncoder)
    own = {name: _rebound(method, names) for name, method in methods.items() if isinstance(method, FunctionType)}
    return type("JSONEncoder", (json.JSONEncoder,), own)()


if not TYPE_CHECKING:
    os = _copied(os)
    os.path = _copied(genericpath, posixpath, os=os)
    dataclasses = _copied(dataclasses, copy=_copied(copy))
    json = _copied(json, _default_encoder=_encoder())
    ast, io, signal, tokenize = map(_copied, (ast, io, signal, tokenize))
