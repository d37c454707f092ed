"""Files written so that a reader never meets half of one."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import re
import select
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any, TypeVar

from yagot import __builtins__ as __builtins__
from yagot.errors import UserError
from yagot.originals import os, signal
from yagot.places import shown_path

_T = TypeVar("_T")


_NAMESPACE: Any = vars(ModuleType)["__dict__"]


def text_of(path: str) -> str:
    """What a file has, or comes through a FIFO. Raises OSError for a device, which may have no end."""
    mode = os.stat(path).st_mode
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        raise OSError(errno.EINVAL, "a device, not a file")
    with open(path, encoding="utf-8") as file:
        return file.read()


def namespace_of(module: object) -> dict[str, Any]:
    """A module's namespace, without running anything of the module's; empty if it is no module, as a test may have put
    what it likes into sys.modules."""
    return _NAMESPACE.__get__(module) if issubclass(type(module), ModuleType) else {}


def file_of_module(name: str) -> str:
    """The ``__file__`` of an imported module; "" if there is none."""
    file = namespace_of(sys.modules.get(name)).get("__file__")
    return file if isinstance(file, str) else ""


def readable(path: str) -> str:
    """A path for a message of one line, on any terminal."""
    return path if path.isprintable() else repr(path)


class UnusablePath(UserError):
    """A path given by the user cannot be written to; the text is one clear line."""


_PATIENCE = 200
"""How often a FIFO is tried while nobody reads from it."""
_PAUSE = 0.05
_LINKS = 40
"""As many links are followed as Linux follows."""
_DESCRIPTOR = re.compile(r"/proc/(\d+)/fd/(\d+)")
_HIGH = 992
"""Tests hardly meet descriptors from here on."""
_STOPPING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
_WRITING = {signal.SIGPIPE, signal.SIGXFSZ}
"""Signals that a write can raise beside its error."""
_NOT_BESIDE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY)
"""Why an existing file may not be replaced, though it can be written: its directory, or a mount on it."""


@contextlib.contextmanager
def _one_line(shown: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnusablePath(f"cannot write {shown}: {error.strerror or error}") from None


@contextlib.contextmanager
def _held_back(signals: set[signal.Signals]) -> Iterator[None]:
    """These come when the block is over; those that its own writes have raised do not come at all."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        while signal.sigtimedwait(_WRITING - before, 0) is not None:
            pass
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals - before)


def _status(path: str) -> os.stat_result | None:
    """Of what a path leads to; None if there is nothing."""
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _check_link(link: str) -> None:
    """As Linux does (protected_symlinks): in a directory like /tmp nobody follows another user's link."""
    owner, directory = os.lstat(link).st_uid, os.stat(os.path.dirname(link))
    if owner in (os.geteuid(), directory.st_uid):
        return
    if directory.st_mode & stat.S_ISVTX and directory.st_mode & stat.S_IWOTH:
        raise PermissionError(errno.EACCES, "it is another user's link")


def _resolved(path: str) -> str:
    """The absolute path of a file, behind all links but those to open descriptors. Raises OSError."""
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        raise OSError(errno.EILSEQ, "the path is not a valid one") from None
    if "\0" in path:
        raise OSError(errno.EINVAL, "the path is not a valid one")
    path = path if os.path.isabs(path) else os.path.join(os.getcwd(), path)
    for _ in range(_LINKS):
        directory, name = os.path.split(path)
        path = os.path.join(os.path.realpath(directory), name)
        if _DESCRIPTOR.fullmatch(path) or not os.path.islink(path):
            return path
        _check_link(path)
        path = os.path.join(os.path.dirname(path), os.readlink(path))
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _make_directory(path: str) -> None:
    """Makes the directory of a file if only that is missing. Raises OSError."""
    directory = os.path.dirname(path)
    if os.path.isdir(directory):
        return
    if os.path.lexists(directory):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    above = os.path.dirname(directory)
    if not os.path.isdir(above):
        raise OSError(errno.ENOENT, f"there is no directory {readable(shown_path(above))}")
    os.mkdir(directory)


def _new_file(directory: str) -> tuple[int, str]:
    """An open, empty file with a name that nobody can foresee. Raises OSError."""
    name = os.path.join(directory, f".yagot-{os.urandom(8).hex()}.tmp")
    return os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666), name


def _write_whole(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(file, rest) :]
        except BlockingIOError:  # a pipe that another process has made so
            poll = select.poll()
            poll.register(file, select.POLLOUT)
            poll.poll()


def _flush(file: int) -> None:
    """To the disk, where there is one."""
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EROFS, errno.ENOTSUP):
            raise


def _pieces(file: int) -> Iterator[bytes]:
    os.lseek(file, 0, os.SEEK_SET)
    return iter(lambda: os.read(file, 1 << 20), b"")


def _open_fifo(path: str) -> int:
    """Waits some seconds for a reader, but not for ever. Raises OSError."""
    for _ in range(_PATIENCE):
        try:
            file = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            time.sleep(_PAUSE)
        else:
            os.set_blocking(file, True)
            return file
    raise OSError(errno.ENXIO, "nobody reads from it")


class _Descriptor:
    """An open descriptor that a path leads to, as /dev/stdout does. A test may close or redirect it, so we have another
    one for the same file."""

    def __init__(self, number: int) -> None:
        """Raises OSError."""
        if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "it is open for reading only")
        self._number = number
        self._identity = self._identity_of(number)
        try:
            self._mine: int | None = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, _HIGH)
        except OSError:  # beyond the limit
            self._mine = os.dup(number)

    @staticmethod
    def _identity_of(number: int) -> tuple[int, int] | None:
        try:
            status = os.fstat(number)
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def take(self) -> int:
        """A descriptor to write to, and to close. Raises OSError if a test has closed all."""
        for stream in (sys.stdout, sys.stderr):  # what was printed before comes before
            with contextlib.suppress(Exception):
                stream.flush()
        mine, self._mine = self._mine, None
        if mine is not None and self._identity_of(mine) == self._identity:
            return mine
        if self._identity_of(self._number) == self._identity:
            return os.dup(self._number)
        raise OSError(errno.EBADF, "it was closed during the run")


def _store(file: int, data: bytes) -> None:
    _write_whole(file, data)
    _flush(file)


class Output:
    """Where a report goes: looked up when the run begins, so that tests can change the working directory.

    A regular file is replaced by a new one when that is complete; a link leads to its file. What is not a regular file,
    a device, a FIFO or an open descriptor, is written to.
    """

    def __init__(self, path: str) -> None:
        """Makes the directory of the file if only that is missing. Raises UnusablePath if it could not be written."""
        self.shown = readable(path)
        self._mode: int | None = None
        self._descriptor: _Descriptor | None = None
        with _one_line(self.shown):
            self.path = _resolved(path)
            self._check()

    def _check(self) -> None:
        match = _DESCRIPTOR.fullmatch(self.path)
        if match is not None and int(match[1]) == os.getpid():
            self._descriptor = _Descriptor(int(match[2]))
            return
        if not os.path.basename(self.path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        _make_directory(self.path)
        status = _status(self.path)
        if status is not None:
            if stat.S_ISDIR(status.st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            if stat.S_ISSOCK(status.st_mode):
                raise OSError(errno.ENXIO, "it is a socket")
            if not os.access(self.path, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if status is None or stat.S_ISREG(status.st_mode):
            self._try_beside(status)

    def _try_beside(self, old: os.stat_result | None) -> None:
        """Makes a file in the directory, and removes it; its mode is what a new report is to have, whatever a test
        does to the umask."""
        with _held_back(_STOPPING):
            try:
                file, name = _new_file(os.path.dirname(self.path))
            except OSError as error:
                if old is None or error.errno not in _NOT_BESIDE:
                    raise
                return
            self._mode = stat.S_IMODE(os.fstat(file).st_mode)
            os.close(file)
            os.unlink(name)

    @property
    def is_file(self) -> bool:
        """Is it a regular file, or will it be one? Raises OSError."""
        status = None if self._descriptor is not None else _status(self.path)
        return self._descriptor is None and (status is None or stat.S_ISREG(status.st_mode))

    def write(self, text: str) -> None:
        """Makes *text* (UTF-8) the content of the file, or leaves it as it was. Raises UnusablePath."""
        data = text.encode("utf-8", "backslashreplace")
        with _one_line(self.shown):
            if self.is_file:
                with _held_back(_STOPPING | _WRITING):
                    self._replace(lambda file: _store(file, data))
            else:
                with _held_back(_WRITING):
                    self._send([data])

    def fill(self, write: Callable[[int], _T]) -> _T:
        """Makes what *write* writes into an open, empty file the content, and returns what it returns. Raises
        UnusablePath."""
        with _one_line(self.shown):
            if self.is_file:
                with _held_back(_STOPPING | _WRITING):
                    return self._replace(write)
            with _held_back(_WRITING):
                return self._copy(write)

    def _replace(self, write: Callable[[int], _T]) -> _T:
        old = _status(self.path)
        try:
            file, name = _new_file(os.path.dirname(self.path))
        except OSError as error:
            if old is None or error.errno not in _NOT_BESIDE:
                raise
            return self._copy(write)
        try:
            result = write(file)
            self._make_like(file, old)
            self._rename(file, name, old is not None)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
        finally:
            os.close(file)
        return result

    def _make_like(self, file: int, old: os.stat_result | None) -> None:
        """Gives a new file the mode, and if that can be the owner, of the old one."""
        if old is None:
            if self._mode is not None:
                os.fchmod(file, self._mode)
            return
        status = os.fstat(file)
        if (status.st_uid, status.st_gid) != (old.st_uid, old.st_gid):
            with contextlib.suppress(OSError):
                os.fchown(file, old.st_uid, old.st_gid)
        os.fchmod(file, stat.S_IMODE(old.st_mode))

    def _rename(self, file: int, name: str, exists: bool) -> None:
        try:
            os.rename(name, self.path)
        except OSError as error:
            if not exists or error.errno not in _NOT_BESIDE:
                raise
            self._send(_pieces(file))
            os.unlink(name)

    def _copy(self, write: Callable[[int], _T]) -> _T:
        """What cannot be replaced, or not be written at any place, gets all at once."""
        with tempfile.TemporaryFile() as spool:
            result = write(spool.fileno())
            self._send(_pieces(spool.fileno()))
        return result

    def _send(self, pieces: Iterable[bytes]) -> None:
        file = self._open()
        try:
            for piece in pieces:
                _write_whole(file, piece)
            _flush(file)
        finally:
            os.close(file)

    def _open(self) -> int:
        if self._descriptor is not None:
            return self._descriptor.take()
        status = _status(self.path)
        if status is not None and stat.S_ISFIFO(status.st_mode):
            return _open_fifo(self.path)
        return os.open(self.path, os.O_WRONLY | os.O_TRUNC | os.O_NOCTTY | os.O_CLOEXEC)


def write_atomically(path: str, text: str) -> None:
    """Replaces a file by *text* (UTF-8), or leaves it as it was. Raises UnusablePath."""
    Output(path).write(text)


def _identity(path: str) -> object:
    """What two paths to one file have in common; None where several may write: a terminal, /dev/null."""
    resolved = _resolved(path)
    status = _status(resolved)
    if status is None:
        return resolved
    if stat.S_ISCHR(status.st_mode):
        return None
    return resolved if _DESCRIPTOR.fullmatch(resolved) else (status.st_dev, status.st_ino)


def check_different(paths: Mapping[str, str | None]) -> None:
    """Raises UnusablePath if two settings name one file."""
    seen: dict[object, str] = {}
    for name, path in paths.items():
        try:
            identity = _identity(path) if path is not None else None
        except OSError:  # whoever is to write there will say so
            continue
        if identity is None:
            continue
        if identity in seen:
            raise UnusablePath(f"cannot write {readable(path or '')}: it is given for {seen[identity]} and for {name}")
        seen[identity] = name
