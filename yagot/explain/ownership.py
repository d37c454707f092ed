"""Advice for objects that refer to each other: which reference is the weak one, or who takes them apart."""

from __future__ import annotations

import re

from yagot import __builtins__ as __builtins__
from yagot.explain.attributes import as_written, own_setters, releases, written
from yagot.explain.classes import Call, has, inherits, lacks
from yagot.explain.exceptions import Advice, around
from yagot.explain.functions import cached_attributes, is_made, is_method, is_own_container
from yagot.explain.holders import is_kept
from yagot.explain.links import Cycle, Link, tells
from yagot.explain.source import (
    Function,
    Place,
    Source,
    attributes_in,
    decorators,
    may_be_none,
    methods,
    nodes_of,
    parameters,
    unmangled,
)
from yagot.originals import ast
from yagot.places import absolute

_BACK = ("parent", "owner", "container", "root", "prev", "back", "master", "outer", "manager", "controller", "proxy")


def _goes_back(cycle: Cycle, link: Link) -> str:
    """How the attribute gets what it leads to: as a ``parameter``, as the ``self`` of the code that sets it, or ``""``:
    it may be the only one that holds it."""
    if link.is_item:
        return ""
    found = ""
    for place in cycle.setters(link):
        value = place.value
        names = parameters(place.function)
        if isinstance(value, ast.Constant) and value.value is None:
            continue
        if isinstance(value, ast.Name) and link.source is link.target:
            if value.id not in (place.owner_of(link.attribute), "self"):
                return ""       # it may get other objects, too, which nothing else holds
            found = "self"
            continue
        if not isinstance(value, ast.Name) or value.id not in names:
            return ""
        is_method = names[0] in ("self", "cls") and value.id == names[0]
        found = "self" if is_method else found or "parameter"
    return found


def _is_kept(cycle: Cycle, link: Link, how: str) -> bool:
    if link.source is link.target:
        return True
    of, holder = link.target["name"].rpartition(".")[2], link.class_name
    setting = {getattr(place.function, "name", "") for place in cycle.setters(link)}
    kept = is_kept(of, holder, cycle.sources(), by_parameter=how == "parameter", run=cycle.run, setting=setting)
    return kept is True


def weak(cycle: Cycle) -> Advice | None:
    """A reference back to what is held elsewhere."""
    found: list[tuple[bool, int, Link]] = []
    for link in cycle.attributes():
        can = link.target["weak"] and link.target["kind"] == "instance" and link.source["kind"] == "instance"
        if not can or not link.breaks or link.attribute in cached_attributes(cycle):
            continue
        how = _goes_back(cycle, link)
        if how and not _is_fixed(cycle, link) and not _is_double(cycle, link) and _is_kept(cycle, link, how):
            found.append((not any(word in link.attribute for word in _BACK), len(found), link))
    if not found:
        return None
    link = min(found, key=lambda item: item[:2])[2]
    place = next((p for p in cycle.setters(link) if isinstance(p.value, ast.Name)), None)
    return cycle.cut("weak", link, place, _snippet(cycle, link, place)), (
        f"make `.{unmangled(link.attribute)}` a weak reference (weakref.ref), read through a property: something else "
        f"holds the {link.target['name'].rpartition('.')[2]}"
    )


def _is_double(cycle: Cycle, link: Link) -> bool:
    """Does what a link leads to stand in a test for something else, which nobody may hold otherwise? Others' objects
    that answer to any name do, and those of a class of the test's file, for a class that is elsewhere."""
    target, file = link.target, link.target["defined"].rpartition(":")[0]
    test = absolute(cycle.test.file) if cycle.test is not None and cycle.test.file else ""
    answers = not cycle.edits(file) and has(target["module"], target["name"], "__getattr__")
    return answers or file == test != link.file


def _is_fixed(cycle: Cycle, link: Link) -> bool:
    """Can the class not have a property of this name: has it slots or one already, are its fields declared, or is it
    unknown how it is made?"""
    call = cycle.call_for(link)
    if not cycle.is_stated(link) and (call is None or call.names & {"__slots__", link.attribute}):
        return True
    for _, cls in cycle.classes(link):
        declared = {n.target.id for n in cls.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)}
        if "__slots__" in _assigned(cls) or link.attribute in declared | {m.name for m in methods(cls)}:
            return True
        if _has_descriptor(cycle, link):
            return True
        if decorators(cls) & {"dataclass", "define", "attrs", "s", "frozen", "mutable"}:
            return True
    return False


def _has_descriptor(cycle: Cycle, link: Link) -> bool:
    """May what the class has by the attribute's name be a descriptor, and do more than store? All but constants may."""
    if lacks(link.module, link.source["name"], link.attribute):
        return False
    values = (_assigned(cls).get(link.attribute) for _, cls in cycle.classes(link))
    return any(value is not None and not isinstance(value, ast.Constant) for value in values)


def _home(cycle: Cycle, link: Link, place: Place | None) -> tuple[str, str]:
    """The class whose attribute it is: that whose method sets it or that has a default for it; and the default."""
    own = cycle.own_classes(link)
    setting = [cls for source, cls in own if place is not None and _is_in(place, source, cls)]
    having = [cls for _, cls in own if link.attribute in _assigned(cls)]
    name = next((cls.name for cls in [*setting, *having]), link.class_name)
    default = f"{link.attribute} = {ast.unparse(_assigned(having[0])[link.attribute])}" if having else ""
    return name, default


def _snippet(cycle: Cycle, link: Link, place: Place | None) -> str:
    """Two lines: the weak reference, and the property that reads it; or a property that does both, where several lines
    set the attribute, where code outside the class does, which may set that of other classes, too, or where the class
    has a default for it."""
    everywhere = cycle.everywhere(link)
    home, default = _home(cycle, link, place)
    names = {cls.name: written(cls, link.attribute) for _, cls in cycle.classes(link)}
    name = names.get(home, link.attribute)
    hidden = f"{name}_ref" if name.startswith("__") else f"_{name.lstrip('_')}_ref"
    value = place.value if place is not None else None
    owners = ast.walk(place.node) if place is not None and place.text else ()
    owner = next((n for n in owners if isinstance(n, ast.Attribute) and n.attr in names.values()), None)
    of_others = place is not None and all(not _is_in(place, *each) for each in cycle.own_classes(link))
    if place is None or owner is None or not isinstance(value, ast.Name) or len(everywhere) > 1 or default or of_others:
        read = f"getattr(self, '{hidden}', lambda: None)()" if default else f"self.{hidden}()"
        setter = f"_set_{name.lstrip('_')}"
        instead = f", instead of `{default}`" if default else ""
        call = cycle.call_for(link) if home == link.class_name else None
        owner_class, where = ("", f"in class {home}{instead}") if call is None else _behind(call)
        return (
            f"def {setter}(self, it): self.{hidden} = weakref.ref(it) if it is not None else lambda: None\n"
            f"{owner_class}{name} = property(lambda self: {read}, {setter})  # both {where}"
        )
    weak_value = f"weakref.ref({value.id})"
    if may_be_none(place.function, value.id):
        weak_value += f" if {value.id} is not None else lambda: None"
    read = f"{name} = property(lambda self: self.{hidden}())  # in class {home}"
    # The rest of the statement stays as it is: it may set other attributes, too.
    hidden_owner = f"{place.source.text(owner.value)}.{hidden}"
    return f"{_replaced(place, (owner, hidden_owner), (value, weak_value))}\n{read}"


def _behind(call: Call) -> tuple[str, str]:
    """How a class without a statement of its own gets an attribute, and where."""
    return f"{call.variable}.", f"after line {call.line}"


def _replaced(place: Place, *new: tuple[ast.expr, str]) -> str:
    """The text of a statement on one line with some of its parts replaced."""
    text, start = place.text.encode(), place.node.col_offset
    for node, by in sorted(new, key=lambda item: -item[0].col_offset):
        text = text[: node.col_offset - start] + by.encode() + text[(node.end_col_offset or 0) - start :]
    return text.decode()


def _assigned(cls: ast.ClassDef) -> dict[str, ast.expr]:
    """The names that a class's body assigns, with what they get."""
    return {t.id: n.value for n in cls.body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)}


# -- taking apart ------------------------------------------------------------------------------------


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
    """Whoever is done with the object says so: always sound, and the last resort."""
    cached = cached_attributes(cycle)
    found: list[tuple[int, Link]] = []
    for link in cycle.attributes():
        if link.drops or (link.breaks and link.is_item and is_own_container(cycle, link)):
            made = not link.is_item and link.target["kind"] == "instance" and is_made(cycle, link)
            found.append((2 * made + link.is_item, link))
    if not found:
        return None
    link = min(found, key=lambda item: item[0])[1]
    name = link.attribute
    place = _telling(cycle, link)
    if name in cached:
        body = f"self.__dict__.pop({name!r}, None)"
        places = (Place(s, m, m) for s, cls in cycle.classes(link) for m in methods(cls) if m.name == name)
        place = next(places, None)
    elif link.is_item:
        body = f"self.{name}.clear()" if is_own_container(cycle, link) else _set_to_none(cycle, link)
    elif is_method(cycle, link) or _has_descriptor(cycle, link) or _is_stored_unseen(cycle, link, place):
        body = f"self.__dict__.pop({name!r}, None)"
    else:
        body = f"{_close_first(cycle, link)}{_set_to_none(cycle, link)}"
    return _closing(cycle, link, place, body, f"`.{name}`")


def _is_stored_unseen(cycle: Cycle, link: Link, place: Place | None) -> bool:
    """Does nothing set the attribute by its name, so that the object's __dict__ may be asked whether it is there?"""
    classes = [cls for _, cls in cycle.classes(link)]
    return place is None and not any(decorators(cls) or "__slots__" in _assigned(cls) for cls in classes)


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
    return name != "" and name in (getattr(called, "id", ""), getattr(called, "attr", ""))


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
            cut = cycle.cut("close", link, place, f"self.addCleanup(setattr, self, {name!r}, None)")
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
    at = next((n for n, (source, cls) in enumerate(classes) if place is not None and _is_in(place, source, cls)), 0)
    used = f"and call it on each {link.class_name} that is no longer needed"
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
        cut = cycle.cut("close", link, existing, _also(existing, written(its_class, link.attribute), body))
        method = getattr(existing.function, "name", "")
        return cut, f"let {method}() of the {name} also let go of {what}, {used}"
    inherited = next((m for _, cls in classes[at + 1 :] for m in methods(cls) if m.name == "close"), None)
    if inherited is not None or inherits(link.module, link.source["name"], "close"):
        cut = cycle.cut("close", link, place, _extended(inherited, body))
        return cut, f"let close() of the {name} also let go of {what}, {used}"
    body, what = (as_written(classes[at][1], link.attribute, text) for text in (body, what))
    cut = cycle.cut("close", link, place or Place(*classes[at], None), f"def close(self): {body}")
    return cut, f"give {name} a close() that lets go of {what}, {used}"


def _closing_made(cycle: Cycle, link: Link, place: Place | None, body: str, what: str) -> Advice | None:
    """The same for a class that a call of type() makes, and nothing else."""
    call = cycle.call_for(link)
    if call is None or call.names & {"close", "__slots__"} or inherits(link.module, link.source["name"], "close"):
        return None
    variable, where = _behind(call)
    snippet = f"def _close(self): {body}\n{variable}close = _close  # both {where}"
    return cycle.cut("close", link, place, snippet), f"give {link.class_name} a close() that lets go of {what}"


def _is_in(place: Place, source: Source, cls: ast.ClassDef) -> bool:
    return source is place.source and cls.lineno <= place.line <= (cls.end_lineno or 0)


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
        start = next(s for s in statements if not isinstance(s, ast.Expr) or not isinstance(s.value, ast.Constant))
        is_one = start is last.node and last.text
        return f"try:{f' {last.text}' if is_one else around(start.lineno, last.node.end_lineno or 0)}\nfinally: {body}"
    if any(last.source.text(statement) == f"self.{attribute}.close()" for statement in statements):
        body = body.removeprefix(f"self.{attribute}.close(); ")
    if _needs(last.function, attribute) and body.endswith(f"self.{attribute} = None"):
        again = "" if statements[0] is last.node else f"  # first in {getattr(last.function, 'name', '')}()"
        return f"if self.{attribute} is None: return{again}\n{_also_behind(last, body)}"
    return _also_behind(last, body)


def _needs(function: Function | None, attribute: str) -> bool:
    """Does a method use what is in an attribute, and not ask before whether it is there?"""
    nodes = list(nodes_of(function)) if function is not None else []
    asked = any(attribute in attributes_in(n.test) for n in nodes if isinstance(n, ast.If | ast.IfExp | ast.While))
    used = (getattr(n, "func", n) if isinstance(n, ast.Call) else getattr(n, "value", None) for n in nodes
            if isinstance(n, ast.Call | ast.Attribute | ast.Subscript))
    return not asked and any(isinstance(n, ast.Attribute) and n.attr == attribute for n in used)


def _also_behind(last: Place, body: str) -> str:
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
        if any("__slots__" in _assigned(cls) for cls in classes):
            continue
        place = _telling(cycle, link)
        closing = _closing(cycle, link, place, "self.__dict__.clear()", "all it has")
        if closing is None:
            continue
        cut, sentence = closing
        return cut, f"several references lead back to the {cut.object.rpartition('.')[2]}: {sentence}"
    return None
