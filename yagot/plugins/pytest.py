"""The pytest plugin: translates pytest's hooks into windows. Off until ``--yagot`` or YAGOT asks for it.

Only then more is loaded than this module and the settings. Under xdist the workers check, and their findings travel
with the teardown reports to the controller, which alone writes the reports and the summary.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

import pytest

from yagot import __builtins__ as __builtins__


@contextlib.contextmanager
def _as_they_are() -> Iterator[None]:
    """Modules that are imported meanwhile are loaded as they are. pytest would rewrite the assertions of all plugins;
    what it makes of a module is slow to read, and where it cannot be written it is made anew on each run."""
    hooks = [
        (index, finder) for index, finder in enumerate(sys.meta_path) if type(finder).__module__.startswith("_pytest.")
    ]
    for _, hook in hooks:
        sys.meta_path.remove(hook)
    try:
        yield
    finally:
        for index, hook in hooks:
            sys.meta_path.insert(index, hook)


with _as_they_are():
    from yagot.config import OPTIONS, misspelt_of_framework, switched_off


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds --yagot and the settings under its prefix."""
    group = parser.getgroup("yagot", "Yagot")
    group.addoption("--yagot", action="store_true", default=False, help="check each test for leaks (variable YAGOT)")
    for name, (metavar, text) in OPTIONS.items():
        option = f"--yagot-{name.replace('_', '-')}"
        if name == "ignore_types":
            group.addoption(option, metavar=metavar, action="append", default=None, help=text)
        elif metavar:
            group.addoption(option, metavar=metavar, default=None, help=text)
        else:
            group.addoption(option, action="store_true", default=None, help=text)


def pytest_load_initial_conftests(args: list[str]) -> None:
    """Says which option a misspelt one of ours may stand for; pytest itself says only that it does not know it."""
    if any(argument.startswith("--yagot-") for argument in args):
        wrong = misspelt_of_framework(args)
        if wrong is not None:
            raise pytest.UsageError(f"yagot: {wrong}")


def _wanted(config: pytest.Config) -> bool:
    if not os.environ.get("YAGOT"):
        return bool(config.getoption("yagot"))
    return not switched_off()


def pytest_configure(config: pytest.Config) -> None:
    """Registers the marker, and the checks if they are wanted."""
    config.addinivalue_line(
        "markers",
        "yagot(check=True, **settings): settings of a test's leak check, e.g. leaks_only=True; check=False: none",
    )
    config.addinivalue_line("markers", "yagot_allow(reason, **rule): such leaks are allowed; see yagot.allow")
    config.addinivalue_line("markers", "yagot_expect(**rule): such a leak is there; see yagot.expect")
    if _wanted(config):
        with _as_they_are():
            from yagot.plugins.pytest_windows import register

            register(config)
