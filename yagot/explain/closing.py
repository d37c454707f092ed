"""Advice for objects that refer to each other: who takes them apart when they are no longer needed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from yagot import __builtins__ as __builtins__
from yagot.explain import calls
from yagot.explain.attributes import as_written, own_setters, releases, removers, written
from yagot.explain.classes import has, inherits
from yagot.explain.exceptions import Advice
from yagot.explain.functions import cached_attributes, is_made, is_method, is_own_container, is_parameter
from yagot.explain.holders import is_kept
from yagot.explain.links import Cycle, Link, tells, type_of
from yagot.explain.ownership import assigned, behind, has_descriptor, is_in
from yagot.explain.snippets import guarded
from yagot.explain.source import (
    Function,
    Place,
    attributes_in,
    decorators,
    first_line,
    last_name,
    methods,
    names_in,
    nodes_of,
    parameters,
)
from yagot.explain.tests import CALLED_LATER, is_torn_down
from yagot.model import Cut
from yagot.originals import ast
from yagot.places import relative

_CLOSERS = re.compile(
    r"(\w+_)?(close|unlink|disconnect|dispose|shutdown|stop|cancel|clear|cleanup|clean_up|detach|destroy|release|reset"
    r"|terminate|decompose|finish|quit|teardown|tear_down|free|abort|unsubscribe|unregister)"
)
"""What methods are called that end an object's use."""


def release(cycle: Cycle) -> Advice | None:
    """A method of the class that takes the cycle apart already, of whoever's class it is."""
    for link in cycle.links:
        name = link.attribute
        if link.source["kind"] != "instance" or not name or not (link.drops or link.source["apart"]):
            continue
        for source, cls in cycle.classes(link):
            for method in releases(cls, name):
                if not _CLOSERS.fullmatch(method) or _sets_again(cycle, link, method):
                    continue
                where = next(m for m in methods(cls) if m.name == method)
                cut = cycle.cut("release", link, Place(source, where, where), f"{link.class_name.lower()}.{method}()")
                place, text = calls.place_and_text(cycle, link, method, isinstance(where, ast.AsyncFunctionDef))
                if place is not None:
                    cut = cycle.cut("release", link, place, text)
                return cut, f"call {method}() of the {link.class_name} when it is no longer needed: it clears `.{name}`"
    return None


def _sets_again(cycle: Cycle, link: Link, name: str) -> bool:
    """Does a method, or one of the object's that it calls, also set the attribute anew?"""
    functions = {method.name: method for _, cls in reversed(cycle.classes(link)) for method in methods(cls)}
    setting = {
        getattr(place.function, "name", "")
        for source, cls in cycle.classes(link)
        for place in own_setters(source, cls, link.attribute, item=True)
        if not isinstance(place.value, ast.Constant) and not _is_empty(place.value)
    }
    seen, pending = {name}, [name]
    while pending:
        function = functions.get(pending.pop())
        calls = (node for node in nodes_of(function) if isinstance(node, ast.Call)) if function is not None else ()
        called = {node.func.attr for node in calls if isinstance(node.func, ast.Attribute)} - seen
        seen |= called
        pending += called
    return bool(seen & setting)


def _is_empty(value: ast.expr | None) -> bool:
    """Is it a new, empty container?"""
    if isinstance(value, ast.Call):
        return not value.args and not value.keywords
    return not getattr(value, "elts", getattr(value, "keys", [value]))


def close(cycle: Cycle) -> Advice | None:
    """Whoever is done with the object says so: always sound, and the last resort. Best if the test has the object."""
    found: list[tuple[int, int, Link]] = []
    for link in cycle.attributes():
        if link.drops or (link.breaks and link.is_item and is_own_container(cycle, link)):
            made = not link.is_item and link.target["kind"] == "instance" and is_made(cycle, link)
            having = calls.owners(cycle, link)
            found.append((1 + (having[0].path != "") if having else 3, 2 * made + link.is_item, link))
    if not found:
        return None
    link = min(found, key=lambda item: item[:2])[2]
    links = [link for *_, link in found]
    return _set_from_outside(cycle, link) or _tree(cycle, links) or _by_keeper(cycle, links) or _let_go(cycle, link)


def _let_go(cycle: Cycle, link: Link) -> Advice | None:
    """The object lets go of an attribute; where it cannot be set to None, it says why."""
    name, place = link.attribute, _telling(cycle, link)
    cached = name in cached_attributes(cycle)
    unset, why = f"self.__dict__.pop({name!r}, None)", ""
    if cached:
        body, why = unset, "None would be taken for the result, and `del` fails if there is none"
        places = (Place(s, m, m) for s, cls in cycle.classes(link) for m in methods(cls) if m.name == name)
        place = next(places, None)
    elif link.is_item:
        body = f"self.{name}.clear()" if is_own_container(cycle, link) else _set_to_none(cycle, link)
    elif is_method(cycle, link):
        body, why = unset, f"None would hide the method {name}(), and `del` fails if nothing hides it"
    elif has_descriptor(cycle, link):
        body, why = unset, "the class may do more than store what is set"
    elif _is_stored_unseen(cycle, link, place):
        body, why = unset, "nothing is seen to set it by its name, and `del` fails if it is not there"
    else:
        body = f"{_close_first(cycle, link)}{_set_to_none(cycle, link)}"
    return _closing(cycle, link, place, body, f"`.{name}`{f' ({why})' if why else ''}")


def set_by_test(cycle: Cycle) -> Advice | None:
    """Only tests set an attribute: they take it away again, and nothing that is tested has to be changed."""
    return next(filter(None, (_set_by_test(cycle, link) for link in cycle.attributes())), None)


def _set_by_test(cycle: Cycle, link: Link) -> Advice | None:
    if not link.drops or link.is_item:
        return None
    name, places = link.attribute, [place for place in cycle.setters(link) if tells(place)]
    tests = [function for _, function in calls.functions_of_test(cycle)]
    own = [place for place in places if place.function in tests]
    others = [place for place in places if place not in own and not calls.is_test(place)]
    if len(own) != 1 or others or not own[0].text:
        return None
    place = own[0]
    targets = place.node.targets if isinstance(place.node, ast.Assign) else []
    owner = targets[0].value if len(targets) == 1 and isinstance(targets[0], ast.Attribute) else None
    function = place.function
    if not isinstance(owner, ast.Name) or function is None or owner.id == "self" or names_in(function) & CALLED_LATER:
        return None
    hides = is_method(cycle, link) or has(link.module, link.source["name"], name)
    sentence = f"only tests set `.{name}`: let this one take it away again when it is over"
    if calls.is_test_case(cycle, place.source):
        undo = f"delattr, {owner.id}, {name!r}" if hides else f"setattr, {owner.id}, {name!r}, None"
        return cycle.cut("close", link, place, f"{place.text}\nself.addCleanup({undo})"), sentence
    if is_torn_down(cycle, place.source, function):
        return None
    line = calls.last_use(function, calls.Owner(owner.id, "", place))
    undo = f"del {owner.id}.{name}" if hides else f"{owner.id}.{name} = None"
    return (cycle.cut("close", link, place, f"{undo}  # after line {line}"), sentence) if line else None


def _set_from_outside(cycle: Cycle, link: Link) -> Advice | None:
    """Another object on the cycle sets the attribute, of what it has: ``self.button.command = self.finish``. It takes
    back what it has set."""
    places = [place for place in cycle.setters(link) if tells(place)]
    if link.is_item or is_method(cycle, link) or has_descriptor(cycle, link):
        return None
    owners: dict[str, None] = {}
    for place in places:
        me = (parameters(place.function) or [""])[0]
        parts = (n for n in ast.walk(place.node) if isinstance(n, ast.Attribute) and n.attr == link.attribute)
        target = next((n.value for n in parts if isinstance(n.ctx, ast.Store)), None)
        if not isinstance(target, ast.Attribute) or getattr(target.value, "id", "") != me:
            return None
        owners[f"self.{target.attr}"] = None
    classes = {place.source.class_of(place.function) for place in places}
    setting = next((each for each in cycle.attributes() if {each.class_name} == classes), None)
    if setting is None or setting is link or not owners:
        return None
    body = "; ".join(f"{owner}.{link.attribute} = None" for owner in owners)
    what = " and ".join(f"`{owner}.{link.attribute}`" for owner in owners)
    advice = _closing(cycle, setting, places[0], body, what)
    return (advice[0]._replace(object=link.source["name"], reference=link.path), advice[1]) if advice else None


def taken_out(cycle: Cycle) -> Advice | None:
    """A bound method in a registry that has a method to take it out again, which compares what is in there: the object
    calls that one as it has called the one that registers."""
    for link in cycle.links:
        registry, owner = cycle.before(link), cycle.after(link)
        registers = link.source["kind"] == "method" and ".__self__" in link.path and registry.breaks
        is_instance = registry.source["kind"] == "instance" and registry.source is not link.target
        if not registers or not registry.is_item or not is_instance:
            continue
        leads = owner.attribute and not owner.is_item and owner.target is registry.source and cycle.edits(owner.file)
        kept = is_kept(registry.class_name, link.target["name"].rpartition(".")[2], cycle.sources())
        if kept and is_parameter(cycle, owner):
            return None         # the object can refer to the registry weakly
        text, place = _undone(cycle, registry, link, owner) if leads else ("", None)
        if text:
            advice = _closing(cycle, owner, place, text, f"what it has put into `.{registry.attribute}`")
            if advice is not None:
                return advice[0]._replace(object=registry.source["name"], reference=registry.path), advice[1]
    return None


def _undone(cycle: Cycle, registry: Link, link: Link, owner: Link) -> tuple[str, Place | None]:
    """The call that takes a method out, with the arguments of the one that has put it in, and where that is; empty if
    it is not seen."""
    name = link.source["name"].rpartition(".")[2]
    functions = {m.name: m for _, cls in reversed(cycle.classes(registry)) for m in methods(cls)}
    for place in cycle.setters(registry):
        adding = getattr(place.function, "name", "")
        taking = next((r for _, cls in cycle.classes(registry) for r in removers(cls, registry.attribute)), "")
        if not adding or not taking or parameters(functions.get(taking)) != parameters(place.function):
            continue
        for source, cls in cycle.own_classes(owner):
            for method in methods(cls):
                calling = (n for n in nodes_of(method) if isinstance(n, ast.Call) and n.args)
                for node in calling:
                    given = any(isinstance(a, ast.Attribute) and a.attr == name for a in node.args)
                    if given and getattr(node.func, "attr", "") == adding:
                        return _again(method, node, taking, owner), Place(source, node, method)
    return "", None


def _again(method: Function, node: ast.Call, taking: str, owner: Link) -> str:
    """A call of another method of the same object with the same arguments, if *owner* knows all of them later."""
    func = node.func
    arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
    me = (parameters(method) or [""])[0]
    names = {n.id for a in arguments for n in ast.walk(a) if isinstance(n, ast.Name)} - {me}
    stored = {n.id for n in nodes_of(method) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    if names & (stored | set(parameters(method))) or me != "self" or not isinstance(func, ast.Attribute):
        return ""
    given = ", ".join([*map(ast.unparse, node.args), *(f"{k.arg}={ast.unparse(k.value)}" for k in node.keywords)])
    receiver = f"self.{owner.attribute}" if isinstance(func.value, ast.Name) else ast.unparse(func.value)
    return f"{receiver}.{taking}({given})" if receiver == f"self.{owner.attribute}" else ""


def _tree(cycle: Cycle, links: Sequence[Link]) -> Advice | None:
    """Objects of a class whose items are of the same one, and know it: the topmost takes all apart. Where the items
    themselves lead back, as in a graph, there is no topmost, and taking apart would not end."""
    for link in links:
        classes = cycle.classes(link)
        same = [cls for _, cls in classes if any(cls is other for _, other in cycle.classes(cycle.after(link)))]
        if not link.is_item or link.inner not in (("list",), ("dict",), ("set",)) or len(cycle.links) != 2 or not same:
            continue
        if cycle.after(link).attribute == link.attribute:
            continue
        place = _telling(cycle, link)
        home = same[0]
        has_own = any(m.name == "close" for _, cls in classes for m in methods(cls))
        if has_own or inherits(link.module, link.source["name"], "close") or not is_own_container(cycle, link):
            continue
        source = next(source for source, cls in classes if cls is home)
        if not cycle.edits(source.path):
            continue
        items = f"self.{link.attribute}{'.values()' if link.inner == ('dict',) else ''}"
        snippet = f"def close(self):\n    for each in {items}: each.close()\n    self.{link.attribute}.clear()"
        place = place or Place(source, home, None)
        tops = calls.topmost(calls.owners(cycle, link))
        sentence = f"give {home.name} a close() that takes all below it apart, and call it on the topmost {home.name}"
        cut = cycle.cut("close", link, place, snippet)
        if any(other.class_name == home.name for other in cycle.links):
            cut = cut._replace(object=home.name)        # also where a subclass's object has the items
        call = calls.call_of(cycle, tops, "close", cut.file)
        return cut._replace(call=call), f"{sentence} that is no longer needed"
    return None


def _by_keeper(cycle: Cycle, links: Sequence[Link]) -> Advice | None:
    """No object of the cycle is at hand in the test, but another one, which makes all of a class of them and keeps
    them: it takes them apart."""
    if any(calls.owners(cycle, link) for link in links):
        return None
    for link in links:
        name = link.attribute
        keeper = calls.keeper(cycle, link)
        if keeper is None or is_method(cycle, link) or has_descriptor(cycle, link):
            continue
        if link.is_item and not is_own_container(cycle, link):
            continue
        body = f"each.{name}.clear()" if link.is_item else f"each.{name} = None"
        snippet = f"def close(self):\n    for each in {keeper.objects}: {body}"
        cut = cycle.cut("close", link, _telling(cycle, link) or keeper.place, snippet)
        if cut.file != relative(keeper.place.source.path):
            cut = cycle.cut("close", link, keeper.place, snippet)
        call = calls.call_of(cycle, keeper.owners, "close", cut.file)
        sentence = f"give {keeper.name} a close() that lets go of `.{name}` of each {link.class_name} that it has made"
        return cut._replace(call=call), f"{sentence}, and call it when the {keeper.name} is no longer needed"
    return None


def _is_stored_unseen(cycle: Cycle, link: Link, place: Place | None) -> bool:
    """Does nothing set the attribute by its name, so that the object's __dict__ may be asked whether it is there?"""
    classes = [cls for _, cls in cycle.classes(link)]
    return place is None and not any(decorators(cls) or "__slots__" in assigned(cls) for cls in classes)


def _telling(cycle: Cycle, link: Link) -> Place | None:
    """Where the attribute is set: a line that makes what it has, if there is one, be it elsewhere; else one that does
    not set it to None."""
    places = cycle.setters(link)
    making = (place for place in (*places, *cycle.everywhere(link)) if not link.is_item and _makes(place, link))
    return next(making, next((place for place in places if tells(place)), next(iter(places), None)))


def _makes(place: Place, link: Link) -> bool:
    """Is what a statement stores of the kind of a link's target: a call of its class, its method, its function?"""
    value, kind, name = place.value, link.target["kind"], link.target["name"].rpartition(".")[2]
    if kind == "function":
        return isinstance(value, ast.Lambda) if name == "<lambda>" else getattr(value, "id", "") == name
    if kind == "method":
        return isinstance(value, ast.Attribute) and value.attr == name
    called = value.func if isinstance(value, ast.Call) else None
    return name != "" and last_name(called) == name


def _close_first(cycle: Cycle, link: Link) -> str:
    """What the object has made for itself and can be closed, is closed before it goes: it may have something to do."""
    after = cycle.after(link)
    if link.target["kind"] != "instance" or after.source is not link.target or not is_made(cycle, link):
        return ""
    closing = [m for _, cls in cycle.classes(after) for m in methods(cls) if m.name == "close"]
    can = closing and isinstance(closing[0], ast.FunctionDef) and _is_simple(closing[0])
    return f"self.{link.attribute}.close(); " if can else ""


def _set_to_none(cycle: Cycle, link: Link) -> str:
    """The statement of a method, also in a class that is frozen or has something to do when attributes are set."""
    classes = [cls for _, cls in cycle.classes(link)]
    frozen = any(
        "frozen" in decorators(cls)
        or any(isinstance(n, ast.keyword) and n.arg == "frozen" for d in cls.decorator_list for n in ast.walk(d))
        or any(method.name == "__setattr__" for method in methods(cls))
        for cls in classes
    )
    return f"object.__setattr__(self, {link.attribute!r}, None)" if frozen else f"self.{link.attribute} = None"


def fixture(cycle: Cycle) -> Advice | None:
    """The test itself keeps what leads to it: nothing that is tested has to be changed."""
    for link in cycle.attributes():
        if link.drops and _is_test_case(cycle, link):
            name, place = link.attribute, next(iter(cycle.setters(link)), None)
            undo = f"self.addCleanup(setattr, self, {name!r}, None)"
            snippet = f"{place.text}\n{undo}" if place is not None and place.text else undo
            cut = cycle.cut("close", link, place, snippet)
            return cut, f"the test keeps itself by `.{name}`: let go of it in tearDown(), or by addCleanup()"
    return None


def _is_test_case(cycle: Cycle, link: Link) -> bool:
    """Is it the instance of the test itself?"""
    names = {method.name for _, cls in cycle.classes(link) for method in methods(cls)}
    return "addCleanup" in names and "tearDown" in names


_ENDS = re.compile(r"close|unlink|dispose|shutdown|cleanup|clean_up|teardown|tear_down|destroy|terminate|detach")
"""What methods are called after which an object is not used any more."""


def _closing(cycle: Cycle, link: Link, place: Place | None, body: str, what: str) -> Advice | None:
    """A method that lets go: of those that end an object's use the one that is called, if it can be changed; else a new
    one, which does what the one does that the class inherits."""
    classes = cycle.classes(link)
    at = next((n for n, (source, cls) in enumerate(classes) if place is not None and is_in(place, source, cls)), 0)
    made = calls.where_made(cycle, link) if not calls.owners(cycle, link) else ""
    used = f"and call it on each {link.class_name} that is no longer needed{f' ({made})' if made else ''}"
    if not classes or not cycle.edits(classes[at][0].path):
        return _closing_made(cycle, link, place, body, f"{what}, {used}")
    name = classes[at][1].name
    existing: Place | None = None
    its_class: ast.ClassDef | None = None
    for source, cls in classes[: at + 1]:
        ending = next((m for m in methods(cls) if _ENDS.fullmatch(m.name) and _is_simple(m)), None)
        if ending is not None and (existing is None or _calls_super(existing.function)):
            existing, its_class = Place(source, ending.body[-1], ending), cls
    if existing is not None and its_class is not None and cycle.edits(existing.source.path):
        name = its_class.name
        body, what = (as_written(its_class, link.attribute, text) for text in (body, what))
        snippet = _also(existing, written(its_class, link.attribute), body)
        statements: list[ast.stmt] = getattr(existing.function, "body", [])
        line = first_line(_working(statements)[0]) if snippet.startswith("try:") else 0
        method = getattr(existing.function, "name", "")
        cut = _called(cycle, link, cycle.cut("close", link, existing, snippet, line), method)
        return cut, f"let {method}() of the {name} also let go of {what}, {used}"
    inherited = next((m for _, cls in classes[at + 1 :] for m in methods(cls) if m.name == "close"), None)
    if inherited is not None or inherits(link.module, link.source["name"], "close"):
        cut = _called(cycle, link, cycle.cut("close", link, place, _extended(inherited, body)), "close")
        return cut, f"let close() of the {name} also let go of {what}, {used}"
    body, what = (as_written(classes[at][1], link.attribute, text) for text in (body, what))
    cut = cycle.cut("close", link, place or Place(*classes[at], None), f"def close(self): {body}")
    return _called(cycle, link, cut, "close"), f"give {name} a close() that lets go of {what}, {used}"


def _called(cycle: Cycle, link: Link, cut: Cut, method: str) -> Cut:
    """The cut, with what the test does to call a method of the objects; not of some of many, as the nodes of a tree."""
    if any(other is not link and type_of(other.source) == type_of(link.source) for other in cycle.links):
        return cut
    functions = (m for _, cls in cycle.classes(link) for m in methods(cls) if m.name == method)
    is_async = isinstance(next(functions, None), ast.AsyncFunctionDef)
    return cut._replace(call=calls.call(cycle, link, method, cut.file, is_async))


def _closing_made(cycle: Cycle, link: Link, place: Place | None, body: str, what: str) -> Advice | None:
    """The same for a class that a call of type() makes, and nothing else."""
    call = cycle.call_for(link)
    if call is None or call.names & {"close", "__slots__"} or inherits(link.module, link.source["name"], "close"):
        return None
    variable, where = behind(call)
    snippet = f"def _close(self): {body}\n{variable}close = _close  # both {where}"
    return cycle.cut("close", link, place, snippet), f"give {link.class_name} a close() that lets go of {what}"


def _is_simple(method: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Can it be called without arguments, as it stands?"""
    needed = len([*method.args.posonlyargs, *method.args.args]) - len(method.args.defaults)
    return needed == 1 and not decorators(method) - {"override"} and None not in method.args.kw_defaults


def _calls_super(function: Function | None) -> bool:
    """Does a method call the one that it overrides?"""
    name = getattr(function, "name", "")
    return function is not None and any(
        isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.value, ast.Call)
        for node in nodes_of(function)
    )


def _also(last: Place, attribute: str, body: str) -> str:
    """The last statement of a method, and one more behind it; called again, the method must not fail for it."""
    is_text = isinstance(last.node, ast.Expr) and isinstance(last.node.value, ast.Constant)
    if is_text or isinstance(last.node, ast.Pass):
        return body
    statements: list[ast.stmt] = getattr(last.function, "body", [])
    if isinstance(last.node, ast.Return):
        return guarded(last.source, _working(statements), body)
    if any(last.source.text(statement) == f"self.{attribute}.close()" for statement in statements):
        body = body.removeprefix(f"self.{attribute}.close(); ")
    if _needs(last.function, attribute) and body.endswith(f"self.{attribute} = None"):
        again = "" if statements[0] is last.node else f"  # first in {getattr(last.function, 'name', '')}()"
        return f"if self.{attribute} is None: return{again}\n{_alsobehind(last, body)}"
    return _alsobehind(last, body)


def _working(statements: Sequence[ast.stmt]) -> Sequence[ast.stmt]:
    """The statements of a function without its docstring."""
    first = statements[0]
    return statements[1:] if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) else statements


def _needs(function: Function | None, attribute: str) -> bool:
    """Does a method use what is in an attribute, and not ask before whether it is there?"""
    nodes = nodes_of(function) if function is not None else ()
    asked = any(attribute in attributes_in(n.test) for n in nodes if isinstance(n, ast.If | ast.IfExp | ast.While))
    used = (getattr(n, "func", n) if isinstance(n, ast.Call) else getattr(n, "value", None) for n in nodes
            if isinstance(n, ast.Call | ast.Attribute | ast.Subscript))
    return not asked and any(isinstance(n, ast.Attribute) and n.attr == attribute for n in used)


def _alsobehind(last: Place, body: str) -> str:
    if not last.text:
        return f"{body}  # after line {last.node.end_lineno}"
    return f"{last.text}\n{body}"


def _extended(inherited: ast.FunctionDef | ast.AsyncFunctionDef | None, body: str) -> str:
    """A close() that calls the inherited one, whose code may be unknown."""
    is_async = isinstance(inherited, ast.AsyncFunctionDef)
    call = "super().close()"
    given = "self"
    if inherited is None or len(parameters(inherited)) > 1:
        call, given = "super().close(*args, **kwargs)", "self, *args, **kwargs"
    head = f"{'async ' if is_async else ''}def close({given}):"
    return f"{head}\n    try: return {'await ' if is_async else ''}{call}\n    finally: {body}"


def close_all(cycle: Cycle) -> Advice | None:
    """The same where several references of an object lead back to it, and it can let go of all that it has."""
    for link in cycle.attributes():
        classes = [cls for _, cls in cycle.classes(link)]
        special = {method.name for cls in classes for method in methods(cls)}
        if not link.source["apart"] or not classes or special & {"__del__", "__getattr__", "__getattribute__"}:
            continue
        if any("__slots__" in assigned(cls) for cls in classes):
            continue
        place = _telling(cycle, link)
        closing = _closing(cycle, link, place, "self.__dict__.clear()", "all it has")
        if closing is None:
            continue
        cut, sentence = closing
        return cut, f"several references lead back to the {cut.object.rpartition('.')[2]}: {sentence}"
    return None
