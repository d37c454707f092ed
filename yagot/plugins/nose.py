"""The plugin for nose (pynose, and nose 1.3.7): ``--with-yagot``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from nose.case import Test
from nose.plugins import Plugin
from nose.proxy import ResultProxy

from yagot import __builtins__ as __builtins__
from yagot.config import OPTIONS, load, refuse_misspelt, switched_off
from yagot.errors import UserError, ending_run
from yagot.observe.checker import Checker
from yagot.report.reporters import make_reporters
from yagot.testcase import ended, report_late, run_checked


class Late:
    """Takes what is reported of tests that are over: nose's own results are for one test each."""

    def __init__(self, result: Any, config: Any) -> None:
        self._result, self._config = result, config

    def addFailure(self, test: Any, err: Any) -> None:
        """Passes it to the plugins and the result of the whole run."""
        wrapped = Test(test, config=self._config)
        ResultProxy(self._result, wrapped, config=self._config).addFailure(wrapped, err)


class Yagot(Plugin):  # type: ignore[misc]
    """Check each test for leaks."""

    name = "yagot"
    score = 1  # after the others: the innermost wrapper

    def options(self, parser: Any, env: Any) -> None:
        """Adds --with-yagot and the settings under --yagot-."""
        super().options(parser, env)
        with ending_run():
            refuse_misspelt()
        for name, (metavar, text) in OPTIONS.items():
            keywords = {"metavar": metavar} if metavar else {"action": "store_true"}
            parser.add_option(
                f"--yagot-{name.replace('_', '-')}", dest=f"yagot_{name}", default=None, help=text, **keywords
            )

    def configure(self, options: Any, conf: Any) -> None:
        """Makes the checker; a wrong setting ends the run with status 2."""
        super().configure(options, conf)
        if switched_off():
            self.enabled = False
        if not self.enabled:
            return
        with ending_run():
            config, _ = load({name: getattr(options, f"yagot_{name}") for name in OPTIONS})
            self.checker = Checker(config, make_reporters(config))
        self.failed_to_report = False
        self.checker.run.summary.confirm_command = "nosetests --with-yagot --yagot-confirm {module}"

    def prepareTest(self, suite: Any) -> Callable[[Any], None]:
        """The whole run, and what shows only at its end."""

        def run(result: Any) -> None:
            with ended(self.checker):
                self.checker.start()
                suite(result)
                report_late(Late(result, self.conf), self.checker)

        return run

    def prepareTestCase(self, test: Any) -> Callable[[Any], Any]:
        """The test inside a window."""

        def run(result: Any) -> Any:
            late = Late(getattr(result, "result", result), self.conf)
            return run_checked(self.checker, test.test, result, test.test, late)

        return run

    def report(self, stream: Any) -> None:
        """Closes the reports; the totals."""
        try:
            self.checker.finish()
        except UserError as error:
            stream.writeln(f"yagot: {error}")
            self.failed_to_report = True
        for line in self.checker.run.lines():
            stream.writeln(line)

    def finalize(self, result: Any) -> None:
        """The end: nose's own status unless a report could not be written."""
        if self.failed_to_report:
            sys.exit(2)
