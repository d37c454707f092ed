"""What a report says of its run: when, with which Python, by which command, on which project."""

from __future__ import annotations

import platform
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from yagot import __builtins__ as __builtins__
from yagot._core import __version__
from yagot.config import Config
from yagot.originals import dataclasses, os


@dataclass(frozen=True, slots=True)
class About:
    """Texts for people; empty if unknown."""

    yagot: str = ""
    python: str = ""
    date: str = ""
    """When the run began, with the time zone's offset."""
    command: str = ""
    project: str = ""

    def as_json(self) -> dict[str, str]:
        """The head of the JSON report."""
        return dataclasses.asdict(self)


def from_json(data: Mapping[str, Any]) -> About:
    """What a JSON report says; earlier ones say less."""
    known = {field.name: data.get(field.name, "") for field in dataclasses.fields(About)}
    return About(**{name: value for name, value in known.items() if isinstance(value, str)})


def about_this_run(config: Config) -> About:
    """To be called when the run begins."""
    from yagot.judge.project import project_of

    program = os.path.basename(sys.argv[0]) if sys.argv else ""
    if program == "__main__.py":
        program = f"python -m {os.path.basename(os.path.dirname(sys.argv[0]))}"
    else:
        program = shlex.quote(program) if program else ""
    arguments = " ".join(map(shlex.quote, sys.argv[1:]))
    return About(
        yagot=__version__,
        python=platform.python_version(),
        date=datetime.now().astimezone().isoformat(" ", "seconds"),
        command=f"{program} {arguments}".strip(),
        project=os.path.basename(project_of(config.source).root),
    )
