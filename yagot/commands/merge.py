"""``yagot merge``: JUnit XML files of shards into one. The work is the core's (csrc/report); here are files, messages
and exit statuses."""

from __future__ import annotations

import itertools
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence

from yagot import __builtins__ as __builtins__
from yagot import _core
from yagot.errors import say
from yagot.files import Output, UnusablePath
from yagot.originals import os
from yagot.report.wording import plural

NAME = "yagot"
CURE = "'yagot repair' keeps its complete test cases"
POLICIES = ("keep", "last", "worst")

_UNWRITABLE = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def new_merger(duplicates: str = "worst") -> _core.JUnitMerger:
    with tempfile.TemporaryFile() as spool, tempfile.TemporaryFile() as table:
        return _core.JUnitMerger(os.dup(spool.fileno()), os.dup(table.fileno()), duplicates)


def read(merger: _core.JUnitMerger, path: str, prefix: str = "") -> tuple[str, bool] | None:
    """Adds a file. What is wrong with it, if anything is, and whether it is damaged XML, which a repair may help."""
    try:
        with open(path, "rb") as file:
            merger.read(file.fileno(), prefix)
    except OSError as error:
        return f"{path}: {error.strerror or error}", False
    except ValueError as error:
        text, damaged = error.args if len(error.args) == 2 else (str(error), False)
        return f"{path}: {text}", damaged
    return None


def _numbered(path: str) -> Iterator[str]:
    """The path, then ``name.2.xml``, ``name.3.xml``, …"""
    yield path
    root, extension = os.path.splitext(path)
    number = 1
    while True:
        number += 1
        yield f"{root}.{number}{extension}"


def write(merger: _core.JUnitMerger, path: str, cases: int = 0, size: int = 0) -> list[str]:
    """Writes the report, in parts if it must be; a part is complete before it has its name. Raises UnusablePath."""
    written = []
    for part in _numbered(path):
        output = Output(part)
        if (cases or size) and not output.is_file:
            raise UnusablePath(f"cannot write {output.shown} in parts: it is not a file")
        more = output.fill(lambda file: merger.write(file, NAME, cases, size))
        written.append(part)
        if not more:
            return written
    raise AssertionError("endless")


def combine_suites(path: str) -> None:
    """Makes the suites of one name in a report one; its test cases have different names. Raises UnusablePath."""
    merger = new_merger()
    if read(merger, path) is None:
        write(merger, path)


def _examples(note: tuple[int, list[str]]) -> str:
    count, lines = note
    more = f", and {count - len(lines)} more" if count > len(lines) else ""
    return ", ".join(lines) + more


def warn(merger: _core.JUnitMerger, duplicates: str = "worst") -> None:
    """Says what was not as it should be in what was read."""
    if merger.duplicates[0]:
        say(
            f"warning: {plural(merger.duplicates[0], 'test case')} of a suite, class and name that another file had: "
            f"the {duplicates} result of each is kept (--prefix keeps shards apart, --duplicates says which is kept): "
            + _examples(merger.duplicates)
        )
    if merger.missing[0]:
        say(
            f"warning: counters that were higher than the test cases of {plural(merger.missing[0], 'suite')} are kept: "
            + _examples(merger.missing)
        )
    if merger.times[0]:
        say(
            f"warning: {plural(merger.times[0], 'time')} of unclear meaning, kept as written but not counted: "
            + _examples(merger.times)
        )


def _wrong_prefixes(prefixes: Sequence[str], count: int) -> str | None:
    if len(prefixes) not in (0, 1, count):
        return f"give one --prefix, or one for each of the {count} files"
    for prefix in prefixes:
        found = _UNWRITABLE.search(prefix)
        if found:
            return f"--prefix {prefix!a}: XML cannot hold the character U+{ord(found[0]):04X}"
    return None


def merge(
    inputs: Sequence[str],
    output: str,
    prefixes: Sequence[str] = (),
    keep_going: bool = False,
    split_cases: int = 0,
    split_bytes: int = 0,
    duplicates: str = "worst",
) -> int:
    """Merges reports; returns the exit status: 0, 1 if a file was left out, 2 if nothing was written.

    *prefixes*: one for each input, or one for all, or none. *duplicates*: which results stay of a test case that is in
    several files: all (``keep``), that of the ``last`` file, or the ``worst``.
    """
    wrong = _wrong_prefixes(prefixes, len(inputs))
    if wrong:
        say(wrong)
        return 2
    merger = new_merger(duplicates)
    failed = False
    progress = sys.stderr.isatty() and len(inputs) > 1
    for number, path in enumerate(inputs):
        if progress:
            print(f"\r\x1b[Kmerging {number + 1} of {len(inputs)}: {path}", end="", file=sys.stderr, flush=True)
        prefix = prefixes[number] if len(prefixes) > 1 else prefixes[0] if prefixes else ""
        before = merger.cases
        problem = read(merger, path, prefix)
        if problem is None:
            continue
        if progress:
            print("\r\x1b[K", end="", file=sys.stderr)
        text = problem[0] + (f" ({CURE})" if problem[1] else "")
        kept = plural(merger.cases - before, "test case")
        say(f"{text} ({kept} before that kept)" if keep_going else text)
        if not keep_going:
            return 2
        failed = True
    if progress:
        print("\r\x1b[K", end="", file=sys.stderr)
    written = write(merger, output, split_cases, split_bytes)
    following = next(itertools.islice(_numbered(output), len(written), None))
    if (split_cases or split_bytes) and os.path.lexists(following):
        say(f"warning: {following} was there before, and is no part of this report")
    warn(merger, duplicates)
    say(f"{plural(merger.cases, 'test case')} from {plural(len(inputs), 'file')} in {', '.join(written)}")
    return 1 if failed else 0
