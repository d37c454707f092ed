"""The JUnit XML report: what goes into it. The core writes it (csrc/report/junit_writer.c)."""

from __future__ import annotations

import platform
import socket
import sys
import time
from collections.abc import Iterator
from typing import Literal

from yagot import __builtins__ as __builtins__
from yagot import _core
from yagot.commands.merge import combine_suites
from yagot.files import Output, UnusablePath
from yagot.model import BROKEN_OFF, CRASH, THE_RUN, Problem, TestInfo, TestReport
from yagot.originals import os
from yagot.report.attachments import Attachments
from yagot.report.wording import SHOWN_FINDINGS, describe, describe_report, headline, legend, summary_text

MESSAGE_LIMIT = 500
TEXT_LIMIT = 60_000

_Kind = Literal["failure", "error", "skipped"] | None

_Case = tuple[
    str, str | None, str, str, _Kind, str | None, str | None, str | None, str | None, int, bool, int
]  # fmt: skip
"""The arguments of JUnitWriter.write()."""

_KINDS: dict[str, _Kind] = {
    "failed": "failure",
    "error": "error",
    "skipped": "skipped",
    "expected_failure": "skipped",
    "unexpected_success": "failure",
    "interrupted": "error",
}

_EMPTY = b'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n</testsuites>\n'
_ROOM = 4096
_CRASH = "CRASH: the test process died while this test was running"
_NOT_OVER = "INCOMPLETE: the run has not come to its end"
_WHY_NOT = f"{_NOT_OVER}: the process died between two tests, or before the first one\n"
_ENDING: _Case = (
    "yagot", None, "yagot", THE_RUN, "error", CRASH, _NOT_OVER, _WHY_NOT, None, 0, False, 0,
)  # fmt: skip
"""Stands at the end of a report until the run is over: what has been written so far must not look like all there is."""


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _properties() -> tuple[tuple[str, str], ...]:
    runtime = platform.python_implementation()
    version = platform.python_version()
    found = [("yagot.version", _core.__version__), ("yagot.python", f"{runtime} {version}")]
    if "TOX_ENV_NAME" in os.environ:
        found.append(("yagot.env", os.environ["TOX_ENV_NAME"]))
    if "PYTEST_XDIST_WORKER" in os.environ:
        found.append(("yagot.worker", os.environ["PYTEST_XDIST_WORKER"]))
    return tuple(found)


def _for_datadog(content: str) -> tuple[tuple[str, str], ...]:
    """Properties that only Datadog reads: as the tags of all tests."""
    return (
        ("dd_tags[runtime.name]", platform.python_implementation()),
        ("dd_tags[runtime.version]", platform.python_version()),
        ("dd_tags[os.platform]", sys.platform),
        ("dd_tags[os.architecture]", platform.machine()),
        ("dd_tags[yagot.report]", content),
    )


def leak_type(report: TestReport) -> str:
    """The type of the failure that a test's leaks are."""
    if any(finding.kind == "uncollectable" for finding in report.leaks):
        return "yagot.UncollectableObjects"
    if report.leaks and all(finding.kind == "growth" for finding in report.leaks):
        return "yagot.Growth"
    return "yagot.CollectedObjects"


def default_name() -> str:
    """``TEST-yagot.xml``, with tox's environment and xdist's worker behind ``yagot``: what CI systems look for."""
    parts = ["TEST-yagot", os.environ.get("TOX_ENV_NAME"), os.environ.get("PYTEST_XDIST_WORKER")]
    return "-".join(part.replace(os.sep, "_") for part in parts if part) + ".xml"


def path_of(path: str) -> str:
    """Where the report goes: of a directory (a path with a slash at its end), default_name() in it."""
    return os.path.join(path, default_name()) if path.endswith("/") else path


def _fill_empty(file: int) -> None:
    """An empty report, with room for the first bytes of the next one: a full disk shows before the old one is gone."""
    os.pwrite(file, _EMPTY.ljust(_ROOM), 0)


class JUnitReport:
    """Writes each test as it ends; the file is complete at every moment."""

    def __init__(
        self,
        path: str,
        content: Literal["all", "leaks"] = "all",
        family: str = "xunit2",
        attachments: str | None = None,
        datadog: bool = False,
        docs: str | None = None,
    ) -> None:
        """Replaces the report at *path* (see path_of) by an empty one. Raises UnusablePath.

        What is not a regular file can only be written from its beginning to its end: it gets the report at the end of
        the run.

        *content*: ``all`` tests with their outcomes, or only ``leaks``, beside the framework's own report of the
        outcomes: other names, and what did not pass is reported as skipped. *family*: see Config.junit_family.
        *attachments*: a directory for them. *datadog*: with properties for it, which are there in any case where a
        variable is set that its tools read. *docs*: see Config.
        """
        self.output = Output(path_of(path))
        self._attachments = Attachments(attachments) if attachments is not None else None
        self._leaks = content == "leaks"
        self._docs = docs
        self._ant = family == "ant"
        timestamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        properties = _properties()
        if datadog or any(name.startswith("DD_") for name in os.environ):
            properties += _for_datadog("leak" if self._leaks else "all")
        self._about = ("yagot", timestamp, socket.gethostname(), properties, family)
        self._suite = ""
        self._suites: dict[str, int] = {}
        self._repeated = False
        self._names: dict[tuple[str, str], int] = {}
        self._kept: list[_Case] = []
        self._broken: str | None = None
        self._unattached: str | None = None
        self._writer: _core.JUnitWriter | None = None
        try:
            if self.output.is_file:
                self.output.fill(_fill_empty)
                file = os.open(self.output.path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
                self._writer = self._begin(file, os.fsencode(self.output.path), _ENDING)
        except OSError as error:
            raise UnusablePath(self._failure(error)) from None

    def _begin(self, file: int, path: bytes | None, ending: _Case | None) -> _core.JUnitWriter:
        return _core.JUnitWriter(file, *self._about, path, ending)  # type: ignore[arg-type]

    def _failure(self, error: OSError) -> str:
        return f"cannot write {self.output.shown}: {error.strerror or error}"

    def _unique(self, test: TestInfo) -> str:
        """The test's name, numbered if it was there before: no two cases may have one id."""
        key = (test.classname, test.name)
        self._names[key] = number = self._names.get(key, 0) + 1
        return test.name if number == 1 else f"{test.name} ({number})"

    def _enter(self, suite: str) -> None:
        """Notes whether a suite begins a second time, as with tests in random order."""
        if self._suite != suite:
            self._repeated |= suite in self._suites
            self._suites.setdefault(suite, len(self._suites))
            self._suite = suite

    def _write(
        self,
        test: TestInfo,
        name: str,
        kind: _Kind = None,
        type_: str | None = None,
        message: str | None = None,
        text: str | None = None,
        seconds: float = 0.0,
        pending: bool = False,
        output: str | None = None,
    ) -> None:
        if self._broken is not None:
            return
        module = test.module if test.module.strip() else "tests"  # consumers insist on a name
        suite = _cut(f"yagot.leaks.{module}" if self._leaks else module, MESSAGE_LIMIT)
        self._enter(suite)
        case = (
            suite,
            test.file,
            test.classname,
            name,
            kind,
            type_,
            message if message is None else _cut(message, MESSAGE_LIMIT),
            text if text is None else _cut(text, TEXT_LIMIT),
            output,
            round(seconds * 1000),
            pending,
            test.line or 0,
        )
        if self._writer is None:
            if not pending:
                self._kept.append(case)
            return
        try:
            self._writer.write(*case)
        except OSError as error:
            self._broken = self._failure(error)

    def _attach(self, report: TestReport) -> str | None:
        """The lines that name a leaking test's attachments."""
        if self._attachments is None or self._ant:  # Ant's schema has no output of a case
            return None
        try:
            return self._attachments.add(report)
        except UnusablePath as error:
            self._unattached = self._unattached or str(error)
            return None

    def started(self, test: TestInfo) -> None:
        """Writes the case that stands if the process dies now."""
        text = f"{_CRASH}\n  {test.place}\n"
        self._write(test, test.name, "error", CRASH, _CRASH, text, pending=True)

    def finished(self, report: TestReport, fails: bool) -> None:
        """Writes the test's result over it."""
        kind: _Kind = None
        type_ = message = text = output = None
        if fails:
            output = self._attach(report)
            kind, type_, message = "failure", leak_type(report), headline(report)
            words = legend(report.leaks, self._docs)
            text = f"{message}\n{describe_report(report, details=True)}\n{words and f'  {words}{chr(10)}'}"
        elif report.problem is not None and report.problem.type in (CRASH, BROKEN_OFF):
            kind, problem = "error", report.problem
            type_, message, text = problem.type, problem.message, problem.text or problem.message
        elif report.outcome != "passed" and self._leaks:
            reason = report.outcome.replace("_", " ")
            message = text = f"not leak-checked: the test's outcome is '{reason}' (a traceback keeps objects alive)"
            kind, type_ = "skipped", "yagot.NotChecked"
        elif report.outcome != "passed":
            kind = _KINDS[report.outcome]
            problem = report.problem or Problem(report.outcome, report.outcome.replace("_", " "))
            type_, message, text = problem.type, problem.message, problem.text or problem.message
        suspected = [finding for finding in report.findings if finding.verdict == "suspected"][:SHOWN_FINDINGS]
        if suspected and not self._ant:
            told = [line for f in suspected for line in (f"suspected: {summary_text(f)}", *describe(f))]
            output = "\n".join([*told, output or ""])
        name = self._unique(report.test)
        if fails and self._leaks:
            name += " [leak]"
        self._write(report.test, name, kind, type_, message, text, report.seconds, output=output)

    def lines(self) -> Iterator[str]:
        """What the user should know of the file."""
        if self._writer is not None and self._writer.reopened:
            yield f"yagot: {self.output.shown}: a test closed its descriptor or reused its number; it was opened again"

    def close(self) -> None:
        """Closes the file. Raises UnusablePath if it could not be written whole."""
        if self._writer is None:
            self.output.fill(self._write_kept)
        else:
            self._close_file(self._writer)
        if self._unattached is not None:
            raise UnusablePath(self._unattached)

    def _close_file(self, writer: _core.JUnitWriter) -> None:
        try:
            writer.close()
        except OSError as error:
            self._broken = self._broken or self._failure(error)
        if self._broken is not None:
            raise UnusablePath(self._broken)
        if self._repeated and not self._ant:
            try:
                combine_suites(self.output.path)
            except OSError as error:  # there is no room for temporary files
                raise UnusablePath(self._failure(error)) from None

    def _write_kept(self, file: int) -> None:
        """All cases at once; those of one suite together. Raises OSError."""
        writer = self._begin(os.dup(file), None, None)
        if not self._ant:
            self._kept.sort(key=lambda case: self._suites[case[0]])
        for case in self._kept:
            writer.write(*case)
        writer.close()
