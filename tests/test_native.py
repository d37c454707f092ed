"""References that nobody holds to objects that the collector does not track: --native."""

import sys

import pytest
from support import postponed

SUITE = """
    import tracemalloc
    import unittest
    import leaky

    KEPT = {}

    class TestLeaks(unittest.TestCase):
        def test_str(self):
            leaky.incref("text" + str(len(KEPT)))

        def test_bytes(self):
            leaky.incref(b"some bytes" * 2 + bytes([len(KEPT)]))

        def test_float(self):
            leaky.incref(len(KEPT) + 0.25)

        def test_int(self):
            leaky.incref(10**20 + len(KEPT))

    class TestHeld(unittest.TestCase):
        def test_clean(self):
            "".join(map(str, range(1000)))

        def test_kept(self):
            number = len(KEPT)
            KEPT["key" + str(id(self))] = ["value" + str(number), 1.5 + number, Slots("slot" + str(number))]

        def test_code(self):
            names = {}
            exec("def f(a):\\n  return f'a has {a}', 5.75, lambda: a", names)
            KEPT["f" + str(len(KEPT))] = names["f"], compile("g(6.75, 'some text')", "file", "eval")

        def test_names_asked_for(self):
            getattr(KEPT, "no_such_" + str(len(KEPT)), None)

        def test_cache_in_c(self):
            for number in range(5):
                leaky.remember("entry" + str(id(self)) + str(number))

        def test_exception(self):
            with self.assertRaises(ValueError):
                int("x" * 5)

        def test_gone_while_another_tracer_listened(self):
            gone = ["gone" + str(number) for number in range(1000)]
            tracemalloc.start()
            gone.clear()
            tracemalloc.stop()

        def test_gone_while_another_tracer_listens(self):
            gone = ["gone" + str(number) for number in range(1000)]
            tracemalloc.start()
            gone.clear()

        def tearDown(self):
            self.addCleanup(tracemalloc.stop)

    class Slots:
        __slots__ = ("value",)

        def __init__(self, value):
            self.value = value
    """

TYPES = {"test_str": "str", "test_bytes": "bytes", "test_float": "float", "test_int": "int"}

needs_tracer = pytest.mark.skipif(sys.version_info < (3, 14), reason="the tracer tells of all from 3.14 on")


@pytest.fixture
def suite(project, leaky_directory):
    project.write("test_native.py", SUITE)
    project.environment = {"PYTHONPATH": str(leaky_directory)}
    return project


@needs_tracer
def test_leaks_are_found_and_nothing_else(suite):
    tests = suite.tests("--native", "--confirm", "test_native", env=suite.environment, check=1)
    found = {name: [kind for f in test["findings"] for kind in f["types"]] for name, test in tests.items()}
    assert {name: kinds for name, kinds in found.items() if kinds} == {name: [kind] for name, kind in TYPES.items()}
    assert len(tests) == 12 and "str ('text" in suite.result.stderr


@needs_tracer
def test_under_pytest(suite):
    options = ["--yagot", "--yagot-native", "--yagot-confirm"]
    result = suite.python("-m", "pytest", *options, "test_native.py", env=suite.environment, check=1)
    assert "12 passed" in result.stdout and "4 errors" in result.stdout


@needs_tracer
def test_another_tracer_is_told_of(suite):
    """What it has silenced is forgotten, and the run says so."""
    tests = suite.tests("--native", "test_native", env=suite.environment, check=0)
    unseen = {name for name, test in tests.items() if test["incomplete"]}
    assert unseen == {"test_gone_while_another_tracer_listened", "test_gone_while_another_tracer_listens"}
    assert "yagot: 2 tests not seen whole, the first " in suite.result.stderr
    assert "another tracer of references, as tracemalloc's, came after yagot's" in suite.result.stderr


@needs_tracer
def test_where_they_were_made(suite):
    suite.yagot("--native", "--trace", "1", "test_native.TestHeld", env=suite.environment, check=0)
    options = ["--native", "--confirm", "--trace", "1", "test_native.TestLeaks.test_str"]
    result = suite.yagot(*options, env=suite.environment, check=1)
    assert "test_native.py:10" in result.stderr


@needs_tracer
def test_what_is_put_off_is_suspected_at_the_boundary(suite):
    suite.write("late.py", postponed("--native", "test_native"))
    result = suite.python("late.py", env=suite.environment, check=0)
    assert "suspected: 4 objects with references that nobody holds, not confirmed" in result.stderr


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="there it works")
def test_where_they_cannot_be_seen(suite):
    result = suite.yagot("--native", "test_native", env=suite.environment, check=2)
    assert result.stderr.strip() == "yagot: native: needs CPython 3.14 or newer"
