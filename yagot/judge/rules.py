"""Rules for single tests: leaks that are allowed, and leaks that are expected.

>>> import yagot
>>> @yagot.allow(type="xml.dom.minidom.*", reason="minidom's trees know their parents")
... def test_parse(self): ...
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from yagot import __builtins__ as __builtins__
from yagot.model import Finding

_Target = TypeVar("_Target", bound=Callable[..., Any])

ATTRIBUTE = "__yagot_rules__"


class _Given:
    """Has anything been marked with a rule in this process?"""

    any = False


class Rule(NamedTuple):
    """Which findings; all that is given must match. Patterns are those of fnmatch: ``*``, ``?``, ``[…]``."""

    reason: str = ""
    type: str | None = None
    """A pattern for the name of a type of one of the objects: ``package.module.Class``."""
    edge: str | None = None
    """A pattern for a step of the cycle without indices: ``*.Node.parent``."""
    signature: str | None = None
    kind: str | None = None
    """``collected`` or ``uncollectable``."""
    expected: bool = False
    """The test fails when no finding matches."""

    def matches(self, finding: Finding) -> bool:
        """Is it one of those findings?"""
        return (
            (self.type is None or any(fnmatch.fnmatchcase(name, self.type) for name in finding.types))
            and (self.edge is None or any(fnmatch.fnmatchcase(s, self.edge) for s in finding.edges))
            and (self.signature is None or self.signature in (finding.signature, *finding.variants))
            and (self.kind is None or self.kind == finding.kind)
        )

    def __str__(self) -> str:
        given = [f"{name}={value!r}" for name, value in self._asdict().items() if value and name != "expected"]
        return ", ".join(given) or "any leak"


def _marker(rule: Rule) -> Callable[[_Target], _Target]:
    _Given.any = True

    def mark(target: _Target) -> _Target:
        setattr(target, ATTRIBUTE, (*vars(target).get(ATTRIBUTE, ()), rule))
        return target

    return mark


def allow(
    *,
    reason: str,
    type: str | None = None,
    edge: str | None = None,
    signature: str | None = None,
    kind: str | None = None,
) -> Callable[[_Target], _Target]:
    """Decorator for tests and test classes: such leaks are allowed, for a reason. See Rule for the arguments."""
    return _marker(Rule(reason, type, edge, signature, kind))


def expect(
    *,
    reason: str = "",
    type: str | None = None,
    edge: str | None = None,
    signature: str | None = None,
    kind: str | None = None,
) -> Callable[[_Target], _Target]:
    """Decorator for tests and test classes: such a leak is there. It is allowed; when it is gone, the test fails."""
    return _marker(Rule(reason, type, edge, signature, kind, expected=True))


def rules_of(function: Any, cls: Any = None) -> tuple[Rule, ...]:
    """The rules of a test: its own, then those of its class and the classes it inherits from."""
    if not _Given.any:
        return ()
    rules = [*getattr(function, ATTRIBUTE, ())]
    for base in getattr(cls, "__mro__", ()):
        rules += vars(base).get(ATTRIBUTE, ())
    return tuple(rules)
