"""Where a test calls what ends the use of an object: next to the variable by which it has the object, or another one
that leads to it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from yagot import __builtins__ as __builtins__
from yagot.explain.classes import has
from yagot.explain.links import Cycle, Link
from yagot.explain.source import (
    Function,
    Place,
    Source,
    gathered,
    is_fixture,
    last_name,
    methods,
    nodes_of,
    parameters,
    read,
    remembered,
    unmangled,
    variables,
)
from yagot.originals import ast, os
from yagot.places import absolute, relative, shown_path

_MOST_OWNERS = 3
_MOST_MAKING = 2
_SETTING_UP = ("setUp", "asyncSetUp")


class Owner(NamedTuple):
    """By what a test has an object."""

    variable: str
    """``shop``, ``self.shop``."""
    path: str
    """From there to the object: ``.hub``, or empty."""
    place: Place
    """The statement that binds the variable."""

    @property
    def text(self) -> str:
        """``shop.hub``."""
        return self.variable + self.path


class Keeper(NamedTuple):
    """A class that makes all objects of another one, and keeps them."""

    name: str
    objects: str
    """Where they are: ``[self.head, *self.table.values()]``."""
    place: Place
    owners: Sequence[Owner]


@gathered
def functions_of_test(cycle: Cycle) -> Iterator[tuple[Source, Function]]:
    """The function of the test, and what sets it up: ``setUp`` of its class, the fixtures that it names."""
    test = cycle.test
    source = read(absolute(test.file)) if test is not None and test.file else None
    if test is None or source is None:
        return
    for function in source.named.get(test.function, ()):
        if test.line is None or function.lineno - 10 <= test.line <= (function.end_lineno or 0):
            yield source, function
            cls = source.class_of(function)
            ups = (each for name in _SETTING_UP for each in source.named.get(name, ()))
            yield from ((source, each) for each in ups if cls and source.class_of(each) == cls)
            for place in (source, _conftest(source)):
                named = place.named if place is not None else {}
                fixtures = (each for name in parameters(function) for each in named.get(name, ()))
                yield from ((place or source, each) for each in fixtures if is_fixture(each))


def _conftest(source: Source) -> Source | None:
    """The file of fixtures beside a test's file."""
    return read(os.path.join(os.path.dirname(source.path), "conftest.py"))


def is_test(place: Place) -> bool:
    """Is it in a function that is named as a test?"""
    return getattr(place.function, "name", "").startswith("test")


def _leading(cycle: Cycle, link: Link) -> Iterator[tuple[str, str]]:
    """Classes on the cycle whose objects lead to a link's, and to no other one beside it: each with the attributes."""
    path, here = "", link
    for _ in cycle.links:
        yield here.class_name, path
        before = cycle.before(here)
        if before is link or before.source["kind"] != "instance" or not before.drops or before.is_item:
            return
        if before.attribute.startswith("_") or unmangled(before.attribute) != before.attribute:
            return
        path, here = f".{before.attribute}{path}", before


def _called(value: ast.expr | None) -> str:
    """The last part of the name of what is called."""
    value = value.value if isinstance(value, ast.Await) else value
    func = value.func if isinstance(value, ast.Call) else None
    return last_name(func)


@gathered
def _returned(function: Function) -> Iterator[ast.expr]:
    for node in nodes_of(function):
        if isinstance(node, ast.Return | ast.Yield) and node.value is not None:
            yield node.value


def _hands_out(function: Function, name: str) -> bool:
    """Does a function return what a call of *name* has made, and nothing else?"""
    made = {owner for owner, _ in _bindings(function, {name})}
    values = _returned(function)
    return bool(values) and all(_called(v) == name or getattr(v, "id", None) in made for v in values)


@gathered
def _bound(function: Function) -> Iterator[tuple[str, ast.expr, ast.stmt]]:
    """What gets what calls make: the name of what is called, the variable or attribute, and the statement."""
    for node in nodes_of(function):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and _called(node.value):
            target = node.targets[0]
            if isinstance(target, ast.Name) or _is_own(target):
                yield _called(node.value), target, node
        if isinstance(node, ast.With | ast.AsyncWith):
            for item in node.items:
                if isinstance(item.optional_vars, ast.Name) and _called(item.context_expr):
                    yield _called(item.context_expr), item.optional_vars, node


def _bindings(function: Function, names: set[str]) -> Iterator[tuple[str, ast.stmt]]:
    """The variables and attributes that get what a call of one of the *names* makes, and the statements."""
    return ((ast.unparse(target), node) for name, target, node in _bound(function) if name in names)


@gathered
def _handing_out(source: Source, name: str) -> Iterator[tuple[str, str]]:
    """The functions of a file that do so, with the classes whose methods they are."""
    for function in source.functions_with(f"{name}("):
        if not isinstance(function, ast.Lambda) and _hands_out(function, name):
            yield source.class_of(function), function.name


@remembered
def _makers(cycle: Cycle, name: str) -> set[str]:
    """A class and the functions that make such objects: those of modules, and methods of the test's class."""
    tests = {(source.path, source.class_of(function)) for source, function in functions_of_test(cycle)}
    return {name} | {
        function
        for source in cycle.sources()
        for cls, function in _handing_out(source, name)
        if not cls or (source.path, cls) in tests
    }


def owners(cycle: Cycle, link: Link) -> list[Owner]:
    """By what the test has the objects of a link, by the shortest way; none if that is not seen."""
    for name, path in _leading(cycle, link):
        found = _owners_of(cycle, name, path)
        if found:
            return found if len(found) <= _MOST_OWNERS else []
    return []


@remembered
def _owners_of(cycle: Cycle, name: str, path: str) -> list[Owner]:
    """By what the test has objects of a class."""
    makers, functions = _makers(cycle, name), functions_of_test(cycle)
    found = [
        Owner(variable, path, Place(source, statement, function))
        for source, function in functions
        for variable, statement in _bindings(function, makers)
    ]
    return found or [
        Owner(getattr(function, "name", ""), path, Place(source, node, function, node.value))
        for source, function in functions if is_fixture(function)
        for node in nodes_of(function) if isinstance(node, ast.Return) and _called(node.value) in makers
    ]  # fmt: skip


def topmost(found: Sequence[Owner]) -> list[Owner]:
    """Those that are not made with one of the others: ``child = Node(parent=root)``."""
    return [
        owner for owner in found
        if not any(re.search(rf"(?<![\w.]){other.variable}\b", _made_by(owner)) for other in found)
    ]  # fmt: skip


def _made_by(owner: Owner) -> str:
    value = getattr(owner.place.node, "value", None)
    return ast.unparse(value) if value is not None else ""


def call(cycle: Cycle, link: Link, method: str, file: str, is_async: bool = False) -> str:
    """What a test does when it needs the object no longer, and where; empty if that is not known, or if it does that
    already. *file*: what else there is to edit."""
    return call_of(cycle, owners(cycle, link), method, file, is_async)


def call_of(cycle: Cycle, found: Sequence[Owner], method: str, file: str, is_async: bool = False) -> str:
    """The same of these owners."""
    text, where = _text_and_place(cycle, found, method, is_async)
    path = shown_path(relative(found[0].place.source.path)) if found else ""
    return f"{text}  # {'' if path == shown_path(file) else f'{path}, '}{where}" if text else ""


def place_and_text(cycle: Cycle, link: Link, method: str, is_async: bool) -> tuple[Place | None, str]:
    """The same as a place to edit."""
    found = owners(cycle, link)
    text, where = _text_and_place(cycle, found, method, is_async)
    return (found[-1].place, f"{text}  # {where}") if text else (None, "")


def _text_and_place(cycle: Cycle, found: Sequence[Owner], method: str, is_async: bool) -> tuple[str, str]:
    places = {(owner.place.source.path, owner.place.function) for owner in found}
    if len(places) != 1 or (is_async and not isinstance(found[0].place.function, ast.AsyncFunctionDef)):
        return "", ""
    function = found[0].place.function
    nodes = nodes_of(function) if function is not None else ()
    named = {ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute) and node.attr == method}
    found = [owner for owner in found if f"{owner.text}.{method}" not in named]
    return _calls(cycle, found, method, is_async) if found else ("", "")


def _calls(cycle: Cycle, found: Sequence[Owner], method: str, is_async: bool) -> tuple[str, str]:
    source, function = found[0].place.source, found[0].place.function
    last = found[-1].place.node
    if function is None or len({owner.text for owner in found}) < len(found):
        return "", ""  # a variable that had one object after the other has only the last one
    by_with = any(isinstance(owner.place.node, ast.With | ast.AsyncWith) for owner in found)
    if not by_with and is_test_case(cycle, source):
        cleanup = "addAsyncCleanup" if is_async else "addCleanup"
        return "; ".join(f"self.{cleanup}({owner.text}.{method})" for owner in found), f"after line {last.end_lineno}"
    wait = "await " if is_async else ""
    calls = "; ".join(f"{wait}{owner.text}.{method}()" for owner in found)
    if is_fixture(function):
        return _in_fixture(found, calls)
    if any(owner.variable.startswith("self.") for owner in found):
        return "", ""
    lines = [last_use(function, owner) for owner in found]
    return (calls, f"after line {max(lines)}") if all(lines) else ("", "")


def _in_fixture(found: Sequence[Owner], calls: str) -> tuple[str, str]:
    """Behind the ``yield`` of a fixture, or instead of its ``return``."""
    owner, source = found[0], found[0].place.source
    ends = [n for n in nodes_of(owner.place.function or owner.place.node) if isinstance(n, ast.Return | ast.Yield)]
    if len(ends) != 1 or len(found) != 1:
        return "", ""
    if isinstance(ends[0], ast.Yield):
        return calls, f"after line {ends[0].end_lineno}"
    value = source.text(ends[0].value) if ends[0].value is not None else ""
    make = f"{owner.variable} = {value}; " if value != owner.variable else ""
    return (f"{make}yield {owner.variable}; {calls}", f"instead of line {ends[0].lineno}") if value else ("", "")


def last_use(function: Function, owner: Owner) -> int:
    """The end of the last statement that uses a variable, or what may lead to its object, too, in the block that binds
    it. 0 if that is not known: where such a use follows after the block, or after the variable has lost the object."""
    blocks = (getattr(node, name, []) for node in (function, *nodes_of(function))
              for name in ("body", "orelse", "finalbody") if isinstance(getattr(node, name, []), list))
    block = next((block for block in blocks if owner.place.node in block), [])
    following = block[block.index(owner.place.node) :] if block else []
    lost = next((statement for statement in following[1:] if owner.variable in _given_up(statement)), None)
    before = following[: following.index(lost)] if lost is not None else following
    names = _leading_to(function, owner.variable)
    using = [statement for statement in before if statement is owner.place.node or names & _read(statement)]
    end = (using[-1].end_lineno or 0) if using and not isinstance(using[-1], ast.Return) else 0
    left = names - {owner.variable} if lost is not None and owner.variable not in _read(lost) else names
    later = (n for n in nodes_of(function, nested=True) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))
    return 0 if any(n.lineno > end and n.id in left for n in later) else end


def _read(node: ast.AST) -> set[str]:
    """The variables that are read anywhere below a node; those that it binds or deletes are not."""
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def _given_up(node: ast.AST) -> set[str]:
    """Those that it binds anew or deletes."""
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}


@remembered
def _leading_to(function: Function, variable: str) -> set[str]:
    """A variable of a function, and those that may lead to its object, too: what a statement binds that uses it, and
    what is given it by a call of a method."""
    found, before = {variable}, 0
    while len(found) > before:
        before = len(found)
        for node in nodes_of(function, nested=True):
            for names, values in _passing(node):
                if any(found & _read(value) for value in values):
                    found |= names
    return found


def _passing(node: ast.AST) -> Iterator[tuple[set[str], Sequence[ast.AST]]]:
    """The variables that may lead to the values of some expressions when a node has been run."""
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value is not None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        yield variables(*targets), [node.value]
    elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
        yield _given_up(node.target), [node.iter]
    elif isinstance(node, ast.withitem) and node.optional_vars is not None:
        yield _given_up(node.optional_vars), [node.context_expr]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        yield _read(node.func.value), [*node.args, *(keyword.value for keyword in node.keywords)]
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield {node.name}, [node]


def is_test_case(cycle: Cycle, source: Source) -> bool:
    """Is the test a method of unittest's test cases?"""
    test = cycle.test
    functions = [f for s, f in functions_of_test(cycle) if s is source]
    name = source.class_of(functions[0]) if functions else ""
    cls = source.class_(name) if name else None
    bases = [ast.unparse(base) for base in cls.bases] if cls is not None else []
    return test is not None and (has(test.module, name, "addCleanup") or any(b.endswith("TestCase") for b in bases))


@gathered
def _making(source: Source, name: str) -> Iterator[tuple[Function, list[ast.Call], list[tuple[str, ast.stmt]]]]:
    """The functions of a file that mention a class, with their calls of it, and where they keep what these make."""
    for function in source.functions_with(f"{name}("):
        nodes = nodes_of(function)
        making = [node for node in nodes if isinstance(node, ast.Call) and _called(node) == name]
        yield function, making, [each for node in nodes for each in _kept_in(node, name)]


def where_made(cycle: Cycle, link: Link) -> str:
    """Where a program makes the objects of a link, in words; empty if there are many places."""
    found: dict[str, str] = {}
    for source in cycle.sources():
        for function, making, _ in _making(source, link.class_name):
            if making and (cycle.run is None or function in cycle.run) and not isinstance(function, ast.Lambda):
                cls = source.class_of(function)
                name = f"{cls}.{function.name}()" if cls else f"{function.name}()"
                found[name] = f"{name}, {shown_path(relative(source.path))}:{making[0].lineno}"
    return f"made in {' and '.join(found.values())}" if 0 < len(found) <= _MOST_MAKING else ""


# -- objects that something else has made -------------------------------------------------------------


def keeper(cycle: Cycle, link: Link) -> Keeper | None:
    """The class whose methods make all objects of a link's class and keep each in an attribute, if the test has one."""
    found: dict[str, None] = {}
    places: list[Place] = []
    for source in cycle.sources():
        for function, making, kept in _making(source, link.class_name):
            if len(kept) != len(making):
                return None
            found |= dict.fromkeys(text for text, _ in kept)
            places += [Place(source, node, function) for _, node in kept]
    classes = {place.source.class_of(place.function) for place in places}
    name = next(iter(classes), "")
    having = _owners_of(cycle, name, "") if len(classes) == 1 and name else []
    cls = places[0].source.class_(name) if having else None
    if cls is None or any(method.name == "close" for method in methods(cls)) or not cycle.edits(places[0].source.path):
        return None
    texts = list(found)
    objects = texts[0].removeprefix("*") if len(texts) == 1 and texts[0].startswith("*") else f"[{', '.join(texts)}]"
    return Keeper(name, objects, places[0], having)


def _kept_in(node: ast.AST, name: str) -> Iterator[tuple[str, ast.stmt]]:
    """The attribute of ``self`` that gets what a call has made, or a container of it: ``*self.nodes``."""
    if isinstance(node, ast.Assign) and _called(node.value) == name:
        for target in node.targets:
            if _is_own(target):
                yield ast.unparse(target), node
            elif isinstance(target, ast.Subscript) and _is_own(target.value):
                yield f"*{ast.unparse(target.value)}.values()", node
    elif isinstance(node, ast.Assign) and isinstance(node.value, ast.ListComp) and _called(node.value.elt) == name:
        yield from ((f"*{ast.unparse(target)}", node) for target in node.targets if _is_own(target))
    elif isinstance(node, ast.Assign) and isinstance(node.value, ast.DictComp) and _called(node.value.value) == name:
        yield from ((f"*{ast.unparse(target)}.values()", node) for target in node.targets if _is_own(target))
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
        func, arguments = node.value.func, node.value.args
        if func.attr in ("append", "add") and _is_own(func.value) and arguments and _called(arguments[0]) == name:
            yield f"*{ast.unparse(func.value)}", node


def _is_own(node: ast.expr) -> bool:
    """Is it an attribute of ``self``?"""
    return isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "self"
