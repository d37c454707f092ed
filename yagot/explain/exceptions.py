"""Advice for exceptions, tracebacks and frames that are kept by a frame they lead to."""

from __future__ import annotations

import re
from collections.abc import Iterator

from yagot import __builtins__ as __builtins__
from yagot.explain.links import Cycle, Link
from yagot.explain.snippets import guarded
from yagot.explain.source import Function, Place, Source, attributes_in, first_line, is_captured, mentions, nodes_of
from yagot.model import Cut
from yagot.originals import ast

Advice = tuple[Cut, str]
_TRACEBACK = ".__traceback__"
_SHOWN = re.compile(r"\btraceback\b|__traceback__|exc_info=")
"""How code speaks of the tracebacks of exceptions that it has."""
_STORING = re.compile(r"append|add|put|push|insert|set_|fail|errback|reject")
"""How methods begin that keep what they get."""


def advise(cycle: Cycle) -> Advice | None:
    """The advice for a cycle through a frame, or None if there is no frame of source that can be changed."""
    frames = [link for link in cycle.links if link.source["kind"] == "frame" and link.variable]
    for frame in frames:
        found = cycle.function(frame) if cycle.edits(frame.file) else None
        if found is None:
            continue
        storing = [found, *_storing(cycle)]
        advice = next(filter(None, (_stored(cycle, frame, *place) for place in storing)), None)
        advice = advice or _local(cycle, frame, *found)
        if advice is not None:
            return advice
    return None


def _storing(cycle: Cycle) -> Iterator[tuple[Source, Function]]:
    """The functions that set the attributes by which exceptions are kept."""
    for link in cycle.attributes():
        if link.target["kind"] == "exception":
            for place in cycle.setters(link):
                if place.function is not None:
                    yield place.source, place.function


def _leaving(function: Function, line: int) -> ast.stmt | None:
    """The innermost statement at the line by which a frame was left."""
    best: ast.stmt | None = None
    for node in nodes_of(function):
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno):
            best = node
    return best


def _raises_with(function: Function, name: str) -> list[ast.Raise]:
    return [n for n in nodes_of(function) if isinstance(n, ast.Raise) and n.exc is not None and mentions(n, name)]


def _is_raised(source: Source, attribute: str) -> bool:
    """Does code of a file raise what is in an attribute of this name, or from it? Then its traceback is to be shown,
    and what is raised gets one again."""
    for function in source.functions_with(f".{attribute}"):
        nodes = nodes_of(function)
        read: set[str] = set()
        for node in nodes:      # variables that have got it: `found = self.memo[key]`
            value = node.iter if isinstance(node, ast.For) else node.value if isinstance(node, ast.Assign) else None
            if value is not None and attribute in attributes_in(value):
                targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", value)]
                read |= {part.id for t in targets for part in ast.walk(t) if isinstance(part, ast.Name)}
        for node in nodes:
            for part in (node.exc, node.cause) if isinstance(node, ast.Raise) else ():
                if part is not None and (attribute in attributes_in(part) or any(mentions(part, n) for n in read)):
                    return True
    return False


def _shows(source: Source) -> bool:
    """Does code of a file look at tracebacks?"""
    return _SHOWN.search(source.content) is not None


def _handlers(function: Function) -> Iterator[ast.ExceptHandler]:
    return (node for node in nodes_of(function) if isinstance(node, ast.ExceptHandler))


def _raises_again(handler: ast.ExceptHandler) -> bool:
    """Does a handler raise what it caught?"""
    name = handler.name or ""
    return any(
        isinstance(node, ast.Raise) and (node.exc is None or mentions(node, name))
        for statement in handler.body
        for node in ast.walk(statement)
    )


# -- kept in an object or a list ---------------------------------------------------------------------


def _store(function: Function, handler: ast.ExceptHandler) -> Iterator[tuple[ast.stmt, ast.Name]]:
    """Statements of a handler that store the exception, or a tuple with it, somewhere else than in a variable."""
    for statement in handler.body:
        for node in ast.walk(statement):
            value: ast.expr | None = None
            if isinstance(node, ast.Assign) and not all(isinstance(target, ast.Name) for target in node.targets):
                value = node.value
            elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and node.value.args:
                func = node.value.func
                adds = isinstance(func, ast.Attribute) and _STORING.match(func.attr) is not None
                value = node.value.args[-1] if adds else None
            for part in value.elts if isinstance(value, ast.Tuple | ast.List) else [value]:
                if isinstance(node, ast.stmt) and isinstance(part, ast.Name) and part.id == handler.name:
                    yield node, part


def _stored(cycle: Cycle, frame: Link, source: Source, function: Function) -> Advice | None:
    """An exception that a handler stores: without its traceback, if nobody raises it again, or shows it."""
    traced = [link for link in cycle.links if link.source["kind"] == "exception" and _TRACEBACK in link.path]
    kept_by = {link.attribute for link in cycle.links if link.target["kind"] == "exception" and link.attribute}
    raised = any(_is_raised(other, name) for other in cycle.sources() for name in kept_by)
    shown = bool(kept_by) and any(map(_shows, (source, *cycle.sources())))
    if shown or raised or _raises_with(function, frame.variable) or not any(link.breaks for link in traced):
        return None
    for handler in _handlers(function):
        if _raises_again(handler):
            continue
        for statement, name in _store(function, handler):
            text = source.text(statement)
            if not text:
                continue
            start = name.col_offset - statement.col_offset
            if name.lineno != statement.lineno:
                continue
            snippet = f"{text[:start]}{name.id}.with_traceback(None){text[start + len(name.id):]}"
            place = Place(source, statement, function)
            cut = cycle.cut("exception", traced[0], place, snippet)
            return cut, "store the exception without its traceback, which holds the frame"
    return None


# -- kept in a variable ------------------------------------------------------------------------------


def _is_collection(frame: Link, function: Function) -> bool:
    """Is the variable a list of exceptions?"""
    path = frame.path.partition(f"'{frame.variable}'")[2]
    filled = any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "append"
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == frame.variable
        for node in nodes_of(function)
    )
    return bool(path) and filled


def _raises_an_item(statement: ast.stmt, name: str) -> bool:
    """Does it raise ``name[0]``, and not something that gets the list itself?"""
    nodes = list(ast.walk(statement)) if isinstance(statement, ast.Raise) else []
    items = [n.value for n in nodes if isinstance(n, ast.Subscript)]
    named = [n for n in nodes if isinstance(n, ast.Name) and n.id == name]
    return bool(named) and all(n in items for n in named)


def _follows(function: Function, node: ast.AST, first: ast.AST) -> bool:
    """May a piece of code be run after another one: is it below, or in the same loop?"""
    if getattr(node, "lineno", 0) > (getattr(first, "end_lineno", 0) or 0):
        return True
    loops = (n for n in nodes_of(function) if isinstance(n, ast.For | ast.AsyncFor | ast.While))
    return any({node, first} <= set(ast.walk(loop)) for loop in loops)


def _is_needed_after(function: Function, name: str, statement: ast.stmt) -> bool:
    """Is the variable read after a statement, or by the statement itself when a loop comes back to it?"""
    return any(
        isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
        and _follows(function, node, statement)
        for node in nodes_of(function)
    )  # fmt: skip


def _stores_of(function: Function, name: str) -> list[ast.Name]:
    """Where the function sets the variable."""
    nodes = (node for node in nodes_of(function) if isinstance(node, ast.Name) and node.id == name)
    return [node for node in nodes if isinstance(node.ctx, ast.Store)]


def _set_at(function: Function, name: str) -> int:
    """The last line that sets the variable to something that is no constant; 0 if there is none."""
    constant = {
        target
        for node in nodes_of(function) if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
    }  # fmt: skip
    return next((store.lineno for store in reversed(_stores_of(function, name)) if store not in constant), 0)


def _leaves_elsewhere(function: Function, name: str, leaving: ast.stmt) -> bool:
    """Does the function return or raise in other places, too, when the variable has been set?"""
    stores = _stores_of(function, name)[-1:]
    return any(
        isinstance(node, ast.Return | ast.Raise) and node is not leaving and _follows(function, node, store)
        for node in nodes_of(function)
        for store in stores
    )


def _catches(function: Function, statement: ast.stmt) -> bool:
    """Is a statement in the body of a try statement that has handlers?"""
    return any(
        isinstance(node, ast.Try) and node.handlers and any(statement in ast.walk(part) for part in node.body)
        for node in nodes_of(function)
    )  # fmt: skip


def _local(cycle: Cycle, frame: Link, source: Source, function: Function) -> Advice | None:
    """A variable of the frame: the frame lets go of it as it is left."""
    name = frame.variable
    together = [name] if frame.breaks else _unpacked(function, name) if frame.source["apart"] else []
    if not together or isinstance(function, ast.Lambda):
        return None
    raising = _raises_with(function, name)
    statement = next((r for r in raising if r.lineno <= frame.source["line"] <= (r.end_lineno or r.lineno)), None)
    leaving = statement or _leaving(function, frame.source["line"])
    if leaving is None:
        return None
    ends = isinstance(leaving, ast.Return | ast.Raise) and not _catches(function, leaving)
    whole = _leaves_elsewhere(function, name, leaving) or (not ends and _is_needed_after(function, name, leaving))
    captured = is_captured(function, name)
    if captured and (whole or not isinstance(leaving, ast.Return | ast.Raise)):
        return None
    if together == [name] and not frame.drops:
        if whole or not _is_collection(frame, function) or not _raises_an_item(leaving, name):
            return None
        release = f"{name}.clear()"
    elif isinstance(leaving, ast.Raise) and not captured and not whole:
        release = f"del {', '.join(together)}"
    else:
        release = f"{' = '.join(together)} = None"
    place = Place(source, leaving, function)
    if not whole and isinstance(leaving, ast.Assign) and any(mentions(target, name) for target in leaving.targets):
        return _dropped(cycle, frame, place, name)
    body = _whole_body(function, name) if whole else [leaving]
    line = first_line(body[0])
    set_at = _set_at(function, name)
    where = f" (set in line {set_at})" if set_at not in (0, line) else ""
    sentence = f"in a `finally`, let go of the variable '{name}'{where}: it leads back to this frame"
    return cycle.cut("local", frame, place, guarded(source, body, release), line), sentence


def _whole_body(function: ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> list[ast.stmt]:
    """All that the function does once the variable has been set; it may be left in several places."""
    stores = [store.lineno for store in _stores_of(function, name)]
    body = [n for n in function.body if not isinstance(n, ast.Expr) or not isinstance(n.value, ast.Constant)]
    first = next(
        (
            number for number, node in enumerate(body)
            if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant))
            and any(node.lineno <= line <= (node.end_lineno or 0) for line in stores)
        ), 0,
    )  # fmt: skip
    return body[first:]


def _unpacked(function: Function, name: str) -> list[str]:
    """The variables that one assignment sets together with another: ``kind, value, tb = sys.exc_info()``."""
    for node in nodes_of(function):
        for target in node.targets if isinstance(node, ast.Assign) else ():
            names = [n.id for n in getattr(target, "elts", ()) if isinstance(n, ast.Name)]
            if name in names:
                return names
    return []


def _dropped(cycle: Cycle, frame: Link, place: Place, name: str) -> Advice | None:
    """The function ends with the assignment."""
    sentence = f"nothing uses the variable '{name}' after this: set it to None before the function returns"
    return cycle.cut("local", frame, place, f"{place.text}\n{name} = None"), sentence
