"""Does the code take an object with all that it has: copy it with what it refers to, pickle it, read its ``__dict__``?

A weak reference is no attribute like others then. It cannot be pickled, a deep copy would refer to the original's
neighbours, and the ``__dict__`` has another name.
"""

from __future__ import annotations

from collections.abc import Iterator

from yagot import __builtins__ as __builtins__
from yagot.explain.links import Cycle, Link
from yagot.explain.source import Function, Source, gathered, methods, nodes_of
from yagot.originals import ast

_PROTOCOL = {"__getstate__", "__reduce__", "__reduce_ex__", "__deepcopy__"}
_ONE = ("get", "pop", "setdefault")
"""Methods of a dict that take one key."""


def is_taken_whole(cycle: Cycle, link: Link) -> bool:
    """Are the objects that a link leads from, as far as the code shows that the test may have run?"""
    if any(method.name in _PROTOCOL for _, cls in cycle.classes(link) for method in methods(cls)):
        return True
    run = cycle.run
    return any(run is None or function in run for source in cycle.sources() for function in _taking_whole(source))


@gathered
def _taking_whole(source: Source) -> Iterator[Function]:
    """The functions of a file that do so."""
    return (function for _, function in source.functions if _takes_whole(function))


def _takes_whole(function: Function) -> bool:
    """Does something in a function take an object with all that it has?"""
    nodes = nodes_of(function)
    of_one = {id(value) for node in nodes if (value := _of_one(node)) is not None}
    dicts = (node for node in nodes if isinstance(node, ast.Attribute) and node.attr == "__dict__")
    return any(id(node) not in of_one for node in dicts) or any(
        isinstance(node, ast.Call) and _takes_argument(node.func) for node in nodes
    )


def _takes_argument(func: ast.expr) -> bool:
    if isinstance(func, ast.Attribute) and func.attr in ("dump", "dumps"):
        return "pickle" in ast.unparse(func.value).lower()
    name = func.id if isinstance(func, ast.Name) else func.attr if isinstance(func, ast.Attribute) else ""
    return name in ("deepcopy", "vars", "Pickler")


def _of_one(node: ast.AST) -> ast.expr | None:
    """The ``__dict__`` of which one item is meant, in ``self.__dict__["name"]`` or ``self.__dict__.get("name")``."""
    if isinstance(node, ast.Subscript) or (isinstance(node, ast.Attribute) and node.attr in _ONE):
        return node.value
    return None
