"""Where code is: files as data, and as people want to see them. One rule for all reports.

Files below the directory where the run began are relative to it; with pytest this is its root directory, to which the
names of its tests are relative, too. Others of the project are shown relative to it, those of packages and of the
standard library without what comes before.
"""

from __future__ import annotations

import functools
from pathlib import Path

from yagot import __builtins__ as __builtins__
from yagot.originals import os

PACKAGES = ("site-packages", "dist-packages")
"""Directories of installed packages."""
HOME = os.path.dirname(os.__file__) + os.sep
"""The directory of the standard library."""
_MARKS = ("pyproject.toml", "setup.py", "setup.cfg", ".git", ".hg")


def working_directory() -> str | None:
    """None if it has been removed."""
    try:
        return os.getcwd()
    except OSError:
        return None


class _Run:
    start = working_directory()
    """Where it began: a test may change the working directory."""


def start_from(directory: str) -> None:
    """Before the run: the framework names files relative to this directory."""
    _Run.start = directory
    relative.cache_clear()
    shown_path.cache_clear()


def find_root(directory: Path) -> Path:
    """The nearest directory upwards that has a project's files; the directory itself if there is none."""
    for candidate in (directory, *directory.parents):
        if any((candidate / mark).exists() for mark in _MARKS):
            return candidate
    return directory


def in_package(path: str) -> str | None:
    """The path of an installed file from the directory of packages on; None of others."""
    for place in PACKAGES:
        _, found, rest = path.partition(f"{os.sep}{place}{os.sep}")
        if found:
            return rest
    return None


def absolute(path: str) -> str:
    """The path of a file that a report names."""
    return os.path.normpath(os.path.join(_Run.start or os.sep, path))


@functools.cache
def relative(path: str) -> str:
    """The path as data: relative to where the run began, if below it."""
    if _Run.start is None:
        return path
    found = os.path.relpath(absolute(path), _Run.start)
    return path if found.startswith(os.pardir) else found


@functools.cache
def shown_path(path: str) -> str:
    """The path for people."""
    installed = in_package(path)
    if installed is not None:
        place = path[: -len(installed) - 1].rpartition(os.sep)[2]
        return os.path.join("…", place, installed)
    if path.startswith(HOME):
        return os.path.join("…", os.path.basename(HOME[:-1]), path.removeprefix(HOME))
    found = relative(path)
    if not os.path.isabs(found) or _Run.start is None:
        return found
    root = str(find_root(Path(_Run.start)))
    return os.path.relpath(found, _Run.start) if os.path.dirname(root) != root and _is_below(found, root) else found


def _is_below(path: str, directory: str) -> bool:
    return path.startswith(os.path.join(directory, ""))


def shown_places(places: str) -> str:
    """``path:line < path:line`` with such paths."""
    parts = (place.rpartition(":") for place in places.split(" < "))
    return " < ".join(f"{shown_path(path)}:{line}" if path else line for path, _, line in parts)
