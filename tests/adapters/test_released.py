"""What garbage does when it is released: it is the test's that left it, in its phase and in its file."""

import json
import re

import pytest
from support import needs_generations

GARBAGE = """
    import unittest
    import warnings

    class Holder:
        def __init__(self, *kept):
            self.me, self.kept = self, kept

    class Raises(Holder):
        def __del__(self):
            raise RuntimeError("in a finalizer")

    class Warns(Holder):
        def __del__(self):
            warnings.warn("a finalizer warns", ResourceWarning, source=self)

    async def coroutine():
        pass
    """

FUNCTIONS = """
    def test_raises():
        Raises()

    def test_after_raises(recwarn):
        assert not recwarn.list

    def test_warns():
        Warns()

    def test_after_warns(recwarn):
        assert not recwarn.list

    def test_file():
        Holder(open(__file__))

    def test_after_file():
        with warnings.catch_warnings():
            warnings.simplefilter("error")

    def test_coroutine():
        Holder(coroutine())

    def test_last():
        pass
    """
LEAKING = ["test_raises", "test_warns", "test_file", "test_coroutine"]

CASES = """
    class TestAll(unittest.TestCase):
        def test_1_raises(self):
            Raises()

        def test_2_after(self):
            with warnings.catch_warnings(record=True) as found:
                warnings.simplefilter("always")
            self.assertEqual(found, [])

        def test_3_file(self):
            Holder(open(__file__))

        def test_4_after(self):
            with self.assertWarns(UserWarning) as found:
                warnings.warn("mine", UserWarning)
            self.assertEqual(len(found.warnings), 1)

        def test_5_coroutine(self):
            Holder(coroutine())
    """


def run_pytest(project, *options):
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--yagot", "--yagot-json=out.json"]
    result = project.python(*command, *options)
    return result, json.loads((project.path / "out.json").read_text())["tests"]


@pytest.mark.parametrize("options", [[], ["-n1"]])
@pytest.mark.parametrize("filters", [[], ["-W", "error"], ["-W", "always"]])
def test_pytest(project, options, filters):
    project.write("test_all.py", GARBAGE + FUNCTIONS)
    result, tests = run_pytest(project, *options, *filters)
    out = result.stdout + result.stderr
    assert re.findall(r"^ERROR test_all.py::(\w+)", out, re.M) == LEAKING, out
    assert "8 passed" in out and "4 errors" in out, out
    assert {f["kind"] for test in tests for f in test["findings"] if f["verdict"] == "leak"} == {"collected"}
    assert "yagot/" not in out
    if filters:
        assert len(set(re.findall(r"in a finalizer|a finalizer warns|unclosed file|never awaited", out))) == 4


@needs_generations
def test_pytest_later(project):
    """What becomes garbage at a boundary is released for its test, too."""
    project.write("test_all.py", GARBAGE + """
    def test_keeps():
        global kept
        kept = Raises()

    def test_drops():
        global kept
        kept = None
    """)
    project.write("test_next.py", "def test_next(recwarn):\n    assert not recwarn.list\n")
    result, _ = run_pytest(project, "-W", "error")
    assert re.findall(r"^ERROR (.*?) - ", result.stdout, re.M) == ["test_all.py::test_keeps [later]"], result.stdout
    assert "in a finalizer" in result.stdout and "3 passed, 1 error" in result.stdout


def test_what_was_garbage_before_the_tests(project):
    project.write("test_all.py", GARBAGE + """
    Warns()

    def test_first(recwarn):
        assert not recwarn.list
    """)
    result, _ = run_pytest(project, "-W", "always")
    assert "1 passed" in result.stdout and "a finalizer warns" in result.stdout, result.stdout


RUNNERS = {
    "unittest": ["-m", "yagot", "run", "test_all"],
    "nose": ["-m", "nose", "--with-yagot", "test_all.py"],
    "nose2": ["-m", "nose2", "--plugin", "yagot.plugins.nose2", "--yagot", "test_all"],
}


@pytest.mark.parametrize("filters", ["default", "error"])
@pytest.mark.parametrize("name", RUNNERS)
def test_unittest(project, name, filters):
    project.write("test_all.py", GARBAGE + CASES)
    result = project.python("-W", filters, *RUNNERS[name])
    out = result.stdout + result.stderr
    assert set(re.findall(r"^FAIL: (\w+)", out, re.M)) == {"test_1_raises", "test_3_file", "test_5_coroutine"}, out
    assert "ERROR:" not in out and "uncollectable:" not in out
    assert "in a finalizer" in out and "unclosed file" in out and "never awaited" in out
    assert not re.search(r"yagot/(observe|plugins|runner)", out), out


def test_growth_releases_for_the_test(project):
    project.write("test_all.py", GARBAGE + CASES)
    result = project.python("-W", "default", "-m", "yagot", "run", "--repeat", "1:2", "test_all")
    assert "unclosed file" in result.stderr
    assert not re.search(r"yagot/(observe|plugins|runner)", result.stderr), result.stderr


LEAKS = """
    class Holder:
        def __init__(self):
            self.me = self

    def test_leaks():
        Holder()

    def test_clean():
        pass
    """


def test_a_leak_that_fails_a_test_leaves_no_garbage_of_pytest(project):
    project.write("test_leaks.py", LEAKS)
    project.write(
        "conftest.py",
        """
        import gc
        import pytest

        def pytest_runtest_protocol():
            gc.disable()
            raised = [o for o in gc.get_objects() if isinstance(o, pytest.ExceptionInfo)]
            functions = [o for o in gc.get_objects() if getattr(o, "__name__", "") == "_get_single_subexc"]
            print(f"left: {len(raised)}, {len(functions)}")
        """,
    )
    result = project.python("-m", "pytest", "-q", "-s", "-p", "no:rerunfailures", "--yagot")
    assert "LEAK: Holder.me" in result.stdout
    assert result.stdout.count("left: 0, 0") == 2


def test_at_exit_the_session_dies_when_it_does_without_yagot(project):
    """The interpreter would collect twice more with all tests alive."""
    project.write("test_leaks.py", LEAKS)
    project.write(
        "conftest.py",
        """
        import os
        import sys

        class Last:
            def __del__(self, sys=sys, write=os.write):
                write(2, b"too late" if sys.flags is None else b"in time")

        def pytest_sessionstart(session):
            session.last = Last()
        """,
    )
    others = ["-p", "no:rerunfailures", "-p", "no:anyio", "-p", "no:hypothesispytest", "-p", "no:xdist"]
    plain, checked = (project.python("-m", "pytest", "-s", *others, *more) for more in ((), ("--yagot",)))
    assert "LEAK: Holder.me" in checked.stdout
    assert plain.stderr == checked.stderr
