"""Settings that match nothing, which are mostly misspelt: named at the end of a run.

Where tests run in several processes each notes what has matched with its reports.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from yagot import __builtins__ as __builtins__
from yagot.config import Config

PATTERNS = ("source", "omit", "allow", "ignore_types", "disable_rules")
"""The settings that match something."""


def key(setting: str, pattern: str) -> str:
    """How it is noted that a pattern has matched."""
    return f"{setting}={pattern}"


def unmatched(config: Config, used: Collection[str]) -> Iterator[tuple[str, str]]:
    """Settings of which a pattern has matched nothing, and what to say of it."""
    for setting in PATTERNS:
        for pattern in getattr(config, setting):
            if key(setting, pattern) not in used:
                name = setting.replace("_", "-")
                if setting == "source":
                    yield f"{name} {pattern!r}", "no directory, and no module of this name was imported"
                elif setting == "disable_rules":
                    yield f"{name} {pattern!r}", "no finding to which this rule applies"
                else:
                    yield f"{name} {pattern!r}", "matches nothing in this run"
