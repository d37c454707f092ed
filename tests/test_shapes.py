"""Explain: the cycle of each leak shape, as tests/gold has it for every Python."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import FREE_THREADED

HERE = Path(__file__).parent
GOLD = json.loads((HERE / "gold" / "shapes.json").read_text(encoding="utf-8"))

# Shapes that a Python does not have or that its library builds otherwise.
NEWER = {"exception_group": (3, 11)}
GONE = {"ctypes_pointer": (3, 14)}  # the types of ctypes hold each other otherwise there
# What a free-threaded build hides behind the deferred reference counts of functions and classes.
DEFERRED = {
    "keyword_default", "lru_cache_on_method", "a_class", "an_enum", "a_dataclass", "a_namedtuple", "magic_mock",
}  # fmt: skip
OTHER_CYCLES = {"thread_local": (3, 13)}  # its dict's key is no weak reference any more


def run_shapes(seed):
    out = subprocess.run(
        [sys.executable, "-W", "ignore", HERE / "shapes.py"],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return json.loads(out)


@pytest.fixture(scope="module")
def found():
    return run_shapes("1")


def test_there_are_shapes_enough():
    assert len(GOLD) >= 40


@pytest.mark.parametrize("name", GOLD)
def test_shape(found, name):
    if sys.version_info < NEWER.get(name, (3, 10)):
        assert name not in found
        return
    if sys.version_info >= GONE.get(name, (4,)):
        assert found[name]
        return
    if FREE_THREADED and name in DEFERRED:
        pytest.skip("the reference counts of functions and classes are deferred")
    gold = GOLD[name]
    assert [f["cause"] for f in found[name]] == [f["cause"] for f in gold]
    assert [f["signature"] for f in found[name]] == [f["signature"] for f in gold]
    assert [f["advice"] for f in found[name]] == [f["advice"] for f in gold]
    if sys.version_info < OTHER_CYCLES.get(name, (4,)):
        assert [f["cycle"] for f in found[name]] == [f["cycle"] for f in gold]


def test_no_shape_is_forgotten(found):
    assert found.keys() <= GOLD.keys()


@pytest.mark.parametrize("seed", ["0", "2", "31337"])
def test_signatures_do_not_depend_on_the_hash_seed(found, seed):
    again = run_shapes(seed)
    assert {k: [f["cause"] for f in v] for k, v in again.items()} == {
        k: [f["cause"] for f in v] for k, v in found.items()
    }
