"""What looks at the whole heap may cost."""

from __future__ import annotations

from yagot.originals import originals


class LookBudget:
    """Some seconds are free; beyond them looks may take a share of the processor time since the run began."""

    def __init__(self, free_seconds: float, share: float) -> None:
        self._free, self._share = free_seconds, share
        self._began = originals.process_time()
        self._spent = self._look_began = 0.0
        self.looks = 0

    @property
    def is_left(self) -> bool:
        """May there be another look?"""
        return self._spent <= self._free + self._share * (originals.process_time() - self._began)

    def begin(self) -> None:
        """A look begins. Its time is the thread's own, as a busy machine makes no look dearer."""
        self._look_began = originals.thread_time()

    def end(self) -> None:
        """Counts the look."""
        self.looks += 1
        self._spent += originals.thread_time() - self._look_began
