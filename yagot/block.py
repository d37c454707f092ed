"""A check for a block of code: ``with yagot.check():``."""

from __future__ import annotations

from typing import Any

from yagot import __builtins__ as __builtins__
from yagot.config import Config
from yagot.model import TestInfo
from yagot.observe.checker import Checker


class check:
    """``with yagot.check(): …`` raises LeakError if the block leaves garbage behind.

    Settings as in yagot.Config, e.g. ``leaks_only=True``. An exception of the block passes through. Inside a test
    that is being watched it does nothing: that window sees the same.
    """

    def __init__(self, **settings: Any) -> None:
        self._checker = Checker(Config(**{"check_at": "never", **settings}))
        self._passive = False

    def __enter__(self) -> None:
        self._passive = Checker.watching
        if not self._passive:
            self._checker.begin(TestInfo("with yagot.check()", "", "", "block"))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: Any) -> None:
        if self._passive:
            return
        if kind is not None:
            self._checker.abort()
            self._checker.finish()
            return
        report = self._checker.end("passed")
        self._checker.finish()
        if self._checker.run.fails(report):
            raise self._checker.error(report)
