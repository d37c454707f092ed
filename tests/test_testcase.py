"""yagot.TestCase and the mixin, under runners that know nothing of yagot."""

import pytest
from lxml import etree

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
