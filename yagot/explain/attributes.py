"""Where the source sets, reads and lets go of attributes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeGuard

from yagot import __builtins__ as __builtins__
from yagot.explain.source import (
    ADDING,
    Function,
    Method,
    Place,
    Source,
    decorators,
    gathered,
    last_name,
    methods,
    nodes_of,
    parameters,
    remembered,
    stands_for,
    unmangled,
)
from yagot.originals import ast

TAKING = ("pop", "remove", "discard", "popleft", "popitem")
"""Methods that take an item out of a container."""

_STORING = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.For, ast.AsyncFor, ast.With, ast.AsyncWith, ast.Call)
"""What may store something in an attribute."""


def _is_attribute(node: ast.AST | None, attribute: str, owner: str | None = None) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and stands_for(node.attr, attribute)
        and (owner is None or (isinstance(node.value, ast.Name) and node.value.id == owner))
    )


def _is_call(node: ast.AST, names: Sequence[str], attribute: str, owner: str) -> TypeGuard[ast.Call]:
    """Is it ``owner.attribute.name(…)``, with one of the names?"""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in names
        and _is_attribute(node.func.value, attribute, owner)
    )


def _pairs(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """The targets of a statement and what each gets; tuples are taken apart. What a loop or a context manager gives is
    shown as an item of it."""
    if isinstance(node, ast.AnnAssign | ast.AugAssign) and node.value is not None:
        yield node.target, node.value
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _unpacked(target, node.value)
    elif isinstance(node, ast.For | ast.AsyncFor):
        yield from _unpacked(node.target, ast.Starred(node.iter))
    elif isinstance(node, ast.With | ast.AsyncWith):
        for item in node.items:
            if item.optional_vars is not None:
                yield from _unpacked(item.optional_vars, ast.Starred(item.context_expr))


def _unpacked(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    if not isinstance(target, ast.Tuple | ast.List):
        yield target, value
    elif isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
        for part, given in zip(target.elts, value.elts, strict=True):
            yield from _unpacked(part, given)
    else:
        for part in target.elts:
            yield from _unpacked(part.value if isinstance(part, ast.Starred) else part, ast.Starred(value))


def _set_by_name(node: ast.AST, attribute: str, owner: str | None) -> ast.expr | None:
    """What ``setattr(owner, "attribute", value)`` stores, or ``owner.__dict__["attribute"] = value``."""
    if isinstance(node, ast.Call) and len(node.args) == 3:
        name = last_name(node.func)
        receiver, key, value = node.args
        is_set = name in ("setattr", "__setattr__")
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
        namespace, key, value = node.targets[0].value, node.targets[0].slice, ast.Starred(node.value)
        is_set = isinstance(namespace, ast.Attribute) and namespace.attr == "__dict__"
        receiver = namespace.value if isinstance(namespace, ast.Attribute) else namespace
    else:
        return None
    is_named = isinstance(key, ast.Constant) and key.value == attribute
    is_owner = owner is None or (isinstance(receiver, ast.Name) and receiver.id == owner)
    return value if is_set and is_named and is_owner else None


def _receiver(node: ast.Call) -> ast.expr | None:
    """What a call puts something into, or into an item of it."""
    if not isinstance(node.func, ast.Attribute) or node.func.attr not in ADDING:
        return None
    receiver = node.func.value
    while isinstance(receiver, ast.Subscript):
        receiver = receiver.value
    if isinstance(receiver, ast.Call) and isinstance(receiver.func, ast.Attribute):
        receiver = receiver.func.value  # self.handlers.setdefault(event, []).append(handler)
    return receiver


def _stored(node: ast.AST, attribute: str, owner: str | None, item: bool) -> ast.expr | None:
    """What a node stores in an attribute, or as an item of it."""
    for target, value in _pairs(node):
        if _is_attribute(target, attribute, owner):
            return value
        if item and isinstance(target, ast.Subscript) and _is_attribute(target.value, attribute, owner):
            return value
    if item and isinstance(node, ast.Call) and node.args and _is_attribute(_receiver(node), attribute, owner):
        return node.args[-1]
    return _set_by_name(node, attribute, owner)


def written(cls: ast.ClassDef, attribute: str) -> str:
    """The name of an attribute as the methods of a class write it: ``__name`` instead of ``_Class__name``."""
    rest = attribute.removeprefix(f"_{cls.name.lstrip('_')}")
    return rest if rest.startswith("__") else attribute


def as_written(cls: ast.ClassDef, attribute: str, text: str) -> str:
    """A text for a method of a class, with its own attribute as the class writes it."""
    return re.sub(rf"(?:(?<=self\.)|(?<=`\.)){attribute}\b", written(cls, attribute), text)


@remembered
def _naming(cls: ast.ClassDef) -> Mapping[str, Sequence[Method]]:
    """The methods of a class, in order, by what they mention as an attribute or a text."""
    found: dict[str, list[Method]] = {}
    for method in methods(cls):
        nodes = nodes_of(method, nested=True)
        names = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        names |= {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        for name in names:
            found.setdefault(name, []).append(method)
    return found


def _methods_with(cls: ast.ClassDef, attribute: str) -> list[Method]:
    """The methods of a class that mention an attribute."""
    naming = _naming(cls)
    found = dict.fromkeys([*naming.get(attribute, ()), *naming.get(unmangled(attribute), ())])
    return sorted(found, key=lambda method: method.lineno)


@gathered
def own_setters(source: Source, cls: ast.ClassDef, attribute: str, item: bool) -> Iterator[Place]:
    """Where the methods of a class store in ``self.attribute``, functions inside them included."""
    attribute = written(cls, attribute)
    for method in _methods_with(cls, attribute):
        me = (parameters(method) or [""])[0]
        for node in nodes_of(method, nested=True):
            value = _stored(node, attribute, me, item)
            if value is not None and isinstance(node, ast.stmt | ast.expr):
                yield Place(source, node, method, value)


@remembered
def _storing(function: Function) -> dict[str, dict[int, ast.stmt | ast.expr]]:
    """The nodes of a function that may store in an attribute, each with its number, by the attribute's names."""
    found: dict[str, dict[int, ast.stmt | ast.expr]] = {}
    for number, node in enumerate(nodes_of(function)):
        if isinstance(node, _STORING):
            for name in _names_stored(node):
                found.setdefault(name, {})[number] = node
    return found


def _names_stored(node: ast.AST) -> Iterator[str]:
    """The attributes of which _stored() may find that a node stores in them."""
    named: list[ast.AST | None] = []
    for target, _ in _pairs(node):
        named += [target, getattr(target, "value", None)]
    keys: list[ast.expr] = []
    if isinstance(node, ast.Call):
        named.append(_receiver(node))
        keys = node.args[1:2]
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
        keys = [node.targets[0].slice]
    yield from (each.attr for each in named if isinstance(each, ast.Attribute))
    yield from (key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str))


@gathered
def setters(source: Source, attribute: str, item: bool) -> Iterator[Place]:
    """Where any code of a file stores in an attribute of this name."""
    for function in source.functions_with(unmangled(attribute)):
        storing = _storing(function)
        nodes = storing.get(attribute, {}) | storing.get(unmangled(attribute), {})
        for _, node in sorted(nodes.items()):
            value = _stored(node, attribute, None, item)
            if value is not None:
                yield Place(source, node, function, value)


def field(source: Source, cls: ast.ClassDef, attribute: str) -> Place | None:
    """The field of a dataclass."""
    for node in cls.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == attribute:
            keywords = {keyword.arg for keyword in getattr(node.value, "keywords", ())}
            makes = bool(keywords & {"default_factory", "factory"})
            return Place(source, node, None, node.value if makes else None)
    return None


@gathered
def releases(cls: ast.ClassDef, attribute: str) -> Iterator[str]:
    """Public methods of a class that set the attribute to None, delete or empty it."""
    attribute = written(cls, attribute)
    for method in _methods_with(cls, attribute):
        if method.name.startswith("_") or len(parameters(method)) != 1 or decorators(method):
            continue
        me = parameters(method)[0]
        for node in nodes_of(method):
            emptied = _is_call(node, ("clear",), attribute, me)
            deleted = isinstance(node, ast.Delete) and any(_is_attribute(t, attribute, me) for t in node.targets)
            unset = any(
                _is_attribute(target, attribute, me) and isinstance(value, ast.Constant) and value.value is None
                for target, value in _pairs(node)
            )
            popped = _is_call(node, ("pop",), "__dict__", me) and any(
                isinstance(a, ast.Constant) and a.value == attribute for a in node.args[:1]
            )
            if emptied or deleted or unset or popped:
                yield method.name
                break


_READING = (
    "all", "any", "bool", "dict", "enumerate", "filter", "frozenset", "isinstance", "iter", "join", "len", "list",
    "map", "max", "min", "next", "repr", "reversed", "set", "sorted", "str", "sum", "tuple", "zip",
)  # fmt: skip
"""Functions that do not keep the container that they get."""


@remembered
def is_handed_out(cls: ast.ClassDef, attribute: str) -> bool:
    """Does a method give what is in the attribute itself to somebody who may keep it: return, pass or assign it?"""
    attribute = written(cls, attribute)
    for method in _methods_with(cls, attribute):
        me = (parameters(method) or [""])[0]
        for node in nodes_of(method, nested=True):
            given: list[ast.expr | None] = []
            if isinstance(node, ast.Call):
                name = last_name(node.func)
                given = [] if name in _READING else [*node.args, *(keyword.value for keyword in node.keywords)]
            elif isinstance(node, ast.Return | ast.Yield | ast.Assign | ast.AnnAssign):
                given = [node.value]
            if any(_is_attribute(value, attribute, me) for value in given):
                return True
    return False


def removers(cls: ast.ClassDef, attribute: str) -> Iterator[str]:
    """Methods of a class that take one item out of the attribute's container: ``unsubscribe``."""
    attribute = written(cls, attribute)
    for method in _methods_with(cls, attribute):
        if method.name.startswith("_") or len(parameters(method)) < 2:
            continue
        me = parameters(method)[0]
        if any(_takes_out(node, attribute, me) for node in nodes_of(method)):
            yield method.name


def _takes_out(node: ast.AST, attribute: str, owner: str) -> bool:
    """Is it ``owner.attribute.remove(…)``, or the same of an item: ``owner.attribute[key].remove(…)``?"""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in TAKING:
        return False
    receiver = node.func.value
    while isinstance(receiver, ast.Subscript):
        receiver = receiver.value
    return _is_attribute(receiver, attribute, owner)


def reads(cls: ast.ClassDef, attribute: str) -> Iterator[tuple[Function, ast.Attribute]]:
    """Where the methods of a class read the attribute."""
    attribute = written(cls, attribute)
    for method in _methods_with(cls, attribute):
        for node in nodes_of(method, nested=True):
            if isinstance(node, ast.Attribute) and node.attr == attribute and isinstance(node.ctx, ast.Load):
                yield method, node
