"""``yagot config``: the settings in force."""

from __future__ import annotations

import dataclasses

from yagot import __builtins__ as __builtins__
from yagot.config import load
from yagot.judge.project import project_of


def show() -> int:
    """Prints them, and where each comes from; returns the exit status. Raises ConfigError."""
    config, sources = load()
    for field in dataclasses.fields(config):
        value, source = getattr(config, field.name), sources.get(field.name, "default")
        print(f"{field.name.replace('_', '-')} = {value!r}  ({source})")
    for line in project_of(config.source).lines():
        print(line)
    return 0
