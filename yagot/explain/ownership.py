"""Advice for objects that refer to each other: which reference is the weak one, or who takes them apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set

from yagot import __builtins__ as __builtins__
from yagot.explain.attributes import written
from yagot.explain.classes import Call, has, lacks
from yagot.explain.exceptions import Advice
from yagot.explain.functions import cached_attributes
from yagot.explain.holders import Kept, is_kept
from yagot.explain.links import Cycle, Link
from yagot.explain.source import (
    Function,
    Place,
    Source,
    decorators,
    gathered,
    last_name,
    may_be_none,
    methods,
    nodes_of,
    parameters,
    remembered,
    stands_for,
    unmangled,
)
from yagot.explain.whole import is_taken_whole
from yagot.originals import ast
from yagot.places import absolute

_BACK = ("parent", "owner", "container", "root", "prev", "back", "master", "outer", "manager", "controller", "proxy")


def _setting(cycle: Cycle, link: Link) -> list[Place]:
    """Where the attribute is set, by the methods of its class also of another object that may be of the class."""
    names = {cls.name for _, cls in cycle.classes(link)}
    others = (each for each in cycle.everywhere(link) if each.source.class_of(each.function) in names)
    return [*cycle.setters(link), *others]


def _goes_back(cycle: Cycle, link: Link) -> Set[str]:
    """How the attribute gets what it leads to: as a ``parameter``, as the ``self`` of the code that sets it; nothing if
    it may be the only one that holds it."""
    found: set[str] = set()
    for place in () if link.is_item else _setting(cycle, link):
        value = place.value
        names = parameters(place.function)
        if isinstance(value, ast.Constant) and value.value is None:
            continue
        if isinstance(value, ast.Name) and link.source is link.target:
            if value.id not in (place.owner_of(link.attribute), "self"):
                return set()        # it may get other objects, too, which nothing else holds
            found.add("self")
            continue
        if not isinstance(value, ast.Name) or value.id not in names:
            return set()
        is_method = names[0] in ("self", "cls") and value.id == names[0]
        found.add("self" if is_method else "parameter")
    return found


def _kept(cycle: Cycle, link: Link, ways: Set[str]) -> Kept | None:
    """What holds the object that a link leads to, in whichever of the ways it got there; None if that is not known."""
    if link.source is link.target:
        return Kept()
    of, holder = link.target["name"].rpartition(".")[2], link.class_name
    setting = {getattr(place.function, "name", "") for place in _setting(cycle, link)}
    found = [
        is_kept(of, holder, cycle.sources(), by_parameter=way == "parameter", run=cycle.run, setting=setting)
        for way in sorted(ways)
    ]
    return (found[0] or None) if all(found) else None


def weak(cycle: Cycle) -> Advice | None:
    """A reference back to what is held elsewhere."""
    found: list[tuple[bool, int, Link, Kept]] = []
    for link in cycle.attributes():
        can = link.target["weak"] and link.target["kind"] == "instance" and link.source["kind"] == "instance"
        if not can or not link.breaks or link.attribute in cached_attributes(cycle):
            continue
        ways = _goes_back(cycle, link)
        if not ways or _is_fixed(cycle, link) or _is_double(cycle, link) or is_taken_whole(cycle, link):
            continue
        if kept := _kept(cycle, link, ways):
            found.append((not any(word in link.attribute for word in _BACK), len(found), link, kept))
    if not found:
        return None
    link, kept = min(found, key=lambda item: item[:2])[2:]
    place = next((p for p in cycle.setters(link) if isinstance(p.value, ast.Name)), None)
    sentence = f"make `.{unmangled(link.attribute)}` a weak reference (weakref.ref), read through a property"
    holder = f"{kept.by} holds the {link.target['name'].rpartition('.')[2]}" if kept.by else ""
    why = "it is the object itself" if link.source is link.target else holder
    return cycle.cut("weak", link, place, _snippet(cycle, link, place)), f"{sentence}{why and f': {why}'}"


def _is_double(cycle: Cycle, link: Link) -> bool:
    """Does what a link leads to stand in a test for something else, which nobody may hold otherwise? Others' objects
    that answer to any name do, and those of a class of the test's file, for a class that is elsewhere."""
    target, file = link.target, link.target["defined"].rpartition(":")[0]
    test = absolute(cycle.test.file) if cycle.test is not None and cycle.test.file else ""
    answers = not cycle.edits(file) and has(target["module"], target["name"], "__getattr__")
    return answers or file == test != link.file


def _is_fixed(cycle: Cycle, link: Link) -> bool:
    """Can the class not have a property of this name, and an attribute beside it: has it slots or one already, are its
    fields declared, does it decide itself what is set, is the attribute deleted, or is it unknown how it is made?"""
    call = cycle.call_for(link)
    if not cycle.is_stated(link) and (call is None or call.names & {"__slots__", link.attribute}):
        return True
    for _, cls in cycle.classes(link):
        declared = {n.target.id for n in cls.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)}
        names = declared | {method.name for method in methods(cls)}
        if "__slots__" in assigned(cls) or names & {link.attribute, "__setattr__"}:
            return True
        if has_descriptor(cycle, link):
            return True
        if decorators(cls) & {"dataclass", "define", "attrs", "s", "frozen", "mutable"}:
            return True
    return _is_deleted(cycle, link)


def _is_deleted(cycle: Cycle, link: Link) -> bool:
    """Does any code delete the attribute?"""
    return any(stands_for(name, link.attribute) for source in cycle.sources() for name in _deleted(source))


@gathered
def _deleted(source: Source) -> Iterator[str]:
    """The attributes that code of a file deletes."""
    for function in source.functions_with("del"):
        for node in nodes_of(function):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Del):
                yield node.attr


def has_descriptor(cycle: Cycle, link: Link) -> bool:
    """May what the class has by the attribute's name be a descriptor, and do more than store? All but constants may."""
    if lacks(link.module, link.source["name"], link.attribute):
        return False
    values = (assigned(cls).get(link.attribute) for _, cls in cycle.classes(link))
    return any(value is not None and not isinstance(value, ast.Constant) for value in values)


def _home(cycle: Cycle, link: Link, place: Place | None) -> tuple[str, str]:
    """The class whose attribute it is: that whose method sets it or that has a default for it; and the default."""
    own = cycle.own_classes(link)
    setting = [cls for source, cls in own if place is not None and is_in(place, source, cls)]
    having = [cls for _, cls in own if link.attribute in assigned(cls)]
    name = next((cls.name for cls in [*setting, *having]), link.class_name)
    default = f"{link.attribute} = {ast.unparse(assigned(having[0])[link.attribute])}" if having else ""
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
    of_others = place is not None and all(not is_in(place, *each) for each in cycle.own_classes(link))
    if place is None or owner is None or not isinstance(value, ast.Name) or len(everywhere) > 1 or default or of_others:
        read = f"getattr(self, '{hidden}', lambda: None)()" if default else f"self.{hidden}()"
        setter = f"_set_{name.lstrip('_')}"
        instead = f", instead of `{default}`" if default else ""
        call = cycle.call_for(link) if home == link.class_name else None
        owner_class, where = ("", f"in class {home}{instead}") if call is None else behind(call)
        return (
            f"def {setter}(self, it): self.{hidden} = weakref.ref(it) if it is not None else lambda: None\n"
            f"{owner_class}{name} = property(lambda self: {read}, {setter})  # both {where}"
        )
    weak_value = f"weakref.ref({value.id})"
    if may_be_none(place.function, value.id) or _is_given_none(cycle, link, place, value.id):
        weak_value += f" if {value.id} is not None else lambda: None"
    read = f"{name} = property(lambda self: self.{hidden}())  # in class {home}"
    # The rest of the statement stays as it is: it may set other attributes, too.
    hidden_owner = f"{place.source.text(owner.value)}.{hidden}"
    return f"{_replaced(place, (owner, hidden_owner), (value, weak_value))}\n{read}"


@remembered
def _calls_in(function: Function) -> Mapping[str, Sequence[ast.Call]]:
    """The calls in a function by the last part of what is called."""
    found: dict[str, list[ast.Call]] = {}
    for node in nodes_of(function):
        if isinstance(node, ast.Call):
            found.setdefault(last_name(node.func), []).append(node)
    return found


def _is_given_none(cycle: Cycle, link: Link, place: Place, name: str) -> bool:
    """May a call give None as a parameter: None itself, what an attribute has, or a parameter whose default it is?"""
    if name not in parameters(place.function)[1:]:
        return False
    number, function = parameters(place.function).index(name) - 1, getattr(place.function, "name", "")
    home = place.source.class_of(place.function)
    names = {link.class_name, home, "__init__"} if function == "__init__" else {function}
    for source in cycle.sources():
        for calling in {each for called in names for each in source.functions_with(f"{called}(")}:
            for node in (call for called in names for call in _calls_in(calling).get(called, ())):
                given = [*node.args[number : number + 1], *(k.value for k in node.keywords if k.arg == name)]
                if any(_gives_none(calling, value) for value in given):
                    return True
    return False


def _gives_none(function: Function, value: ast.expr) -> bool:
    if isinstance(value, ast.Name):
        return may_be_none(function, value.id)
    return isinstance(value, ast.Attribute | ast.IfExp | ast.BoolOp) or getattr(value, "value", ...) is None


def behind(call: Call) -> tuple[str, str]:
    """How a class without a statement of its own gets an attribute, and where."""
    return f"{call.variable}.", f"after line {call.line}"


def _replaced(place: Place, *new: tuple[ast.expr, str]) -> str:
    """The text of a statement on one line with some of its parts replaced."""
    text, start = place.text.encode(), place.node.col_offset
    for node, by in sorted(new, key=lambda item: -item[0].col_offset):
        text = text[: node.col_offset - start] + by.encode() + text[(node.end_col_offset or 0) - start :]
    return text.decode()


def assigned(cls: ast.ClassDef) -> dict[str, ast.expr]:
    """The names that a class's body assigns, with what they get."""
    return {t.id: n.value for n in cls.body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)}


def is_in(place: Place, source: Source, cls: ast.ClassDef) -> bool:
    return source is place.source and cls.lineno <= place.line <= (cls.end_lineno or 0)
