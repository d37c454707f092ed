"""Functions that a test leaves replaced: the run goes on, and its reports are written."""

import pytest

FUNCTIONS = ["inspect.unwrap", "json.dumps", "os.stat", "os.open", "os.write", "os.close", "os.fstat", "io.StringIO",
             "sys.getrecursionlimit", "time.monotonic", "gc.collect", "gc.get_objects", "os.fspath", "os.path.join",
             "os.path.basename", "os.path.dirname", "os.path.normcase", "signal.pthread_sigmask", "sys.exc_info",
             "dataclasses.replace", "re.compile", "functools.wraps", "builtins.open",
             "builtins.__import__"]  # fmt: skip
OPTIONS = [("--junit-xml", "r.xml", "--markdown", "m.md"), ("--repeat", "0:2", "--repeat-seconds", "1")]


@pytest.mark.parametrize("options", OPTIONS, ids=["reports", "repeat"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_run_goes_on(project, function, options):
    project.write("test_p.py", f"""
        import builtins, dataclasses, functools, gc, inspect, io, json, os, re, signal, sys, time, unittest

        def broken(*args, **keywords):
            raise ZeroDivisionError

        class T(unittest.TestCase):
            def test_a(self):
                {function} = broken

            def test_b(self):
                one = []
                one.append(one)
        """)
    tests = project.tests(*options, "test_p", check=1)
    assert [finding["verdict"] for finding in tests["test_b"]["findings"]] == ["leak"]
    assert "ZeroDivisionError" not in project.result.stderr
