"""Advice for what a test makes itself."""

from __future__ import annotations

from yagot import __builtins__ as __builtins__
from yagot.explain.classes import class_places
from yagot.explain.exceptions import Advice
from yagot.explain.links import Cycle
from yagot.explain.snippets import guarded
from yagot.explain.source import Function, Place, Source, first_line, methods, names_in, nodes_of, parameters
from yagot.originals import ast

CALLED_LATER = {"addCleanup", "addClassCleanup", "addModuleCleanup", "addfinalizer", "enterContext", "finalize"}
"""By these a test says what is to be done after it."""
_TEARING = {"tearDown", "asyncTearDown", "tearDownClass", "teardown_method", "teardown_class", "teardown"}


def side_effect(cycle: Cycle) -> Advice | None:
    """A function of the test that captures what the test has made, as for a mock's side effect: nothing uses it any
    more when the test is over."""
    for link in cycle.links:
        found = cycle.function(link) if link.source["kind"] == "function" and link.variable and link.breaks else None
        outer = _test_around(cycle, *found) if found is not None else None
        if found is None or outer is None or not link.path.endswith("'"):
            continue
        source, name = found[0], link.variable
        made = _made_for(outer, name)
        if made is None or names_in(outer) & CALLED_LATER or is_torn_down(cycle, source, outer):
            continue
        first = next(s for s in outer.body if s.lineno <= made.lineno <= (s.end_lineno or 0))
        following = outer.body[outer.body.index(first) + 1 :]
        if not following or first is not made:
            continue
        place, snippet = Place(source, following[0], outer), guarded(source, following, f"{name} = None")
        cut = cycle.cut("captured", link, place, snippet, first_line(following[0]))
        return cut, f"a function of the test captures '{name}': let go of it in a `finally` when the test is over"
    return None


def _test_around(cycle: Cycle, source: Source, function: Function) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The test's own function, if this one is made in it."""
    name = cycle.test.function if cycle.test is not None else ""
    for outer in source.named.get(name, ()):
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef) and function in nodes_of(outer):
            return outer
    return None


def is_torn_down(cycle: Cycle, source: Source, test: Function) -> bool:
    """May code that knows what the test has made run after it: a tearDown(), or what ends a fixture?"""
    name, module = source.class_of(test), cycle.test.module if cycle.test is not None else ""
    own = (cls for place, cls in class_places(module, name, source.path) if cycle.edits(place.path))
    return set(parameters(test)) - {"self"} != set() or any(m.name in _TEARING for cls in own for m in methods(cls))


def _made_for(function: Function, name: str) -> ast.stmt | None:
    """The statement that gives a variable of a function what a call makes, if this gives it to nobody else."""
    made: list[ast.stmt] = []
    fine: set[ast.AST] = set()
    for node in nodes_of(function):
        targets = node.targets if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) else [None]
        if isinstance(node, ast.stmt) and getattr(targets[0], "id", "") == name:
            made.append(node)
            fine.update(filter(None, targets))
        if isinstance(node, ast.Attribute):
            fine.add(node.value)
        if isinstance(node, ast.Call):
            is_assertion = isinstance(node.func, ast.Attribute) and node.func.attr.startswith("assert")
            fine.update((node.func, *node.args) if is_assertion else (node.func,))
    uses = {node for node in nodes_of(function) if isinstance(node, ast.Name) and node.id == name}
    rebound = any(name in node.names for node in nodes_of(function, nested=True) if isinstance(node, ast.Nonlocal))
    return made[0] if len(made) == 1 and uses <= fine and not rebound else None
