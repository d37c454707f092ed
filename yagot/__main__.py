"""The command line: ``yagot run …``."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import unittest
from typing import TYPE_CHECKING, Any

from yagot import __version__
from yagot.plugins import OPTIONS, make_reporters

if TYPE_CHECKING:
    from yagot.findings import TestInfo, TestReport

USAGE_ERROR = 2
NO_TESTS = 5

_RUN_EPILOG = "Everything else is passed on to unittest:"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="yagot", description="Leak checks for every test.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"yagot {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    run = commands.add_parser(
        "run",
        help="run unittest tests, and check each for leaks",
        description="Takes all that python -m unittest takes, and:",
        allow_abbrev=False,
        add_help=False,
    )
    run.add_argument("-h", "--help", action="store_true", help="show this help and unittest's")
    for name, (metavar, text) in OPTIONS.items():
        option = f"--{name.replace('_', '-')}"
        if metavar:
            run.add_argument(option, metavar=metavar, help=text)
        else:
            run.add_argument(option, action="store_true", default=None, help=text)
    if sys.version_info < (3, 12):
        run.add_argument("--durations", type=int, metavar="N", help="show the N slowest tests (N=0 for all)")
    run.set_defaults(parser=run)
    commands.add_parser("config", help="show the settings in force, and where each came from")
    report = commands.add_parser("report", help="show a saved run (--json) again", allow_abbrev=False)
    report.add_argument("input", metavar="FILE.json")
    report.add_argument("--markdown", metavar="OUT", help="write it as Markdown instead")
    report.add_argument("--html", metavar="OUT", help="write it as a page instead; needs yagot[html]")
    report.add_argument("--previous", metavar="OLD.json", help="an earlier run to compare the page with")
    graph = commands.add_parser("graph", help="print a cycle of a saved run for graph drawers", allow_abbrev=False)
    graph.add_argument("input", metavar="FILE.json")
    graph.add_argument("signature", nargs="?", default="", help="of a finding; by default, the leak that holds most")
    graph.add_argument("--format", choices=("dot", "mermaid", "svg"), default="dot", help="dot by default")
    diff = commands.add_parser("diff", help="compare the leaks of two saved runs", allow_abbrev=False)
    diff.add_argument("old", metavar="OLD.json")
    diff.add_argument("new", metavar="NEW.json")
    _add_merge(commands)
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return int(text)


def _add_merge(commands: Any) -> None:
    merge = commands.add_parser("merge", help="merge JUnit XML files, of any writer", allow_abbrev=False)
    merge.add_argument("-o", "--output", metavar="OUT", required=True, help="the file to write")
    merge.add_argument("inputs", metavar="IN", nargs="+", help="JUnit XML files")
    merge.add_argument(
        "--prefix", metavar="P", action="append", default=[],
        help="put P. before the names of suites and classes; once for all files, or once for each, in order",
    )  # fmt: skip
    merge.add_argument("--keep-going", action="store_true", help="merge what can be read; the exit status is 1 then")
    merge.add_argument("--split-cases", metavar="N", type=_positive, default=0, help="at most N test cases a file")
    merge.add_argument("--split-bytes", metavar="N", type=_positive, default=0, help="about N bytes a file at most")
    repair = commands.add_parser("repair", help="make a torn JUnit XML file whole", allow_abbrev=False)
    repair.add_argument("input", metavar="FILE")
    repair.add_argument("-o", "--output", metavar="OUT", help="write there instead of over FILE")


def _merge(options: argparse.Namespace) -> int:
    from yagot.merging import merge, repair

    if options.command == "repair":
        return repair(options.input, options.output)
    return merge(
        options.inputs, options.output, options.prefix, options.keep_going, options.split_cases, options.split_bytes
    )


def _show_saved(options: argparse.Namespace) -> int:
    from yagot import saved

    if options.command == "diff":
        return saved.diff(options.old, options.new)
    if options.command == "graph":
        return saved.graph(options.input, options.signature, options.format)
    return saved.report(options.input, options.markdown, options.html, options.previous)


def _show_help(parser: argparse.ArgumentParser) -> None:
    parser.print_help()
    print(f"\n{_RUN_EPILOG}\n")
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


def _run(options: argparse.Namespace, rest: list[str]) -> int:
    if options.help:
        _show_help(options.parser)
    if sys.implementation.name != "cpython":
        print(f"yagot: needs CPython; this is {sys.implementation.name}", file=sys.stderr)
        return USAGE_ERROR
    # imported here: the parts that need the core
    from yagot.checker import Checker
    from yagot.config import Config, ConfigError, load
    from yagot.files import UnusablePath
    from yagot.runner import TextTestRunner

    given = {field.name: getattr(options, field.name) for field in dataclasses.fields(Config)}
    try:
        config, _ = load(given)
        checker = Checker(config)
    except ConfigError as error:
        print(f"yagot: {error}", file=sys.stderr)
        return USAGE_ERROR
    runners: list[TextTestRunner] = []

    class Runner(TextTestRunner):
        def __init__(self, *args: Any, **keywords: Any) -> None:
            super().__init__(*args, checker=checker, **keywords)
            runners.append(self)

    class Program(unittest.TestProgram):
        def createTests(self, *args: Any, **keywords: Any) -> None:
            """Called when the arguments are known to be good, and before anything is imported: reports begin here."""
            checker.run.reporters += make_reporters(config, "all")
            if getattr(options, "durations", None) is not None:
                checker.run.reporters.append(_Durations(options.durations))
            super().createTests(*args, **keywords)

    sys.path.insert(0, os.getcwd())
    try:
        program = Program(module=None, argv=["yagot run", *rest], testRunner=Runner, exit=False)
    except (UnusablePath, ConfigError) as error:
        print(f"yagot: {error}", file=sys.stderr)
        return USAGE_ERROR
    if any(runner.failed_to_report for runner in runners):
        return USAGE_ERROR
    if program.result.testsRun == 0 and not program.result.skipped and program.result.wasSuccessful():
        return NO_TESTS
    return 0 if program.result.wasSuccessful() else 1


def _show_config(_options: argparse.Namespace) -> int:
    from yagot.config import ConfigError, load

    try:
        config, sources = load()
    except ConfigError as error:
        print(f"yagot: {error}", file=sys.stderr)
        return USAGE_ERROR
    for field in dataclasses.fields(config):
        value, source = getattr(config, field.name), sources.get(field.name, "default")
        print(f"{field.name.replace('_', '-')} = {value!r}  ({source})")
    return 0


_OTHERS = {
    "config": _show_config,
    "report": _show_saved,
    "graph": _show_saved,
    "diff": _show_saved,
    "merge": _merge,
    "repair": _merge,
}


def main(arguments: list[str] | None = None) -> int:
    """Runs a command; returns the exit status (docs: reference, exit statuses)."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if options.command != "run":
        if rest:
            parser.error(f"unrecognized arguments: {' '.join(rest)}")
        return _OTHERS[options.command](options)
    status: int = _run(options, rest)
    return status


if __name__ == "__main__":
    sys.exit(main())
