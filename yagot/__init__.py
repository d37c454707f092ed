"""yagot: which test leaks what, and why.

The public names. The C core is loaded when the first of them that needs it is used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yagot.checker import Checker, LeakError
    from yagot.config import Config
    from yagot.findings import Finding, Step, TestReport
    from yagot.rules import allow, expect
    from yagot.runner import TextTestRunner
    from yagot.testcase import LeakCheckMixin, TestCase
    from yagot.tracker import GarbageTracker, check, garbage_checked

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
    "Checker": "checker",
    "Config": "config",
    "Finding": "findings",
    "GarbageTracker": "tracker",
    "LeakCheckMixin": "testcase",
    "LeakError": "checker",
    "Step": "findings",
    "TestCase": "testcase",
    "TestReport": "findings",
    "TextTestRunner": "runner",
    "allow": "rules",
    "check": "tracker",
    "expect": "rules",
    "garbage_checked": "tracker",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'yagot' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"yagot.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
