"""Advice for generators and coroutines that are suspended."""

from __future__ import annotations

from yagot import __builtins__ as __builtins__
from yagot.explain import calls
from yagot.explain.exceptions import Advice
from yagot.explain.links import Cycle, Link
from yagot.explain.source import Place, last_name, nodes_of
from yagot.originals import ast


def generator(cycle: Cycle) -> Advice | None:
    """A suspended generator whose variables lead back to it."""
    for link in cycle.links:
        if link.source["kind"] != "generator" or not link.breaks or not cycle.edits(link.file):
            continue
        before = cycle.before(link)
        place = next(iter(cycle.setters(before)), None) if before.attribute else None
        kept = f"self.{before.attribute}.close()" if before.attribute and not before.is_item else ""
        what = link.source["what"].partition(" ")[0]
        made = _made(cycle, link) if not kept else None
        name = made.source.text(made.value) if made is not None and made.value is not None else ""
        name = kept.removesuffix(".close()") or name
        call = "" if not name else f"await {name}.aclose()" if what == "async_generator" else f"{name}.close()"
        if kept and cycle.edits(before.file):
            call = f"async def aclose(self): {call}" if call.startswith("await") else f"def close(self): {call}"
        place = place or made or _keeping(cycle, link)
        sentence = f"a suspended {what} keeps its variables: run it to its end, or close it when it is no longer needed"
        cut = cycle.cut("generator", link, place, call)
        if call.startswith(("def ", "async def ")):
            method = call.partition("(")[0].rpartition(" ")[2]
            return cut._replace(
                call=calls.call(cycle, before, method, cut.file, is_async=method == "aclose")
            ), f"{sentence}; give {before.class_name} a method for it"
        return cut, sentence
    return None


def _made(cycle: Cycle, link: Link) -> Place | None:
    """Where a variable gets the generator, with the variable as what is stored, if all that call its function have the
    same one."""
    name = link.source["name"].rpartition(".")[2]
    found: dict[str, Place] = {}
    for source in cycle.sources():
        for function in source.functions_with(f"{name}("):
            for node in nodes_of(function):
                if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
                    continue
                if last_name(node.value.func) == name:
                    target = node.targets[0]
                    found.setdefault(source.text(target), Place(source, node, function, target))
    return next(iter(found.values())) if len(found) == 1 and all(text.isidentifier() for text in found) else None


def _keeping(cycle: Cycle, link: Link) -> Place | None:
    """Where a generator sets the variable that leads back to it; its first line if it is a parameter."""
    found = cycle.function(link)
    if found is None:
        return None
    source, function = found
    nodes = (node for node in nodes_of(function) if isinstance(node, ast.Assign))
    set_ = (n for n in nodes if any(isinstance(t, ast.Name) and t.id == link.variable for t in n.targets))
    return Place(source, next(set_, function), function)
