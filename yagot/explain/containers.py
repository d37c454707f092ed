"""Advice for cycles of plain containers. They do not show who made them; the code of the test may."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from yagot import __builtins__ as __builtins__
from yagot.explain.exceptions import Advice
from yagot.explain.links import Cycle
from yagot.explain.source import ADDING, Function, Source, children, gathered, last_name, nodes_of, read
from yagot.model import Cut
from yagot.originals import ast
from yagot.places import absolute, relative

if TYPE_CHECKING:
    from yagot._core import _Hop

KIND = "container"
"""The kind of the cuts: they are of the test that was looked at, and of no other with the same cause."""
_KINDS = ("list", "dict", "tuple", "set", "cell", "object")
_DISPLAYS = ast.List | ast.Tuple | ast.Set | ast.Dict


_ITEM = r"\[[^]\n]*\]"
_INTO_ITSELF = re.compile(
    rf"[ \t]*(\w+)(?:(?:{_ITEM})*(?:\.(?:{'|'.join(ADDING)})\(| *\+=)|(?:{_ITEM})+ *=)"
    r"(?:[^(\n]|(?<![\w)\]])\()*?\b\1\b(?! *[.(\[])"
)
"""A line on which something may be put into itself: ``end += [None, end, end]``; not what a call makes of it."""
_SIGNS = tuple(map(re.compile, (rf"\.(?:{'|'.join(ADDING)})\(", r"\+=", r"\] *=")))
"""What such a line has. Each is found quickly, as it begins with a certain character."""


class _Store(NamedTuple):
    """A statement that puts something into a container that a variable has."""

    name: str
    value: ast.expr
    node: ast.stmt
    release: str
    """What undoes it."""
    edge: str
    """What the reference is called in a cycle; empty if the key is computed."""
    kinds: Sequence[str]
    """Of the containers that can have such a reference."""

    def makes(self, edge: str, kind: str) -> bool:
        """May it have made such a reference of a container of this kind?"""
        return kind in self.kinds and (self.edge or edge) == edge and (self.edge != "" or edge.startswith("["))


_LISTS, _INDEXED = ("list", "object"), ("list", "dict", "object")
_ATTRIBUTES = ("dict", "object")
_KINDS_OF = {"append": _LISTS, "insert": _LISTS, "extend": _LISTS, "add": ("set", "object"), "setdefault": ("dict",)}
"""Which containers have a method."""


def _names_in(value: ast.expr) -> set[str]:
    """The variables whose objects are in a value: itself, or an item of displays and of calls that copy a container."""
    found: set[str] = set()
    pending: list[ast.AST] = [value]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, _DISPLAYS):
            pending.extend(child for child in children(node) if isinstance(child, ast.expr))
    return found


def _root(node: ast.expr) -> str:
    """The variable that ``name["x"][0]`` begins with."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _is_slice(target: ast.expr) -> bool:
    return isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Slice)


@gathered
def _stores(source: Source, function: Function) -> Iterator[_Store]:
    for node in nodes_of(function):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and node.value.args:
            func = node.value.func
            if isinstance(func, ast.Attribute) and func.attr in ADDING and _root(func.value):
                release = f"{source.text(func.value)}.clear()"
                kinds = _KINDS_OF.get(func.attr, ("object",))
                yield _Store(_root(func.value), node.value.args[-1], node, release, "[]", kinds)
        elif isinstance(node, ast.AugAssign) and isinstance(node.value, _DISPLAYS) and _root(node.target):
            yield _Store(_root(node.target), node.value, node, f"{source.text(node.target)}.clear()", "[]", _LISTS)
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
            if _is_slice(target) and isinstance(node.value, _DISPLAYS) and _root(target):
                yield _Store(_root(target), node.value, node, f"del {source.text(target)}", "[]", _LISTS)
            elif isinstance(target, ast.Subscript) and _root(target) and isinstance(target.slice, ast.Constant):
                edge = f"[{target.slice.value!r}]" if isinstance(target.slice.value, str) else "[]"
                yield _Store(_root(target), node.value, node, f"del {source.text(target)}", edge, _INDEXED)
            elif isinstance(target, ast.Subscript) and _root(target):
                yield _Store(_root(target), node.value, node, f"{source.text(target.value)}.clear()", "", _INDEXED)
            elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
                edge = f".{target.attr}"
                yield _Store(target.value.id, node.value, node, f"del {source.text(target)}", edge, _ATTRIBUTES)


def _bindings(function: Function) -> Iterator[tuple[str, set[str]]]:
    """Variables that get a new container, and the variables whose objects are in it."""
    for node in nodes_of(function):
        if isinstance(node, ast.Assign) and isinstance(node.value, _DISPLAYS):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, _names_in(node.value)


def _reaches(edges: dict[str, set[str]], start: str, end: str) -> bool:
    seen, pending = {start}, [start]
    while pending:
        name = pending.pop()
        if name == end:
            return True
        pending.extend(edges.get(name, set()) - seen)
        seen |= edges.get(name, set())
    return False


def _closing(source: Source, function: Function, wanted: Callable[[_Store], bool]) -> list[_Store]:
    """The stores, of those that are *wanted*, that close a cycle of containers; none if they close several."""
    stores = [store for store in _stores(source, function) if wanted(store)]
    if not stores:
        return []
    edges: dict[str, set[str]] = {}
    for name, inside in _bindings(function):
        edges.setdefault(name, set()).update(inside - {name})
    for store in stores:
        edges.setdefault(store.name, set()).update(_names_in(store.value))
    closing = [s for s in stores if any(_reaches(edges, name, s.name) for name in _names_in(s.value))]
    one = all(_reaches(edges, s.name, closing[0].name) and _reaches(edges, closing[0].name, s.name) for s in closing)
    return closing if one else []


@functools.lru_cache(maxsize=10_000)
def _into_itself(path: str) -> Sequence[int]:
    """The lines of a file that look as if they put something into itself. To parse all packages takes too long."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return ()
    starts = {text.rfind("\n", 0, found.start()) + 1 for sign in _SIGNS for found in sign.finditer(text)}
    return [text.count("\n", 0, start) + 1 for start in sorted(starts) if _INTO_ITSELF.match(text, start)]


@functools.lru_cache(maxsize=10_000)
def closes(path: str, shown: frozenset[str], whole: bool) -> bool:
    """Has a file a function that closes a cycle of containers with such references? Not *whole*: in one statement."""
    lines = () if whole else _into_itself(path)
    source = read(path) if whole or lines else None
    if source is None:
        return False
    edges = {_edge(edge) for edge in shown}
    functions = (function for _, function in source.functions) if whole else source.functions_at(lines)
    return any(_closing(source, function, lambda store: store.edge in edges) for function in functions)


def is_plain(hops: Sequence[_Hop]) -> bool:
    """Is it a cycle of containers only? Its cause does not say whose it is, so that each test has its own advice."""
    return all(hop["kind"] in _KINDS for hop in hops)


def advise(cycle: Cycle) -> Advice | None:
    """Taking out what was put in, where one function that the test runs is seen to close such a cycle."""
    if not is_plain(cycle.hops):
        return None
    shown = [(_edge(hop["edge"]), hop["kind"]) for hop in cycle.hops]

    def made(store: _Store) -> list[int]:
        return [number for number, reference in enumerate(shown) if store.makes(*reference)]

    found = [(*place, stores) for place in _functions(cycle) if (stores := _closing(*place, lambda s: bool(made(s))))]
    if len(found) != 1:
        return None
    source, function, stores = found[0]
    breaking = {id(store): [n for n in made(store) if cycle.hops[n]["breaks"]] for store in stores}
    last = next((store for store in reversed(stores) if breaking[id(store)] and source.text(store.node)), None)
    if last is None:
        return None
    number = breaking[id(last)][-1]
    owner = cycle.hops[number - 1 if cycle.hops[number - 1]["edge"] == "" else number]["what"]
    cut = Cut(KIND, owner, shown[number][0], relative(source.path), last.node.lineno, last.release)
    name = getattr(function, "name", "")
    where = f", in what calls {name}()" if name and (cycle.test is None or name != cycle.test.function) else ""
    sentence = f"take out what was put in when it is no longer needed{where}"
    return cut, f"nothing can refer weakly to a plain container: {sentence}"


def _functions(cycle: Cycle) -> Iterator[tuple[Source, Function]]:
    """The function of the test, and those of its file that it calls."""
    test = cycle.test
    source = read(absolute(test.file)) if test is not None and test.file else None
    if test is None or source is None:
        return
    name = test.function
    functions = [f for _, f in source.functions if getattr(f, "name", "") == name and _is_at(f, test.line)]
    called = {node.func for function in functions for node in nodes_of(function) if isinstance(node, ast.Call)}
    names = {last_name(func) for func in called} - {name}
    yield from ((source, f) for _, f in source.functions if f in functions or getattr(f, "name", "") in names)


def _is_at(function: Function, line: int | None) -> bool:
    """Is a line in a function, or right before it, where its decorators are?"""
    return line is None or function.lineno - 10 <= line <= (function.end_lineno or 0)


def _edge(edge: str) -> str:
    """A reference as data: of a deque or list ``[]``, of a set the same."""
    return "[]" if edge.strip() in ("{…}", "[]") else edge.strip()
