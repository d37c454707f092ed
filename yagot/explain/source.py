"""What the source says of the attributes and variables on a cycle. Files are read and parsed; nothing of the user's is
imported or run."""

from __future__ import annotations

import bisect
import functools
import importlib.util
import re
import warnings
import zipimport
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeAlias, TypeVar, cast

from yagot import __builtins__ as __builtins__
from yagot import _core
from yagot.originals import ast, os, tokenize

Method: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Function: TypeAlias = Method | ast.Lambda
LONGEST = 2_000_000
"""Larger files are not read."""
ADDING = ("append", "add", "insert", "appendleft", "setdefault", "extend", "put", "push", "enter_context")
"""Methods that put their last argument into a container."""
SHOWN = 3
"""Statements of more lines are not repeated in a snippet."""


_T = TypeVar("_T")
_P = ParamSpec("_P")
_KEPT = 4_000_000
"""Characters of the files that are kept. The nodes of a file take up to 30 times as many bytes."""


def remembered(question: Callable[Concatenate[Any, _P], _T]) -> Callable[Concatenate[Any, _P], _T]:
    """It is asked once of a file, a node of one, or a cycle: many rules ask it, many times. The answer is kept there,
    and goes with it."""

    @functools.wraps(question)
    def answer(of: Any, /, *arguments: _P.args, **named: _P.kwargs) -> _T:
        key = (question, *arguments, *named.items())
        answers = vars(of).get("answers", {})
        if key in answers:
            return cast(_T, answers[key])
        found = question(of, *arguments, **named)  # this may parse the file anew, and then no earlier answer holds
        answers = vars(of).setdefault("answers", {})
        answers[key] = found
        for other in arguments:
            if isinstance(other, Source):
                other.elsewhere.append((answers, key))
        if isinstance(of, ast.AST):
            _core.untrack(answers, ast.AST)
        return found

    return answer


def gathered(search: Callable[Concatenate[Any, _P], Iterator[_T]]) -> Callable[Concatenate[Any, _P], tuple[_T, ...]]:
    """The same of what finds several things."""

    @functools.wraps(search)
    def found(of: Any, /, *arguments: _P.args, **named: _P.kwargs) -> tuple[_T, ...]:
        return tuple(search(of, *arguments, **named))

    return remembered(found)


def unmangled(attribute: str) -> str:
    """The name of an attribute as its class writes it, if it looks like a private one: ``__name``."""
    found = re.fullmatch(r"_[^_]\w*?(__\w+)", attribute)
    return found[1] if found is not None and not attribute.endswith("__") else attribute


def stands_for(name: str, attribute: str) -> bool:
    """Does a name in the source stand for an attribute?"""
    return name == attribute or (name.startswith("__") and name == unmangled(attribute))


class Place(NamedTuple):
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

    def owner_of(self, attribute: str) -> str:
        """The variable whose attribute is set, or empty."""
        attributes = (node for node in ast.walk(self.node) if isinstance(node, ast.Attribute))
        owners = (node.value for node in attributes if stands_for(node.attr, attribute))
        return next((owner.id for owner in owners if isinstance(owner, ast.Name)), "")


def _parse(text: str) -> list[ast.stmt] | None:
    """Its statements, or None if it is no Python."""
    filters = warnings.filters
    try:
        # The parser warns of odd escapes; whoever compiled the file has seen that.
        warnings.filters = [("ignore", None, Warning, None, 0)]
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    finally:
        warnings.filters = filters
    _core.untrack(tree, ast.AST)  # of some hundred thousand nodes, more than the tests have made
    return tree.body


def is_python(text: str) -> bool:
    """Can it stand in a source file?"""
    return _parse(text) is not None


_TOP = re.compile(r"(?:(?:class|def|async +def) +(\w+)|@)")


class Source:
    """One file. It is parsed piece by piece, as they are asked for: a piece begins with a class or function at the top
    of the file, behind an empty line. Where that is not so, as in a text of several lines, a piece cannot be parsed,
    and all of the file is one."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.content = text
        self.lines = text.split("\n")
        self._names: dict[str, list[int]] = {}
        """Classes and functions at the top of the file, and their lines."""
        self._starts = [0]
        self._parsed: dict[int, list[ast.stmt]] = {}
        self.answers: dict[tuple[Any, ...], Any] = {}
        """See remembered()."""
        self.elsewhere: list[tuple[dict[tuple[Any, ...], Any], tuple[Any, ...]]] = []
        """What was asked of other files and this one: their answers, and the keys there."""
        self._classes: dict[str, list[ast.ClassDef]] = {}
        self._classes_of: dict[ast.stmt, Mapping[str, Sequence[tuple[int, ast.ClassDef]]]] = {}
        self._functions: dict[ast.stmt, list[tuple[str, Function]]] = {}
        self._qualified: dict[Function, str] = {}
        self._at: dict[int, list[Function]] = {}
        """The functions by their first lines."""
        for number, line in enumerate(self.lines):
            if top := _TOP.match(line):
                self._names.setdefault(top[1] or "@", []).append(number)
                if number > 0 and not self.lines[number - 1]:
                    self._starts.append(number)

    def _piece(self, number: int) -> list[ast.stmt] | None:
        if number not in self._parsed:
            start, *end = self._starts[number : number + 2]
            statements = _parse("\n" * start + "\n".join(self.lines[start : end[0] if end else None]))
            if statements is None and len(self._starts) > 1:
                return None
            self._parsed[number] = statements or []
        return self._parsed[number]

    def _pieces(self, lines: Iterable[int]) -> list[ast.stmt]:
        """The statements of the pieces that have some of the lines, which are in order and count from 0."""
        pieces = [self._piece(number) for number in {bisect.bisect_right(self._starts, line) - 1: 0 for line in lines}]
        if None in pieces:
            return self.statements
        return [statement for piece in pieces for statement in piece or ()]

    @functools.cached_property
    def statements(self) -> list[ast.stmt]:
        """Those of the whole file."""
        pieces = [self._piece(number) for number in range(len(self._starts))] if self._parsed else [None]
        if None in pieces:
            self._starts, self._parsed = [0], {}
            self._classes, self._classes_of = {}, {}
            self.forget()
            self._functions, self._qualified, self._at = {}, {}, {}
            pieces = [self._piece(0)]
        return [statement for piece in pieces for statement in piece or ()]

    def forget(self) -> None:
        """No answer holds any longer: none that was given of it, and none of another file that has to do with it."""
        for answers, key in self.elsewhere:
            answers.pop(key, None)
        self.elsewhere.clear()
        self.answers.clear()

    def _functions_in(self, statements: Sequence[ast.stmt]) -> list[tuple[str, Function]]:
        """All functions, with their qualified names."""
        for statement in statements:
            if statement not in self._functions:
                found = self._functions[statement] = _functions_in(statement)
                for name, function in found:
                    self._qualified[function] = name
                    self._at.setdefault(first_line(function), []).append(function)
        return [pair for statement in statements for pair in self._functions[statement]]

    def text(self, node: ast.AST) -> str:
        """The source of a node that is on one line; else empty."""
        if not isinstance(node, ast.stmt | ast.expr) or node.lineno != node.end_lineno:
            return ""
        line = self.lines[node.lineno - 1].encode()
        return line[node.col_offset : node.end_col_offset].decode().strip()

    def functions_with(self, text: str) -> Iterator[Function]:
        """The functions that have a text in their lines."""
        return self.functions_at([*self._lines_with(text)])

    def _lines_with(self, text: str) -> Iterator[int]:
        number, counted, at = 1, 0, self.content.find(text)
        while at >= 0:
            number += self.content.count("\n", counted, at)
            yield number
            counted, end = at, self.content.find("\n", at)
            at = self.content.find(text, end) if end >= 0 else -1

    def functions_at(self, numbers: Sequence[int]) -> Iterator[Function]:
        """The functions that have some of the lines, which are in order and count from 1."""
        for _, function in self._functions_in(self._pieces(number - 1 for number in numbers)):
            first = bisect.bisect_left(numbers, function.lineno)
            if first < len(numbers) and numbers[first] <= (function.end_lineno or 0):
                yield function

    @functools.cached_property
    def functions(self) -> list[tuple[str, Function]]:
        """All functions, with their qualified names."""
        return self._functions_in(self.statements)

    @functools.cached_property
    def named(self) -> Mapping[str, Sequence[Function]]:
        """The functions by their names; those without one are not among them."""
        named: dict[str, list[Function]] = {}
        for _, function in self.functions:
            if not isinstance(function, ast.Lambda):
                named.setdefault(function.name, []).append(function)
        return named

    @functools.cached_property
    def unasked(self) -> Set[Function]:
        """The functions that may be called though nothing that the test runs names them: lambdas and fixtures."""
        return {f for _, f in self.functions if isinstance(f, ast.Lambda) or is_fixture(f)}

    @functools.cached_property
    def unasked_names(self) -> Set[str]:
        """The names that these mention."""
        return {name for function in self.unasked for name in names_in(function)}

    def class_of(self, function: Function | None) -> str:
        """The class that a function is a method of, or empty."""
        if function is None:
            return ""
        if function not in self._qualified:
            self._functions_in(self._pieces([function.lineno - 1]))
        scope = self._qualified.get(function, "").rpartition(".")[0].rpartition(".")[2]
        return "" if scope == "<locals>" else scope

    def function(self, line: int, name: str) -> Function | None:
        """The function that begins at a line, its decorators included; functools.wraps() may have renamed it."""
        self._functions_in(self._pieces([line - 1]))
        found = self._at.get(line, [])
        same = (each for each in found if self._qualified[each].rpartition(".")[2] == name.rpartition(".")[2])
        return next(same, next((each for each in found if not isinstance(each, ast.Lambda)), None))

    def _classes_in(self, statements: Sequence[ast.stmt], qualname: str) -> list[ast.ClassDef]:
        """The classes of a qualified name, those of the outermost block first."""
        for statement in statements:
            if statement not in self._classes_of:
                self._classes_of[statement] = _classes_in(statement)
        found = [pair for statement in statements for pair in self._classes_of[statement].get(qualname, ())]
        return [cls for _, cls in sorted(found, key=lambda pair: pair[0])]

    def class_(self, qualname: str, line: int = 0) -> ast.ClassDef | None:
        """The class of a qualified name; of several the one around a line, or else the first in the outermost block."""
        if qualname not in self._classes:
            pieces = self._pieces(self._names.get(qualname.partition(".")[0], []))
            found = self._classes_in(pieces, qualname) or self._classes_in(self.statements, qualname)
            self._classes[qualname] = found
        found = self._classes[qualname]
        return next((cls for cls in found if is_around(cls, line)), next(iter(found), None))


def first_line(node: ast.stmt | Function) -> int:
    """Where a statement or function begins, its decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def is_around(cls: ast.ClassDef, line: int) -> bool:
    """Is a line one of a class statement, its decorators included?"""
    return first_line(cls) <= line <= (cls.end_lineno or 0)


def _functions_in(statement: ast.stmt) -> list[tuple[str, Function]]:
    """All functions, with their qualified names."""
    found: list[tuple[str, Function]] = []
    pending: list[tuple[str, ast.AST]] = [("", ast.Module([statement], []))]
    while pending:
        prefix, node = pending.pop()
        for child in children(node):
            if isinstance(child, ast.ClassDef):
                pending.append((f"{prefix}{child.name}.", child))
            elif isinstance(child, Function):
                name = prefix + ("<lambda>" if isinstance(child, ast.Lambda) else child.name)
                found.append((name, child))
                pending.append((f"{name}.<locals>.", child))
            else:
                pending.append((prefix, child))
    return found


def _classes_in(statement: ast.stmt) -> Mapping[str, Sequence[tuple[int, ast.ClassDef]]]:
    """The classes by their qualified names, each with the number of the blocks around it, those in fewer first."""
    found: dict[str, list[tuple[int, ast.ClassDef]]] = {}
    pending: list[tuple[int, str, Sequence[ast.AST]]] = [(0, "", [statement])]
    for depth, prefix, block in pending:
        for node in block:
            inner = prefix
            if isinstance(node, ast.ClassDef):
                found.setdefault(prefix + node.name, []).append((depth, node))
                inner = f"{prefix}{node.name}."
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                inner = f"{prefix}{node.name}.<locals>."
            blocks = (getattr(node, name, []) for name in ("body", "handlers", "orelse", "finalbody", "cases"))
            pending.extend((depth + 1, inner, inside) for inside in blocks if isinstance(inside, list) and inside)
    return found


def _zipped(path: str) -> str:
    """The source of a module in a ZIP archive."""
    try:
        data = zipimport.zipimporter(os.path.dirname(path)).get_data(path)
        return importlib.util.decode_source(data) if len(data) <= LONGEST else ""
    except Exception:  # whatever the archive is like
        return ""


_files: dict[str, Source | None] = {}
"""Those that were read last, the one that was asked for last at the end."""


def read(path: str) -> Source | None:
    """The file, or None if it cannot be read. No loader but Python's own is asked: it would run its code."""
    if path in _files:
        source = _files[path] = _files.pop(path)
        return source
    source = _files[path] = _read(path)
    kept = sum(len(each.content) for each in _files.values() if each is not None)
    for other in [*_files][:-1]:
        if kept <= _KEPT:
            break
        if (dropped := _files.pop(other)) is not None:
            dropped.forget()  # what refers to it
            kept -= len(dropped.content)
    return source


def _read(path: str) -> Source | None:
    try:
        with tokenize.open(path) as file:
            text = file.read(LONGEST + 1)
    except OSError:
        text = _zipped(path)
    except (SyntaxError, ValueError, MemoryError):
        return None
    return Source(path, text) if text and len(text) <= LONGEST else None


_CONTEXTS = (ast.Load, ast.Store, ast.Del)


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes directly below a node, in order; not those that say how a name is used. It is ast.iter_child_nodes(),
    for all nodes of a file."""
    return _core.parts(node, ast.AST, _CONTEXTS)


@remembered
def nodes_of(function: ast.AST, nested: bool = False) -> tuple[ast.AST, ...]:
    """The nodes of a function's body, in order; those of functions inside it only if *nested*."""
    body = getattr(function, "body", [])
    pending: list[ast.AST] = list(reversed(body)) if isinstance(body, list) else [body]
    found: list[ast.AST] = []
    while pending:
        node = pending.pop()
        found.append(node)
        if nested or not isinstance(node, Function | ast.ClassDef):
            pending.extend(reversed(children(node)))
    return tuple(found)


def parameters(function: Function | None) -> list[str]:
    """The names of a function's parameters, positional ones first."""
    if function is None:
        return []
    arguments = function.args
    extra = [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
    return [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *extra)]


def variables(*nodes: ast.AST) -> set[str]:
    """The names of variables anywhere below some nodes."""
    return {n.id for node in nodes for n in ast.walk(node) if isinstance(n, ast.Name)}


def mentions(node: ast.AST | None, name: str) -> bool:
    """Is a variable used anywhere below a node?"""
    return node is not None and any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(node))


def attributes_in(node: ast.AST) -> set[str]:
    """The names of all attributes that are read below a node."""
    return {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}


@remembered
def names_in(function: Function) -> set[str]:
    """All names and attributes that a function mentions."""
    nodes = nodes_of(function, nested=True)
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


@gathered
def methods(cls: ast.ClassDef) -> Iterator[Method]:
    """The functions of a class's body."""
    for node in cls.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def last_name(node: ast.AST | None) -> str:
    """The last part of a name; empty if it is none."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def decorators(function: Function | ast.ClassDef) -> set[str]:
    """The last part of each decorator's name, of a function or class."""
    nodes = getattr(function, "decorator_list", [])
    return {last_name(node.func if isinstance(node, ast.Call) else node) for node in nodes}
