"""Findings and test reports: plain values, never a live object."""

from __future__ import annotations

import functools
import operator
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from yagot import __builtins__ as __builtins__
from yagot import _core
from yagot.originals import dataclasses
from yagot.places import shown_path

try:  # hashlib's own source for it; hashlib itself brings OpenSSL along, 4 MB
    from _blake2 import blake2s
except ImportError:
    from hashlib import blake2s

if TYPE_CHECKING:
    from yagot._core import _Finding, _Hop, _Step

CRASH = "yagot.Crash"
"""The type of the problem of a test whose process died."""

INTERRUPTED = "yagot.Interrupted"
"""The type of the problem of a test that Ctrl-C has stopped, or whatever else ended the run."""

BROKEN_OFF = "yagot.BrokenOff"
"""The type of the problem of a run that an exception has ended."""

THE_RUN = "the run"
"""Stands for a test where something is reported of the whole run."""

UNTRACKED = "untracked"
"""Why a suspect is unsure: many caches in C hold objects that the collector does not track, and all look alike."""

BOUNDED = "bounded-cache"
"""Why growth is no leak: it is in a cache that has a bound."""

FILLING = "library-cache"
"""Why growth is no leak: a container of a library's own holds it, and has not been seen to grow for long."""

LATER = " [later]"
"""After the name of a test: what was reported of it after its end."""
BEFORE = " [before]"
"""After the name of a test: what was made before it, e.g. by setUpClass."""
AFTER = " [after]"
"""Behind the name of the last test: what was made after it, e.g. by tearDownModule."""

OUTCOMES = ("passed", "failed", "error", "skipped", "expected_failure", "unexpected_success", "interrupted")


class Step(NamedTuple):
    """One object on a cycle and how it refers to the next one."""

    object: str
    """What it is: ``tree.Node``, ``function tree.make.<locals>.walk``."""
    path: str
    """The reference, as source would write it: ``.children[0]``."""
    contents: str = ""
    """Lengths, keys, attributes and primitive values; bounded."""
    defined: str = ""
    """``file:line`` of the function or class, or empty."""
    made: str = ""
    """``file:line`` of the allocation (newest frame first), if tracemalloc traced it."""
    kind: str = ""
    """``instance``, ``class``, ``function``, ``frame``, ``generator``, ``coroutine``, ``async_generator``, ``method``,
    ``module``, ``builtin`` (a function in C) or ``container``."""
    module: str = ""
    """The module of the class, function or frame; of an instance, of its class. Empty if unknown."""
    qualname: str = ""
    """The name within the module."""
    line: int = 0
    """Where a frame is, or was left; else 0."""
    general: str = ""
    """Object and path without indices, as in causes."""
    maker: str = ""
    """The module whose code has made the reference, by all that is known: of a variable that of its function, of an
    attribute that of the class whose methods set it. Empty if unknown, as of items."""
    edges: tuple[tuple[str, str], ...] = ()
    """Kind and name of each reference of the path, eight at most: ``("attribute", "children"), ("item", "0")``. The
    kinds: ``attribute``, ``field`` (of the interpreter or a C type), ``item``, ``key`` (is one), ``member`` (of a set),
    ``local``, ``cell``, ``iterated``, ``unknown``."""

    @property
    def name(self) -> str:
        """Module and name, as far as they are known."""
        return ".".join(filter(None, (self.module, self.qualname)))

    def __str__(self) -> str:
        return self.object + self.path


def sign(kind: str, cause: str) -> str:
    """Twelve hexadecimal digits that stand for kind and cause (BLAKE2s)."""
    return blake2s(f"{kind}\n{cause}".encode(), digest_size=6).hexdigest()


class Cut(NamedTuple):
    """The reference to break, and the line to edit for it."""

    kind: str
    """The rule behind it; see yagot.explain.advice."""
    object: str
    """Whose reference: ``Category``, ``frame Shop.order``."""
    reference: str
    """``.parent``, ``local 'failure'``."""
    file: str = ""
    """Where it is set; empty if the source is not known."""
    line: int = 0
    snippet: str = ""
    """What to write there, or next to it; may have several lines."""
    frees: int = 0
    """How many of the finding's objects go without the reference; 0: some; what is left is not the project's."""
    call: str = ""
    """What calls the snippet's method in the test, and where; empty if the test has no variable for the object."""
    also: Cut | None = None
    """A second reference that has to go, too; without a snippet if the first one's is for both."""

    @property
    def place(self) -> str:
        """``file:line``, or empty."""
        return f"{shown_path(self.file)}:{self.line}" if self.file else ""

    @property
    def all(self) -> tuple[Cut, ...]:
        """This one, and the second one if there is one."""
        return (self,) if self.also is None else (self, self.also)

    def as_json(self) -> dict[str, Any]:
        """The cut as the JSON report has it."""
        return {**self._asdict(), "also": self.also.as_json() if self.also is not None else None}


@dataclass(slots=True)  # not frozen: that trebles what making one takes
class Finding:
    """One cause: a reference cycle and what hangs off it. A value: changed() makes another one."""

    kind: str
    """``collected``, ``uncollectable``, ``growth``, or ``hidden``: a C type that does not show what it holds."""
    cause: str
    """The cycle in general, the same on every run: attributes by the class that sets them, no indices and keys."""
    objects: int
    """Tracked objects, all components together."""
    types: Mapping[str, int]
    """Objects by type, ``module.qualname`` without ``builtins.``."""
    held_bytes: int
    """Memory that goes with them, untracked objects included."""
    count: int = 1
    """Components of this structure."""
    cyclic: int = 0
    """Objects that are on cycles themselves; the others hang off them. 0: unknown."""
    cycles: int = 0
    """How many cycles these are; 0 if some have objects in common, or if it is unknown."""
    parts: tuple[str, ...] = ()
    """The steps that the cause consists of; none if it is no cycle."""
    concrete: str = ""
    """The cause with the classes and keys of this cycle."""
    variants: tuple[str, ...] = ()
    """The signatures of the concrete causes that the finding stands for."""
    makers: tuple[str, ...] = ()
    """The makers of all steps, those that are not shown included."""
    left_out: tuple[str, ...] = ()
    """Module and qualified name of the steps that are not shown."""
    subject: str = ""
    """What the cause says something of, if it is no cycle: ``list of int``."""
    steps: tuple[Step, ...] = ()
    """The shortest cycle; of a long one, the beginning and the last step."""
    cycle_length: int = 0
    advice: str = ""
    """What to change, in a sentence; empty if there is no sound suggestion."""
    cut: Cut | None = None
    """The same as data."""
    why: str = ""
    """Why the collector could not release the objects (uncollectable ones)."""
    references: int = 0
    """References to the objects that are counted and that nobody holds (uncollectable ones)."""
    suspected: bool = False
    """Not confirmed: some place in C memory may hold them."""
    further: bool = False
    """Of a cause that the run has described before: steps, advice and cut are those of the first finding."""
    origin: str = "test"
    """When the objects on the cycle were made: in the ``test``, ``before`` it, or by an ``import``."""
    owner: str = ""
    """Whose it is; see yagot.judge.owners."""
    verdict: str = "leak"
    """``leak``, ``note``, ``allowed``, ``known`` or ``suspected``."""
    reason: str = ""
    """The rule behind a verdict other than ``leak``."""

    hops: tuple[_Hop, ...] = ()
    """The cycle, object by object; only until the advice is chosen."""

    @property
    def is_pythons_own(self) -> bool:
        """Does it blame a type of Python's own (as _io.StringIO before 3.12) for what it hides? Nobody mends those."""
        if self.kind != "hidden":
            return False
        return "." not in self.subject or self.subject.partition(".")[0] in sys.stdlib_module_names

    @property
    def signature(self) -> str:
        """Twelve hexadecimal digits that stand for kind and cause (BLAKE2s)."""
        return sign(self.kind, self.cause)

    @property
    def edges(self) -> tuple[str, ...]:
        """The steps of the cycle, in general and as they are; the cause if it is no cycle."""
        return (*self.parts, *(step.general for step in self.steps if step.general)) or (self.cause,)

    @property
    def cycle(self) -> tuple[str, ...]:
        """The steps as text."""
        return tuple(map(str, self.steps))

    def as_json(self) -> dict[str, Any]:
        """The finding as the JSON report has it (docs: reference, JSON)."""
        return {
            "kind": self.kind,
            "verdict": self.verdict,
            "reason": self.reason,
            "signature": self.signature,
            "cause": self.cause,
            "parts": list(self.parts),
            "concrete": self.concrete,
            "variants": list(self.variants),
            "makers": list(self.makers),
            "left_out": list(self.left_out),
            "subject": self.subject,
            "objects": self.objects,
            "types": dict(self.types),
            "held_bytes": self.held_bytes,
            "cycle": list(self.cycle),
            "cycle_length": self.cycle_length,
            "count": self.count,
            "cyclic": self.cyclic,
            "cycles": self.cycles,
            "advice": self.advice,
            "cut": self.cut.as_json() if self.cut is not None else None,
            "why": self.why,
            "references": self.references,
            "suspected": self.suspected,
            "further": self.further,
            "owner": self.owner,
            "steps": [step._asdict() for step in self.steps],
        }


def changed(finding: Finding, **changes: Any) -> Finding:
    """As dataclasses.replace(), in a fraction of the time: this is done for each finding of each test."""
    copy = _core.copied(finding)
    for name, value in changes.items():
        setattr(copy, name, value)
    return copy


def hidden(finding: Finding) -> Finding:
    """The same, which is kept until the run is over: hidden from the collector, which would go through all of it each
    time."""
    _core.untrack(finding, Finding)
    return finding


_ADDRESS = re.compile(r"(?<![0-9A-Za-z])(?=[a-f]*[0-9])[0-9a-f]{8,}(?![0-9A-Za-z])")


@functools.lru_cache(1000)
def lasting(cause: str) -> str:
    """A cause without addresses and hashes in names: code made at run time may be in ``templates_7f14cfed63d0``."""
    return _ADDRESS.sub("*", cause)


_step_values = operator.itemgetter(*Step._fields)


def _step_from_core(step: _Step) -> Step:
    *values, edges = _step_values(step)
    return Step._make([*values, tuple(edges)])


def from_core(found: _Finding) -> Finding:
    """A finding as the core reports it, with its description."""
    concrete = lasting(found["concrete"])
    parts = found.get("parts", [])
    return Finding(
        kind=found["kind"],
        cause=lasting(found["cause"]) if parts else concrete,
        concrete=concrete,
        variants=(sign(found["kind"], concrete),) if parts else (),
        objects=found["objects"],
        types=found["types"],
        held_bytes=found["held_bytes"],
        count=found["count"],
        cyclic=found["cyclic"],
        cycles=found["cycles"],
        parts=tuple(map(lasting, parts)),
        makers=tuple(found.get("makers", ())),
        left_out=tuple(found.get("left_out", ())),
        subject=found["subject"],
        steps=tuple(map(_step_from_core, found.get("steps", ()))),
        cycle_length=found["cycle_length"],
        hops=tuple(found.get("hops", ())),
        why=found["why"],
        references=found["references"],
        origin=found["origin"],
        reason=UNTRACKED if found["untracked"] else "",
    )


@dataclass(slots=True, unsafe_hash=True)  # a value, not frozen: see Finding
class TestInfo:
    """Which test: its names for people and for reports."""

    __test__ = False

    id: str
    """As the framework names it: ``package.module.Class.method``."""
    module: str
    """Dotted; tests of one module are one suite of the XML report."""
    classname: str
    name: str
    file: str | None = None
    line: int | None = None

    def __post_init__(self) -> None:
        """There is one for each test of the run, and every collection would go through them."""
        _core.untrack(self, TestInfo)

    @property
    def is_main(self) -> bool:
        """Does this stand for the test itself, not for what was reported later?"""
        return not self.id.endswith((LATER, BEFORE, AFTER))

    @property
    def main_id(self) -> str:
        """The id of the test itself, where this stands for what was reported later."""
        return self.id.removesuffix(LATER).removesuffix(BEFORE).removesuffix(AFTER)

    @property
    def function(self) -> str:
        """The name of the test's function, without parameters and class."""
        return re.split(r"[\[ ]", self.name)[0].rpartition(".")[2]

    @property
    def place(self) -> str:
        """``path:line: test``, as far as it is known."""
        file = shown_path(self.file) if self.file else ""
        where = f"{file}:{self.line}: " if file and self.line else f"{file}: " if file else ""
        return where + self.id


class Problem(NamedTuple):
    """Why a test did not pass."""

    type: str
    """The exception's type."""
    message: str
    text: str = ""
    """The traceback."""


@dataclass(slots=True)  # a value, not frozen: see Finding
class TestReport:
    """What one window saw."""

    __test__ = False

    test: TestInfo
    outcome: str
    """One of OUTCOMES: the test's own, leaks left aside."""
    seconds: float
    checked: bool = False
    """Failed, skipped and expected-failure tests are not: their tracebacks live in the result."""
    check_seconds: float = 0.0
    """What looking has taken, after the test."""
    born: int = 0
    survivors: int = 0
    incomplete: str | None = None
    """Why the window was not seen whole."""
    findings: Sequence[Finding] = field(default_factory=tuple)
    missing: tuple[str, ...] = ()
    """Leaks that the test says it has, and has not."""
    used: tuple[str, ...] = ()
    """The settings that matched something here first; see yagot.judge.matches."""
    problem: Problem | None = None
    """The failure or skip that the framework reported."""

    @property
    def leaks(self) -> list[Finding]:
        """The findings that count, the largest memory first."""
        return sorted((f for f in self.findings if f.verdict == "leak"), key=lambda f: -f.held_bytes)

    def fails(self, report_only: bool) -> bool:
        """Do the leaks make the test fail? Expected ones that are gone do in any case."""
        leaks = self.findings and not report_only and any(finding.verdict == "leak" for finding in self.findings)
        return bool(leaks or self.missing)

    def as_json(self) -> dict[str, Any]:
        """The test as the JSON report has it."""
        return {
            **dataclasses.asdict(self.test),
            "outcome": self.outcome,
            "seconds": round(self.seconds, 6),
            "checked": self.checked,
            "check_seconds": round(self.check_seconds, 6),
            "incomplete": self.incomplete,
            "born": self.born,
            "survivors": self.survivors,
            "missing": list(self.missing),
            "findings": [finding.as_json() for finding in self.findings],
        }
