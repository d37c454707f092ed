"""Functions that a test leaves replaced: the run goes on, and its reports are written."""

import ast
import sys
from pathlib import Path

import pytest

import yagot

FUNCTIONS = ["inspect.unwrap", "json.dumps", "os.stat", "os.open", "os.write", "os.close", "os.fstat", "io.StringIO",
             "sys.getrecursionlimit", "time.monotonic", "gc.collect", "gc.get_objects", "os.fspath", "os.path.join",
             "os.path.basename", "os.path.dirname", "os.path.normcase", "signal.pthread_sigmask", "sys.exc_info",
             "dataclasses.replace", "re.compile", "functools.wraps", "builtins.open",
             "builtins.__import__", "ast.parse", "ast.walk", "tokenize.open", "tokenize.detect_encoding",
             "builtins.isinstance", "builtins.sorted", "builtins.repr", "builtins.any",
             "builtins.print", "builtins.tuple", "builtins.sum", "builtins.issubclass", "traceback.TracebackException",
             "traceback.format_exception", "linecache.checkcache", "sys.tracebacklimit"]  # fmt: skip
if sys.version_info < (3, 11):  # unittest itself asks it after each test there, and ends
    FUNCTIONS.remove("builtins.isinstance")
OPTIONS = [("--junit-xml", "r.xml", "--markdown", "m.md"), ("--repeat", "0:2", "--repeat-seconds", "1")]


@pytest.mark.parametrize("options", OPTIONS, ids=["reports", "repeat"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_run_goes_on(project, function, options):
    project.write("test_p.py", f"""
        import ast, builtins, dataclasses, functools, gc, inspect, io, json, linecache, os, re, signal, sys, time
        import tokenize, traceback, unittest

        def broken(*args, **keywords):
            raise ZeroDivisionError

        class T(unittest.TestCase):
            def test_a(self):
                {function} = broken

            def test_b(self):
                one = []
                one.append(one)

            def test_c(self):
                def two():
                    return two
        """)
    tests = project.tests(*options, "test_p", check=1)
    assert [finding["verdict"] for finding in tests["test_b"]["findings"]] == ["leak"]
    assert "ZeroDivisionError" not in project.result.stderr


def test_what_is_built_in_is_kept():
    """Every function of yagot's has what was built in when it was loaded: a module that does not say so is found here,
    whichever builtin a test replaces."""
    package = Path(yagot.__file__).parent
    for path in package.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        kept = [
            node.lineno
            for node in tree.body
            if (isinstance(node, ast.ImportFrom) and any(alias.asname == "__builtins__" for alias in node.names))
            or (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__builtins__")
        ]
        assert not functions or (kept and kept[0] < functions[0]), path


def test_all_builtins_at_once(project):
    """Failures are formatted by unittest, which finds its functions as they were."""
    project.write("test_p.py", """
        import builtins
        import unittest

        def broken(*args, **keywords):
            raise ZeroDivisionError

        # by unittest between tests
        NEEDED = ["getattr", "hasattr", "iter", "len", "next", "map", "str", "super", "type"]
        AT_EXIT = ["list", "reversed"]
        FUNCTIONS = [name for name, value in vars(builtins).items() if callable(value) and not name.startswith("__")]

        class T(unittest.TestCase):
            def test_a(self):
                for name in FUNCTIONS:
                    value = getattr(builtins, name)
                    raised = isinstance(value, type) and issubclass(value, BaseException)
                    if not raised and name not in [*NEEDED, *AT_EXIT, "setattr", "isinstance", "issubclass"]:
                        setattr(builtins, name, broken)

            def test_b(self):
                one = []
                one.append(one)
        """)
    tests = project.tests("--junit-xml", "r.xml", "--html", "r.html", "test_p", check=1)
    assert [finding["verdict"] for finding in tests["test_b"]["findings"]] == ["leak"]
    assert "ZeroDivisionError" not in project.result.stderr


def test_a_module_that_is_something_else(project):
    """What a test leaves in sys.modules is not asked for attributes: under pytest such a test passes."""
    project.write("test_p.py", """
        import sys
        import types

        class Odd(types.ModuleType):
            def __getattribute__(self, name):
                raise ZeroDivisionError

        def test_a():
            sys.modules[__name__].__file__ = 5
            sys.modules[__name__].__class__ = Odd

        def test_b():
            one = []
            one.append(one)
        """)
    plain, checked = (project.python("-m", "pytest", "-q", *options, "test_p.py") for options in ([], ["--yagot"]))
    assert plain.returncode == 0 and "2 passed" in plain.stdout
    assert "2 passed, 1 error" in checked.stdout and "ZeroDivisionError" not in checked.stdout, checked.stdout
