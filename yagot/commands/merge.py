"""``yagot merge`` and ``yagot repair``: JUnit XML files of shards into one, and torn ones whole again.

The work is the core's (csrc/junit_merge.c); here are files, messages and exit statuses.
"""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence

from yagot import _core
from yagot.files import Output, UnusablePath
from yagot.report.wording import plural

NAME = "yagot"


def _say(text: str) -> None:
    print(f"yagot: {text}", file=sys.stderr)


def _merger() -> _core.JUnitMerger:
    with tempfile.TemporaryFile() as spool:
        return _core.JUnitMerger(os.dup(spool.fileno()))


def _read(merger: _core.JUnitMerger, path: str, prefix: str) -> str | None:
    """Adds a file; what is wrong with it, if anything is."""
    try:
        with open(path, "rb") as file:
            merger.read(file.fileno(), prefix)
    except OSError as error:
        return f"{path}: {error.strerror or error}"
    except ValueError as error:
        return f"{path}: {error}"
    return None


def _numbered(path: str) -> Iterator[str]:
    """The path, then ``name.2.xml``, ``name.3.xml``, …"""
    yield path
    root, extension = os.path.splitext(path)
    number = 1
    while True:
        number += 1
        yield f"{root}.{number}{extension}"


def _write(merger: _core.JUnitMerger, path: str, cases: int = 0, size: int = 0) -> list[str]:
    """Writes the report, in parts if it must be; a part is complete before it has its name. Raises UnusablePath."""
    written = []
    for part in _numbered(path):
        more = Output(part).fill(lambda file: merger.write(file, NAME, cases, size))
        written.append(part)
        if not more:
            return written
    raise AssertionError("endless")


def combine_suites(path: str) -> None:
    """Makes the suites of one name in a report one; its test cases have different names. Raises UnusablePath."""
    merger = _merger()
    if _read(merger, path, "") is None:
        _write(merger, path)


def merge(
    inputs: Sequence[str],
    output: str,
    prefixes: Sequence[str] = (),
    keep_going: bool = False,
    split_cases: int = 0,
    split_bytes: int = 0,
) -> int:
    """Merges reports; returns the exit status: 0, 1 if a file was left out, 2 if nothing was written.

    *prefixes*: one for each input, or one for all, or none.
    """
    if len(prefixes) not in (0, 1, len(inputs)):
        _say(f"give one --prefix, or one for each of the {len(inputs)} files")
        return 2
    merger = _merger()
    failed = False
    progress = sys.stderr.isatty() and len(inputs) > 1
    for number, path in enumerate(inputs):
        if progress:
            print(f"\r\x1b[Kmerging {number + 1} of {len(inputs)}: {path}", end="", file=sys.stderr, flush=True)
        prefix = prefixes[number] if len(prefixes) > 1 else prefixes[0] if prefixes else ""
        before = merger.cases
        problem = _read(merger, path, prefix)
        if problem is None:
            continue
        if progress:
            print("\r\x1b[K", end="", file=sys.stderr)
        kept = plural(merger.cases - before, "test case")
        _say(f"{problem} ({kept} before that kept)" if keep_going else problem)
        if not keep_going:
            return 2
        failed = True
    if progress:
        print("\r\x1b[K", end="", file=sys.stderr)
    try:
        written = _write(merger, output, split_cases, split_bytes)
    except UnusablePath as error:
        _say(str(error))
        return 2
    if merger.duplicates:
        _say(
            f"warning: {plural(merger.duplicates, 'test case')} of a suite, class and name that were there before: "
            "the worst result of each is kept (--prefix tells shards apart)"
        )
    _say(f"{plural(merger.cases, 'test case')} from {plural(len(inputs), 'file')} in {', '.join(written)}")
    return 1 if failed else 0


def _mended(path: str) -> _core.JUnitMerger:
    """What can be read up to the end of the last whole test case. The reader gives up a little before an error."""
    best = _merger()
    _read(best, path, "")
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
        end = data.rfind(b"</testcase>") + len(b"</testcase>")
        for tail in (b"</testsuite></testsuites>", b"</testsuite>"):
            merger = _merger()
            with tempfile.NamedTemporaryFile() as copy:
                copy.write(data[:end])
                copy.write(tail)
                copy.flush()
                _read(merger, copy.name, "")
            best = max(best, merger, key=lambda each: each.cases)
    return best


def repair(path: str, output: str | None = None) -> int:
    """Makes a torn report whole: its test cases up to the first error. Returns the exit status: 0, 2 if nothing could
    be read."""
    merger = _merger()
    problem = _read(merger, path, "")
    if problem is None and output is None:
        _say(f"{path}: {plural(merger.cases, 'test case')}, nothing to repair")
        return 0
    if problem is not None and os.path.isfile(path):
        merger = _mended(path)
    if merger.cases == 0:
        _say(problem or f"{path}: no test cases")
        return 2
    try:
        _write(merger, output or path)
    except UnusablePath as error:
        _say(str(error))
        return 2
    _say(f"{problem or path}: kept {plural(merger.cases, 'test case')} in {output or path}")
    return 0
