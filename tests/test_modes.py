"""The interpreter's switches, debuggers and tracers change nothing in what is found."""

import pytest

SUITE = """
    import gc, unittest

    class Node:
        pass

    KEPT = []

    class TestModes(unittest.TestCase):
        def test_cycle(self):
            node = Node()
            node.me = node

        def test_traceback(self):
            try:
                raise ValueError
            except ValueError as error:
                kept = error

        def test_closure(self):
            def again():
                return again

        def test_collects(self):
            node = Node()
            node.me = node
            del node
            gc.collect()

        def test_clean(self):
            KEPT.append(Node())
    """

TRACED = """
import sys, threading

def trace(frame, event, arg):
    return trace

{function}(trace)
threading.{function_of_threads}(trace)
from yagot.__main__ import main
sys.exit(main(["run", "--json", "yagot.json", "test_modes"]))
"""

MODES = {
    "plain": ([], {}),
    "-O": (["-O"], {}),
    "-OO": (["-OO"], {}),
    "-X dev": (["-X", "dev"], {}),
    "-X importtime": (["-X", "importtime"], {}),
    "-X tracemalloc": (["-X", "tracemalloc=5"], {}),
    "-X faulthandler": (["-X", "faulthandler"], {}),
    "PYTHONMALLOC=debug": ([], {"PYTHONMALLOC": "debug"}),
    "PYTHONMALLOC=malloc": ([], {"PYTHONMALLOC": "malloc"}),
    "PYTHONHASHSEED": ([], {"PYTHONHASHSEED": "7"}),
}
EXPECTED = {
    "test_cycle": [("test_modes.Node.me", 1)],
    "test_traceback": [("BaseException", 1)],
    "test_closure": [("function test_modes.TestModes.test_closure.<locals>.again", 1)],
    "test_collects": [("test_modes.Node.me", 1)],
    "test_clean": [],
}


def told(tests):
    return {
        name: [(finding["cause"].partition(".__")[0], finding["count"]) for finding in test["findings"]]
        for name, test in tests.items()
    }


@pytest.fixture
def suite(project):
    project.write("test_modes.py", SUITE)
    return project


@pytest.mark.parametrize("mode", MODES)
def test_a_switch(suite, mode):
    options, variables = MODES[mode]
    suite.python(*options, "-m", "yagot", "run", "--json", "yagot.json", "test_modes", env=variables, check=1)
    assert told(suite.saved()) == EXPECTED


@pytest.mark.parametrize("function", ["settrace", "setprofile"])
def test_a_tracer(suite, function):
    suite.write("run.py", TRACED.format(function=f"sys.{function}", function_of_threads=function))
    suite.python("run.py", check=1)
    assert told(suite.saved()) == EXPECTED
