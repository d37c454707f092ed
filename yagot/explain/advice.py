"""Which reference to cut, and how: advice that works as it stands, or none.

The core says for each reference of a finding's shortest cycle whether the cycles are gone without it; the source says
where it is set and what it gets. The rules below are asked in order, and the first that knows an answer gives it. Each
cause is looked at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from yagot.explain import exceptions, functions, ownership
from yagot.explain.exceptions import Advice
from yagot.explain.links import Cycle
from yagot.model import Finding, TestInfo
from yagot.originals import dataclasses

_ADVISED = ("leak", "known", "suspected")
_MOST = 5000
"""So many causes are remembered."""
_MOST_WAITING = 200

RULES: Sequence[Callable[[Cycle], Advice | None]] = (
    exceptions.advise,
    functions.served,
    functions.argument,
    functions.recursive,
    functions.cache,
    ownership.release,
    functions.method,
    functions.captured,
    ownership.weak,
    functions.generator,
    ownership.close,
)

_known: dict[str, Advice | None] = {}
_waiting: dict[str, Finding] = {}
"""Findings that have not counted so far."""


def _choose(cycle: Cycle) -> Advice | None:
    if not any(cycle.edits(link.file) for link in cycle.links):
        return ownership.release(cycle)
    for rule in RULES:
        advice = rule(cycle)
        if advice is not None:
            return advice
    return None


def advised(findings: Sequence[Finding], test: TestInfo | None) -> tuple[Finding, ...]:
    """The findings with the advice for those that count; the cycles as data are dropped."""
    return tuple(_advised(finding, test) for finding in findings)


def _advised(finding: Finding, test: TestInfo | None) -> Finding:
    key = f"{finding.kind} {finding.concrete or finding.cause}"
    if finding.verdict not in _ADVISED:
        if finding.hops and len(_waiting) < _MOST_WAITING:
            _waiting.setdefault(key, finding)
        return dataclasses.replace(finding, hops=())
    hops = finding.hops or (_waiting.pop(key).hops if key in _waiting else ())
    advice = _known.get(key)
    if hops and key not in _known:
        try:
            advice = _choose(Cycle(hops, test))
        except Exception:  # whatever the source is like, a test must not fail for want of advice
            advice = None
        if len(_known) < _MOST:
            _known[key] = advice
    if advice is None:
        return dataclasses.replace(finding, hops=())
    cut, sentence = advice
    return dataclasses.replace(finding, hops=(), cut=dataclasses.replace(cut, frees=finding.objects), advice=sentence)
