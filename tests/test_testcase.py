"""yagot.TestCase and the mixin, under runners that know nothing of yagot."""

import unittest

import pytest
from lxml import etree

from yagot.testcase import DeferredResult

SUITE = """
    import unittest
    import yagot

    class TestBase(yagot.TestCase):
        def test_clean(self):
            self.kept = [1]

        def test_leak(self):
            items = []
            items.append(items)

        def tearDown(self):
            self.torn_down = True

    class TestMixin(yagot.LeakCheckMixin, unittest.IsolatedAsyncioTestCase):
        async def test_async_clean(self):
            pass

        async def test_async_leak(self):
            items = {}
            items["me"] = items

    if __name__ == "__main__":
        unittest.main()
"""


@pytest.fixture
def suite(project):
    project.write("test_base.py", SUITE)
    return project


@pytest.mark.parametrize("command", [["-m", "unittest", "test_base"], ["test_base.py"]])
def test_under_unittest(suite, command):
    error = suite.python(*command, check=1).stderr
    assert "FAILED (failures=2)" in error
    assert error.count("LEAK: list[0] → list: 1 object in a cycle") == 1
    assert error.count("LEAK: dict['me'] → dict: 1 object in a cycle") == 1


def test_under_unittest_xml_reporting(suite):
    suite.python("-m", "xmlrunner", "-o", "reports", "test_base", check=1)
    failed = set()
    for file in (suite.path / "reports").iterdir():
        for case in etree.parse(str(file)).iter("testcase"):
            if case.find("failure") is not None:
                failed.add(case.get("name"))
    assert failed == {"test_leak", "test_async_leak"}


def test_under_yagots_own_runner_once(suite):
    tests = suite.tests("test_base", check=1)
    assert suite.result.stderr.count(": 1 object in a cycle") == 2
    assert {name for name, test in tests.items() if test["findings"]} == {"test_leak", "test_async_leak"}


def test_the_runner_with_unittest_main(project):
    project.write(
        "test_main.py",
        """
        import unittest, yagot

        class Test(unittest.TestCase):
            def test_leak(self):
                items = []
                items.append(items)

        if __name__ == "__main__":
            unittest.main(testRunner=yagot.TextTestRunner)
        """,
    )
    assert ": 1 object in a cycle" in project.python("test_main.py", check=1).stderr


def test_run_without_a_result(suite):
    code = "import test_base; r = test_base.TestBase('test_leak').run(); print(len(r.failures), r.testsRun)"
    assert suite.python("-c", code, check=0).stdout.split() == ["1", "1"]


def test_debug_is_not_checked(suite):
    suite.python("-c", "import test_base; test_base.TestBase('test_leak').debug()", check=0)


def test_a_mixin_that_comes_too_late_says_so(project):
    project.write("test_late.py", """
        import unittest
        import yagot

        class TestLate(unittest.TestCase, yagot.LeakCheckMixin):
            def test_leak(self):
                self.me = self

        class TestMore(TestLate):
            pass

        class TestFirst(yagot.LeakCheckMixin, unittest.TestCase):
            pass
        """)
    result = project.python("-m", "unittest", "test_late", check=0)
    warnings = [line for line in result.stderr.splitlines() if "Warning" in line]
    assert len(warnings) == 2
    assert warnings[0].endswith(
        "UserWarning: tests of test_late.TestLate are not checked: LeakCheckMixin must come first"
    )


def test_a_result_is_called_as_the_framework_calls_it():
    said = []

    class Odd(unittest.TestResult):
        def addFailure(self, test, details):
            said.append(details)

        def addError(self, test, error):
            said.append(error)

        def addSkip(self, test, why):
            said.append(why)

        def addSuccess(self, test, remark):
            said.append(remark)

    test = unittest.FunctionTestCase(print)
    deferred = DeferredResult(Odd())
    deferred.addFailure(test, details={"log": 1})
    deferred.addError(test=test, error=2)
    deferred.addSkip(test, why=3)
    deferred.addSuccess(test, 4)
    deferred.noted.add_success(deferred._target, test)
    assert said == [{"log": 1}, 2, 3, 4]
    assert deferred.noted.outcome == "failed"
