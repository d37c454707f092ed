"""CPython's own test suites: the numbers of the oracle, and the outcomes of plain unittest."""

import importlib.util
import json
import sys
from pathlib import Path

import outcomes
import pytest
from support import needs_counts, needs_generations, objects

HERE = Path(__file__).parent

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("test.test_minidom") is None, reason="this Python comes without its test suite"
)

# The oracle collects objects older than the test, e.g. the globals of a doctest, made when it was loaded.
OLDER_OBJECTS = {"json", "json.encoder"}
# A collection inside of the test, by itself or an automatic one, which the oracle switches off, changes what is left.
COLLECTS = {
    "test.test_dataclasses.TestSlots.test_original_class_is_gced",
    "test.test_json.test_recursion.TestPyRecursion.test_highly_nested_objects_encoding",
}
# From 3.14 on, what two variables of one frame refer to looks alive.
LOOKS_ALIVE = {"test.test_contextlib.TestExitStack.test_exit_exception_explicit_none_context"}
# Before 3.13 the oracle loses what a generator's finalizer takes apart, and counts tuples that the collector
# untracks at its first look, which an automatic collection in the test has had.
IMPRECISE = sys.version_info < (3, 13)


def last_json(result):
    return json.loads(result.stdout.strip().splitlines()[-1])


@needs_counts
@pytest.mark.parametrize("name", ["minidom", "json", "copy", "contextlib", "dataclasses"])
def test_objects_as_the_oracle_counts_them(project, name):
    oracle = last_json(project.python(HERE / "oracle.py", f"test.test_{name}", check=0))
    project.yagot("--report-only", "--json", "out.json", f"test.test_{name}")
    tests = {test["id"]: test for test in json.loads((project.path / "out.json").read_text())["tests"]}
    assert len(oracle) > 70
    different = {
        identity: (counted["objects"], objects(tests[identity]))
        for identity, counted in oracle.items()
        if tests[identity]["checked"] and counted["objects"] != objects(tests[identity])
    }
    if IMPRECISE:
        different = {k: (a, b) for k, (a, b) in different.items() if abs(a - b) > max(4, a // 100)}
    if sys.version_info >= (3, 14):
        different = {k: v for k, v in different.items() if k not in LOOKS_ALIVE or v[1] == 0}
    assert different.keys() <= OLDER_OBJECTS | COLLECTS


def test_minidom_as_published(project):
    tests = project.tests("test.test_minidom")
    leaking = [test for test in tests.values() if test["findings"]]
    found = (len(tests), len(leaking), sum(map(objects, leaking)))
    if sys.version_info[:3] == (3, 13, 0):
        assert found == (131, 50, 1188)  # 1,367 with the dicts of instances and what else may not be there
    else:
        assert found[0] > 120 and found[1] > 40 and found[2] > 1000


# the automatic collector is off in a window without generations, and test_gc notices
SUITES = [pytest.param("gc", marks=needs_generations), "weakref", "copy", "contextlib", "unittest"]


@pytest.mark.parametrize("name", SUITES)
def test_outcomes_are_the_same(project, name):
    found = []
    for options in ([], ["--checked"]):
        out = project.path / f"out{''.join(options)}"
        project.python(HERE / "outcomes.py", "--run", out, *options, f"test.test_{name}", check=0)
        found.append(outcomes.read(out))
    plain, checked = found
    assert len(plain) > 30 and checked == plain
