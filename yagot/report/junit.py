"""The JUnit XML report: what goes into it. The core writes it (csrc/junit_write.c)."""

from __future__ import annotations

import os
import platform
import socket
import sys
import time
from typing import Literal

from yagot import _core
from yagot.files import UnusablePath, new_file_beside
from yagot.model import CRASH, Problem, TestInfo, TestReport
from yagot.report.attachments import Attachments
from yagot.report.wording import describe_report, headline

MESSAGE_LIMIT = 500
TEXT_LIMIT = 60_000

_Kind = Literal["failure", "error", "skipped"] | None

_KINDS: dict[str, _Kind] = {
    "failed": "failure",
    "error": "error",
    "skipped": "skipped",
    "expected_failure": "skipped",
    "unexpected_success": "failure",
}

_CRASH = "CRASH: the test process died while this test was running"


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
    found += [
        ("dd_tags[runtime.name]", runtime),
        ("dd_tags[runtime.version]", version),
        ("dd_tags[os.platform]", sys.platform),
        ("dd_tags[os.architecture]", platform.machine()),
    ]
    return tuple(found)


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


class JUnitReport:
    """Writes each test as it ends; the file is complete at every moment."""

    def __init__(
        self,
        path: str,
        content: Literal["all", "leaks"] = "all",
        family: str = "xunit2",
        attachments: str | None = None,
    ) -> None:
        """Replaces the report at *path* by an empty one; of a directory (a path with a slash at its end),
        default_name() in it. Raises UnusablePath.

        *content*: ``all`` tests with their outcomes, or only ``leaks``, beside the framework's own report of the
        outcomes: other names, and what did not pass is told as skipped. *family*: see Config.junit_family.
        *attachments*: a directory for them.
        """
        path = os.path.join(path, default_name()) if path.endswith("/") else path
        self._path = path
        self._attachments = Attachments(attachments) if attachments is not None else None
        self._leaks = content == "leaks"
        self._ant = family == "ant"
        file, name = new_file_beside(path)
        timestamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        try:
            properties = (*_properties(), ("dd_tags[yagot.report]", "leak" if self._leaks else "all"))
            about = ("yagot", timestamp, socket.gethostname(), properties)
            self._writer = _core.JUnitWriter(file, *about, family)  # type: ignore[arg-type]
            os.replace(name, path)
        except OSError as error:
            raise UnusablePath(f"cannot write {path}: {error.strerror or error}") from None
        self._suite = ""
        self._suites: set[str] = set()
        self._repeated = False
        self._names: dict[tuple[str, str], int] = {}
        self._broken: str | None = None
        self._unattached: str | None = None

    def _unique(self, test: TestInfo) -> str:
        """The test's name, numbered if it was there before: no two cases may have one id."""
        key = (test.classname, test.name)
        self._names[key] = number = self._names.get(key, 0) + 1
        return test.name if number == 1 else f"{test.name} ({number})"

    def _enter(self, suite: str) -> None:
        """Notes whether a suite begins a second time, as with tests in random order."""
        if self._suite != suite:
            self._repeated |= suite in self._suites
            self._suites.add(suite)
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
        try:
            self._writer.write(
                suite,
                test.file,
                test.classname,
                f"{name} [leak]" if self._leaks else name,
                kind,
                type_,
                message if message is None else _cut(message, MESSAGE_LIMIT),
                text if text is None else _cut(text, TEXT_LIMIT),
                output,
                round(seconds * 1000),
                pending,
                test.line or 0,
            )
        except OSError as error:
            self._broken = f"cannot write {self._path}: {error.strerror or error}"

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
            text = f"{message}\n{describe_report(report, details=True)}\n"
        elif report.problem is not None and report.problem.type == CRASH:
            kind, type_, message, text = "error", CRASH, report.problem.message, report.problem.message
        elif report.outcome != "passed" and self._leaks:
            reason = report.outcome.replace("_", " ")
            message = text = f"not leak-checked: the test's outcome is '{reason}' (a traceback keeps objects alive)"
            kind, type_ = "skipped", "yagot.NotChecked"
        elif report.outcome != "passed":
            kind = _KINDS[report.outcome]
            problem = report.problem or Problem(report.outcome, report.outcome.replace("_", " "))
            type_, message, text = problem.type, problem.message, problem.text or problem.message
        self._write(report.test, self._unique(report.test), kind, type_, message, text, report.seconds, output=output)

    def close(self) -> None:
        """Closes the file. Raises UnusablePath if it could not be written whole."""
        try:
            self._writer.close()
        except OSError as error:
            self._broken = self._broken or f"cannot write {self._path}: {error.strerror or error}"
        if self._broken is not None:
            raise UnusablePath(self._broken)
        if self._repeated and not self._ant:
            from yagot.commands.merge import combine_suites

            combine_suites(self._path)
        if self._unattached is not None:
            raise UnusablePath(self._unattached)
