"""The causes that the core has described: it describes each of them once in a run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from yagot import __builtins__ as __builtins__
from yagot.model import Finding, changed, from_core

if TYPE_CHECKING:
    from yagot._core import _Finding

_MOST = 10_000
"""So many are remembered, more than the core takes for known."""


def _key(found: _Finding) -> tuple[str, str, int]:
    return found["concrete"], found["cause"], found["cycle_length"]


class Causes:
    """Findings as values: those of a known cause have the description of the first."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, str, int], Finding] = {}

    def finding(self, found: _Finding) -> Finding:
        """A finding of the core's, with a description."""
        first = self._first.get(_key(found)) if found["cycle_length"] else None
        if first is not None:
            return changed(
                first,
                kind=found["kind"],
                objects=found["objects"],
                types=found["types"],
                held_bytes=found["held_bytes"],
                count=found["count"],
                subject=found["subject"],
                why=found["why"],
                references=found["references"],
                origin=found["origin"],
                hops=tuple(found.get("hops", ())),
            )
        return from_core(found)

    def learn(self, findings: Iterable[_Finding]) -> None:
        """Remembers the descriptions, whatever becomes of the findings."""
        for found in findings:
            if not found["known"] and found["cycle_length"] > 0 and len(self._first) < _MOST:
                self._first[_key(found)] = changed(from_core(found), hops=())
