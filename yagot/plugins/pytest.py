"""The pytest plugin: translates pytest's hooks into windows. Off until ``--yagot`` or YAGOT asks for it.

The extension is loaded only then. Under xdist the workers check, and their findings travel with the teardown reports
to the controller, which alone writes the reports and the summary.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from yagot.config import OPTIONS
from yagot.report.reporters import make_reporters

if TYPE_CHECKING:
    from yagot.config import Config
    from yagot.judge.rules import Rule
    from yagot.model import Problem, TestInfo, TestReport
    from yagot.observe.checker import Checker
    from yagot.observe.references import Again
    from yagot.observe.run import Run

def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds --yagot and the settings under its prefix."""
    group = parser.getgroup("yagot", "Yagot")
    group.addoption("--yagot", action="store_true", default=False, help="check each test for leaks (variable YAGOT)")
    for name, (metavar, text) in OPTIONS.items():
        option = f"--yagot-{name.replace('_', '-')}"
        if name == "ignore_types":
            group.addoption(option, metavar=metavar, action="append", default=None, help=text)
        elif metavar:
            group.addoption(option, metavar=metavar, default=None, help=text)
        else:
            group.addoption(option, action="store_true", default=None, help=text)


def _wanted(config: pytest.Config) -> bool:
    if not os.environ.get("YAGOT"):
        return bool(config.getoption("yagot"))
    from yagot.config import switched_off

    return not switched_off()


def pytest_configure(config: pytest.Config) -> None:
    """Registers the marker, and the checks if they are wanted."""
    config.addinivalue_line(
        "markers",
        "yagot(check=True, **settings): settings of a test's leak check, e.g. leaks_only=True; check=False: none",
    )
    config.addinivalue_line("markers", "yagot_allow(reason, **rule): such leaks are allowed; see yagot.allow")
    config.addinivalue_line("markers", "yagot_expect(**rule): such a leak is there; see yagot.expect")
    if not _wanted(config):
        return
    from yagot.config import ConfigError, load

    options = {name: config.getoption(f"yagot_{name}") for name in OPTIONS}
    if options["ignore_types"]:
        options["ignore_types"] = ",".join(options["ignore_types"])
    try:
        if config.getoption("verbose", 0) > 0:
            options["details"] = True
        settings, _ = load(options, Path(config.rootpath))
    except ConfigError as error:
        raise pytest.UsageError(f"yagot: {error}") from None
    is_worker = hasattr(config, "workerinput")
    is_controller = not is_worker and bool(getattr(config.option, "dist", "no") != "no")
    reports = None if is_worker else Reports(settings)
    if not is_controller:
        try:
            windows = Windows(settings, _aside(config) if reports is None else reports.run.finished)
        except ConfigError as error:
            raise pytest.UsageError(f"yagot: {error}") from None
        config.pluginmanager.register(windows, "yagot-windows")
    if reports is not None:
        config.pluginmanager.register(reports, "yagot-reports")


def _aside(config: Any) -> Callable[[TestReport], None]:
    """In an xdist worker: keeps reports for the controller until the worker ends."""

    def tell(report: TestReport) -> None:
        from yagot.model import as_dict

        config.workeroutput.setdefault("yagot", []).append(as_dict(report))

    return tell


def _info(nodeid: str, line: int | None) -> TestInfo:
    """Names of a test as pytest's own JUnit XML has them; *line* counts from 0."""
    from yagot.model import TestInfo

    path, _, rest = nodeid.partition("::")
    module = path.removesuffix(".py").replace("/", ".")
    *classes, name = rest.split("::") if rest else [path]
    return TestInfo(nodeid, module, ".".join([module, *classes]), name, path, None if line is None else line + 1)


def info_of(item: pytest.Item) -> TestInfo:
    """Names of a collected test."""
    return _info(item.nodeid, item.location[1])


class Windows:
    """Opens a window before a test's setup and closes it after its teardown; in the process that runs the tests."""

    def __init__(self, config: Config, aside: Callable[[TestReport], None]) -> None:
        """*aside*: where reports go that fail nothing and come after their test; pytest hears nothing of them."""
        from yagot.observe.checker import Checker

        self.config = config
        self.aside = aside
        self.checker: Checker = Checker(config)
        self.outcome = "passed"
        self.problem: Problem | None = None
        self.settings: Config | None = None
        self.rules: tuple[Rule, ...] = ()
        self.found: list[dict[str, Any]] = []
        self.report: TestReport | None = None
        self.repeat: Callable[[tuple[object, ...]], None] | None = None

    def _settings(self, item: pytest.Item) -> Config | None:
        """The test's own settings; None: it is not to be checked. Raises UsageError."""
        changes: dict[str, Any] = {}
        for mark in item.iter_markers("yagot"):
            changes = {**mark.kwargs, **changes}
        if not changes.pop("check", True):
            return None
        wrong = changes.keys() - {field.name for field in dataclasses.fields(self.config)}
        if wrong:
            raise pytest.UsageError(f"yagot: {item.nodeid}: the marker yagot has no setting {min(wrong)!r}")
        return dataclasses.replace(self.config, **changes)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """A wrong marker ends the run before it begins."""
        for item in items:
            self._settings(item)
            _rules(item)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Opens the window around all of the test's setup."""
        if self.repeat is not None:
            self.repeat(_owners(item))
            return (yield)
        self.outcome, self.problem, self.found = "passed", None, []
        self.settings, self.rules = self._settings(item), _rules(item)
        if self.settings is not None and not self.checker.watching:
            self.checker.begin(info_of(item), _owners(item))
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: Any) -> Generator[None, Any, Any]:
        """Notes the outcome, and sends the findings along with the teardown's report."""
        report = yield
        if self.repeat is not None:
            return report
        if report.when in ("setup", "call") and not report.passed and self.outcome == "passed":
            self.outcome = self._outcome_of(report)
            if not report.skipped:
                from yagot.model import Problem

                kind = type(call.excinfo.value).__qualname__ if call.excinfo else "Failed"
                message = getattr(getattr(report.longrepr, "reprcrash", None), "message", "") or str(report.longrepr)
                self.problem = Problem(kind, message.splitlines()[0] if message else kind, report.longreprtext)
        if report.when == "teardown":
            report.yagot = self.found
        return report

    @staticmethod
    def _outcome_of(report: Any) -> str:
        if report.skipped:
            return "expected_failure" if hasattr(report, "wasxfail") else "skipped"
        return "error" if report.when == "setup" else "failed"

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: Any) -> Generator[None, object, object]:
        """Closes the window after all of the test's teardown; a leak is an error there."""
        if self.repeat is not None:
            return (yield)
        try:
            result = yield
        except BaseException:
            if self.outcome == "passed":
                self.outcome = "error"
            self._close(item, nextitem)
            raise
        text = self._close(item, nextitem)
        if text is not None:
            pytest.fail(text, pytrace=False)
        return result

    def _again(self, item: Any, nextitem: Any) -> Again | None:
        """Runs a test once more, as pytest-rerunfailures does: with fresh fixtures and a fresh instance."""
        if not hasattr(item, "_initrequest"):
            return None

        def again(begin: Callable[[tuple[object, ...]], None]) -> str:
            from _pytest.runner import runtestprotocol

            self.repeat = begin
            try:
                item._initrequest()
                reports = runtestprotocol(item, log=False, nextitem=nextitem)
            finally:
                self.repeat = None
            return "passed" if all(report.passed for report in reports) else "failed"

        return again

    def _close(self, item: Any, nextitem: Any) -> str | None:
        """The text to fail with, if the test has leaked."""
        from yagot.model import as_dict

        if self.settings is None or not self.checker.watching:
            return None
        again = self._again(item, nextitem)
        report = self.checker.end(self.outcome, self.problem, self.settings, self.rules, again, late=True)
        self.report = report
        self.found.append(as_dict(report))
        return self._text(item, report) if report.fails(self.settings.report_only) else None

    def _text(self, item: Any, report: TestReport) -> str:
        """The leaks, with the line that yagot 0.5.0 told them by."""
        first, _, rest = str(self.checker.error(report)).partition("\n")
        leaks_only = self.settings is not None and self.settings.leaks_only
        kind = "uncollectable" if leaks_only else "collected or uncollectable"
        count = sum(finding.objects for finding in report.leaks)
        where = f"{item.location[0]}::{item.name}"
        if not report.leaks or report.test.main_id != item.nodeid:  # an expected leak is gone; another test made it
            return f"{first}\n{rest}"
        return f"{first}\nThere were {count} {kind} object(s) caused by function {where}:\n{rest}"

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: Any) -> Generator[None, object, object]:
        """Looks for what only shows when no hook of the test is in progress any more: references that nobody holds,
        and what became garbage by the end of a class or module. Tells of it by one more report of the teardown."""
        self.report = None
        result = yield
        if not self.checker.watching:
            reports = self._late(item, nextitem)
            if reports:
                self._tell(item, reports)
        return result

    def _late(self, item: pytest.Item, nextitem: Any) -> list[tuple[TestReport, bool]]:
        """Reports, and whether they fail."""
        found: list[tuple[TestReport, bool]] = []
        if self.report is not None and self.settings is not None:
            again = self._again(item, nextitem)
            further = self.checker.end_late(self.report, self.settings, self.rules, again)
            if further is not None:
                found.append((further, further.fails(self.settings.report_only)))
        for report in self.checker.boundary(info_of(nextitem) if nextitem is not None else None):
            found.append((report, self.checker.run.fails(report)))
        return found

    def _tell(self, item: pytest.Item, reports: list[tuple[TestReport, bool]]) -> None:
        from yagot.model import as_dict

        failing = [report for report, fails in reports if fails]
        for report, fails in reports:
            if not fails:
                self.aside(report)
        if not failing:
            return
        told = pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords=dict.fromkeys(item.keywords, 1),
            outcome="failed",
            longrepr="\n".join(self._text(item, report) for report in failing),
            when="teardown",
        )
        told.yagot = [as_dict(report) for report in failing]  # type: ignore[attr-defined]
        item.ihook.pytest_runtest_logreport(report=told)

    def pytest_sessionfinish(self) -> None:
        """Takes the callback out of gc.callbacks."""
        self.checker.finish()


def _rules(item: Any) -> tuple[Rule, ...]:
    """The test's rules: from decorators, and the markers yagot_allow and yagot_expect."""
    from yagot.judge.rules import Rule, rules_of

    rules = list(rules_of(getattr(item, "function", None), getattr(item, "cls", None)))
    for name, expected in (("yagot_allow", False), ("yagot_expect", True)):
        for mark in item.iter_markers(name):
            wrong = mark.kwargs.keys() - {"reason", "type", "edge", "signature", "kind"}
            if wrong:
                raise pytest.UsageError(f"yagot: {item.nodeid}: the marker {name} has no argument {min(wrong)!r}")
            rules.append(Rule(**mark.kwargs, expected=expected))
    return tuple(rules)


def _owners(item: Any) -> tuple[object, ...]:
    """What pytest holds until after the teardown: the fixtures' values and the instance."""
    owners: list[object] = []
    values = getattr(item, "funcargs", None)
    if isinstance(values, dict):
        owners.append(values)
    if type(item) is pytest.Function and item.cls is not None:
        owners.append(item.instance)
    elif getattr(item, "_instance", None) is not None:  # a unittest test case, made when it was collected
        owners.append(item._instance)
    return tuple(owners)


class Reports:
    """Writes the reports and the summary; in the process that the user sees."""

    def __init__(self, config: Config) -> None:
        from yagot.config import ConfigError
        from yagot.files import UnusablePath
        from yagot.observe.run import Run

        self.config = config
        self.failure: str | None = None
        try:
            self.run: Run = Run(config, make_reporters(config))
        except (UnusablePath, ConfigError) as error:
            raise pytest.UsageError(f"yagot: {error}") from None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Tells the reporters which test is about to run, in case the process dies."""
        if self.run.reporters:
            self.run.started(info_of(item))

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Takes the findings of a test, from this process or a worker."""
        for found in getattr(report, "yagot", ()):
            from yagot.model import from_dict

            self.run.finished(from_dict(found))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Takes what a worker has kept aside."""
        from yagot.model import from_dict

        for found in getattr(node, "workeroutput", {}).get("yagot", ()):
            self.run.finished(from_dict(found))

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: Any, sched: Any) -> None:
        """Tells of a test whose xdist worker died."""
        from yagot.model import CRASH, Problem, TestReport

        problem = Problem(CRASH, f"CRASH: the worker died while {crashitem} was running")
        self.run.finished(TestReport(_info(crashitem, None), "error", 0.0, problem=problem))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Closes the reports."""
        from yagot.files import UnusablePath

        try:
            self.run.close()
        except UnusablePath as error:
            self.failure = f"yagot: {error}"
            session.exitstatus = pytest.ExitCode.USAGE_ERROR

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """The totals; the causes too where no test fails for them."""
        terminalreporter.section("yagot")
        if self.failure is not None:
            terminalreporter.write_line(self.failure, red=True)
        if self.config.report_only:
            for line in self.run.summary.cause_lines():
                terminalreporter.write_line(line)
        for line in self.run.lines():
            terminalreporter.write_line(line)
