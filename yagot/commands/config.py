"""``yagot config``: the settings in force."""

from __future__ import annotations

import dataclasses
import sys

from yagot.config import ConfigError, load
from yagot.judge.project import project_of

USAGE_ERROR = 2


def show() -> int:
    try:
        config, sources = load()
    except ConfigError as error:
        print(f"yagot: {error}", file=sys.stderr)
        return USAGE_ERROR
    for field in dataclasses.fields(config):
        value, source = getattr(config, field.name), sources.get(field.name, "default")
        print(f"{field.name.replace('_', '-')} = {value!r}  ({source})")
    for line in project_of(config.source).lines():
        print(line)
    return 0
