"""repr() of garbage, when the user asks for it: guarded, as it runs the objects' own code."""

from __future__ import annotations

from types import FrameType
from typing import Any

from yagot import __builtins__ as __builtins__
from yagot.originals import originals

SECONDS = 0.2
CHARACTERS = 500


interrupted: list[bool] = []
"""Ctrl-C was pressed during a repr(): the core, which has called it, goes on; whoever called the core ends the run."""


class _TooSlow(Exception):
    pass


def guarded_repr(value: object) -> str:
    """repr(value), cut to 500 characters; given up after 0.2 seconds of Python code (C code is not interrupted)."""
    deadline = originals.monotonic() + SECONDS

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        if originals.monotonic() > deadline:
            raise _TooSlow
        return trace

    before = originals.gettrace()
    originals.settrace(trace)
    try:
        text = repr(value)
    except _TooSlow:
        text = f"<repr() of {type(value).__name__} took too long>"
    except KeyboardInterrupt:
        interrupted.append(True)
        text = "<repr() was interrupted>"
    except BaseException as error:
        text = f"<repr() raised {type(error).__name__}>"
    finally:
        originals.settrace(before)
    return text if len(text) <= CHARACTERS else text[: CHARACTERS - 1] + "…"
