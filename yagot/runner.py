"""unittest: a runner that checks every test, whatever its class."""

from __future__ import annotations

import unittest
from typing import Any

from yagot import __builtins__ as __builtins__
from yagot import _core
from yagot.config import switched_off
from yagot.files import UnusablePath
from yagot.model import Problem, TestInfo, TestReport
from yagot.observe.checker import Checker
from yagot.restored import restored
from yagot.testcase import Proxy, _Error, problem_of, report_late, run_checked

__unittest = True


class CheckedTest(Proxy):
    """A test in a suite: calling it runs it inside a window."""

    __slots__ = ("_checker",)

    def __init__(self, target: Any, checker: Checker) -> None:
        super().__init__(target)
        self._checker = checker

    def __call__(self, result: Any) -> Any:
        if Checker.watching:
            return self._target(result)
        if type(result) is RunResult:
            result = result._target  # what a window sees is the checker's business already
        return run_checked(self._checker, self._target, result, self._target)

    def __str__(self) -> str:
        return str(self._target)

    def __repr__(self) -> str:
        return repr(self._target)

    def __eq__(self, other: object) -> bool:
        return bool(self._target == getattr(other, "_target", other))

    def __hash__(self) -> int:
        return hash(self._target)


def is_suite(test: Any) -> bool:
    """As unittest sees it: a suite can be iterated."""
    try:
        iter(test)
    except TypeError:
        return False
    return True


def wrap_tests(test: Any, checker: Checker) -> Any:
    """Replaces each test of a suite, in place, by one that runs inside a window."""
    if not is_suite(test):
        return CheckedTest(test, checker)
    tests = getattr(test, "_tests", None)
    if isinstance(tests, list):
        tests[:] = [wrap_tests(inner, checker) for inner in tests]
    return test


class RunResult(Proxy):
    """The result of a whole run: passes on to the checker what happens outside of tests."""

    __slots__ = ("_checker",)

    def __init__(self, target: Any, checker: Checker) -> None:
        super().__init__(target)
        self._checker = checker

    def _add(self, test: Any, outcome: str, problem: Problem) -> None:
        if not Checker.watching:
            name, _, place = str(test.id()).partition(" ")  # "setUpClass (module.Class)"
            where = place.strip("()") or name
            info = TestInfo(test.id(), where, where, name)
            self._checker.run.finished(TestReport(info, outcome, 0.0, problem=problem))

    def addError(self, test: Any, err: _Error) -> None:
        self._add(test, "error", problem_of(err))
        self._target.addError(test, err)

    def printErrors(self) -> None:
        with restored:
            self._target.printErrors()

    def stopTestRun(self) -> None:
        report_late(self._target, self._checker)
        self._target.stopTestRun()

    def addSkip(self, test: Any, reason: str) -> None:
        self._add(test, "skipped", Problem("skipped", str(reason)))
        self._target.addSkip(test, reason)


class TextTestRunner(unittest.TextTestRunner):
    """unittest.TextTestRunner; every test is checked, and a leak is the test's failure.

    *checker* decides what is checked and reported; by default collected and uncollectable objects fail a test.
    """

    def __init__(self, *args: Any, checker: Checker | None = None, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self.checker = checker or Checker()
        self.failed_to_report = False

    def _makeResult(self) -> Any:
        return RunResult(super()._makeResult(), self.checker)

    def run(self, test: Any) -> Any:
        """Runs a test or a suite; returns the result, as unittest's runner does."""
        if switched_off():
            return super().run(test)
        self.checker.start()
        try:
            if not _core.GENERATIONS:
                self.stream.writeln("yagot: this Python's collector has no generations, so checks cost more")
            result = super().run(wrap_tests(test, self.checker))
        except BaseException as error:
            self.checker.broke_off(error)
            raise
        finally:
            self._finish()
        return result

    def _finish(self) -> None:
        checker = self.checker
        try:
            checker.finish()
        except UnusablePath as error:
            self.stream.writeln(f"yagot: {error}")
            self.failed_to_report = True
        if checker.config.report_only:
            for line in checker.run.cause_lines():
                self.stream.writeln(line)
        for line in checker.run.lines():
            self.stream.writeln(line)
