"""The interface of yagot 0.5.0: GarbageTracker and garbage_checked.

The tracker collects fully and keeps the objects it found alive, as it always has. Adapters do not use it.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import pprint
import re
import types
from collections.abc import Callable, Iterable, Iterator
from gc import DEBUG_SAVEALL
from typing import Any, ClassVar, TypeVar

from yagot import __builtins__ as __builtins__
from yagot import _core
from yagot.explain.advice import advised
from yagot.model import from_core
from yagot.originals import originals
from yagot.report.wording import describe

_Function = TypeVar("_Function", bound=Callable[..., Any])

_RECURSION = re.compile(r"<Recursion on (.*) with id=([0-9]+)>")
SHOWN_CAUSES = 5


def _name_of(kind: type) -> str:
    """The name of a type as str(type) shows it: ``int``, ``module.Class``."""
    return re.sub(r"^<\w+ '(.*)'>$", r"\1", type.__repr__(kind))


class GarbageTracker:
    """Tracks collected and uncollectable objects between start() and stop()."""

    _tracker: ClassVar[GarbageTracker | None] = None

    def __init__(self) -> None:
        self._enabled = False
        self._leaks_only = False
        self._ignored = False
        self._ignored_type_names: list[str] = []
        self._saved: tuple[tuple[int, int, int], int] | None = None
        self._index = 0
        self._garbage: list[Any] = []

    @staticmethod
    def get_tracker() -> GarbageTracker:
        """The one tracker of the process, made when first asked for."""
        if GarbageTracker._tracker is None:
            GarbageTracker._tracker = GarbageTracker()
        return GarbageTracker._tracker

    @property
    def enabled(self) -> bool:
        """Does start() have an effect?"""
        return self._enabled

    @property
    def ignored(self) -> bool:
        """Was the tracking period given up by ignore()?"""
        return self._ignored

    @property
    def leaks_only(self) -> bool:
        """Are only uncollectable objects tracked?"""
        return self._leaks_only

    @property
    def garbage(self) -> list[Any]:
        """The objects found in the last period. They live until the next start()."""
        return self._garbage

    @property
    def ignored_type_names(self) -> list[str]:
        """Names of the types that make stop() drop a whole period."""
        return self._ignored_type_names

    def enable(self, leaks_only: bool = False) -> None:
        """Switches the tracker on, for uncollectable objects only if *leaks_only*."""
        self._enabled = True
        self._leaks_only = leaks_only

    def disable(self) -> None:
        """Switches the tracker off."""
        self._enabled = False

    def ignore(self) -> None:
        """Gives up the period under way."""
        if self._enabled:
            self._ignored = True

    def ignore_types(self, type_list: Iterable[type | str] | None) -> None:
        """Sets the types (or their names as str(type) shows them) whose objects make stop() drop a whole period.

        Frames and code objects are always among them.
        """
        self._ignored_type_names = [_name_of(types.FrameType), _name_of(types.CodeType)]
        for kind in type_list or ():
            assert isinstance(kind, type | str), kind
            self._ignored_type_names.append(_name_of(kind) if isinstance(kind, type) else kind)

    def start(self) -> None:
        """Begins a period: collects what is there, and has the collector keep what it finds from now on."""
        if not self._enabled:
            return
        self._restore()
        self._ignored = False
        self._garbage = []
        self._saved = (originals.get_threshold(), originals.get_debug())
        originals.set_threshold(0, 0, 0)
        originals.set_debug(0)
        originals.collect()
        if not self._leaks_only:
            originals.set_debug(DEBUG_SAVEALL)
        self._index = len(originals.garbage)

    def _restore(self) -> None:
        if self._saved is not None:
            (thresholds, debug), self._saved = self._saved, None
            originals.set_debug(debug)
            originals.set_threshold(*thresholds)

    def stop(self) -> None:
        """Ends the period; garbage then has the objects found in it."""
        if not self._enabled:
            return
        try:
            originals.collect()
        finally:
            self._restore()
        found = originals.garbage[self._index :]
        del originals.garbage[self._index :]
        dropped = self._ignored or any(_name_of(type(item)) in self._ignored_type_names for item in found)
        self._garbage = [] if dropped else found

    def assert_message(self, location: str | None = None, max: int = 10) -> str:
        """The text of an assertion: the objects, *max* of them, and what holds them together."""
        kind = "uncollectable" if self._leaks_only else "collected or uncollectable"
        text = f"\nThere were {len(self._garbage)} {kind} object(s) caused by function {location}:\n"
        for number, item in enumerate(self._garbage):
            if number >= max:
                text += "\n...\n"
                break
            text += f"\n{number + 1}: {self.format_obj(item)}\n"
        causes = _core.explain(self._garbage)[:SHOWN_CAUSES]
        for finding in advised([from_core(found) for found in causes], None):
            text += "\n" + "\n".join(describe(finding)) + "\n"
        return text

    @staticmethod
    def format_obj(obj: Any) -> str:
        """An object with its type and address. Runs its repr()."""
        try:
            text = pprint.pformat(obj, indent=2)
        except Exception:
            try:
                text = repr(obj)
            except Exception as error:
                text = f"<Formatting error: repr() raises {type(error).__name__}: {error}>"
        text = _RECURSION.sub(
            lambda match: f"<Recursive reference to {match[1]} object at 0x{int(match[2]):0x}>", text
        )
        return f"{type(obj)} object at 0x{id(obj):0x}:\n{text}"


def garbage_checked(
    leaks_only: bool = False, ignore_types: Iterable[type | str] | None = None
) -> Callable[[_Function], _Function]:
    """Decorator for functions, methods and coroutine functions: raises AssertionError if they leave garbage behind.

    An exception of the function itself passes through, and nothing is checked.
    """
    ignored = list(ignore_types) if ignore_types is not None else None

    @contextlib.contextmanager
    def tracked(function: Callable[..., Any]) -> Iterator[None]:
        tracker = GarbageTracker.get_tracker()
        tracker.enable(leaks_only=leaks_only)
        tracker.ignore_types(type_list=ignored)
        tracker.start()
        try:
            yield
        except BaseException:
            tracker.ignore()
            tracker.stop()
            raise
        tracker.stop()
        if tracker.garbage:
            raise AssertionError(tracker.assert_message(f"{function.__module__}::{function.__name__}"))

    def decorate(function: _Function) -> _Function:
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def checked_async(*args: Any, **keywords: Any) -> Any:
                with tracked(function):
                    return await function(*args, **keywords)

            return checked_async  # type: ignore[return-value]

        @functools.wraps(function)
        def checked(*args: Any, **keywords: Any) -> Any:
            with tracked(function):
                return function(*args, **keywords)

        return checked  # type: ignore[return-value]

    return decorate


__all__ = ["GarbageTracker", "garbage_checked"]
