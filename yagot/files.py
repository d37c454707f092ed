"""Paths as people want to see them, and files written so that a reader never meets half of one."""

from __future__ import annotations

import contextlib
import functools
import os


@functools.cache
def shown_path(path: str) -> str:
    """Relative to the working directory if below it."""
    try:
        relative = os.path.relpath(path)
    except OSError:  # a test has removed the working directory
        return path
    return path if relative.startswith("..") else relative


def shown_places(places: str) -> str:
    """``path:line < path:line`` with such paths."""
    parts = (place.rpartition(":") for place in places.split(" < "))
    return " < ".join(f"{shown_path(path)}:{line}" if path else line for path, _, line in parts)


class UnusablePath(Exception):
    """A path given by the user cannot be written to; the text is one clear line."""


def new_file_beside(path: str) -> tuple[int, str]:
    """An open, empty file in the directory of *path* (made if missing), and its name. Raises UnusablePath."""
    name = f"{path}.{os.getpid()}.tmp"
    try:
        if os.path.isdir(path):
            raise IsADirectoryError(21, "Is a directory")
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        return os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0), 0o666), name
    except OSError as error:
        raise UnusablePath(f"cannot write {path}: {error.strerror or error}") from None


def check_writable(path: str) -> None:
    """Raises UnusablePath unless a file could be written at *path*. Leaves no trace but the directory."""
    file, name = new_file_beside(path)
    os.close(file)
    os.unlink(name)


def write_atomically(path: str, text: str) -> None:
    """Replaces a file by *text* (UTF-8), or leaves it as it was. Raises UnusablePath."""
    file, name = new_file_beside(path)
    try:
        with os.fdopen(file, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(name, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise UnusablePath(f"cannot write {path}: {error.strerror or error}") from None
