"""References that nobody holds: when to look for them, and which of those found are leaks.

A survivor with a reference count that is higher than the number of references that can be found is a suspect: caches
in C look the same, and so does what another thread holds for a moment. So suspects are looked at again at boundaries,
and reported at the end of the run. With --confirm the test is run again, in fresh instances: if each run leaves one
more, and none of them goes, it is a leak.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Mapping, Sequence, Set
from typing import TYPE_CHECKING, NamedTuple

from yagot import __builtins__ as __builtins__
from yagot.model import lasting
from yagot.observe.budget import LookBudget
from yagot.originals import originals

if TYPE_CHECKING:
    from yagot._core import _Finding, _Observation
    from yagot.observe.release import Ledger, Within

Again = Callable[[Callable[[tuple[object, ...]], None]], str | None]
"""Runs the test once more in a fresh instance, after calling its argument with its dropped objects; returns the
outcome. None if that cannot be done."""

RUNS = 3
"""How often a test is run again to confirm a suspect."""

FREE_LOOKS = 5
FREE_OBJECTS = 1 << 20
OBJECTS_FOR_EACH_TEST = 512
NATIVE_OBJECTS_FOR_EACH_TEST = 10240

UNHELD = " with a reference that nobody holds"
CONFIRMED = ", and each further run left one more: C code has taken one and never gave it back"


def kind_of(cause: str) -> str:
    """The cause without what is in the object: ``list`` of ``list of int``."""
    return cause.removesuffix(UNHELD).partition(" of ")[0] + UNHELD


def _untracked(found: list[_Finding]) -> set[str]:
    return {finding["concrete"] for finding in found if finding["untracked"]}


class Reported(NamedTuple):
    """The suspects that are reported now, by their causes."""

    confirmed: Set[str] = frozenset()
    suspected: Set[str] = frozenset()
    unseen: bool = False
    """They are not sure because of a place that cannot be seen."""
    further: Sequence[_Finding] = ()
    """Findings that only further runs have shown."""


_NOTHING = Reported()


class Recurrence(NamedTuple):
    """What has become of all suspects of one cause after a further run."""

    objects: int = 0
    left: int = 0
    """Of these, still with references that no owner accounts for."""
    unheld: int = 0
    """Of these, those to which nothing in memory leads, not even where others may have forgotten them."""
    references: int = 0

    def plus(self, other: Recurrence) -> Recurrence:
        """The sum."""
        return Recurrence(*map(int.__add__, self, other))


Recurrences = Mapping[str, Recurrence]


def _is_proven(series: Sequence[Recurrence], exactly: bool) -> bool:
    """Has each run left one more, and have all of them stayed? Or has one more reference to the same objects been left?
    Some may still lie in memory that is no longer in use, but not most of them. *exactly*: as many each time, and
    nothing in memory."""
    first, last = series[0].objects, series[-1]
    if exactly:
        counts = [first * number for number in range(1, len(series) + 1)]
        return [after.objects for after in series] == counts and last.unheld == last.objects
    steps = list(itertools.pairwise(series))
    joined = all(after.objects > before.objects for before, after in steps)
    same = last.objects == first and all(after.references > before.references for before, after in steps)
    return (joined and last.left == last.objects and last.unheld * 2 >= last.objects) or same


def _by_kind(runs: Sequence[Recurrences]) -> list[Recurrences]:
    sums: list[Recurrences] = []
    for run in runs:
        kinds: dict[str, Recurrence] = {}
        for cause, recurrence in run.items():
            kind = kind_of(cause)
            kinds[kind] = kinds.get(kind, Recurrence()).plus(recurrence)
        sums.append(kinds)
    return sums


class References:
    """What a run knows of such references."""

    def __init__(self, ledger: Ledger, confirm: bool, last: bool, native: bool) -> None:
        """*last*: there will be no boundary, so what is not reported with its test never is."""
        self._ledger = ledger
        self._confirm, self._last = confirm, last
        self._budget = LookBudget(
            ledger, FREE_OBJECTS, NATIVE_OBJECTS_FOR_EACH_TEST if native else OBJECTS_FOR_EACH_TEST
        )
        self.passing: set[str] = set()
        self._modules = self._at_exit = 0
        self._threads: set[int] = set()
        self.varying: set[str] = set()
        self._is_late = False

    def begin(self) -> None:
        """A window opens."""
        self._budget.add_test()
        self._modules = len(sys.modules)
        self._at_exit = originals.registered_at_exit()
        if self._confirm:
            self._threads = set(originals.current_frames())

    def wanted(self) -> bool:
        """Is this test to be looked at, or only at boundaries? Confirming needs a look at each, whatever it costs. So
        does reporting, where there are no boundaries: a look walks the whole heap, some are free, then each test pays
        for some objects; for more where those are looked for that the collector does not track, which nearly every
        test leaves."""
        if self._confirm or not self._last:
            return self._confirm
        return self._budget.looks < FREE_LOOKS or self._budget.is_left

    def end(self, look: bool, now: bool, within: Within | None, early: bool = False) -> _Observation | None:
        """Closes the ledger's window. *now*: where calls in progress hold nothing that was born in it; else
        late() is called where that is so. *early*: before the suite lets go of what must not live on until then.
        *within*: see Ledger.end()."""
        wanted = self.wanted() and not self._is_in_vain()
        references = look and now and wanted
        keep = look and not references and not self._is_in_vain()
        self._budget.begin()
        seen = self._ledger.end(look=look, references=references, keep=keep, within=within)
        self._is_late = seen is not None and seen["candidates"] > 0 and not now and wanted
        self._budget.end()
        if early or not (references or self._is_late):
            self._ledger.put_off()
        return seen

    @property
    def is_late(self) -> bool:
        """Would late() look at anything?"""
        return self._is_late

    def put_off(self) -> None:
        """Other windows open before late() is called."""
        if self._is_late:
            self._ledger.put_off()

    def late(self) -> list[_Finding]:
        """The references of the last window, if end() was not to look for them."""
        if not self._is_late:
            return []
        self._budget.begin()
        found = self._ledger.references()
        self._budget.end()
        return found

    def noisy(self) -> bool:
        """Could the test have made a place that nobody can look into? Imports do, and the list of what is called at
        exit is one."""
        return len(sys.modules) != self._modules or originals.registered_at_exit() > self._at_exit

    def _is_in_vain(self) -> bool:
        """Would nothing be said of what a look finds?"""
        return originals.registered_at_exit() > self._at_exit or (self.noisy() and not self._confirm)

    def unseen(self) -> bool:
        """Did the last look meet a place that cannot be seen, as a suspended greenlet's stack?"""
        return self._ledger.stacks

    def report(self, found: list[_Finding], again: Again | None) -> Reported:
        """What is reported of the suspects: those that are certainly leaks. The others are looked at again at
        the next boundary, if there is any."""
        reported = _NOTHING
        try:
            if not self._ledger.suspects or originals.registered_at_exit() > self._at_exit:
                return reported  # the interpreter holds what is called at its exit
            if self._confirm and again is not None:
                reported = self._confirmed(found, again)
            elif len(sys.modules) == self._modules:  # what an import makes is no suspect
                reported = self._unconfirmed(found)
        finally:
            self._ledger.forget(bool(reported.confirmed or reported.suspected))
        return reported

    def _unconfirmed(self, found: list[_Finding]) -> Reported:
        if not self._last:
            self._ledger.put_off()
            return _NOTHING
        return Reported(suspected={item["concrete"] for item in found if item["references"]}, unseen=self.unseen())

    def _confirmed(self, found: list[_Finding], again: Again) -> Reported:
        further: dict[str, _Finding] = {}
        runs = self._repeat(again, further)
        if runs is None:
            return self._unconfirmed(found)
        untracked = _untracked([*found, *further.values()])  # one cache must not hide another's leak: all look alike
        sure = self._proven(runs, untracked)
        self.passing |= runs[0].keys() - sure
        shown = {item["concrete"] for item in found}
        rest = [item for cause, item in further.items() if cause in sure - shown]
        # a new thread may hold what it likes
        if self.unseen() or originals.current_frames().keys() - self._threads:
            return Reported(suspected=sure, unseen=True, further=rest)
        return Reported(confirmed=sure, further=rest)

    def lasting(self, cause: str) -> str:
        """The cause as it will be on every run: without what is in the object, if that differs each time."""
        return kind_of(cause) if cause in self.varying else lasting(cause)

    def _repeat(self, again: Again, further: dict[str, _Finding]) -> list[Recurrences] | None:
        """Runs the test again, and looks each time when its instance is gone. None if that proves nothing: it cannot be
        run, or did not pass."""
        runs: list[Recurrences] = []
        for _ in range(RUNS):
            outcome = again(lambda dropped: self._ledger.begin())
            if outcome is None:
                return None
            seen = self._ledger.end(look=outcome == "passed", references=True)
            if seen is None:
                return None
            runs.append({cause: Recurrence(*counts) for cause, counts in seen["recurring"].items()})
            for item in seen["findings"]:
                if item["references"]:
                    further.setdefault(item["concrete"], item)
        return runs

    def _proven(self, runs: Sequence[Recurrences], untracked: Set[str]) -> set[str]:
        """The causes that recur. Where what is in the objects differs each time, those of one kind are taken
        together."""

        def proven(of: Sequence[Recurrences], cause: str, exactly: bool = False) -> bool:
            return _is_proven([run.get(cause, Recurrence()) for run in of], exactly)

        sure = {cause for cause in runs[0] if proven(runs, cause, cause in untracked)}
        kinds = _by_kind(runs)
        varying = {cause for cause in runs[0].keys() - sure - untracked if proven(kinds, kind_of(cause))}
        self.varying |= varying
        return sure | varying
