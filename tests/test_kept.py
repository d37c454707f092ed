"""Who keeps an object, in whatever way, leaks nothing: the idioms of kept.py."""

from pathlib import Path

import kept
import pytest
from support import FREE_THREADED

pytestmark = pytest.mark.skipif(FREE_THREADED, reason="there references are not looked for")

SCRIPT = Path(__file__).with_name("kept.py")


def test_there_are_many():
    assert sum(len(kept.lines(group)) for group in ("IDIOMS", "PLACES")) > 250


@pytest.mark.parametrize("group", ["IDIOMS", "PLACES", "ARRAYS"])
def test_nothing_is_told(project, leaky_directory, group):
    """And what leaks is found in the same process."""
    if group == "ARRAYS":
        pytest.importorskip("numpy")
    path = f"{leaky_directory}:{SCRIPT.parent}"
    result = project.python("-W", "ignore", SCRIPT, group, env={"PYTHONPATH": path}, check=0)
    assert result.stdout == ""

