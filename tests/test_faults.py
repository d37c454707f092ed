"""Every call on the files of reports fails in its turn: the XML stays well-formed, and the user is told."""

import errno
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NAMES = [f"t{number}" for number in range(5)]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    target = tmp_path_factory.mktemp("faults") / "faults.so"
    command = ["cc", "-std=gnu11", "-Wall", "-shared", "-fPIC", HERE / "faults.c", "-o", target, "-ldl"]
    subprocess.run(command, check=True)
    return target


@pytest.fixture
def directory():
    """In memory, where fsync() costs nothing."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as path:
        yield f"{path}/run"


def attempts(library, directory, error, half):
    os.mkdir(directory)
    result = subprocess.run(
        [sys.executable, HERE / "faulty.py", directory, str(error), str(int(half))],
        env={**os.environ, "LD_PRELOAD": " ".join([*os.environ.get("LD_PRELOAD", "").split(), str(library)])},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def is_old_or_new(name, text):
    new = {
        "r.json": lambda: len(json.loads(text)["tests"]) == 5,
        "b.json": lambda: json.loads(text)["version"] == 1,
        "r.md": lambda: text.startswith("### yagot: 1 test of 5 leaked") and text.endswith("release the objects\n"),
        "r.html": lambda: text.rstrip().endswith("</html>"),
    }[name]
    return text == f"old {name}\n" or new()


def so_far(names):
    """Without what says that the run is not over."""
    return names[:-1] if names and names[-1] == "the run" else names


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EACCES])
def test_each_call_fails_in_its_turn(library, directory, error, half):
    *faulty, last = attempts(library, directory, error, half)
    assert {found["call"] for found in faulty} >= {"open", "write", "pwrite", "rename", "fsync", "ftruncate", "mkdir"}
    assert len(faulty) > 40
    for number, found in enumerate(faulty, 1):
        which = (number, found["call"], found["told"])
        assert None not in found["seen"] and found["last"] is not None, which  # well-formed
        names = [so_far(seen["names"]) for seen in found["seen"] if seen]
        assert all(seen == NAMES[: len(seen)] for seen in names), which
        if found["last"] and found["last"]["names"] != ["the run"]:  # which did not even begin
            assert found["last"]["crashed"] == [], which
        assert set(found["others"]) <= {"attached"} and not any(".tmp" in name for name in found["attached"]), which
        assert all(is_old_or_new(name, text) for name, text in found["texts"].items()), which
        assert all(line.startswith("cannot write ") and "\n" not in line for line in found["told"]), which
        whole = (
            found["last"] and sorted(found["last"]["names"]) == NAMES and found["attached"] == last["attached"]
            and not any(text.startswith("old ") for text in found["texts"].values())
        )  # fmt: skip
        assert found["told"] or whole, which
        assert len(found["told"]) <= 1, which
    assert [seen["names"][-1] for seen in last["seen"][1::2]] == ["the run"] * 5  # between tests
    assert last["told"] == [] and sorted(last["last"]["names"]) == NAMES and last["attached"] == ["leak-00001.json"]
