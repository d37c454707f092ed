"""``yagot run``: unittest's program, each test checked."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import sys
import unittest
from typing import TYPE_CHECKING, Any

from yagot import __builtins__ as __builtins__
from yagot.config import Config, load, misspelt
from yagot.errors import USAGE_ERROR, UserError, complain, refuse
from yagot.originals import without_collections
from yagot.places import working_directory
from yagot.report.reporters import make_reporters

if TYPE_CHECKING:
    from yagot.model import TestInfo, TestReport

NO_TESTS = 5

_UNITTESTS = ("--verbose", "--quiet", "--locals", "--failfast", "--catch", "--buffer", "--help", "--durations")
_EPILOG = "Everything else is passed on to unittest:"


def _show_help(parser: argparse.ArgumentParser) -> None:
    parser.print_help()
    print(f"\n{_EPILOG}\n")
    sys.stdout.flush()
    unittest.main(module=None, argv=["python -m unittest", "--help"])


class _Durations:
    """What unittest's --durations shows from 3.12 on, for earlier ones."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._timed: list[tuple[float, str]] = []

    def started(self, test: TestInfo) -> None:
        pass

    def finished(self, report: TestReport, fails: bool) -> None:
        self._timed.append((report.seconds, report.test.id))

    def close(self) -> None:
        self._timed.sort(reverse=True)
        print("\nSlowest test durations", file=sys.stderr)
        for seconds, name in self._timed[: self._count or None]:
            print(f"{seconds:8.3f}s     {name}", file=sys.stderr)


def run(options: argparse.Namespace, rest: list[str]) -> int:
    """Runs the tests; returns the exit status. Raises UserError."""
    if options.help:
        _show_help(options.parser)
    if sys.implementation.name != "cpython":
        return complain(f"needs CPython; this is {sys.implementation.name}")
    with without_collections():  # of modules that are there to stay
        # imported here: the parts that need the core
        from yagot.observe.checker import Checker
        from yagot.runner import TextTestRunner
        from yagot.testcase import ended

        given = {field.name: getattr(options, field.name) for field in dataclasses.fields(Config)}
        config, _ = load(given)
        checker = Checker(config)
    wrong = misspelt(argument for argument in rest if argument not in _UNITTESTS)
    if wrong is not None:
        return complain(wrong)
    runners: list[TextTestRunner] = []

    class Runner(TextTestRunner):
        def __init__(self, *args: Any, **keywords: Any) -> None:
            super().__init__(*args, checker=checker, **keywords)
            runners.append(self)

    class Program(unittest.TestProgram):
        def _initArgParsers(self) -> None:
            super()._initArgParsers()  # type: ignore[misc]
            for parser in (self._main_parser, self._discovery_parser):  # type: ignore[attr-defined]
                parser.error = functools.partial(refuse, "yagot run")

        def createTests(self, *args: Any, **keywords: Any) -> None:
            """Called when the arguments are known to be good, and before anything is imported: reports begin here."""
            if self.verbosity > 1:
                checker.show_details()
            checker.run.reporters += make_reporters(config, "all")
            if getattr(options, "durations", None) is not None:
                checker.run.reporters.append(_Durations(options.durations))
            with ended(checker):
                try:
                    super().createTests(*args, **keywords)
                except ImportError as error:  # a directory to begin in; a test's module that fails is a failed test
                    raise UserError(f"run: {error}") from None

    directory = working_directory()
    if directory is not None:
        sys.path.insert(0, directory)
    program = Program(module=None, argv=["yagot run", *rest], testRunner=Runner, exit=False)
    if any(runner.failed_to_report for runner in runners):
        return USAGE_ERROR
    if program.result.testsRun == 0 and not program.result.skipped and program.result.wasSuccessful():
        return NO_TESTS
    return 0 if program.result.wasSuccessful() else 1
