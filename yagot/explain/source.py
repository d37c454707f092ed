"""What the source says of the attributes and variables on a cycle. Files are read and parsed; nothing of the user's is
imported or run."""

from __future__ import annotations

import ast
import bisect
import functools
import re
import sys
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from yagot import _core
from yagot.files import file_of_module, namespace_of
from yagot.originals import os

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
LONGEST = 2_000_000
"""Larger files are not read."""
ADDING = ("append", "add", "insert", "appendleft", "setdefault", "extend", "put", "push", "enter_context")
"""Methods that put their last argument into a container."""
_EMPTYING = ("clear", "pop", "remove", "discard", "popleft", "popitem")


_HOME = os.path.dirname(os.__file__) + os.sep
_PLACES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


@functools.cache
def is_source(path: str) -> bool:
    """Is it source of the project or of a package, not of Python's own library?"""
    return bool(path) and not path.startswith("<") and (is_installed(path) or not path.startswith(_HOME))


@functools.cache
def is_installed(path: str) -> bool:
    """Is it source of an installed package?"""
    return any(place in path for place in _PLACES)


@dataclass(frozen=True)
class Place:
    """A piece of code that sets, reads or releases something."""

    source: Source
    node: ast.stmt | ast.expr
    function: Function | None
    value: ast.expr | None = None
    """What is stored."""

    @property
    def line(self) -> int:
        """Where it begins."""
        return self.node.lineno

    @property
    def text(self) -> str:
        """Its source; of a short piece on one line the whole of it, else empty."""
        return self.source.text(self.node)


def _parse(text: str) -> ast.Module:
    """Its syntax tree; an empty one if there is none."""
    filters = warnings.filters
    try:
        # The parser warns of odd escapes; whoever compiled the file has seen that.
        warnings.filters = [("ignore", None, Warning, None, 0)]
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])
    finally:
        warnings.filters = filters
    _core.untrack(tree, ast.AST)  # of some hundred thousand nodes, more than the tests have made
    return tree


class Source:
    """One file, parsed when it is asked for more than a class."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.lines = text.split("\n")
        self._alone: dict[str, ast.ClassDef | None] = {}

    @functools.cached_property
    def tree(self) -> ast.Module:
        """The whole file."""
        return _parse("\n".join(self.lines))

    def text(self, node: ast.AST) -> str:
        """The source of a node that is on one line; else empty."""
        if not isinstance(node, ast.stmt | ast.expr) or node.lineno != node.end_lineno:
            return ""
        line = self.lines[node.lineno - 1].encode()
        return line[node.col_offset : node.end_col_offset].decode().strip()

    def functions_with(self, text: str) -> Iterator[Function]:
        """The functions that have a text in their lines."""
        numbers = [number for number, line in enumerate(self.lines, 1) if text in line]
        for _, function in self.functions:
            first = bisect.bisect_left(numbers, function.lineno)
            if first < len(numbers) and numbers[first] <= (function.end_lineno or 0):
                yield function

    @functools.cached_property
    def functions(self) -> list[tuple[str, Function]]:
        """All functions, with their qualified names."""
        found: list[tuple[str, Function]] = []
        pending: list[tuple[str, ast.AST]] = [("", self.tree)]
        while pending:
            prefix, node = pending.pop()
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.ClassDef):
                    pending.append((f"{prefix}{child.name}.", child))
                elif isinstance(child, Function):
                    name = prefix + ("<lambda>" if isinstance(child, ast.Lambda) else child.name)
                    found.append((name, child))
                    pending.append((f"{name}.<locals>.", child))
                else:
                    pending.append((prefix, child))
        return found

    def function(self, line: int, name: str) -> Function | None:
        """The function that begins at a line, its decorators included."""
        return self._by_place.get((line, name.rpartition(".")[2]))

    @functools.cached_property
    def _by_place(self) -> dict[tuple[int, str], Function]:
        """The functions by their first line and name."""
        found: dict[tuple[int, str], Function] = {}
        for qualified, node in self.functions:
            decorators = getattr(node, "decorator_list", [])
            first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
            found.setdefault((first, qualified.rpartition(".")[2]), node)
        return found

    def class_(self, qualname: str) -> ast.ClassDef | None:
        """The class of a qualified name. Of Python's own library it is enough to parse the class."""
        if "tree" not in self.__dict__ and not is_source(self.path) and qualname not in self._alone:
            self._alone[qualname] = self._parsed_alone(qualname)
        return self._alone.get(qualname) or self._classes.get(qualname)

    def _parsed_alone(self, qualname: str) -> ast.ClassDef | None:
        """A class at the top of the file, without decorators, if one line only begins it. What is indented belongs to
        it; where that is not so, as in a text of several lines, what is cut out cannot be parsed."""
        head = re.compile(rf"class {re.escape(qualname)}\b")
        numbers = [number for number, line in enumerate(self.lines) if head.match(line)]
        if len(numbers) != 1 or self.lines[numbers[0] - 1 : numbers[0]] not in ([], [""]):
            return None
        first = numbers[0]
        rest = enumerate(self.lines[first + 1 :], first + 1)
        end = next((number for number, line in rest if line[:1] not in ("", " ", "\t", ")", "#")), len(self.lines))
        body = _parse("\n" * first + "\n".join(self.lines[first:end])).body
        return body[0] if len(body) == 1 and isinstance(body[0], ast.ClassDef) else None

    @functools.cached_property
    def _classes(self) -> dict[str, ast.ClassDef]:
        """All classes by qualified name; of several the first."""
        found: dict[str, ast.ClassDef] = {}
        pending: list[tuple[str, ast.AST]] = [("", self.tree)]
        while pending:
            prefix, node = pending.pop()
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.ClassDef):
                    found.setdefault(prefix + child.name, child)
                    pending.append((f"{prefix}{child.name}.", child))
                elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                    pending.append((f"{prefix}{child.name}.<locals>.", child))
                else:
                    pending.append((prefix, child))
        return found


@functools.lru_cache(maxsize=4)
def read(path: str) -> Source | None:
    """The file, or None if it cannot be read."""
    try:
        with tokenize.open(path) as file:
            text = file.read(LONGEST + 1)
    except (OSError, SyntaxError, ValueError, MemoryError):
        return None
    return Source(path, text) if len(text) <= LONGEST else None


def nodes_of(function: ast.AST, nested: bool = False) -> Iterator[ast.AST]:
    """The nodes of a function's body, in order; those of functions inside it only if *nested*."""
    body = getattr(function, "body", [])
    pending: list[ast.AST] = list(reversed(body)) if isinstance(body, list) else [body]
    while pending:
        node = pending.pop()
        yield node
        if nested or not isinstance(node, Function | ast.ClassDef):
            pending.extend(reversed(list(ast.iter_child_nodes(node))))


def parameters(function: Function | None) -> list[str]:
    """The names of a function's parameters, positional ones first."""
    if function is None:
        return []
    arguments = function.args
    extra = [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
    return [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *extra)]


def mentions(node: ast.AST | None, name: str) -> bool:
    """Is a variable used anywhere below a node?"""
    return node is not None and any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(node))


def attributes_in(node: ast.AST) -> set[str]:
    """The names of all attributes that are read below a node."""
    return {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}


def names_in(function: Function) -> set[str]:
    """All names and attributes that a function mentions."""
    nodes = list(nodes_of(function, nested=True))
    return {n.id for n in nodes if isinstance(n, ast.Name)} | {n.attr for n in nodes if isinstance(n, ast.Attribute)}


def is_fixture(function: Function) -> bool:
    """Does pytest run it for a test?"""
    return "fixture" in decorators(function)


def is_captured(function: Function, name: str) -> bool:
    """Does a function inside this one use its variable?"""
    inner = (node for node in nodes_of(function) if isinstance(node, Function | ast.ClassDef))
    return any(mentions(node, name) for node in inner)


def may_be_none(function: Function | None, name: str) -> bool:
    """Is None the parameter's default?"""
    if function is None:
        return False
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    pairs = [*zip(reversed(positional), reversed(arguments.defaults), strict=False)]
    pairs += [(a, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None]
    return any(a.arg == name and isinstance(d, ast.Constant) and d.value is None for a, d in pairs)


# -- attributes --------------------------------------------------------------------------------------


def _is_attribute(node: ast.AST | None, attribute: str, owner: str | None = None) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr == attribute
        and (owner is None or (isinstance(node.value, ast.Name) and node.value.id == owner))
    )


def _pairs(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """The targets of an assignment and what each gets; tuples are taken apart."""
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        yield node.target, node.value
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                yield from zip(target.elts, node.value.elts, strict=False)
            else:
                yield target, node.value


def _stored(node: ast.AST, attribute: str, owner: str | None, item: bool) -> ast.expr | None:
    """What a node stores in an attribute, or as an item of it."""
    for target, value in _pairs(node):
        if _is_attribute(target, attribute, owner):
            return value
        if item and isinstance(target, ast.Subscript) and _is_attribute(target.value, attribute, owner):
            return value
    if item and isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        receiver = node.func.value
        while isinstance(receiver, ast.Subscript):
            receiver = receiver.value
        if isinstance(receiver, ast.Call) and isinstance(receiver.func, ast.Attribute):
            receiver = receiver.func.value  # self.handlers.setdefault(event, []).append(handler)
        if node.func.attr in ADDING and _is_attribute(receiver, attribute, owner):
            return node.args[-1]
    return None


def methods(cls: ast.ClassDef) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The functions of a class's body."""
    for node in cls.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def decorators(function: Function | ast.ClassDef) -> set[str]:
    """The last part of each decorator's name, of a function or class."""
    found = set()
    for node in getattr(function, "decorator_list", []):
        node = node.func if isinstance(node, ast.Call) else node
        found.add(node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", ""))
    return found


def own_setters(source: Source, cls: ast.ClassDef, attribute: str, item: bool) -> Iterator[Place]:
    """Where the methods of a class store in ``self.attribute``, functions inside them included."""
    for method in methods(cls):
        me = (parameters(method) or [""])[0]
        for node in nodes_of(method, nested=True):
            value = _stored(node, attribute, me, item)
            if value is not None and isinstance(node, ast.stmt | ast.expr):
                yield Place(source, node, method, value)


def setters(source: Source, attribute: str, item: bool) -> Iterator[Place]:
    """Where any code of a file stores in an attribute of this name."""
    for function in source.functions_with(f".{attribute}"):
        for node in nodes_of(function):
            value = _stored(node, attribute, None, item)
            if value is not None and isinstance(node, ast.stmt | ast.expr):
                yield Place(source, node, function, value)


def field(source: Source, cls: ast.ClassDef, attribute: str) -> Place | None:
    """The field of a dataclass."""
    for node in cls.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == attribute:
            return Place(source, node, None, None)
    return None


def releases(cls: ast.ClassDef, attribute: str) -> Iterator[str]:
    """Public methods of a class that set the attribute to None, delete or empty it."""
    for method in methods(cls):
        if method.name.startswith("_") or len(parameters(method)) != 1 or decorators(method):
            continue
        me = parameters(method)[0]
        for node in nodes_of(method):
            emptied = (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "clear"
                and _is_attribute(node.func.value, attribute, me)
            )
            deleted = isinstance(node, ast.Delete) and any(_is_attribute(t, attribute, me) for t in node.targets)
            unset = any(
                _is_attribute(target, attribute, me) and isinstance(value, ast.Constant) and value.value is None
                for target, value in _all_pairs(node)
            )
            if emptied or deleted or unset:
                yield method.name
                break


def _all_pairs(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """As _pairs, with ``a = b = None`` and ``(a, b) = None, None``."""
    yield from _pairs(node)


_READING = (
    "all", "any", "bool", "dict", "enumerate", "filter", "frozenset", "isinstance", "iter", "join", "len", "list",
    "map", "max", "min", "next", "repr", "reversed", "set", "sorted", "str", "sum", "tuple", "zip",
)  # fmt: skip
"""Functions that do not keep the container that they get."""


def is_handed_out(cls: ast.ClassDef, attribute: str) -> bool:
    """Does a method give what is in the attribute itself to somebody who may keep it: return, pass or assign it?"""
    for method in methods(cls):
        me = (parameters(method) or [""])[0]
        for node in nodes_of(method, nested=True):
            given: list[ast.expr | None] = []
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                given = [] if name in _READING else [*node.args, *(keyword.value for keyword in node.keywords)]
            elif isinstance(node, ast.Return | ast.Yield | ast.Assign | ast.AnnAssign):
                given = [node.value]
            if any(_is_attribute(value, attribute, me) for value in given):
                return True
    return False


def removers(cls: ast.ClassDef, attribute: str) -> Iterator[str]:
    """Methods of a class that take one item out of the attribute's container: ``unsubscribe``."""
    for method in methods(cls):
        if method.name.startswith("_") or len(parameters(method)) < 2:
            continue
        me = parameters(method)[0]
        for node in nodes_of(method):
            taken = (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in _EMPTYING[1:]
                and _is_attribute(node.func.value, attribute, me)
            )
            if taken:
                yield method.name
                break


def reads(cls: ast.ClassDef, attribute: str) -> Iterator[tuple[Function, ast.Attribute]]:
    """Where the methods of a class read the attribute."""
    for method in methods(cls):
        for node in nodes_of(method, nested=True):
            if isinstance(node, ast.Attribute) and node.attr == attribute and isinstance(node.ctx, ast.Load):
                yield method, node


# -- classes of live types, by name only ---------------------------------------------------------------


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


def _bases(live: Any) -> Iterator[tuple[Any, str]]:
    """The classes along a class's MRO: module and qualified name of each."""
    for base in type.__dict__["__mro__"].__get__(live):
        yield _dict_of(base).get("__module__"), type.__dict__["__qualname__"].__get__(base)


def _named_bases(module: str, cls: ast.ClassDef) -> Iterator[tuple[Any, str]]:
    """The same of a class that only its source shows."""
    for base in cls.bases:
        dotted = ast.unparse(base) if isinstance(base, ast.Name | ast.Attribute) else ""
        live = _live(module, dotted)
        if live is not None:
            yield from _bases(live)
        elif isinstance(base, ast.Name):
            yield module, dotted


def class_places(module: str, qualname: str, file: str) -> Iterator[tuple[Source, ast.ClassDef]]:
    """The sources of a class and of its bases, as far as they are found."""
    source = read(file or _source_of_module(module))
    cls = source.class_(qualname) if source is not None else None
    if source is None or cls is None:
        return
    yield source, cls
    live = _live(module, qualname)
    for name, base_qualname in list(_bases(live))[1:] if live is not None else _named_bases(module, cls):
        if isinstance(name, str) and name != "builtins":
            base_source = read(_source_of_module(name) or (file if name == module else ""))
            base_class = base_source.class_(base_qualname) if base_source is not None else None
            if base_source is not None and base_class is not None:
                yield base_source, base_class
