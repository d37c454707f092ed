"""repr() of garbage, when the user asks for it: guarded, as it runs the objects' own code."""

from __future__ import annotations

import sys
import time
from types import FrameType
from typing import Any

SECONDS = 0.2
CHARACTERS = 500


class _TooSlow(Exception):
    pass


def guarded_repr(value: object) -> str:
    """repr(value), cut to 500 characters; given up after 0.2 seconds of Python code (C code is not interrupted)."""
    deadline = time.monotonic() + SECONDS

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        if time.monotonic() > deadline:
            raise _TooSlow
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        text = repr(value)
    except _TooSlow:
        text = f"<repr() of {type(value).__name__} took too long>"
    except Exception as error:
        text = f"<repr() raised {type(error).__name__}>"
    finally:
        sys.settrace(before)
    return text if len(text) <= CHARACTERS else text[: CHARACTERS - 1] + "…"
