"""The ledger, called as from the test: what garbage does when it is released is the test's, not yagot's.

An unclosed file warns, and a finalizer's exception is shown, with the file and line of whoever runs Python code at that
moment. So it is released in a function that stands on the line of the test's definition, in a namespace that
says it is the test's module: filters of warnings match there, and no registry of the user's module is touched.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING

from yagot import __builtins__ as __builtins__
from yagot.files import file_of_module
from yagot.model import TestInfo
from yagot.observe.causes import Causes
from yagot.originals import os

if TYPE_CHECKING:
    from yagot import _core

_CALL = (lambda function: function()).__code__

Within = Callable[[Callable[[], None]], None]
"""Calls a function within something of the framework's, as a part of a test's teardown."""


def _file_of(test: TestInfo) -> str:
    """The file as its module names it, where that is known."""
    file = file_of_module(test.module)
    if file and (test.file is None or file.endswith(os.path.basename(test.file))):
        return file
    return test.file or f"<{test.id}>"


def _standing_for(test: TestInfo, file: str) -> FunctionType:
    """A function that calls another one, on the line of a test's definition."""
    code = _CALL.replace(co_filename=file, co_firstlineno=test.line or 1, co_name=test.name)
    return FunctionType(code, {"__name__": test.module or "__main__", "__builtins__": vars(builtins)})


class _Releaser:
    """Releases garbage for a test, when the core has found some."""

    __slots__ = ("_files", "_standing", "_test", "within")

    def __init__(self) -> None:
        self.within: Within | None = None
        self._files: dict[tuple[str, str], str] = {}
        self.stand_for(TestInfo("no test", "", "", "no test"))

    def stand_for(self, test: TestInfo) -> None:
        self._test = test
        self._standing: FunctionType | None = None

    @property
    def standing(self) -> FunctionType:
        """Made when it is needed, and once for all runs of a test: --repeat counts what is new in each."""
        if self._standing is None:
            test = self._test
            place = test.module, test.file or test.id
            if place not in self._files:
                self._files[place] = _file_of(test)
            self._standing = _standing_for(test, self._files[place])
        return self._standing

    def __call__(self, function: Callable[[], None]) -> None:
        standing = self.standing
        if self.within is None:
            standing(function)
        else:
            self.within(lambda: standing(function))


class Ledger:
    """The core's ledger, with the test for which it releases garbage."""

    def __init__(self, ledger: _core.Ledger) -> None:
        self._ledger = ledger
        # kept: a bound method that is made while a window is open would count as born in it
        self.start, self.begin, self.pause, self.close = ledger.start, ledger.begin, ledger.pause, ledger.close
        self.references, self.forget, self.put_off = ledger.references, ledger.forget, ledger.put_off
        self._end, self._check = ledger.end, ledger.check
        self.causes = Causes()
        self._releaser = _Releaser()

    @property
    def stacks(self) -> bool:
        """Did the last look meet places that cannot be seen?"""
        return self._ledger.stacks

    @property
    def suspects(self) -> int:
        """How many objects the last look suspects."""
        return self._ledger.suspects

    @property
    def waiting(self) -> int:
        """How many objects check() is to look at."""
        return self._ledger.waiting

    @property
    def tracked(self) -> int:
        """About how many objects check() would look at now."""
        return self._ledger.tracked

    @property
    def looked_at(self) -> int:
        """How many objects of the whole heap all looks together have gone through."""
        return self._ledger.looked_at

    def stand_for(self, test: TestInfo) -> None:
        """From now on garbage is released for this test."""
        self._releaser.stand_for(test)

    def end(
        self,
        look: bool = True,
        references: bool = False,
        alive: bool = False,
        keep: bool = False,
        within: Within | None = None,
    ) -> _core._Observation | None:
        """Closes the window; what garbage there is, is released *within* something of the framework's."""
        self._releaser.within = within
        seen = self._end(look=look, references=references, alive=alive, keep=keep, releaser=self._releaser)
        if seen is not None:
            self.causes.learn(seen["findings"])
        return seen

    def check(self, references: bool = False, report: bool = True) -> list[_core._Finding]:
        """Looks at all objects."""
        found: list[_core._Finding] = []
        self._releaser.standing(lambda: found.extend(self._check(references=references, report=report)))
        self.causes.learn(found)
        return found

    def call(self, function: Callable[[], object]) -> None:
        """Calls something else that may release garbage."""
        self._releaser.standing(function)
