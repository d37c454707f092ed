"""Functions as they were when yagot was loaded: a test may replace those of the modules, and leave it at that."""

from __future__ import annotations

import ast as ast
import atexit
import builtins
import collections
import contextlib
import copy
import dataclasses as dataclasses
import fnmatch
import functools
import gc
import genericpath
import io as io
import json as json
import linecache
import operator
import os as os
import posixpath
import re
import signal as signal
import sys
import textwrap
import threading
import time
import tokenize as tokenize
import traceback
import types
from collections.abc import Iterator
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING

from yagot import __builtins__ as __builtins__
from yagot import _core


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


_ABSENT = object()


class _Restored:
    """Meanwhile the functions are as they were that others of the standard library work with: unittest, which formats a
    failure, and modules that are loaded late."""

    _KINDS = (FunctionType, BuiltinFunctionType, type, ModuleType)

    def __init__(self, *modules: ModuleType) -> None:
        self._functions: list[tuple[dict[str, object], dict[str, object]]] = []
        self._replaced: list[tuple[dict[str, object], dict[str, object]]] = []
        self._depth = 0
        self.add(*modules)

    def add(self, *modules: ModuleType) -> None:
        """Those of further modules, as they are now."""
        for module in modules:
            names = vars(module)
            functions: dict[str, object] = {name: names[name] for name in names if isinstance(names[name], self._KINDS)}
            self._functions.append((names, functions))

    def __enter__(self) -> None:
        self._depth += 1
        if self._depth > 1:
            return
        limit = getattr(sys, "tracebacklimit", 0)
        if not isinstance(limit, int):  # tracebacks with such a limit are errors
            self._replaced.append((vars(sys), {"tracebacklimit": limit}))
            del sys.tracebacklimit
        for now, functions in self._functions:
            if _core.holds(now, functions):
                continue
            replaced = {name: now.get(name, _ABSENT) for name in functions if now.get(name) is not functions[name]}
            self._replaced.append((now, replaced))
            now.update((name, functions[name]) for name in replaced)

    def __exit__(self, *error: object) -> None:
        self._depth -= 1
        while self._depth == 0 and self._replaced:
            now, replaced = self._replaced.pop()
            now.update(replaced)
            for name in [name for name, value in replaced.items() if value is _ABSENT]:
                del now[name]


_PARTS_OF_RE = [module for name, module in sys.modules.items() if name.startswith(("re.", "sre_"))]

restored = _Restored(
    builtins, collections, contextlib, copy, fnmatch, functools, genericpath, io, linecache, operator, os, posixpath,
    re, textwrap, tokenize, traceback, types, *_PARTS_OF_RE,
)


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
