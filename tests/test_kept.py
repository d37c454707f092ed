"""Who keeps an object, in whatever way, leaks nothing: the idioms of kept.py."""

from pathlib import Path

import kept
import pytest
from support import FREE_THREADED, needs_blocks

pytestmark = pytest.mark.skipif(FREE_THREADED, reason="there references are not looked for")

SCRIPT = Path(__file__).with_name("kept.py")


def test_there_are_many():
    assert sum(len(kept.lines(group)) for group in ("IDIOMS", "PLACES")) > 250


def run(project, leaky_directory, *groups):
    path = f"{leaky_directory}:{SCRIPT.parent}"
    return project.python("-W", "ignore", SCRIPT, *groups, env={"PYTHONPATH": path}, check=0).stdout


@needs_blocks
@pytest.mark.parametrize("group", ["IDIOMS", "PLACES", "ARRAYS"])
def test_nothing_is_told(project, leaky_directory, group):
    if group == "ARRAYS":
        pytest.importorskip("numpy")
    assert run(project, leaky_directory, group) == ""


def test_leaks_are_found_in_the_same_way(project, leaky_directory):
    assert run(project, leaky_directory) == ""
