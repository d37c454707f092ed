"""What the user wants."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """The settings of one run. Each has the same name on the command line, with dashes."""

    leaks_only: bool = False
    """Only uncollectable objects fail a test; collected ones are notes."""
    report_only: bool = False
    """Leaks are reported and fail nothing."""
    strict: bool = False
    """What is inherent (see yagot.judge) fails too."""
    junit_xml: str | None = None
    json: str | None = None
    repr: bool = False
    """Show the repr() of objects on cycles: runs their code."""
    trace: int = 0
    """Frames of tracemalloc to keep per allocation; 0: off."""
