"""Functions of the standard library as they were, for others that work with them: a test may leave them replaced."""

from __future__ import annotations

import builtins
import collections
import contextlib
import copy
import fnmatch
import functools
import genericpath
import io
import linecache
import operator
import os
import posixpath
import re
import sys
import textwrap
import tokenize
import traceback
import types
from types import BuiltinFunctionType, FunctionType, ModuleType

from yagot import __builtins__ as __builtins__
from yagot import _core

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
