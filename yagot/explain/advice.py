"""Which reference to cut, and how: advice that works as it stands, or none.

The core says for each reference of a finding's shortest cycle whether the cycles are gone without it; the source says
where it is set and what it gets. The rules below are asked in order, and the first that knows an answer gives it. Each
cause is looked at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from yagot import __builtins__ as __builtins__
from yagot.explain import closing, containers, exceptions, functions, generators, ownership, recursion, tests
from yagot.explain.exceptions import Advice
from yagot.explain.links import Cycle, is_installed, is_source
from yagot.explain.snippets import shortened
from yagot.explain.source import read
from yagot.model import Cut, Finding, TestInfo, changed, hidden
from yagot.originals import without_collections
from yagot.places import absolute, relative

_ADVISED = ("leak", "known", "suspected")
_MOST = 5000
"""So many causes are remembered."""
_MOST_WAITING = 200
_NO_PLACE: Mapping[str, Any] = {"file": "", "line": 0, "snippet": ""}
_PARTLY = -1
"""What a cut frees that leaves something."""

RULES: Sequence[Callable[[Cycle], Advice | None]] = (
    exceptions.advise,
    closing.fixture,
    functions.served,
    functions.argument,
    recursion.advise,
    functions.cache,
    closing.release,
    closing.set_by_test,
    closing.taken_out,
    functions.method,
    functions.captured,
    ownership.weak,
    generators.generator,
    tests.side_effect,
    closing.close,
)

_RANKS = (
    "local", "exception", "served", "argument", "function", "cache", "release", "method", "captured", "weak",
    "generator", "close",
)  # fmt: skip
"""The kinds of cuts, the best first."""

class _Known(NamedTuple):
    """What was advised for a concrete cause."""

    test: str
    """The id of the test that had it first."""
    advice: Advice | None
    for_others: Advice | None
    """The same for further tests."""


_known: dict[str, _Known] = {}
_of_all: dict[tuple[str, str, bool], Advice] = {}
"""Those that are the same for all cycles of a cause."""
_waiting: dict[str, Finding] = {}
"""Findings that have not counted so far."""


def _choose(cycle: Cycle) -> Advice | None:
    if not any(cycle.edits(link.file) for link in cycle.links):
        return closing.release(cycle) or containers.advise(cycle)
    return _by_rules(cycle) or _choose_two(cycle) or closing.close_all(cycle) or _choose_own(cycle)


def _by_rules(cycle: Cycle) -> Advice | None:
    return next(filter(None, (rule(cycle) for rule in RULES)), None)


def _choose_two(cycle: Cycle) -> Advice | None:
    """Where no reference alone takes all apart: one of the cycle's, and one of what is left without it."""
    found: list[tuple[Advice, Advice]] = []
    for link in cycle.links:
        first = _by_rules(cycle.only(link)) if link.rest else None
        second = _by_rules(cycle.without(link)) if first is not None else None
        if first is not None and second is not None:
            found.append((first, second))
    if not found:
        return None
    (cut, sentence), (other, reason) = min(found, key=lambda pair: sum(_RANKS.index(cut.kind) for cut, _ in pair))
    if cut.place and (cut.place, cut.snippet) == (other.place, other.snippet):
        return cut, sentence            # one change of a class for two of its subclasses
    if cut.kind == other.kind == "close" and _closed(sentence) == _closed(reason):
        return _close_both(cut, sentence, other)
    if cut.kind == other.kind == "local" and cut.file and (cut.file, cut.object) == (other.file, other.object):
        return _let_go_of_both(cut, other)
    cut, other = (each._replace(snippet=shortened(each.snippet, each.line)) for each in (cut, other))
    return cut._replace(also=other), f"two references have to go: {sentence}; and {reason}"


def _choose_own(cycle: Cycle) -> Advice | None:
    """Where a cycle is left that is not the project's: the reference that is."""
    for link in cycle.links if not cycle.is_others else ():
        rest = cycle.without(link) if link.others else None
        advice = _by_rules(cycle.only(link)) if rest is not None and rest.links and rest.is_others else None
        if advice is not None and rest is not None:
            cut, sentence = advice
            other = next((link for link in rest.links if is_source(link.file)), rest.links[0])
            left = f"a cycle is left that is not the project's ({other.source['what']})"
            return cut._replace(frees=_PARTLY), f"{sentence}; {left}"
    return None


def _closed(sentence: str) -> str:
    """Which class gets, or has, the method that lets go."""
    found = re.search(r"^give (\w+) a|^let \w+\(\) of the (\w+)", sentence)
    return found[0] if found is not None else sentence


def _close_both(cut: Cut, sentence: str, other: Cut) -> Advice:
    """One method lets go of both."""
    last = other.snippet.splitlines()[-1].strip().partition("  # ")[0]
    body = re.sub(r"^(?:def close\(self\)|finally|for each in .*?): (?=\w)", "", last)
    head, comment, where = cut.snippet.partition("  # ")
    snippet = f"{head}; {body}{comment}{where}"
    joined = cut._replace(snippet=snippet, also=other._replace(snippet="", call=""))
    both = sentence.replace(f"`{_first(cut)}`", f"`{_first(cut)}` and `{_first(other)}`")
    return joined, f"two references have to go: {both}"


def _let_go_of_both(cut: Cut, other: Cut) -> Advice:
    """Two variables of one frame, where it is left; around all that needs one of them, if the other needs less."""
    outer, inner = sorted((cut, other), key=lambda each: (each.line, each is other))
    release = inner.snippet.splitlines()[-1].removeprefix("finally: ")
    if inner.line > outer.line:         # it may not have got the variable yet
        release = re.sub(r"^del (\w+)$", r"\1 = None", release)
    snippet = f"{outer.snippet}; {release}"
    joined = cut._replace(line=outer.line, snippet=snippet, also=other._replace(line=outer.line, snippet=""))
    names = " and ".join(re.findall(r"^local ('[^']+')", f"{cut.reference}\n{other.reference}", re.MULTILINE))
    return joined, f"in a `finally`, let go of the variables {names}: they lead back to this frame"


def _first(cut: Cut) -> str:
    """The attribute of a cut: what its path begins with."""
    return re.sub(r"(?<=\w)\W.*", "", cut.reference)


def advised(
    findings: Sequence[Finding], test: TestInfo | None, is_foreign: Callable[[str], bool] = is_installed
) -> tuple[Finding, ...]:
    """The findings with the advice for those that count; the cycles as data are dropped. *is_foreign*: see Cycle."""
    return tuple(_advised(finding, test, is_foreign) for finding in findings)


def _is_for_all(cut: Cut, test: TestInfo | None) -> bool:
    """Is all that is to be edited for a cause outside of the test's file? Then it is the same for all cycles that have
    this cause, as those of subclasses that each test makes for itself."""
    own = relative(test.file) if test is not None and test.file else ""
    return all(each.file not in ("", own) for each in cut.all)


def _cause(finding: Finding) -> tuple[str, str, bool]:
    """A ring of objects has the same cause as one that refers to itself, but not the same advice."""
    return finding.kind, finding.cause, finding.cycle_length == 1


def _for_all(finding: Finding) -> Advice | None:
    """The advice for all cycles of a cause, if it speaks of what is on this one."""
    advice = _of_all.get(_cause(finding))
    names = {step.qualname for step in finding.steps}
    return advice if advice is not None and all(_name(each) in names for each in advice[0].all) else None


def _name(cut: Cut) -> str:
    """``Shop.order`` of ``frame of Shop.order``."""
    return cut.object.rpartition(" ")[2]


def _id(test: TestInfo | None) -> str:
    return test.main_id if test is not None else ""


def _remembered(key: str, test: TestInfo | None) -> Advice | None:
    known = _known.get(key)
    return None if known is None else known.advice if known.test == _id(test) else known.for_others


def for_others(cut: Cut, sentence: str, test: TestInfo | None) -> Advice:
    """The advice for further tests of a cause: without what is to be edited in the first one's own function, which says
    nothing of theirs."""
    if test is None:
        return cut, sentence
    own = [each for each in cut.all if _is_in_test(each, test)]
    if own:
        sentence = f"{sentence} (as advised for {test.id})"
    cut, *also = (each._replace(call="", **(_NO_PLACE if each in own else {})) for each in cut.all)
    return cut._replace(also=also[0] if also else None), sentence


def _is_in_test(cut: Cut, test: TestInfo) -> bool:
    """Is the line to edit in the function of a test?"""
    file = absolute(test.file) if test.file else ""
    source = read(file) if file and cut.file and absolute(cut.file) == file else None
    functions = source.named.get(test.function, ()) if source is not None else ()
    return any(function.lineno <= cut.line <= (function.end_lineno or 0) for function in functions)


def _advised(finding: Finding, test: TestInfo | None, is_foreign: Callable[[str], bool]) -> Finding:
    key = f"{finding.kind} {finding.cycle_length == 1} {finding.concrete or finding.cause}"
    if test is not None and finding.hops and containers.is_plain(finding.hops):
        key += f" {test.id}"
    if finding.verdict not in _ADVISED:
        if finding.hops and len(_waiting) < _MOST_WAITING:
            _waiting.setdefault(key, hidden(finding))
        return changed(finding, hops=())
    hops = finding.hops or (_waiting.pop(key).hops if key in _waiting else ())
    advice = _remembered(key, test) or _for_all(finding)
    if hops and advice is None and key not in _known:
        try:
            with without_collections():
                advice = _choose(Cycle(hops, test, is_foreign))
                others = for_others(*advice, test) if advice is not None else None
        except Exception:  # whatever the source is like, a test must not fail for want of advice
            advice = others = None
        if len(_known) < _MOST:
            _known[key] = _Known(_id(test), advice, others)
        if advice is not None and others is not None and _is_for_all(advice[0], test):
            _of_all.setdefault(_cause(finding), others)
    if advice is None:
        return changed(finding, hops=())
    cut, sentence = advice
    frees = 0 if cut.frees == _PARTLY else finding.objects
    return changed(finding, hops=(), cut=cut._replace(frees=frees), advice=sentence)
