"""The command line: ``yagot COMMAND …``; the commands are in yagot.commands."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from typing import Any, NoReturn

from yagot import __builtins__ as __builtins__
from yagot import __version__
from yagot.config import OPTIONS
from yagot.errors import UserError, complain, refuse


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, as all else does; those of the commands are of its class, too."""

    def error(self, message: str) -> NoReturn:
        refuse(self.prog, message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="yagot", description="Leak checks for every test.", allow_abbrev=False)
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
    report.add_argument("--html", metavar="OUT", help="write it as a page instead; needs jinja2 and graphviz")
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
    merge.add_argument(
        "--duplicates", choices=("keep", "last", "worst"), default="worst",
        help="of a test case in several files keep all results, the last, or the worst (the default)",
    )  # fmt: skip
    repair = commands.add_parser("repair", help="make a damaged JUnit XML file whole", allow_abbrev=False)
    repair.add_argument("input", metavar="FILE")
    repair.add_argument("-o", "--output", metavar="OUT", help="write there instead of over FILE")
    repair.add_argument("--force", action="store_true", help="write over FILE even if something of it is left out")


def _merge(options: argparse.Namespace) -> int:
    from yagot.commands.merge import merge

    return merge(
        options.inputs,
        options.output,
        options.prefix,
        options.keep_going,
        options.split_cases,
        options.split_bytes,
        options.duplicates,
    )


def _repair(options: argparse.Namespace) -> int:
    from yagot.commands.repair import repair

    return repair(options.input, options.output, options.force)


def _show_saved(options: argparse.Namespace) -> int:
    from yagot.commands import saved

    if options.command == "diff":
        return saved.diff(options.old, options.new)
    if options.command == "graph":
        return saved.graph(options.input, options.signature, options.format)
    return saved.report(options.input, options.markdown, options.html, options.previous)


def _run(options: argparse.Namespace, rest: list[str]) -> int:
    from yagot.commands.run import run

    return run(options, rest)


def _show_config(_options: argparse.Namespace) -> int:
    from yagot.commands import config

    return config.show()


_OTHERS = {
    "config": _show_config,
    "report": _show_saved,
    "graph": _show_saved,
    "diff": _show_saved,
    "merge": _merge,
    "repair": _repair,
}


def _show(options: argparse.Namespace) -> int:
    """A command other than run. The reader of its output may have had enough, as head does."""
    try:
        status = _OTHERS[options.command](options)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left is for nobody
        return 128 + signal.SIGPIPE
    return status


def main(arguments: list[str] | None = None) -> int:
    """Runs a command; returns the exit status (docs: reference, exit statuses)."""
    try:
        options, rest = _parser().parse_known_args(arguments)
        if options.command != "run" and rest:
            refuse(f"yagot {options.command}", f"unrecognized arguments: {' '.join(rest)}")
        return _run(options, rest) if options.command == "run" else _show(options)
    except UserError as error:
        return complain(error)


if __name__ == "__main__":
    sys.exit(main())
