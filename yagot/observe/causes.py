"""The causes that the core has described: it describes each of them once in a run.

Findings of a known cause have the description of the first. They are judged by it as it is, and reported with what
holds for every cycle of the cause.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from yagot import __builtins__ as __builtins__
from yagot.model import Finding, Step, changed, from_core, hidden

if TYPE_CHECKING:
    from yagot._core import _Finding

_MOST = 10_000
"""So many are remembered, more than the core takes for known."""


def _key(found: _Finding) -> tuple[str, str, int]:
    return found["concrete"], found["cause"], found["cycle_length"]


def in_general(step: Step) -> Step:
    """What holds for every cycle of the cause: without indices, keys that are data, contents, and lines. A function
    without a name may be another one."""
    path = step.general.removeprefix(step.object).replace("[]", "[…]")
    known = {name for _, name in step.edges if f"['{name}']" in path or f".{name}" in path}
    edges = ((kind, "" if kind == "item" and name not in known else name) for kind, name in step.edges)
    defined = "" if step.qualname.endswith("<lambda>") else step.defined
    return step._replace(path=path, contents="", made="", line=0, defined=defined, edges=tuple(edges))


class Causes:
    """Findings as values."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, str, int], Finding] = {}
        self._general: dict[tuple[str, str, int], tuple[Step, ...]] = {}
        self._new: dict[int, tuple[_Finding, Finding]] = {}
        """Those of the last look that have a description of their own, as the core has them and as values."""

    def finding(self, found: _Finding) -> Finding:
        """A finding of the core's, with a description."""
        first = self._first.get(_key(found)) if found["known"] else None
        if first is not None:
            finding = changed(first, kind=found["kind"], further=True)
            finding.objects, finding.types, finding.held_bytes = found["objects"], found["types"], found["held_bytes"]
            finding.count, finding.cyclic, finding.cycles = found["count"], found["cyclic"], found["cycles"]
            finding.subject, finding.why, finding.origin = found["subject"], found["why"], found["origin"]
            finding.references, finding.hops = found["references"], tuple(found.get("hops", ()))
            return finding
        new = self._new.pop(id(found), None)
        return new[1] if new is not None and new[0] is found else from_core(found)

    def reported(self, finding: Finding) -> Finding:
        """A finding that was judged, with nothing that may be true of the first of its cause alone."""
        if not finding.further:
            return finding
        key = (finding.concrete, finding.cause, finding.cycle_length)
        if key not in self._general:
            self._general[key] = tuple(map(in_general, finding.steps))
        cut = finding.cut._replace(frees=0) if finding.cut is not None else None
        return changed(finding, steps=self._general[key], cut=cut)

    def learn(self, findings: Iterable[_Finding]) -> None:
        """Remembers the descriptions, whatever becomes of the findings."""
        self._new = {}
        for found in findings:
            if not found["known"] and found["cycle_length"] > 0 and len(self._first) < _MOST:
                value = from_core(found)
                self._new[id(found)] = found, value
                self._first[_key(found)] = hidden(changed(value, hops=()))
