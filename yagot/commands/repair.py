"""``yagot repair``: a damaged JUnit XML file made whole. The work is done by yagot.commands.mend."""

from __future__ import annotations

import os
import tempfile

from yagot import __builtins__ as __builtins__
from yagot import _core
from yagot.commands.mend import Mender, mend
from yagot.commands.merge import new_merger, read, warn, write
from yagot.errors import say
from yagot.report.wording import plural


def _mended(path: str, seems_good: bool) -> tuple[_core.JUnitMerger, Mender, str | None]:
    """What can be read of the file, and what the core says of that, if anything."""
    merger = new_merger()
    with tempfile.NamedTemporaryFile() as copy:
        mender = mend(path, copy, seems_good)  # type: ignore[arg-type]
        problem = read(merger, copy.name)
    return merger, mender, problem[0] if problem else None


def repair(path: str, output: str | None = None, force: bool = False) -> int:
    """Makes a damaged report whole: all its complete test cases. Returns the exit status: 0, or 2 if nothing was
    written.

    Without *output* the file itself is written anew; if something of it would be lost, only with *force*.
    """
    merger = new_merger()
    problem = read(merger, path)
    left_out = dropped = 0
    if os.path.isfile(path) and (problem is None or problem[1]):
        mended, mender, second = _mended(path, problem is None and not merger.missing[0])
        if second is None and (problem is not None or mended.cases > merger.cases):
            problem = problem or (f"{path}: a CDATA section without an end takes in test cases", True)
            merger, left_out, dropped = mended, mender.left_out, mender.dropped
    if problem is None and output is None:
        say(f"{path}: {plural(merger.cases, 'test case')}, nothing to repair")
        return 0
    what = problem[0] if problem else path
    if merger.cases == 0:
        say(what if problem else f"{path}: no test cases")
        return 2
    cases = plural(merger.cases, "test case")
    lost = f", {plural(left_out, 'test case')} left out" if left_out else ""
    if output is None and (left_out or dropped) and not force:
        say(
            f"{what}: {cases} can be kept{lost}; nothing was written, as the file has more than that: "
            "give -o OUT, or --force to write over it"
        )
        return 2
    write(merger, output or path)
    warn(merger)
    say(f"{what}: kept {cases} in {output or path}{lost}")
    return 0
