"""Advice for functions inside a function that refer to themselves or to each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set

from yagot import __builtins__ as __builtins__
from yagot.explain.exceptions import Advice
from yagot.explain.links import Cycle, Link
from yagot.explain.snippets import guarded
from yagot.explain.source import (
    SHOWN,
    Function,
    Place,
    Source,
    first_line,
    names_in,
    nodes_of,
    parameters,
    remembered,
)
from yagot.originals import ast


@remembered
def _around(source: Source) -> Mapping[Function, Sequence[Function]]:
    """The functions that each function of a file is in."""
    around: dict[Function, list[Function]] = {}
    for _, outer in source.functions:
        for node in nodes_of(outer, nested=True):
            if isinstance(node, Function):
                around.setdefault(node, []).append(outer)
    return around


@remembered
def _bound_in(function: Function) -> Set[str]:
    """The names that a function binds."""
    names = {n.name for n in nodes_of(function) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}
    return names | _own_names(function)


def _bound_outside(source: Source, function: Function) -> set[str]:
    """The names that enclosing functions bind."""
    return {name for outer in _around(source).get(function, ()) for name in _bound_in(outer)}


def _own_names(function: Function) -> set[str]:
    stored = {n.id for n in nodes_of(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return stored | set(parameters(function))


def _captures(link: Link) -> str:
    """The path of a link that is a captured variable, and nothing behind it."""
    return f" variable '{link.variable}'"


def _by_keyword(arguments: ast.arguments) -> bool:
    """Does it matter where further parameters are?"""
    return bool(arguments.defaults or arguments.vararg or arguments.kwonlyargs or arguments.kwarg)


def _with_parameters(arguments: ast.arguments, extra: Sequence[str]) -> str:
    """Parameters, with more of them: by keyword where it matters where they are."""
    more = [name for name in extra if name != "self"]
    by_keyword = _by_keyword(arguments)
    if by_keyword:
        new = [ast.arg(name) for name in more]
        arguments = ast.arguments(
            arguments.posonlyargs, arguments.args, arguments.vararg, [*arguments.kwonlyargs, *new],
            [*arguments.kw_defaults, *(None for _ in new)], arguments.kwarg, arguments.defaults,
        )  # fmt: skip
    texts = [*("self" for name in extra if name == "self"), ast.unparse(arguments), *(() if by_keyword else more)]
    return ", ".join(text for text in texts if text)


def advise(cycle: Cycle) -> Advice | None:
    """Functions inside a function that refer to themselves or to each other."""
    links = [link for link in cycle.links if link.source["kind"] == "function" and link.path == _captures(link)]
    if not links or len(links) != len(cycle.links):
        return None
    for link in links:
        found = cycle.function(link) if link.breaks or len(links) > 1 else None
        group = _group(*found) if found is not None else []
        if found is None or not group:
            continue
        if any(_has_attributes(found[0], function) for function in group):
            advice = _found_weakly(cycle, link, *found) if len(group) == 1 else None
            if advice is not None:
                return advice
            continue
        if len(group) > 1:
            return _as_methods(cycle, link, found[0], group)
        if _rebinds(group[0]):
            return _emptied(cycle, link, *found) or _as_methods(cycle, link, found[0], group)
        if _shared(found[0], group) and _is_compared(group[0]):
            return _as_methods(cycle, link, found[0], group)
        return _recursive(cycle, link, *found)
    return None


def _is_compared(function: Function) -> bool:
    """Does a function do more with itself than call it: ``hooks.remove(poll)``? A partial object is another one; bound
    methods are equal."""
    nodes, name = nodes_of(function, nested=True), getattr(function, "name", "")
    called = [node.func for node in nodes if isinstance(node, ast.Call)]
    return any(isinstance(node, ast.Name) and node.id == name and node not in called for node in nodes)


def _group(source: Source, function: Function) -> list[Function]:
    """The functions of one function that refer to this one, as it does to them, in their order, and itself."""
    inside, to, back = _references(_outer(source, function) or function)
    name = getattr(function, "name", "")
    names = _reached(name, to) & _reached(name, back)
    group = [node for each in names & inside.keys() for node in inside[each]]
    return sorted(group, key=lambda node: (node.lineno, node.col_offset)) or [function]


_Names = Mapping[str, Set[str]]


@remembered
def _references(outer: Function) -> tuple[Mapping[str, Sequence[Function]], _Names, _Names]:
    """The functions in a function by their names, and which of these names each refers to, and is referred to by."""
    inside: dict[str, list[Function]] = {}
    for node in nodes_of(outer):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inside.setdefault(node.name, []).append(node)
    to = {name: inside.keys() & names_in(nodes[-1]) - {name} for name, nodes in inside.items()}
    back: dict[str, set[str]] = {}
    for name, others in to.items():
        for other in others:
            back.setdefault(other, set()).add(name)
    return inside, to, back


def _reached(start: str, to: _Names) -> set[str]:
    seen, pending = {start}, [start]
    while pending:
        new = to.get(pending.pop(), set()) - seen
        seen |= new
        pending += new
    return seen


@remembered
def _outers(source: Source) -> Mapping[Function, Function]:
    """The function that each function is made in."""
    outers: dict[Function, Function] = {}
    for _, outer in source.functions:
        for node in nodes_of(outer):
            if isinstance(node, Function):
                outers.setdefault(node, outer)
    return outers


def _outer(source: Source, function: Function) -> Function | None:
    """The function that another one is made in."""
    return _outers(source).get(function)


def _rebinds(function: Function) -> bool:
    return any(isinstance(node, ast.Nonlocal) for node in nodes_of(function, nested=True))


def _has_attributes(source: Source, function: Function) -> bool:
    """Are there attributes of the function itself: ``wrapper.calls = 0``? A method cannot have them."""
    outer = _outer(source, function)
    return outer is not None and getattr(function, "name", "") in _with_attributes(outer)


@remembered
def _with_attributes(function: Function) -> Set[str]:
    """The names of which a function mentions attributes."""
    values = (node.value for node in nodes_of(function, nested=True) if isinstance(node, ast.Attribute))
    return {value.id for value in values if isinstance(value, ast.Name)}


def _shared(source: Source, functions: Sequence[Function]) -> list[str]:
    """What functions use of the function that they are made in."""
    used: set[str] = set()
    for function in functions:
        loaded = {n.id for n in nodes_of(function, nested=True) if isinstance(n, ast.Name)}
        nonlocals = {name for n in nodes_of(function, nested=True) if isinstance(n, ast.Nonlocal) for name in n.names}
        used |= loaded & _bound_outside(source, function) - (_own_names(function) - nonlocals)
    return sorted(used - {getattr(function, "name", "") for function in functions})


def _as_methods(cycle: Cycle, link: Link, source: Source, group: Sequence[Function]) -> Advice:
    """Several functions, or one that binds its enclosing function's variables: methods find each other by their object,
    and hold no others."""
    names = [f"{getattr(function, 'name', '')}()" for function in group]
    several = f"{', '.join(names[:-1])} and {names[-1]} refer to each other"
    all_ = several if names[1:] else f"{names[0]} refers to itself"
    them, they = ("them methods", "they share") if names[1:] else ("it a method", "it uses")
    shared, first = _shared(source, group), group[0]
    place = Place(source, first, first)
    text = source.lines[first.lineno - 1].strip()
    if not shared:
        return cycle.cut("function", link, place, text), f"{all_}: move them to the module"
    attributes = ", ".join(map(repr, shared))
    sentence = f"{all_}: make {them} of a class, and what {they} its attributes: {attributes}"
    if isinstance(first, ast.FunctionDef):
        text = f"def {first.name}({_with_parameters(first.args, ['self'])}):"
    return cycle.cut("function", link, place, text), sentence


def _bound(source: Source, function: ast.FunctionDef, given: Sequence[str]) -> str:
    """The line on which a function is given to somebody who calls it as it was, without what it gets now."""
    outer, name = _outer(source, function), function.name
    nodes = nodes_of(outer) if outer is not None and given else ()
    called = [node.func for node in nodes if isinstance(node, ast.Call)]
    named = [node for node in nodes if isinstance(node, ast.Name) and node.id == name and node not in called]
    uses = [node for node in named if node.lineno > function.lineno]
    if len(uses) != 1:
        return ""
    line, start = source.lines[uses[0].lineno - 1].encode(), uses[0].col_offset
    partial = f"functools.partial({name}, {', '.join(f'{each}={each}' for each in given)})".encode()
    return f"\n{(line[:start] + partial + line[start + len(name.encode()):]).decode().strip()}  # line {uses[0].lineno}"


def _called_with(source: Source, function: ast.FunctionDef, given: Sequence[str]) -> str:
    """The lines on which a function is called, with what it gets now; empty if there are many."""
    nodes = nodes_of(_outer(source, function) or function, nested=True) if given else ()
    calls = [n for n in nodes if isinstance(n, ast.Call) and getattr(n.func, "id", "") == function.name]
    lines = dict.fromkeys(node.lineno for node in calls)
    if len(lines) > SHOWN or any(node.lineno != node.end_lineno for node in calls):
        return ""
    text = ""
    for number in sorted(lines):
        line = source.lines[number - 1].encode()
        for node in sorted((n for n in calls if n.lineno == number), key=lambda n: -(n.end_col_offset or 0)):
            end = (node.end_col_offset or 0) - 1
            comma = ", " if node.args or node.keywords else ""
            starred = any(isinstance(each, ast.Starred) for each in node.args)
            plain = len(node.args) == len(parameters(function)) and not starred and not _by_keyword(function.args)
            more = comma + ", ".join(each if plain else f"{each}={each}" for each in given)
            line = line[:end] + more.encode() + line[end:]
        text += f"\n{line.decode().strip()}  # line {number}"
    return text


def _recursive(cycle: Cycle, link: Link, source: Source, function: Function) -> Advice:
    """A function that calls itself."""
    name = getattr(function, "name", "<lambda>")
    extra = [other for other in _shared(source, [function]) if other != link.variable]
    given = [other for other in extra if other != "self"]
    what = "make it a method" if "self" in extra else "move it to the module"
    tail = f", and pass it {', '.join(map(repr, given))}" if given else ""
    text = source.lines[function.lineno - 1].strip()
    if isinstance(function, ast.FunctionDef):
        text = f"def {name}({_with_parameters(function.args, extra)}):"
        text += _called_with(source, function, given)
        text += _bound(source, function, given)
    sentence = f"the function refers to itself by the variable '{link.variable}': {what}{tail}"
    return cycle.cut("function", link, Place(source, function, function), text), sentence


def _found_weakly(cycle: Cycle, link: Link, source: Source, function: Function) -> Advice | None:
    """A function that keeps something in attributes of its own: it finds itself by a weak reference. It is there as
    long as a call of it is running; a generator or a function that it has made may be there longer."""
    name, outer = link.variable, _outer(source, function)
    uses = _loads(nodes_of(function), name)
    suspends = any(isinstance(node, ast.Yield | ast.YieldFrom) for node in nodes_of(function))
    if not isinstance(function, ast.FunctionDef) or function.name != name or outer is None or suspends:
        return None
    lines = sorted({use.lineno for use in uses})
    binds = sum(getattr(node, "name", "") == name for node in nodes_of(outer)) + len(_stores_in(outer, name))
    reference = f"{name}_ref"
    if len(uses) != len(_loads(nodes_of(function, nested=True), name)) or not 0 < len(lines) <= SHOWN or binds != 1:
        return None
    if reference in names_in(outer) | set(parameters(outer)):
        return None
    texts = []
    for number in lines:
        text = source.lines[number - 1].encode()
        for use in sorted((use for use in uses if use.lineno == number), key=lambda use: -use.col_offset):
            text = text[: use.col_offset] + f"{reference}()".encode() + text[use.end_col_offset :]
        texts.append(f"{text.decode().strip()}{f'  # line {number}' if number != lines[0] else ''}")
    texts.append(f"{reference} = weakref.ref({name})  # after line {function.end_lineno}, behind the function")
    sentence = f"the function is there as long as it is running: let it find itself by a weak reference to '{name}'"
    return cycle.cut("captured", link, Place(source, uses[0], function), "\n".join(texts), lines[0]), sentence


def _loads(nodes: Iterable[ast.AST], name: str) -> list[ast.Name]:
    return [node for node in nodes if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)]


def _stores_in(function: Function, name: str) -> list[ast.Name]:
    nodes = (node for node in nodes_of(function, nested=True) if isinstance(node, ast.Name) and node.id == name)
    return [node for node in nodes if not isinstance(node.ctx, ast.Load)]


def _emptied(cycle: Cycle, link: Link, source: Source, function: Function) -> Advice | None:
    """A function that has to stay inside another one, which only calls it: that one lets go of it at its end."""
    functions = (outer for _, outer in source.functions if not isinstance(outer, ast.Lambda))
    outer = next((outer for outer in functions if any(statement is function for statement in outer.body)), None)
    name = getattr(function, "name", "")
    if outer is None or name != link.variable:
        return None
    inside = set(ast.walk(function))
    nodes = nodes_of(outer, nested=True)
    direct = set(nodes_of(outer))
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call) and node in direct}
    uses = [node for node in nodes if isinstance(node, ast.Name) and node.id == name and node not in inside]
    following = outer.body[outer.body.index(function) + 1 :] if isinstance(function, ast.stmt) else []
    if not following or any(id(use) not in called for use in uses):
        return None
    place = Place(source, following[0], outer)
    snippet, line = guarded(source, following, f"{name} = None"), first_line(following[0])
    sentence = f"the function refers to itself by the variable '{name}': let go of it in a `finally` after its last use"
    return cycle.cut("function", link, place, snippet, line), sentence
