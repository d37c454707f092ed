"""Further runs of a pytest test, which leave nothing with pytest: what it keeps of a run is no growth."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from warnings import catch_warnings

import pytest

from yagot import __builtins__ as __builtins__
from yagot.plugins.pytest_items import forget_run

_KEPT = ("own_markers", "extra_keyword_matches", "_report_sections", "user_properties")


def _containers(item: Any) -> list[Any]:
    """Where pytest keeps what a run adds to its test: markers, output, properties, what plugins know of it."""
    found = [getattr(item, name, None) for name in _KEPT]
    found.append(getattr(getattr(item, "keywords", None), "_markers", None))
    found.append(getattr(getattr(item, "stash", None), "_storage", None))
    return [each for each in found if isinstance(each, list | dict | set)]


def _cut(container: Any, size: int, keys: set[Any]) -> None:
    """Takes out what has been added."""
    if isinstance(container, list):
        del container[size:]
    elif isinstance(container, dict):
        for key in container.keys() - keys:
            del container[key]
    else:
        container &= keys


class FurtherRuns:
    """Runs a test once more, as pytest-rerunfailures does: with fresh fixtures and a fresh instance.

    Plugins that report by themselves, as subtests do, are not heard meanwhile. Warnings are collected, and dropped:
    also those of garbage that is released between two runs.
    """

    def __init__(self, item: Any, nextitem: Any, begins: Callable[[Any], None]) -> None:
        """*begins*: is told what is to be called when a further run begins, and None when it is over."""
        self._item, self._nextitem, self._begins = item, nextitem, begins
        self._stack = ExitStack()
        self._warnings: list[Any] | None = None
        self._containers: list[tuple[Any, int, set[Any]]] = []

    def __enter__(self) -> FurtherRuns | None:
        """None: the test cannot be run once more."""
        return self if hasattr(self._item, "_initrequest") else None

    def __exit__(self, *_: object) -> None:
        self._forget()
        self._stack.close()

    def __call__(self, begin: Callable[[tuple[object, ...]], None]) -> str:
        """Returns the outcome. *begin*: is called with what pytest holds for the test until after its teardown."""
        from _pytest.runner import runtestprotocol

        if self._warnings is None:
            self._start()
        self._forget()
        self._begins(begin)
        try:
            self._item._initrequest()
            request = self._item._request
            reports = runtestprotocol(self._item, log=False, nextitem=self._nextitem)
            forget_run(request)
        finally:
            self._begins(None)
        return "passed" if all(report.passed for report in reports) else "failed"

    def _start(self) -> None:
        self._warnings = self._stack.enter_context(catch_warnings(record=True))
        for container in _containers(self._item):
            keys = set() if isinstance(container, list) else set(container)
            self._containers.append((container, len(container), keys))
        patch = self._stack.enter_context(pytest.MonkeyPatch.context())
        config = self._item.config
        for hooks in (config.hook, config.pluginmanager.hook):  # the first may keep functions of the second
            patch.setattr(hooks, "pytest_runtest_logreport", lambda **_: [])

    def _forget(self) -> None:
        """Drops what the run before has left."""
        if self._warnings is not None:
            self._warnings.clear()
        for kept in self._containers:
            _cut(*kept)
