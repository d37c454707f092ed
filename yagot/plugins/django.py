"""The test runner for Django: ``TEST_RUNNER = "yagot.plugins.django.LeakCheckRunner"``.

With ``--parallel`` the tests run in processes of their own: there each checks with the same configuration, and its
leaks come back as failures (Django needs ``tblib`` for that); the XML and JSON reports are only written without it.
"""

from __future__ import annotations

import sys
from typing import Any

from django.test.runner import DiscoverRunner, ParallelTestSuite, RemoteTestRunner

from yagot import __builtins__ as __builtins__
from yagot.config import load, switched_off
from yagot.errors import ending_run
from yagot.observe.checker import Checker
from yagot.report.reporters import make_reporters
from yagot.runner import TextTestRunner, wrap_tests
from yagot.testcase import default_checker


class CheckedRemoteRunner(RemoteTestRunner):  # type: ignore[misc]
    """Runs a part of the suite in a process of its own, each test inside a window."""

    def run(self, test: Any) -> Any:
        """Runs the tests; returns the result, which sends events to the parent."""
        return super().run(wrap_tests(test, default_checker()))


class CheckedParallelSuite(ParallelTestSuite):  # type: ignore[misc]
    """A suite spread over processes."""

    runner_class = CheckedRemoteRunner


class LeakCheckMixin:
    """For a DiscoverRunner of your own: comes first among its bases."""

    parallel_test_suite = CheckedParallelSuite

    def run_suite(self, suite: Any, **keywords: Any) -> Any:
        """Runs the suite, each test checked; a wrong setting, or a report that cannot be written, ends the run with
        status 2."""
        if switched_off():
            return super().run_suite(suite, **keywords)  # type: ignore[misc]
        with ending_run():
            config, _ = load()
            checker = Checker(config, make_reporters(config, "all"))
        checker.run.summary.confirm_command = "YAGOT_CONFIRM=1 python manage.py test {test}"
        options = self.get_test_runner_kwargs()  # type: ignore[attr-defined]
        runner = TextTestRunner(checker=checker, **options)
        result = runner.run(suite)
        if runner.failed_to_report:
            sys.exit(2)
        return result


class LeakCheckRunner(LeakCheckMixin, DiscoverRunner):  # type: ignore[misc]
    """Django's runner with leak checks."""
