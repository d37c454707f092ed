"""Writing files so that a reader never meets half of one."""

from __future__ import annotations

import contextlib
import os


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
