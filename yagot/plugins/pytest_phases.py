"""The phases of a pytest test: garbage is released as a part of them."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import pytest

from yagot import __builtins__ as __builtins__


def _as_text(error: BaseException) -> str:
    """An exception with those behind it, whose tracebacks go: they lead to the calls in progress, and those to them."""
    text = "".join(traceback.format_exception(error.with_traceback(None)))
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is not None:
            left += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
            one.__traceback__ = one.__cause__ = one.__context__ = None
    return text


class Phases:
    """Calls a function as if it were a part of a test's phase: pytest's plugins attribute to it what it warns of, and
    the exceptions that finalizers and threads raise meanwhile; with ``-W error`` those are raised.

    The hook is called for these plugins only, and for this one, whose part in it is the function.
    """

    _NAMES = ("warnings", "unraisableexception", "threadexception")

    def __init__(self, config: pytest.Config) -> None:
        self._manager = config.pluginmanager
        self._manager.register(self, "yagot-phases")
        self._function: Callable[[], None] | None = None
        self._plugins: set[object] = set()
        self._callers: dict[str, Callable[..., object]] = {}
        self._called = False

    def _turn(self) -> bool | None:
        function, self._function = self._function, None
        if function is None:
            return None  # pytest's own call
        function()
        self._called = True
        return True

    def pytest_runtest_teardown(self) -> None:
        """Calls the function as a part of the teardown."""
        self._turn()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self) -> bool | None:
        """Calls the function as a part of what is done for a test."""
        return self._turn()

    def _caller(self, hook: str) -> Callable[..., object]:
        """The hook for those plugins only; made anew when others have come or gone."""
        plugins = self._manager.get_plugins()
        if plugins != self._plugins:
            self._plugins = plugins
            self._callers.clear()
        if hook not in self._callers:
            wanted = (self, *map(self._manager.get_plugin, self._NAMES))
            others = [plugin for plugin in plugins if plugin not in wanted]
            self._callers[hook] = self._manager.subset_hook_caller(hook, others)
        return self._callers[hook]

    def _call(self, hook: str, function: Callable[[], None], item: pytest.Item, nextitem: pytest.Item | None) -> None:
        self._function = function
        try:
            self._caller(hook)(item=item, nextitem=nextitem)
        finally:
            self._function = None

    def teardown(self, function: Callable[[], None], item: pytest.Item, nextitem: pytest.Item | None) -> str:
        """Calls it in the teardown of a test. Returns what pytest's plugins raise then, as text."""
        self._called = False
        try:
            self._call("pytest_runtest_teardown", function, item, nextitem)
        except Exception as error:
            if not self._called:
                raise
            return _as_text(error)
        return ""

    def afterwards(self, function: Callable[[], None], item: pytest.Item, nextitem: pytest.Item | None) -> str:
        """Calls it for a test that is over. Returns what pytest's plugins raise then, as text."""
        raised: list[str] = []
        self._call(
            "pytest_runtest_protocol", lambda: raised.append(self.teardown(function, item, nextitem)), item, nextitem
        )
        return raised[0]
