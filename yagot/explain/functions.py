"""Advice for functions and methods on a cycle: callbacks, closures, caches."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from yagot import __builtins__ as __builtins__
from yagot.explain import calls
from yagot.explain.attributes import field, is_handed_out, own_setters, reads, removers, written
from yagot.explain.exceptions import Advice
from yagot.explain.holders import is_kept
from yagot.explain.links import Cycle, Link, sets_whole, type_of
from yagot.explain.source import (
    SHOWN,
    Function,
    Place,
    attributes_in,
    decorators,
    mentions,
    methods,
    nodes_of,
    parameters,
    variables,
)
from yagot.explain.whole import is_taken_whole
from yagot.originals import ast

_SERVED = re.compile(
    r"\b(\w*(?:called|done|closed|finished|completed?|cancell?ed|fired|resolved|stopped|disposed|delivered|released"
    r"|expired|ended|settled|fulfilled|ready|computed|evaluated|loaded|consumed|executed|processed|handled))=True"
)
_CALLABLE = ("function", "method", "exception")
_MOST_CALLS = 2
_FUTURES = ("_asyncio.Future", "_asyncio.Task", "concurrent.futures._base.Future", "asyncio.futures.Future")


# -- served ------------------------------------------------------------------------------------------


def served(cycle: Cycle) -> Advice | None:
    """What has served: an attribute of an object that says it is done."""
    for link in cycle.attributes():
        flag = _SERVED.search(link.source["state"])
        callable_ = link.target["kind"] in _CALLABLE or type_of(link.target) == "functools.partial"
        if flag is None or not link.breaks or not callable_:
            continue
        for source, cls in cycle.own_classes(link):
            for place in own_setters(source, cls, flag[1], item=False):
                is_true = isinstance(place.value, ast.Constant) and place.value.value is True
                if is_true and getattr(place.function, "name", "__init__") != "__init__":
                    names = written(cls, link.attribute), written(cls, flag[1])
                    last = _last_use(cls, link, place, names[1])
                    if last is not None and (link.drops or (link.is_item and is_own_container(cycle, link))):
                        return _serve(cycle, link, place, last, names)
    return None


def _last_use(cls: ast.ClassDef, link: Link, done: Place, flag: str) -> ast.stmt | None:
    """The statement of the function that marks the object done after which the attribute is not needed any more: None
    if others use it, or if the function may return before."""
    inside, elsewhere = [done.line], False
    for function, node in reads(cls, link.attribute):
        if function is done.function:
            inside.append(node.lineno)
        else:
            elsewhere |= not _is_before(function, node, flag)
    body: list[ast.stmt] = getattr(done.function, "body", [])
    used = [statement for statement in body if statement.lineno <= max(inside)]
    waiting = [statement for statement in used if not _asks_for(statement, flag)]
    returns = any(isinstance(node, ast.Return) for statement in waiting for node in ast.walk(statement))
    return None if elsewhere or returns or not used else used[-1]


def _is_before(function: Function, node: ast.AST, flag: str) -> bool:
    """Is a piece of code run only as long as the object is not done: below ``if not self.done:``, or behind
    ``if self.done: return``?"""
    statements: list[ast.stmt] = getattr(function, "body", [])
    asking = (s for s in statements if isinstance(s, ast.If) and _asks_for(s, flag))
    first = next((statement for statement in asking if isinstance(statement.body[-1], ast.Return)), None)
    if first is not None and first.lineno < getattr(node, "lineno", 0):
        return node in nodes_of(function)
    for other in nodes_of(function):
        test = other.test if isinstance(other, ast.If) else None
        asked = test.operand if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) else None
        if isinstance(asked, ast.Attribute) and asked.attr == flag and node in nodes_of(other):
            return True
    return False


def _asks_for(statement: ast.stmt, flag: str) -> bool:
    """Is it ``if self.done: return``? The attribute has gone by then."""
    if not isinstance(statement, ast.If) or not isinstance(statement.test, ast.Attribute):
        return False
    return statement.test.attr == flag and not statement.orelse


def _serve(cycle: Cycle, link: Link, done: Place, last: ast.stmt, names: tuple[str, str]) -> Advice:
    me = parameters(done.function)[0]
    attribute, flag = names
    is_list = link.is_item and is_own_container(cycle, link)
    release = f"{me}.{attribute}.clear()" if is_list else f"{me}.{attribute} = None"
    lines = done.source.lines[last.lineno - 1 : last.end_lineno]
    name = getattr(done.function, "name", "")
    sentence = f"`.{attribute}` has served when {name}() has set `.{flag}`: let go of it"
    place = Place(done.source, last, done.function)
    if len(lines) > SHOWN:
        end = last.lineno + len(lines) - 1
        return cycle.cut("served", link, place, f"{release}  # after line {end}", end), sentence
    shown = [line[last.col_offset :] for line in lines]
    return cycle.cut("served", link, place, "\n".join([*shown, release])), sentence


# -- arguments instead of captured variables ----------------------------------------------------------


def _passed(cycle: Cycle, link: Link) -> int | None:
    """Which argument of its callbacks an object is; *link* leads from it to the callback."""
    if type_of(link.source) in _FUTURES:
        return 0
    for _, cls in cycle.classes(link):
        for method in methods(cls):
            me = (parameters(method) or [""])[0]
            for number in _calls_with(method, link.attribute, me):
                return number
    return None


def _calls_with(method: Function, attribute: str, me: str) -> Iterator[int]:
    """The positions of ``self`` in the calls that a method makes of what is in the attribute."""
    names = _named_from(method, attribute)
    for node in nodes_of(method):
        if not isinstance(node, ast.Call):
            continue
        func = node.func
        is_callback = isinstance(func, ast.Name) and func.id in names
        is_callback |= isinstance(func, ast.Attribute | ast.Subscript) and attribute in attributes_in(func)
        if is_callback:
            yield from (i for i, a in enumerate(node.args) if isinstance(a, ast.Name) and a.id == me)


def argument(cycle: Cycle) -> Advice | None:
    """A callback that captures the object which it gets as an argument, too."""
    for link in cycle.links:
        if link.source["kind"] != "function" or not link.variable or not link.breaks:
            continue
        before = cycle.before(link)
        found = cycle.function(link)
        if before.source is not link.target or found is None:
            continue
        number = _passed(cycle, before)
        source, function = found
        names = parameters(function)
        if number is None or number >= len(function.args.posonlyargs) + len(function.args.args):
            continue
        uses = [n for n in nodes_of(function, nested=True) if isinstance(n, ast.Name) and n.id == link.variable]
        if not uses or any(not isinstance(use.ctx, ast.Load) for use in uses):
            continue
        line = min(use.lineno for use in uses)
        text = source.lines[line - 1].strip()
        if isinstance(function, ast.Lambda):
            body = ast.get_source_segment("\n".join(source.lines), function.body) or ""
            text = text.replace(body, re.sub(rf"\b{link.variable}\b", names[number], body)) if body in text else ""
        else:
            text = re.sub(rf"\b{link.variable}\b", names[number], text)
        place = Place(source, uses[0], function)
        sentence = f"the callback gets the object as an argument: use '{names[number]}' instead of '{link.variable}'"
        return cycle.cut("argument", link, place, text, line), sentence
    return None


# -- functions of an object ------------------------------------------------------------------------


def captured(cycle: Cycle) -> Advice | None:
    """A function that captures the object whose attribute it is: it can find the object by a weak reference."""
    for link in cycle.links:
        before = cycle.before(link)
        owns = before.source is link.target and before.attribute and cycle.edits(before.file)
        if link.source["kind"] != "function" or not link.variable or not owns or not link.target["weak"]:
            continue
        found = cycle.function(link)
        if not link.breaks or found is None or link.target["kind"] != "instance" or _is_dropped(cycle, before):
            continue
        source, function = found
        setters = [p for p in cycle.setters(before) if p.value is not None]
        place = next((p for p in setters if p.value is function or _is_named(p.value, function)), None)
        uses = [n for n in nodes_of(function, nested=True) if isinstance(n, ast.Name) and n.id == link.variable]
        if place is None or not uses or any(not isinstance(use.ctx, ast.Load) for use in uses):
            continue
        segment = ast.get_source_segment("\n".join(source.lines), function) or ""
        weak = re.sub(rf"\b{link.variable}\b", f"{link.variable}_ref()", segment)
        if isinstance(function, ast.Lambda) and place.text:
            second = place.text.replace(segment, weak)
        else:
            line = source.lines[min(use.lineno for use in uses) - 1].strip()
            second = re.sub(rf"\b{link.variable}\b", f"{link.variable}_ref()", line)
        snippet = f"{link.variable}_ref = weakref.ref({link.variable})\n{second}"
        sentence = f"the function is called through the object that it captures: let '{link.variable}' be weak in it"
        return cycle.cut("captured", link, place, snippet), sentence
    return None


def _is_named(value: ast.expr | None, function: Function) -> bool:
    return isinstance(value, ast.Name) and value.id == getattr(function, "name", None)


# -- bound methods -----------------------------------------------------------------------------------


def cache(cycle: Cycle) -> Advice | None:
    """A cache on a bound method, kept by its object."""
    if not any(type_of(link.source) == "functools._lru_cache_wrapper" for link in cycle.links):
        return None
    for link in cycle.attributes():
        if link.breaks and type_of(link.target) == "functools._lru_cache_wrapper":
            return _uncached(cycle, link)
    return None


def _uncached(cycle: Cycle, link: Link) -> Advice | None:
    """The cache gets a method of a weak proxy; where nothing else holds the object, its class a method and a dict."""
    bound = next((other for other in cycle.links if other.source["kind"] == "method"), None)
    place = next(iter(cycle.setters(link)), None)
    if bound is None or place is None:
        return None
    name = bound.source["name"].rpartition(".")[2]
    value = next((n for n in ast.walk(place.node) if isinstance(n, ast.Attribute) and n.attr == name), None)
    if value is None or not place.text:
        return None
    sentence = "the cache holds the method, and the method its object"
    me = place.source.text(value.value)
    if bound.target["weak"] and not _is_dropped(cycle, link):
        weak = f"type({me}).{name}.__get__(weakref.proxy({me}))"
        text = place.text.replace(place.source.text(value), weak)
        return cycle.cut("cache", link, place, text), f"{sentence}: let it have a weak one"
    results = f"{me}._{link.attribute.lstrip('_')}_cache"
    lines = (
        f"{results} = {{}}",
        f"def {link.attribute}({me}, *key):  # in the class",
        f"    if key not in {results}: {results}[key] = {me}.{name}(*key)",
        f"    return {results}[key]",
    )
    return cycle.cut("cache", link, place, "\n".join(lines)), f"{sentence}: keep the results in a dict of the object"


def method(cycle: Cycle) -> Advice | None:
    """A bound method that is kept by its own object, or by something that the object has."""
    for link in cycle.links:
        before = cycle.before(link)
        is_method = link.source["kind"] == "method" and ".__self__" in link.path
        if not is_method or not link.target["weak"] or not before.breaks:
            continue
        if before.source is link.target and _is_dropped(cycle, before):
            continue
        if not before.attribute or not cycle.edits(before.file) or before.source["kind"] != "instance":
            continue
        if is_taken_whole(cycle, before):
            continue
        advice = _own(cycle, before) if before.source is link.target else _registered(cycle, before, link)
        if advice is not None:
            return advice
    return None


def _is_dropped(cycle: Cycle, link: Link) -> bool:
    """Is the attribute called of an object that nothing else holds: ``Form().check()``?"""
    name = link.class_name
    return is_kept(name, name, cycle.sources(), attribute=link.attribute) is False


def _stored_methods(cycle: Cycle, place: Place, link: Link) -> list[ast.Attribute] | None:
    """The bound methods that a statement stores, alone or in a container; None if it stores something else, too. *link*
    leads from one of them to its object."""
    classes = cycle.classes(cycle.after(link))
    plain = {method.name for _, cls in classes for method in methods(cls) if not decorators(method)}
    names = plain | {link.source["name"].rpartition(".")[2]}
    value = place.value
    values = value.values if isinstance(value, ast.Dict) else getattr(value, "elts", [value])
    values = [v for v in values if not isinstance(v, ast.Constant) or v.value is not None]
    found = [v for v in values if isinstance(v, ast.Attribute) and v.attr in names and place.source.text(v)]
    return found if len(found) == len(values) else None


def _weak_methods(place: Place, stored: Sequence[ast.Attribute]) -> tuple[str, int]:
    """The lines of a statement that store bound methods, with weak ones in their places; and the first one's number."""
    start, end = (place.node.col_offset, place.node.end_col_offset) if place.text else (0, None)
    texts = {node.lineno: place.source.lines[node.lineno - 1].encode()[:end] for node in stored}
    for node in sorted(stored, key=lambda node: -node.col_offset):
        line, text = texts[node.lineno], place.source.text(node).encode()
        weak = b"weakref.WeakMethod(" + text + b")"
        texts[node.lineno] = line[: node.col_offset] + weak + line[node.end_col_offset :]
    first = min(texts)
    lines = [f"{texts[n][start:].decode().strip()}{f'  # line {n}' if n > first else ''}" for n in sorted(texts)]
    return "\n".join(lines), first


def _own(cycle: Cycle, link: Link) -> Advice | None:
    """An attribute of the object itself. What gets the method by a parameter may get other callables, too; what stands
    for a method of the class is called by others, who know of no reference."""
    places = [(place, _stored_methods(cycle, place, cycle.after(link))) for place in cycle.setters(link)]
    place, stored = next(((place, stored) for place, stored in places if stored), (None, None))
    if place is None or not stored or is_method(cycle, link) or any(stored is None for _, stored in places):
        return None             # what is called as `reference()()` has to be a method in all cases
    if not link.is_item and any(_hands_on(cls, link.attribute) for _, cls in cycle.own_classes(link)):
        return None             # whoever gets it calls it as a method
    if len({node.lineno for node in stored}) > SHOWN:
        return None
    where = f"`.{link.attribute}`" if not link.is_item else f"what is in `.{link.attribute}`"
    sentence = f"keep the method as weakref.WeakMethod, and call {where} as `reference()()`"
    text, line = _weak_methods(place, stored)
    snippet = "\n".join([text, *_calls_of(cycle, link)])
    return cycle.cut("method", link, place, snippet, line), sentence


def _hands_on(cls: ast.ClassDef, attribute: str) -> bool:
    """Do methods of a class read an attribute not only to call what is there, or to see whether it is?"""
    found = list(reads(cls, attribute))
    read = {node for _, node in found}
    for method in {method for method, _ in found}:
        for node in nodes_of(method, nested=True):
            if isinstance(node, ast.Call):
                read.discard(node.func)
            elif isinstance(node, ast.Compare) and all(isinstance(op, ast.Is | ast.IsNot) for op in node.ops):
                read.difference_update([node.left, *node.comparators])
            elif isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
                read.difference_update(_asked(node.test))
    return bool(read)


def _asked(test: ast.expr) -> Iterator[ast.expr]:
    """The parts of a condition of which only the truth matters."""
    parts = [test.operand] if isinstance(test, ast.UnaryOp) else getattr(test, "values", ())
    for part in parts:
        yield from _asked(part)
    yield test


def _calls_of(cycle: Cycle, link: Link) -> list[str]:
    """The lines that call what is in an attribute, as they are to be; none if there are many, or other uses."""
    if link.is_item:
        return _calls_of_items(cycle, link)
    found: list[str] = []
    uses = 0
    for source, cls in cycle.own_classes(link):
        uses += sum(1 for _ in reads(cls, link.attribute))
        for function in methods(cls):
            for node in nodes_of(function, nested=True):
                if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == link.attribute:
                    line, called = source.lines[node.lineno - 1].strip(), source.text(node.func)
                    found.append(f"{line.replace(f'{called}(', f'{called}()(')}  # line {node.lineno}")
    return found if uses == len(found) <= _MOST_CALLS else []


def _calls_of_items(cycle: Cycle, link: Link, may_be_gone: bool = False) -> list[str]:
    """The lines that call what is in a container of weak methods. *may_be_gone*: then nothing is called."""
    found: list[str] = []
    for source, cls in cycle.own_classes(link):
        name = written(cls, link.attribute)
        for function in methods(cls):
            expressions = (n for n in nodes_of(function) if isinstance(n, ast.Expr))
            alone = {node.value for node in expressions if source.lines[node.lineno - 1][: node.col_offset].isspace()}
            for node, func in _calls_from(function, name):
                if func.lineno != func.end_lineno or (may_be_gone and (node not in alone or not source.text(node))):
                    return []
                line, end = source.lines[func.lineno - 1].encode(), func.end_col_offset or 0
                text = f"{line[:end].decode()}(){line[end:].decode()}".strip()
                check = f"if {source.text(func)}() is not None: " if may_be_gone else ""
                found.append(f"{check}{text}  # line {func.lineno}")
    return found if len(found) <= _MOST_CALLS else []


def _calls_from(function: Function, attribute: str) -> Iterator[tuple[ast.Call, ast.expr]]:
    """The calls that a method makes of what is in the container of an attribute, and what is called."""
    names = _named_from(function, attribute)
    for node in nodes_of(function, nested=True):
        func = node.func if isinstance(node, ast.Call) else None
        by_name = isinstance(func, ast.Name) and func.id in names
        from_it = isinstance(func, ast.Subscript | ast.Call) and attribute in attributes_in(func)
        if isinstance(node, ast.Call) and func is not None and (by_name or from_it):
            yield node, func


def _named_from(function: Function, attribute: str) -> set[str]:
    """The variables that get something out of an attribute."""
    names = set()
    for node in nodes_of(function):
        if isinstance(node, ast.For | ast.comprehension) and attribute in attributes_in(node.iter):
            names |= variables(node.target)
        if isinstance(node, ast.Assign) and attribute in attributes_in(node.value):
            names |= variables(*node.targets)
    return names


def is_method(cycle: Cycle, link: Link) -> bool:
    """Has the class a method of the attribute's name?"""
    return any(link.attribute == method.name for _, cls in cycle.classes(link) for method in methods(cls))


def _owner_link(cycle: Cycle, link: Link, registry: Link) -> Link | None:
    """The attribute by which the object of a method has the registry."""
    after = cycle.after(link)
    leads = after.attribute and after.target is registry.source and cycle.edits(after.file)
    return after if leads else None


def is_own_container(cycle: Cycle, link: Link) -> bool:
    """Is what the attribute leads through one plain container, which the class has made, and keeps, for itself?"""
    if link.inner not in (("list",), ("dict",), ("set",), ("object",)) or "over" in link.path:
        return False
    places = [p for source, cls in cycle.classes(link) for p in own_setters(source, cls, link.attribute, item=False)]
    fields = (field(source, cls, link.attribute) for source, cls in cycle.classes(link))
    places = places or [place for place in fields if place is not None]
    made = ast.List | ast.Dict | ast.Set | ast.Call | ast.ListComp | ast.DictComp | ast.SetComp
    if any(is_handed_out(cls, link.attribute) for _, cls in cycle.classes(link)):
        return False
    return bool(places) and all(isinstance(place.value, made) for place in places)


def is_made(cycle: Cycle, link: Link) -> bool:
    """Is what the attribute has made where it is set, by the object itself?"""
    places = [place for place in cycle.setters(link) if not link.is_item]
    return bool(places) and all(isinstance(place.value, ast.Call) and mentions(place.node, "self") for place in places)


def _registered(cycle: Cycle, registry: Link, link: Link) -> Advice | None:
    """In a registry that the object has: weak there if the object has made the registry, or is held elsewhere."""
    owner = _owner_link(cycle, link, registry)
    name = link.target["name"].rpartition(".")[2]
    made = owner is not None and is_made(cycle, owner)
    kept = is_kept(name, registry.class_name, cycle.sources(), by_parameter=False)
    if not made and not kept:
        return None
    is_given = not made and owner is not None and is_parameter(cycle, owner)
    if is_given and is_kept(registry.class_name, name, cycle.sources()):
        return None             # the object can refer to the registry weakly, and callbacks stay as they are
    if kept is False:
        return _unregister(cycle, registry, link, owner, made)
    place = next((p for p in cycle.setters(registry) if p.value is not None), None)
    stored = _stored_methods(cycle, place, link) if place is not None else None
    if place is not None and not stored and registry.is_item and sets_whole(place, registry.attribute):
        return None             # a container from somewhere else, with other things in it
    snippet, line = _weak_methods(place, stored) if place is not None and stored else ("", 0)
    if not snippet and place is not None and isinstance(place.value, ast.Name) and place.text:
        value = place.value.id
        head, _, tail = place.text.rpartition(value)
        snippet = f"{head}weakref.WeakMethod({value}) if inspect.ismethod({value}) else lambda: {value}{tail}"
    sentence = (
        f"keep bound methods in `.{registry.attribute}` as weakref.WeakMethod, call `reference()()`, and skip those "
        "whose object is gone"
    )
    snippet = "\n".join([snippet, *_calls_of_items(cycle, registry, may_be_gone=True)] if snippet else [])
    return cycle.cut("method", registry, place, snippet, line), sentence


def _unregister(cycle: Cycle, registry: Link, link: Link, owner: Link | None, made: bool) -> Advice | None:
    """Nothing else is seen to hold the object of the method: it takes the method out when it is done."""
    if owner is None or owner.is_item:
        return None
    name = link.source["name"].rpartition(".")[2]
    place = next((p for p in cycle.setters(registry) if p.value is not None), None)
    there = f"self.{owner.attribute}"
    taking = next((r for _, cls in cycle.classes(registry) for r in removers(cls, registry.attribute)), "")
    if not registry.is_item:
        release = f"{there}.{registry.attribute} = None"
    elif registry.inner in (("list",), ("object",)):
        release = f"{there}.{registry.attribute}.remove(self.{name})"
    elif registry.inner == ("set",):
        release = f"{there}.{registry.attribute}.discard(self.{name})"
    elif made:
        release = f"{there}.{registry.attribute}.clear()"
    else:
        return None             # others may have registered there, too
    how = f" (or call {taking}())" if taking else ""
    sentence = (
        f"give {owner.class_name} a close() that takes its method out of `.{registry.attribute}`{how}, and call it "
        "when it is no longer needed; or, if something else holds it, keep a weakref.WeakMethod there"
    )
    cut = cycle.cut("close", registry, place, f"def close(self): {release}")
    return cut._replace(call=calls.call(cycle, owner, "close", cut.file)), sentence


def is_parameter(cycle: Cycle, link: Link) -> bool:
    places = cycle.setters(link)
    return bool(places) and all(
        isinstance(p.value, ast.Name) and p.value.id in parameters(p.function) for p in places if p.value is not None
    )


def cached_attributes(cycle: Cycle) -> set[str]:
    """Attributes that are computed once: setting them to None would be taken for the result."""
    found = set()
    for link in cycle.attributes():
        for _, cls in cycle.classes(link):
            found |= {m.name for m in methods(cls) if {"cached_property", "reify"} & decorators(m)}
    return found
