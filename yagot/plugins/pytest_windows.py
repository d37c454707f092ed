"""The part of the pytest plugin that opens and closes windows, in the process that runs the tests."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import traceback
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from yagot import __builtins__ as __builtins__
from yagot.config import OPTIONS, Config, load
from yagot.errors import ending_run
from yagot.places import start_from
from yagot.plugins.pytest_again import FurtherRuns
from yagot.plugins.pytest_items import dropped_of, info_of, is_checked, marks_of, rules_of_item
from yagot.plugins.pytest_phases import Phases
from yagot.plugins.pytest_reports import Raised, Reports, Told, shown_error, text_of
from yagot.values import as_values

if TYPE_CHECKING:
    from yagot.judge.rules import Rule
    from yagot.model import Problem, TestInfo, TestReport
    from yagot.observe.checker import Checker


_TRACEBACK = BaseException.__dict__["__traceback__"]
"""An exception's class may have something else of this name."""


def _leave_out_frame(error: BaseException) -> None:
    """Takes the frame that has caught the exception, and is to raise it again with a bare ``raise``, out of its
    traceback: where pytest sees frames that are not its own, it shows only these. Before 3.11 that has no effect."""
    traceback = _TRACEBACK.__get__(error)
    if traceback is not None:
        _TRACEBACK.__set__(error, traceback.tb_next)


def register(config: Any) -> None:
    """Registers the checks, the reports, or both. Raises UsageError."""
    start_from(str(config.rootpath))
    options = {name: config.getoption(f"yagot_{name}") for name in OPTIONS}
    if options["ignore_types"]:
        options["ignore_types"] = ",".join(options["ignore_types"])
    if config.getoption("verbose", 0) > 0:
        options["details"] = True
    with ending_run(pytest.UsageError):
        settings, _ = load(options, Path(config.rootpath))
    is_worker = hasattr(config, "workerinput")
    is_controller = not is_worker and bool(getattr(config.option, "dist", "no") != "no")
    reports = None if is_worker else Reports(settings, config.pluginmanager.get_plugin("lfplugin"))
    if not is_controller:
        with ending_run(pytest.UsageError):
            windows = Windows(settings, Phases(config), _aside(config) if reports is None else reports.run.finished)
        config.pluginmanager.register(windows, "yagot-windows")
    if reports is not None:
        config.pluginmanager.register(reports, "yagot-reports")
        for name, further in (("yagot-errors", reports.errors), ("yagot-under-way", reports.under_way)):
            if further is not None:
                config.pluginmanager.register(further, name)


def _aside(config: Any) -> Callable[[TestReport], None]:
    """In an xdist worker: keeps reports for the controller until the worker ends."""

    def pass_on(report: TestReport) -> None:
        config.workeroutput.setdefault("yagot", []).append(as_values(report))

    return pass_on


def _shortened(raised: pytest.ExceptionInfo[BaseException]) -> pytest.ExceptionInfo[BaseException]:
    """The same exception, without the calls that were in progress: pytest would look at the files of all of them, and
    one of these calls holds what was raised."""
    last = raised.tb
    traceback.clear_frames(last)
    while last.tb_next is not None:
        last = last.tb_next
    return Raised.from_exception(raised.value.with_traceback(last))


_T = TypeVar("_T")
_Asked = tuple["Config | None", "tuple[Rule, ...]"]
_ASKED = pytest.StashKey[_Asked]()


class Windows:
    """Opens a window before a test's setup and closes it after its teardown; in the process that runs the tests."""

    def __init__(self, config: Config, phases: Phases, aside: Callable[[TestReport], None]) -> None:
        """*aside*: where reports go that fail nothing and come after their test; pytest hears nothing of them."""
        from yagot.observe.checker import Checker

        self.config = config
        self.phases = phases
        self.before = ""
        self.has_begun = True
        self.aside = aside
        self.asked: _Asked = (config, ())
        self.checker: Checker = Checker(config, None)
        self.outcome = "passed"
        self.problem: Problem | None = None
        self.settings: Config | None = None
        self.rules: tuple[Rule, ...] = ()
        self.found: list[list[Any]] = []
        self.told: Told | None = None
        self.report: TestReport | None = None
        self.repeat: Callable[[tuple[object, ...]], None] | None = None
        self.failure: Any = None
        """pytest's call that has failed for leaks."""
        self.raised: list[str] = []
        """What pytest's plugins have raised while garbage was released."""
        self.item: Any = None
        self.nextitem: Any = None
        # kept: bound methods that are made while a window is open would count as born in it
        self._end, self._within, self._closing = self._end_window, self._release, self._close_window

    def _settings(self, item: pytest.Item, marks: list[pytest.Mark]) -> Config | None:
        """The test's own settings; None: it is not to be checked. Raises UsageError."""
        if not marks:
            return self.config
        changes: dict[str, Any] = {}
        for mark in marks:
            if mark.name == "yagot":
                changes = {**mark.kwargs, **changes}
        changes.pop("check", None)
        if not is_checked(item):
            return None
        if not changes:
            return self.config
        wrong = changes.keys() - {field.name for field in dataclasses.fields(self.config)}
        if wrong:
            raise pytest.UsageError(f"yagot: {item.nodeid}: the marker yagot has no setting {min(wrong)!r}")
        return dataclasses.replace(self.config, **changes)

    def _asked(self, item: pytest.Item) -> _Asked:
        """What the markers of a test ask for. Raises UsageError."""
        asked = item.stash.get(_ASKED, None)
        if asked is None:
            marks = marks_of(item)
            asked = self._settings(item, marks), rules_of_item(item, marks)
            item.stash[_ASKED] = asked = self.asked if asked == self.asked else asked  # one for most tests
        return asked

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """A wrong marker ends the run before it begins. Has what was garbage before all tests collected while it is no
        test's."""
        for item in session.items:
            self._asked(item)
        if session.items and not session.config.option.collectonly:
            self.before = self.phases.teardown(self.checker.start, session.items[0], None)

    def pytest_unconfigure(self) -> None:
        """pytest itself reports that garbage here, if no collection has met it before."""
        if self.before:
            raise RuntimeError(self.before)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Opens the window around all of the test's setup."""
        if self.repeat is not None:
            self.repeat(dropped_of(item))
            return (yield)
        self.outcome, self.problem, self.told, self.report = "passed", None, None, None
        self.found, self.raised = [], []
        self.settings, self.rules = self._asked(item)
        if not self.checker.watching:
            self.checker.begin(info_of(item), dropped_of(item))
            self.has_begun = False
        try:
            return (yield)
        except BaseException as error:
            _leave_out_frame(error)
            raise
        finally:
            self.has_begun = True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, request: Any) -> Generator[None, object, object]:
        """What a fixture that outlives the test makes is not the test's, unless the test is under way already."""
        if request.node is request._pyfuncitem:  # also one for a class where there is none
            self.has_begun = True
        outlives = not self.has_begun and self.checker.watching
        try:
            with self.checker.before(dropped_of(request._pyfuncitem)) if outlives else contextlib.nullcontext():
                return (yield)
        except BaseException as error:
            _leave_out_frame(error)
            raise

    def pytest_fixture_post_finalizer(self, request: Any) -> None:
        """Nor is what one makes in its teardown, which makes way for one with the test's parameter."""
        if not self.has_begun and self.checker.watching:
            with self.checker.before(dropped_of(request._pyfuncitem)):
                pass

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: Any) -> Generator[None, Any, Any]:
        """Notes the outcome, and sends the findings along with the teardown's report."""
        if call.when == "teardown" and self._is_ours(call.excinfo):
            self.failure, call.excinfo = call, _shortened(call.excinfo)
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
            report.yagot_told = self.told
        return report

    def _is_ours(self, raised: pytest.ExceptionInfo[BaseException] | None) -> bool:
        """Is this what a test fails with for its leaks?"""
        return raised is not None and self.told is not None and getattr(raised.value, "msg", "") == self.told["text"]

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
        self.item, self.nextitem = item, nextitem
        parent = item.parent
        stays = nextitem is not None and (nextitem.parent is parent or parent in nextitem.listchain())
        if parent is not None and not stays:
            # its finalizers are called last in, first out: this one before those of fixtures that outlive the test
            with contextlib.suppress(AssertionError, KeyError):  # its setup has not begun
                parent.addfinalizer(self._closing)
        try:
            result = yield
        except (KeyboardInterrupt, pytest.exit.Exception):
            raise  # the run ends here: see pytest_runtest_protocol
        except BaseException as error:
            _leave_out_frame(error)
            if self.outcome == "passed":
                self.outcome = "error"
            item.add_report_section("teardown", "yagot", self._close(item, nextitem))
            self.told = None
            raise
        text = self._close(item, nextitem)
        if text:
            raise pytest.fail.Exception(text, pytrace=False)
        return result

    def _close_window(self) -> None:
        """What is torn down from now on outlives the test: what it makes is not the test's."""
        if self.checker.watching and self.settings is not None:
            self.checker.close(self.outcome, self._within)

    def _with_further_runs(self, item: Any, nextitem: Any, function: Callable[[FurtherRuns | None], _T]) -> _T:
        """Calls it with what runs the test once more, where that may be needed."""
        if not self.checker.runs_again:
            return function(None)

        def begins(begin: Callable[[tuple[object, ...]], None] | None) -> None:
            self.repeat = begin

        with FurtherRuns(item, nextitem, begins) as again:
            return function(again)

    def _close(self, item: Any, nextitem: Any) -> str:
        """The text to fail with: the test's leaks, and what their finalizers make pytest raise."""
        settings = self.settings
        if not self.checker.watching:
            return ""
        if settings is None:
            self.checker.skip()
            return ""
        report = self.report = self._with_further_runs(item, nextitem, self._end)
        self.found.append(as_values(report))
        failing = [report] if report.fails(settings.report_only) else []
        return self._text(item, failing, self.raised) if failing or self.raised else ""

    def _end_window(self, again: FurtherRuns | None) -> TestReport:
        return self.checker.end(
            self.outcome, self.problem, self.settings, self.rules, again, late=True, within=self._within
        )

    def _release(self, function: Callable[[], None]) -> None:
        """Within the teardown of the test whose window is closed."""
        self.raised.append(self.phases.teardown(function, self.item, self.nextitem))

    def _text(self, item: Any, failing: list[TestReport], raised: list[str]) -> str:
        """The leaks, and what was raised. Keeps what whoever shows it needs to tell it anew."""
        leaks_only = self.settings is not None and self.settings.leaks_only
        kind = "uncollectable" if leaks_only else "collected or uncollectable"
        blamed = f"{kind} object(s) caused by function {item.location[0]}::{item.name}"
        told: Told = {"test": item.nodeid, "blamed": blamed, "raised": raised, "fails": bool(failing), "text": ""}
        told["text"], _ = text_of(self.checker.descriptions, failing, told)
        self.told = told if told["text"] else None
        return told["text"]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: Any) -> Generator[None, object, object]:
        """Looks for what only shows when no hook of the test is in progress any more: references that nobody holds,
        and what became garbage by the end of a class or module. Reports it by one more report of the teardown."""
        self.report = None
        try:
            result = yield
            if not self.checker.watching:
                self._later(item, nextitem)
        except BaseException:
            if self.checker.watching:
                from yagot.observe.run import interrupted_report

                self.checker.abort()
                self.aside(interrupted_report(info_of(item)))
            raise
        finally:
            if self.failure is not None:
                self.failure.excinfo = self.failure = None  # the calls in progress hold it, and it holds them
        return result

    def _later(self, item: Any, nextitem: Any) -> None:
        """Reports what shows when the test is over: each test that has left something, in a line of its own."""
        from yagot.model import LATER

        found: list[tuple[TestReport, bool]] = []
        if self.checker.is_idle(self._following(item, nextitem)):
            return
        raised = self.phases.afterwards(lambda: found.extend(self._late(item, nextitem)), item, nextitem)
        failing: dict[str, list[TestReport]] = {}
        for report, fails in found:
            if fails:
                failing.setdefault(report.test.id, []).append(report)
            else:
                self.aside(report)
        if raised and not failing:
            self._report(item, item.nodeid + LATER, [], raised)
        for name, reports in failing.items():
            self._report(item, name, reports, raised)
            raised = ""

    @staticmethod
    def _following(item: pytest.Item, nextitem: Any) -> TestInfo | None:
        """The test that comes next; none if the run ends here, be it before its time."""
        stops = nextitem is None or item.session.shouldfail or item.session.shouldstop
        return None if stops else info_of(nextitem)

    def _late(self, item: pytest.Item, nextitem: Any) -> Iterator[tuple[TestReport, bool]]:
        """Reports, and whether they fail."""
        if self.report is not None and self.settings is not None:
            late = functools.partial(self.checker.end_late, self.report, self.settings, self.rules)
            further = self._with_further_runs(item, nextitem, late)
            if further is not None:
                yield further, further.fails(self.settings.report_only)
        for report in self.checker.boundary(self._following(item, nextitem)):
            yield report, self.checker.run.fails(report)

    def _report(self, item: pytest.Item, name: str, reports: list[TestReport], raised: str) -> None:
        """One more report of a teardown, with what pytest's plugins have *raised*. xdist insists that it is the current
        item's: the test's name is beside it."""

        text = self._text(item, reports, [raised])
        path, _, rest = name.partition("::")
        line = next((report.test.line for report in reports if report.test.line), item.location[1])
        late = pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords=dict.fromkeys(item.keywords, 1),
            outcome="failed",
            longrepr=shown_error(text),
            when="teardown",
        )
        late.yagot = [as_values(report) for report in reports]  # type: ignore[attr-defined]
        late.yagot_told = self.told  # type: ignore[attr-defined]
        late.yagot_later = [name, [path, line and line - 1, rest.replace("::", ".")]]  # type: ignore[attr-defined]
        item.ihook.pytest_runtest_logreport(report=late)

    def pytest_sessionfinish(self) -> None:
        """Takes the callback out of gc.callbacks."""
        self.checker.finish()
