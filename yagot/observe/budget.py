"""What looks at the whole heap may cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yagot import __builtins__ as __builtins__

if TYPE_CHECKING:
    from yagot.observe.release import Ledger


class LookBudget:
    """Some objects may be looked at for free; beyond them, some more for each test.

    It is counted in objects, as time differs on every run: then the looks would, too, and with them where something is
    found first. Looks are rounded up to a power of two, so that a few objects more or less change nothing. There is no
    look on credit: one at a heap of a million objects may take as long as a whole small suite.
    """

    def __init__(self, ledger: Ledger, free: int, for_each_test: int) -> None:
        self._ledger = ledger
        self._left, self._for_each_test = free, for_each_test
        self._before = self.looks = self._next = 0

    def expect(self, objects: int) -> None:
        """The next look will go through about so many objects."""
        self._next = 1 << objects.bit_length()

    @property
    def is_left(self) -> bool:
        """May there be another look?"""
        return self._left >= self._next

    def add_test(self) -> None:
        """A test begins."""
        self._left += self._for_each_test

    def begin(self) -> None:
        """A look may begin."""
        self._before = self._ledger.looked_at

    def end(self) -> None:
        """Counts the look, if there was one."""
        objects = self._ledger.looked_at - self._before
        if objects > 0:
            self.looks += 1
            self.expect(objects)
            self._left -= self._next
