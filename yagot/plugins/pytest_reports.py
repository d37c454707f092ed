"""The part of the pytest plugin that the user sees: reports and the summary, in the process that writes them."""

from __future__ import annotations

import copy
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

import pytest

from yagot import __builtins__ as __builtins__
from yagot.plugins.pytest_items import info_of, info_of_node, is_checked
from yagot.report.reporters import make_reporters
from yagot.report.wording import plural
from yagot.values import from_values

if TYPE_CHECKING:
    from yagot.config import Config
    from yagot.model import TestReport
    from yagot.observe.run import Run
    from yagot.report.descriptions import Descriptions, LeakError


class Told(TypedDict):
    """What a report has beside its findings, to tell them by."""

    test: str
    """The test that pytest has it of."""
    blamed: str
    """The end of the line by which yagot 0.5.0 reported leaks."""
    raised: list[str]
    """What pytest's plugins have raised."""
    fails: bool
    """Does it fail for the findings?"""
    text: str
    """What the process that ran the test makes of all this."""


def _lines_of(report: TestReport, error: LeakError, told: Told) -> str:
    first, _, rest = str(error).partition("\n")
    if report.leaks and not error.repeats and report.test.main_id == told["test"]:
        first += f"\nThere were {sum(finding.objects for finding in report.leaks)} {told['blamed']}:"
    return f"{first}\n{rest}"


def text_of(descriptions: Descriptions, reports: Sequence[TestReport], told: Told) -> tuple[str, list[str] | None]:
    """What an error says, and the causes that it describes first; None if it says something else."""
    errors = [descriptions.error(report) for report in reports]
    causes = sorted({cause for error in errors for cause in error.causes})
    lines = [_lines_of(report, error, told) for report, error in zip(reports, errors, strict=True)]
    only = not any(told["raised"]) and (causes or all(error.repeats for error in errors))
    return "\n".join(filter(None, [*lines, *told["raised"]])), causes if only else None


class Raised(pytest.ExceptionInfo[BaseException]):  # type: ignore[misc]  # it is final
    """What a test fails with for its leaks. pytest's own would leave garbage behind for each: a function that calls
    itself."""

    def exconly(self, tryshort: bool = False) -> str:
        """The exception as a string."""
        return f"{self.typename}: {self.value}"

    def getrepr(self, *args: Any, **kwargs: Any) -> Any:
        """The text alone, however a test's own failures are shown: to leave out calls, pytest would look at files."""
        return super().getrepr(style="value", tbfilter=False)


def shown_error(text: str) -> Any:
    """An error with this text only, as pytest shows it."""
    try:
        raise pytest.fail.Exception(text, pytrace=False)
    except pytest.fail.Exception as error:
        return Raised.from_exception(error).getrepr()


class Errors:
    """pytest's section of errors: of leaks it shows those reports that describe a cause for the first time, without
    what the tests have printed, as of tests that pass. The counts and the short summary have all."""

    def __init__(self) -> None:
        self._all: list[Any] | None = None
        self.hidden = 0

    @staticmethod
    def _shown(reports: list[Any]) -> Iterator[Any]:
        for report in reports:
            causes = getattr(report, "yagot_causes", None)
            if causes is None:
                yield report
            elif causes:
                shown = copy.copy(report)
                shown.sections = []
                yield shown

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> Generator[None, object, object]:
        """Around all of the summary."""
        reports = terminalreporter.stats.get("error", [])
        self._all, reports[:] = list(reports), self._shown(list(reports))
        self.hidden = len(self._all) - len(reports)
        try:
            return (yield)
        finally:
            self.restore(terminalreporter)

    def restore(self, terminalreporter: Any) -> None:
        """The section of errors is over."""
        if self._all is not None:
            terminalreporter.stats.get("error", [])[:] = self._all
            self._all = None


class UnderWay:
    """Informs the reporters which test is about to run, in case the process dies."""

    def __init__(self, run: Run) -> None:
        self._run = run

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Around all that is done for a test."""
        if is_checked(item):
            self._run.started(info_of(item))
        result = yield
        self._run.passed_over()
        return result


class Reports:
    """Writes the reports and the summary; in the process that the user sees."""

    def __init__(self, config: Config, last_failed: Any) -> None:
        from yagot.errors import ending_run
        from yagot.observe.run import Run
        from yagot.report.descriptions import Descriptions

        self.config = config
        self.descriptions = Descriptions(config.details)
        self.errors: Errors | None = None if config.details else Errors()
        self.last_failed = last_failed
        self.interrupted: set[str] = set()
        self.later: dict[str, str] = {}
        self.failure: str | None = None
        self.broke_off = False
        with ending_run(pytest.UsageError):
            self.run: Run = Run(config, make_reporters(config))
        self.run.summary.confirm_command = "pytest --yagot --yagot-confirm {test}"
        self.under_way = UnderWay(self.run) if self.run.reporters else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        """Takes the findings of a test, from this process or a worker. What is found later gets a line of its own."""
        if not hasattr(report, "yagot"):
            return
        from yagot.model import BEFORE, LATER

        later = getattr(report, "yagot_later", None)
        if later is not None:
            name, location = later
            main = report.nodeid if name == report.nodeid else name.removesuffix(LATER).removesuffix(BEFORE)
            if main != name:
                self.later[name] = main
            report.nodeid, report.location = name, tuple(location)
        found = [from_values(each) for each in report.yagot]
        told = getattr(report, "yagot_told", None)
        del report.yagot  # pytest keeps all reports to the end
        if told is not None and report.outcome == "failed":  # not to be run again: it is shown
            self._tell(report, found if told["fails"] else [], told)
        for each in found:
            self.run.finished(each)

    def _tell(self, report: Any, found: list[TestReport], told: Told) -> None:
        """What was shown before is no matter of the process that has run the test."""
        text, report.yagot_causes = text_of(self.descriptions, found, told)
        if text != told["text"]:
            report.longrepr = shown_error(text)

    def _name_failed(self) -> None:
        """What --last-failed will select are tests, not lines of what was found later."""
        failed = getattr(self.last_failed, "lastfailed", None)
        for name, main in self.later.items():
            if isinstance(failed, dict) and failed.pop(name, None):
                failed[main] = True

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Takes what a worker has kept aside."""
        for found in getattr(node, "workeroutput", {}).pop("yagot", ()):  # xdist calls this more than once
            report = from_values(found)
            self.run.finished(report)
            if report.outcome == "interrupted":
                self.interrupted.add(report.test.id)

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: Any, sched: Any) -> None:
        """Reports a test whose xdist worker died. To xdist an interrupted one is the same."""
        from yagot.model import CRASH, Problem, TestReport

        if crashitem in self.interrupted:
            return
        problem = Problem(CRASH, f"CRASH: the worker died while {crashitem} was running")
        self.run.finished(TestReport(info_of_node(crashitem, None), "error", 0.0, problem=problem))

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self, excrepr: object) -> None:
        """The run ends here: pytest or a plugin has failed."""
        self.run.broke_off(str(excrepr).splitlines()[-1])
        self.broke_off = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Closes the reports."""
        from yagot.files import UnusablePath

        if session.exitstatus == pytest.ExitCode.INTERNAL_ERROR and not self.broke_off:  # and could not say so
            self.run.broke_off("an internal error of pytest")
        self._name_failed()
        try:
            self.run.close()
        except UnusablePath as error:
            self.failure = f"yagot: {error}"
            session.exitstatus = pytest.ExitCode.USAGE_ERROR

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """The totals; the causes too where no test fails for them."""
        if self.errors is not None:
            self.errors.restore(terminalreporter)
        terminalreporter.section("yagot")
        if self.failure is not None:
            terminalreporter.write_line(self.failure, red=True)
        if self.config.report_only:
            for line in self.run.cause_lines():
                terminalreporter.write_line(line)
        for line in self.run.lines():
            terminalreporter.write_line(line)
        if self.errors is not None and self.errors.hidden:
            more = plural(self.errors.hidden, "more error")
            terminalreporter.write_line(f"yagot: {more} for the causes that are described above (-v shows all)")
