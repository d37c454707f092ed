"""The phases of a pytest test: garbage is released as a part of them."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import pluggy
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

    The hook is called for these plugins only, and for this one, whose part in it is the function: pytest's own calls do
    not come here.
    """

    _NAMES = ("warnings", "unraisableexception", "threadexception")

    def __init__(self, config: pytest.Config) -> None:
        self._all = config.pluginmanager
        self._plugins: set[object] = set()
        self._manager = pluggy.PluginManager("pytest")
        self._manager.register(self)
        self._function: Callable[[], None] | None = None
        self._called = False

    def _turn(self) -> None:
        function, self._function = self._function, None
        assert function is not None
        function()
        self._called = True

    @pytest.hookimpl
    def pytest_runtest_teardown(self) -> None:
        """Calls the function as a part of the teardown."""
        self._turn()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self) -> None:
        """Calls the function as a part of what is done for a test."""
        self._turn()

    def _refresh(self) -> None:
        """Plugins may come and go."""
        plugins = {plugin for plugin in map(self._all.get_plugin, self._NAMES) if plugin is not None}
        for plugin in self._plugins - plugins:
            self._manager.unregister(plugin)
        for plugin in plugins - self._plugins:
            self._manager.register(plugin)
        self._plugins = plugins

    def _call(self, hook: str, function: Callable[[], None], item: pytest.Item, nextitem: pytest.Item | None) -> None:
        self._function = function
        self._refresh()
        try:
            getattr(self._manager.hook, hook)(item=item, nextitem=nextitem)
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
