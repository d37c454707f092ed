"""The sources of a class and of its bases. Live types are found by their names only; nothing of theirs is run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from yagot import __builtins__ as __builtins__
from yagot.explain.source import Source, is_around, read
from yagot.files import file_of_module, namespace_of
from yagot.originals import ast


def _dict_of(thing: Any) -> dict[str, Any]:
    """The namespace of a module or a class, without running anything of theirs."""
    if isinstance(type(thing), type) and issubclass(type(thing), type):
        return dict(type.__dict__["__dict__"].__get__(thing))
    return namespace_of(thing)


def _source_of_module(module: str) -> str:
    file = file_of_module(module)
    return file if file.endswith(".py") else ""


def _live(module: str, dotted: str) -> Any:
    """What a dotted name of an imported module stands for, or None."""
    found: Any = sys.modules.get(module)
    for part in dotted.split("."):
        found = _dict_of(found).get(part) if found is not None else None
    return found if isinstance(type(found), type) and issubclass(type(found), type) else None


def _line(live: Any) -> int:
    """Where a class statement begins, as the class says from 3.13 on; else 0."""
    line = _dict_of(live).get("__firstlineno__") if live is not None else None
    return line if type(line) is int else 0


def _bases(live: Any) -> Iterator[tuple[Any, str, int]]:
    """The classes along a class's MRO: module and qualified name of each, and its line."""
    for base in type.__dict__["__mro__"].__get__(live):
        yield _dict_of(base).get("__module__"), type.__dict__["__qualname__"].__get__(base), _line(base)


def lacks(module: str, qualname: str, name: str) -> bool:
    """Is a class there that has no attribute of this name, nor has a base? Its decorator may have taken it out."""
    live = _live(module, qualname)
    mro = type.__dict__["__mro__"].__get__(live) if live is not None else ()
    return live is not None and not any(name in _dict_of(base) for base in mro)


def inherits(module: str, qualname: str, name: str) -> bool:
    """Has a base of a class an attribute of this name?"""
    live = _live(module, qualname)
    bases = type.__dict__["__mro__"].__get__(live)[1:] if live is not None else ()
    return any(name in _dict_of(base) for base in bases)


def has(module: str, qualname: str, name: str) -> bool:
    """Has a class, or a base of it, an attribute of this name?"""
    live = _live(module, qualname)
    mro = type.__dict__["__mro__"].__get__(live) if live is not None else ()
    return any(name in _dict_of(base) for base in mro)


def _named_bases(module: str, cls: ast.ClassDef) -> Iterator[tuple[Any, str, int]]:
    """The same of a class that only its source shows."""
    for base in cls.bases:
        dotted = ast.unparse(base) if isinstance(base, ast.Name | ast.Attribute) else ""
        live = _live(module, dotted)
        if live is not None:
            yield from _bases(live)
        elif isinstance(base, ast.Name):
            yield module, dotted, 0


class Call(NamedTuple):
    """A call of type() that makes a class, and gives it to a variable."""

    variable: str
    line: int
    """Where the statement ends."""
    names: frozenset[str]
    """What the class has by its dict."""


def made_by_call(source: Source, qualname: str) -> Call | None:
    """How a class is made that has no class statement, if the file says so in one place."""
    name = qualname.rpartition(".")[2]
    found = [
        Call(node.targets[0].id, node.end_lineno or 0, frozenset(str(key.value) for key in keys))
        for statement in source.statements
        for node in ast.walk(statement)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        and (keys := _keys_of_class(node.value, name)) is not None
    ]  # fmt: skip
    return found[0] if len(found) == 1 else None


def _keys_of_class(value: ast.expr, name: str) -> list[ast.Constant] | None:
    """The keys of ``{…}`` in ``type("Name", bases, {…})``; None if it is something else, or if a key is computed."""
    if not isinstance(value, ast.Call) or getattr(value.func, "id", "") != "type" or len(value.args) != 3:
        return None
    given, _, namespace = value.args
    if not isinstance(given, ast.Constant) or given.value != name or not isinstance(namespace, ast.Dict):
        return None
    keys = [key for key in namespace.keys if isinstance(key, ast.Constant)]
    return keys if len(keys) == len(namespace.keys) else None


def statement_of(module: str, qualname: str, source: Source, line: int) -> ast.ClassDef | None:
    """The class statement that has made a class which says that it begins in a line, if one has. What its module has
    under the name may be another class: then only one around that line has. 0: it is the one that the module has."""
    stated = _line(_live(module, qualname))
    cls = source.class_(qualname, line or stated)
    other = line and stated not in (0, line)
    return None if cls is not None and other and not is_around(cls, line) else cls


def class_places(module: str, qualname: str, file: str, line: int = 0) -> Iterator[tuple[Source, ast.ClassDef]]:
    """The sources of a class and of its bases, as far as they are found. A class that a call has made has none itself,
    but its bases have."""
    source = read(file or _source_of_module(module))
    cls = statement_of(module, qualname, source, line) if source is not None else None
    live = _live(module, qualname)
    if source is not None and cls is not None:
        yield source, cls
    elif live is None or (line and _line(live) not in (0, line)):
        return
    named = _named_bases(module, cls) if cls is not None else ()
    for name, base_qualname, first in list(_bases(live))[1:] if live is not None else named:
        if isinstance(name, str) and name != "builtins":
            base_source = read(_source_of_module(name) or (file if name == module else ""))
            base_class = base_source.class_(base_qualname, first) if base_source is not None else None
            if base_source is not None and base_class is not None:
                yield base_source, base_class
