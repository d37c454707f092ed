"""References that nobody holds: when to look for them, and which of those found are leaks.

A survivor whose reference count is higher than all references that can be found is a suspect: caches in C look the
same. With --confirm its test is run again, in a fresh instance: if the object is still there then, and a new one like
it has joined it, it is a leak. Without, no test runs twice, and suspects stay suspects.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Set
from typing import TYPE_CHECKING, NamedTuple

from yagot.model import lasting
from yagot.originals import originals

if TYPE_CHECKING:
    from yagot._core import _Finding, _Observation
    from yagot.observe.release import Ledger

Again = Callable[[Callable[[tuple[object, ...]], None]], str | None]
"""Runs the test once more in a fresh instance, after calling its argument with the new owners; returns the outcome.
None if that cannot be done."""

FREE_LOOKS = 5
FREE_SECONDS = 0.1
SHARE = 0.02
NATIVE_SHARE = 0.4

UNHELD = " with a reference that nobody holds"


def kind_of(cause: str) -> str:
    """The cause without what is in the object: ``list`` of ``list of int``."""
    return cause.removesuffix(UNHELD).partition(" of ")[0] + UNHELD


def _untracked(found: list[_Finding]) -> set[str]:
    return {finding["signature"] for finding in found if finding["untracked"]}


class Settled(NamedTuple):
    """What has become of suspects: their causes."""

    confirmed: Set[str] = frozenset()
    suspected: Set[str] = frozenset()
    unseen: bool = False
    """They are not sure because of a stack that cannot be seen."""


class References:
    """What a run knows of such references."""

    def __init__(self, ledger: Ledger, confirm: bool, native: bool = False) -> None:
        self._ledger = ledger
        self._confirm = confirm
        self._share = NATIVE_SHARE if native else SHARE
        self._began = originals.process_time()
        self._looks = 0
        self._spent = 0.0
        self.passing: dict[str, int] = {}
        self._modules = self._at_exit = 0
        self._threads: set[int] = set()
        self.confirmed: set[str] = set()
        self.varying: set[str] = set()
        self.postponed = False
        self._held = False

    def begin(self) -> None:
        """A window opens."""
        self._modules = len(sys.modules)
        self._at_exit = originals.registered_at_exit()
        self._threads = set(originals.current_frames())

    def affordable(self) -> bool:
        """May this test be looked at? A look walks the whole heap: some looks are free, then they may take two per
        cent of the run; forty where objects that the collector does not track are looked for, which nearly every test
        leaves. What is not looked at now is at the next boundary."""
        allowed = FREE_SECONDS + self._share * (originals.process_time() - self._began)
        return self._looks < FREE_LOOKS or self._spent <= allowed

    def _count(self, seconds: float) -> None:
        self._looks += 1
        self._spent += seconds

    def end(self, look: bool, now: bool) -> _Observation | None:
        """Closes the ledger's window. *now*: where calls in progress hold nothing that was born in it; else
        late() is called where that is so."""
        before = originals.thread_time()  # a busy machine makes no look dearer
        references = look and now and self.affordable()
        seen = self._ledger.end(look=look, references=references, keep=look and not now and self.affordable())
        self._held = seen is not None and seen["held"] > 0
        self.postponed |= self._held and not self.affordable()
        if references and seen is not None and seen["held"]:
            self._count(originals.thread_time() - before)
        return seen

    def late(self) -> list[_Finding]:
        """The references of the last window, if end() was not to look for them."""
        if not self._held:
            return []
        before = originals.thread_time()
        found = self._ledger.references()
        self._count(originals.thread_time() - before)
        return found

    def noisy(self) -> bool:
        """Could the test have made a place that nobody can look into? Imports do, and the list of what is called at
        exit is one; a new thread may hold what it likes."""
        return len(sys.modules) != self._modules or originals.registered_at_exit() > self._at_exit or self._unseen()

    def _unseen(self) -> bool:
        """Is there a stack that cannot be seen: of a thread that the test has started, of a suspended greenlet?"""
        return self._ledger.stacks or bool(originals.current_frames().keys() - self._threads)

    def settle(self, found: list[_Finding], again: Again | None) -> Settled:
        """Which suspects are leaks, and which may be. The others have another explanation."""
        suspects = Counter({finding["signature"]: finding["count"] for finding in found if finding["references"]})
        if originals.registered_at_exit() > self._at_exit:
            suspects.clear()  # the interpreter holds what is called at its exit, where nobody can look
        untracked = _untracked(found)  # one cache must not hide another's leak: all strings look alike
        new = {cause for cause, count in suspects.items() if cause in untracked or count > self.passing.get(cause, 0)}
        settled = Settled()
        try:
            if new:
                before = {finding["signature"]: finding["references"] for finding in found if finding["references"]}
                settled = self._settle(new, suspects, before, untracked, again)
        finally:
            self._ledger.forget(bool(settled.confirmed or settled.suspected))
        self.confirmed |= set(map(self.lasting, settled.confirmed - untracked))
        return settled

    def _settle(
        self,
        new: set[str],
        suspects: Counter[str],
        before: Mapping[str, int],
        untracked: Set[str],
        again: Again | None,
    ) -> Settled:
        recurring = self._repeat(again, before, untracked) if self._confirm and again is not None else None
        if recurring is not None:
            for cause in new - recurring:
                self.passing[cause] = max(self.passing.get(cause, 0), suspects[cause])
            sure, unsure = new & recurring, set()
        elif len(sys.modules) != self._modules:
            return Settled()  # what an import makes is no suspect
        else:
            sure, unsure = set(), new
        return Settled(set(), sure | unsure, unseen=True) if self._unseen() else Settled(sure, unsure)

    def lasting(self, cause: str) -> str:
        """The cause as it will be on every run: without what is in the object, if that differs each time."""
        return kind_of(cause) if cause in self.varying else lasting(cause)

    def alone(self) -> bool:
        """At a boundary: is there no stack that cannot be seen, as of xdist's thread that reads from its pipe?"""
        return len(originals.current_frames()) == 1 and not self._ledger.stacks

    def _repeat(self, again: Again, before: Mapping[str, int], untracked: Set[str]) -> set[str] | None:
        """The causes that were there after the test and are still, and whose like has joined them: a new object, or one
        more reference to the old one. One is alike if only what is in it differs, as keys that are made anew each time,
        and none like it was there the first time. *before*: references by cause.

        Strings and numbers are kept in memory of C in many caches, and all look alike. Of the *untracked* causes the
        first objects must all be there still, and as many more: a cache drops some, or need not make them again."""
        outcome = again(self._ledger.begin)
        if outcome is None:
            return None
        seen = self._ledger.end(look=outcome == "passed", references=True)
        if seen is None:
            return None
        recurring = seen["recurring"]
        after = {finding["signature"]: finding["references"] for finding in seen["findings"] if finding["references"]}
        joined = after.keys()
        alike = {kind_of(cause) for cause in joined - before.keys()}
        varying = {cause for cause in recurring.keys() - joined if kind_of(cause) in alike}
        self.varying |= varying
        more = {cause for cause, references in recurring.items() if references > before.get(cause, references)}
        doubled = {cause for cause in untracked if recurring.get(cause) == before[cause] == after.get(cause)}
        return ((joined & recurring.keys()) | varying | more) - untracked | doubled
