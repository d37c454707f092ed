"""yagot: which test leaks what, and why.

The public names. The C core is loaded when the first of them that needs it is used.
"""

import builtins
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yagot.block import check
    from yagot.config import Config
    from yagot.judge.rules import allow, expect
    from yagot.model import Finding, Step, TestReport
    from yagot.observe.checker import Checker
    from yagot.report.descriptions import LeakError
    from yagot.runner import TextTestRunner
    from yagot.testcase import LeakCheckMixin, TestCase
    from yagot.tracker import GarbageTracker, garbage_checked

__builtins__ = dict(vars(builtins))  # type: ignore[assignment]
"""What functions of yagot know as built in, whatever a test does to it: each module imports this."""

__version__ = "0.6.0"

__all__ = [
    "Checker",
    "Config",
    "Finding",
    "GarbageTracker",
    "LeakCheckMixin",
    "LeakError",
    "Step",
    "TestCase",
    "TestReport",
    "TextTestRunner",
    "__version__",
    "allow",
    "check",
    "expect",
    "garbage_checked",
]

_HOME = {
    "Checker": "observe.checker",
    "Config": "config",
    "Finding": "model",
    "GarbageTracker": "tracker",
    "LeakCheckMixin": "testcase",
    "LeakError": "report.descriptions",
    "Step": "model",
    "TestCase": "testcase",
    "TestReport": "model",
    "TextTestRunner": "runner",
    "allow": "judge.rules",
    "check": "block",
    "expect": "judge.rules",
    "garbage_checked": "tracker",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'yagot' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"yagot.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
