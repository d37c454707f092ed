"""Does the program hold an object while it is used? Read from the calls that make such objects, in the tests and in the
code that they use: one whose result is bound to a name, an attribute or a container is held; a temporary one is not."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Literal, NamedTuple

from yagot import __builtins__ as __builtins__
from yagot.explain.attributes import TAKING
from yagot.explain.source import ADDING, Function, Source, children, last_name, nodes_of, parameters, variables
from yagot.originals import ast

_BINDING = ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr
_CONTAINER = ast.List | ast.Set | ast.Dict | ast.ListComp | ast.SetComp | ast.DictComp
_INSIDE = _CONTAINER | ast.Await | ast.Starred | ast.Tuple | ast.IfExp | ast.keyword | ast.GeneratorExp
"""What stands around an expression and has no say in who gets it."""
_KEEPING = _BINDING | ast.Attribute | ast.Return | ast.Yield
_LONGEST = 40
"""Of the names of what holds an object."""


class Kept(NamedTuple):
    """An object is held."""

    by: str = ""
    """``variable 'shop' of test_order()``; empty if it is not known."""


_Verdict = Kept | Literal[False] | None
"""What holds an object; False: nothing does, None: nobody knows."""


def _parents(function: Function) -> dict[ast.AST, ast.AST]:
    parents: dict[ast.AST, ast.AST] = {}
    for node in nodes_of(function):
        parents.update((child, node) for child in children(node))
    return parents


def _uses(node: ast.AST, name: str) -> bool:
    return any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(node))


def _outlived(function: Function, name: str) -> bool:
    """Does the function drop a variable, or return or keep something made from it rather than the variable itself?"""
    made = set()
    for node in nodes_of(function):
        if isinstance(node, ast.Delete) and any(last_name(target) == name for target in node.targets):
            return True
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _uses(node.value, name):
            if not all(isinstance(target, ast.Name) for target in node.targets):
                return True
            made |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    for node in nodes_of(function):
        if isinstance(node, ast.Return) and node.value is not None and not _returns(node.value, name):
            calls = isinstance(node.value, ast.Call) and _uses(node.value, name)
            if calls or any(_returns(node.value, other) for other in made - {name}):
                return True
    return False


def _changes_hands(function: Function, name: str) -> bool:
    """Does a variable get one object after another, and is something that is made from it, or that it has, kept for
    longer than the variable itself?"""
    nodes = nodes_of(function)
    loops = [node for node in nodes if isinstance(node, ast.For | ast.AsyncFor | ast.While)]
    stores = [n for n in nodes if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store)]
    if len(stores) < 2 and not any(store in ast.walk(loop) for loop in loops for store in stores):
        return False
    for node in nodes:
        value = getattr(node, "value", None) if isinstance(node, _BINDING) else None
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ADDING and node.args:
            value = node.args[-1]
        if value is not None and _uses(value, name) and not _returns(value, name):
            return True
    return False


def _takes_out(function: Function, name: str) -> bool:
    """Does a function take something out of the container that a variable has?"""
    for node in nodes_of(function):
        targets = node.targets if isinstance(node, ast.Delete) else []
        func = getattr(node, "func", None)
        taken = [func.value] if isinstance(func, ast.Attribute) and func.attr in (*TAKING, "clear") else []
        taken += [target.value for target in targets if isinstance(target, ast.Subscript)]
        if any(last_name(each) == name for each in taken):
            return True
    return False


def _is_handed_on(function: Function, name: str, setting: Collection[str]) -> bool:
    """Does a function, other than a test, give a variable to what was there before it, by something that stores what it
    gets in the weak reference, and keep it nowhere else? When it returns, nothing holds the object."""
    before = {*parameters(function), "super"}
    handed = False
    for node in nodes_of(function):
        targets = node.targets if isinstance(node, ast.Assign) and _returns(node.value, name) else []
        if not all(isinstance(target, ast.Name) for target in targets):
            return False
        given = [*node.args, *(k.value for k in node.keywords)] if isinstance(node, ast.Call) else []
        if not isinstance(node, ast.Call) or not any(_returns(value, name) for value in given):
            continue
        if isinstance(node.func, ast.Attribute) and node.func.attr in ADDING:
            return False
        handed |= last_name(node.func) in setting and bool(variables(node.func, *given) & before)
    return handed and not getattr(function, "name", "").startswith("test")


def _called(function: Function) -> str:
    return "a lambda" if isinstance(function, ast.Lambda) else f"{function.name}()"


def _holder(target: ast.expr, function: Function) -> str:
    """What has got an object, in words."""
    if isinstance(target, ast.Name):
        return f"variable '{target.id}' of {_called(function)}"
    found = ast.unparse(target) if isinstance(target, ast.Attribute | ast.Subscript) else ""
    return f"`{found}`, set in {_called(function)}," if 0 < len(found) <= _LONGEST else ""


def _hands_over(function: Function, name: str) -> bool:
    """Does the function return a variable?"""
    returned = (node.value for node in nodes_of(function) if isinstance(node, ast.Return))
    return any(value is not None and _returns(value, name) for value in returned)


def _returns(value: ast.expr, name: str) -> bool:
    parts = value.elts if isinstance(value, ast.Tuple | ast.List) else [value]
    return any(isinstance(part, ast.Name) and part.id == name for part in parts)


class _Calls:
    """The calls of a class in some functions."""

    def __init__(self, of: str, holder: str, by_parameter: bool, attribute: str, setting: Collection[str]) -> None:
        self._of = of
        self._holder = holder
        self._by_parameter = by_parameter
        self._attribute = attribute
        self._setting = setting
        self.helpers: set[str] = set()
        """Functions that return such an object."""

    def verdicts(self, function: Function, name: str) -> Iterator[_Verdict]:
        """For each call in a function: is the object held?"""
        made = [n for n in nodes_of(function) if isinstance(n, ast.Call) and last_name(n.func) == name]
        parents = _parents(function) if made else {}
        for node in made:
            yield self._held(node, parents, function)

    def _held(self, node: ast.AST, parents: dict[ast.AST, ast.AST], function: Function) -> _Verdict:
        parent = parents.get(node)
        while isinstance(parent, _INSIDE):
            node, parent = parent, parents.get(parent)
        match parent:
            case ast.Assign(targets=targets):
                return self._bound(targets, node, function)
            case ast.AnnAssign(target=target) | ast.NamedExpr(target=target):
                return self._bound([target], node, function)
            case ast.withitem():
                return Kept(f"the `with` statement of {_called(function)}")
            case ast.Return():
                self.helpers.add(getattr(function, "name", ""))
                return None
            case ast.Call(func=func) if node is not func:
                return self._passed(func, parent, parents)
            case ast.Attribute():
                return self._received(parent, parents)
            case ast.Expr():
                return None if self._of == self._holder else False
        return None

    def _bound(self, targets: Sequence[ast.expr], value: ast.AST, function: Function) -> _Verdict:
        """Assigned: held, unless the name is used again for what was made from it: ``node = Node(node)``; what the
        function returns, its callers hold, or not."""
        for target in targets:
            if isinstance(target, ast.Name) and (_uses(value, target.id) or _outlived(function, target.id)):
                return False
            if isinstance(target, ast.Name) and _changes_hands(function, target.id):
                return False
            if isinstance(target, ast.Name) and isinstance(value, _CONTAINER) and _takes_out(function, target.id):
                return False
            variable = target.id if self._by_parameter and isinstance(target, ast.Name) else ""
            if variable and _is_handed_on(function, variable, self._setting):
                return False
            if isinstance(target, ast.Name) and _hands_over(function, target.id):
                self.helpers.add(getattr(function, "name", ""))
                return Kept()
        return Kept(_holder(targets[0], function))

    def _passed(self, func: ast.expr, call: ast.Call, parents: dict[ast.AST, ast.AST]) -> _Verdict:
        """An argument: whoever gets it as a parameter of the weak reference holds it no longer."""
        if self._by_parameter and last_name(func) in self._setting:
            return False
        if isinstance(func, ast.Attribute) and func.attr in ADDING:
            return Kept()
        if last_name(func) == self._holder:
            return False if self._by_parameter else None
        return Kept()

    def _received(self, attribute: ast.Attribute, parents: dict[ast.AST, ast.AST]) -> _Verdict:
        """``Tree().run()`` holds it while it runs; ``Tree().first.name`` does not, nor ``x = Tree().first``. Who
        hands itself over in a method is to stay longer."""
        parent = parents.get(attribute)
        if not isinstance(parent, ast.Call) or parent.func is not attribute:
            return False
        if not self._by_parameter or attribute.attr == self._attribute:
            return False
        user = parents.get(parent)
        while isinstance(user, _INSIDE):
            user = parents.get(user)
        adds = isinstance(user, ast.Call) and getattr(user.func, "attr", "") in ADDING
        return False if adds or isinstance(user, _KEEPING) else Kept()


def _verdicts(calls: _Calls, sources: Sequence[Source], name: str) -> Iterator[tuple[Function, _Verdict]]:
    for source in sources:
        for function in source.functions_with(f"{name}("):
            yield from ((function, verdict) for verdict in calls.verdicts(function, name))


def is_kept(
    of: str,
    holder: str,
    sources: Sequence[Source],
    by_parameter: bool = True,
    attribute: str = "",
    run: Collection[Function] | None = None,
    setting: Collection[str] = (),
) -> _Verdict:
    """Is every object of the class *of* that is made in the *sources* held by something other than a *holder*? None: no
    such object is made there. *by_parameter*: holders get it as an argument. *attribute*: called as a method, it
    does not hold the object. *setting*: the functions that store what they get. *run*: those that may have made the
    leak; if none of them holds one, nobody knows."""
    calls = _Calls(of, holder, by_parameter, attribute, setting)
    verdicts = list(_verdicts(calls, sources, of))
    asked = {"", of}
    while waiting := sorted(calls.helpers - asked):
        asked.update(waiting)
        for helper in waiting:
            for source in sources:
                known = helper in source.named      # else another function may have this name
                found = _verdicts(calls, [source], helper)
                verdicts += [(function, Kept() if each and not known else each) for function, each in found]
    if any(verdict is False for _, verdict in verdicts):
        return False
    kept = [verdict for function, verdict in verdicts if verdict and (run is None or function in run)]
    return next((verdict for verdict in kept if verdict.by), next(iter(kept), None))
