"""The plugin for nose2: ``plugins = yagot.plugins.nose2`` in its configuration, then ``--yagot``."""

from __future__ import annotations

import sys
from typing import Any

from nose2.events import Plugin

from yagot import __builtins__ as __builtins__
from yagot.config import OPTIONS, Config, ConfigError, load, refuse_misspelt, switched_off
from yagot.errors import UserError, ending_run
from yagot.observe.checker import Checker
from yagot.report.descriptions import LeakError
from yagot.report.reporters import make_reporters
from yagot.runner import wrap_tests
from yagot.testcase import ended, in_a_line, report_late


def _repeats(failure: Any) -> bool:
    """Does a failure say no more than that its causes have been described?"""
    error = failure.exc_info[1] if failure.exc_info else None
    return isinstance(error, LeakError) and error.repeats


class ExitStatus:
    """Ends the run with status 2 if a report could not be written, when the other plugins have had their turn."""

    def __init__(self, plugin: Yagot) -> None:
        self._plugin = plugin

    def afterSummaryReport(self, event: Any) -> None:
        """The last thing that nose2 does."""
        if self._plugin.failed_to_report:
            sys.exit(2)


class Yagot(Plugin):  # type: ignore[misc]
    """Check each test for leaks."""

    configSection = "yagot"
    commandLineSwitch = (None, "yagot", "Check each test for leaks")

    def __init__(self) -> None:
        self.given: dict[str, Any] = {}
        self.checker: Checker | None = None
        self.failed_to_report = False
        self._failures: list[Any] = []
        with ending_run():
            refuse_misspelt()
        for name, (metavar, text) in OPTIONS.items():
            option = f"yagot-{name.replace('_', '-')}"
            if metavar:
                self.addArgument(lambda values, name=name: self._set(name, values[0]), None, option, text)
            else:
                self.addFlag(lambda _, name=name: self._set(name, True), None, option, text)

    def _set(self, name: str, value: Any) -> None:
        self.given[name] = value

    def _config(self) -> Config:
        names = {name.replace("_", "-"): name for name in OPTIONS}
        parser = self.session.config
        keys = set(parser.options(self.configSection)) if parser.has_section(self.configSection) else set()
        unknown = keys - names.keys() - parser.defaults().keys() - {"always-on"}
        if unknown:
            raise ConfigError(f"nose2's configuration: unknown setting {min(unknown)!r} in [{self.configSection}]")
        section = {name: self.config.as_str(key, default=None) for key, name in names.items()}
        return load({**section, **self.given})[0]

    def startTestRun(self, event: Any) -> None:
        """Puts each test of the suite inside a window."""
        if switched_off():
            return
        with ending_run():
            config = self._config()
            checker = self.checker = Checker(config, make_reporters(config))
        self.session.hooks.register("afterSummaryReport", ExitStatus(self))  # behind all plugins
        checker.run.summary.confirm_command = "nose2 --plugin yagot.plugins.nose2 --yagot --yagot-confirm {test}"
        event.suite = wrap_tests(event.suite, checker)
        execute = event.executeTests

        def and_late(suite: Any, result: Any) -> None:
            with ended(checker):
                checker.start()
                execute(suite, result)
                report_late(result, checker)

        event.executeTests = and_late

    def registerInSubprocess(self, event: Any) -> None:
        """The processes of the plugin mp check, too."""
        event.pluginClasses.append(self.__class__)

    def startSubprocess(self, event: Any) -> None:
        """In such a process: each test it gets runs inside a window. Its leaks go to the parent as failures."""
        if switched_off():
            return
        checker = self.checker = Checker(self._config())
        checker.start()
        execute = event.executeTests
        event.executeTests = lambda test, result: execute(wrap_tests(test, checker), result)

    def stopSubprocess(self, event: Any) -> None:
        """No more tests for this process."""
        if self.checker is not None:
            self.checker.finish()

    def beforeErrorList(self, event: Any) -> None:
        """Takes leaks whose causes are described in other tests out of what is printed."""
        failures = event.reportCategories["failures"]
        self._failures = failures[:]
        failures[:] = [failure for failure in failures if not _repeats(failure)]

    def beforeSummaryReport(self, event: Any) -> None:
        """A line each is enough for them."""
        event.reportCategories["failures"][:] = self._failures
        for failure in filter(_repeats, self._failures):
            event.stream.writeln(f"FAIL: {failure.test}: {in_a_line(failure.exc_info[1])}")
        self._failures = []

    def afterSummaryReport(self, event: Any) -> None:
        """The totals; closes the reports."""
        if self.checker is None:
            return
        try:
            self.checker.finish()
        except UserError as error:
            event.stream.writeln(f"yagot: {error}")
            self.failed_to_report = True
        for line in self.checker.run.lines():
            event.stream.writeln(line)
