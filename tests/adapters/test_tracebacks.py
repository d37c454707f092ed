"""What pytest shows of a failure: the same with yagot as without."""

import re
import sys

import pytest

CONFTEST = """
    def pytest_runtest_setup(item):
        if item.name == "test_setup_hook":
            raise ValueError("setup hook")

    def pytest_runtest_call(item):
        if item.name == "test_call_hook":
            raise ValueError("call hook")

    def pytest_runtest_teardown(item):
        if item.name == "test_teardown_hook":
            raise ValueError("teardown hook")
"""

SUITE = """
    import json
    import unittest
    import pytest

    @pytest.fixture
    def in_setup():
        raise OSError("setup")

    @pytest.fixture
    def in_teardown():
        yield
        raise OSError("teardown")

    @pytest.fixture(scope="module")
    def wide():
        json.loads("{")

    class Odd(Exception):
        __traceback__ = None

    @pytest.fixture
    def odd():
        raise Odd

    def test_no_fixture(missing):
        pass

    def test_odd_exception(odd):
        pass

    def test_fixture_in_setup(in_setup):
        pass

    def test_fixture_in_teardown(in_teardown):
        pass

    def test_wide_fixture(wide):
        pass

    def test_both(in_teardown, request):
        request.addfinalizer(lambda: [][0])
        assert 0

    def test_setup_hook():
        pass

    def test_call_hook():
        pass

    class TestUnittest(unittest.TestCase):
        @classmethod
        def tearDownClass(cls):
            cls.fail("after all")

        def test_subtests(self):
            for number in range(2):
                with self.subTest(number=number):
                    self.assertEqual(number, 1)

    def test_teardown_hook():
        pass

    def test_after_a_broken_teardown():  # pytest's own assertion fails here: it has no frame of the project's to show
        pass
"""


def shown(text):
    """Without what differs between any two runs, and without what yagot says at the end."""
    text = re.sub(r"=+ yagot =+\n(yagot: .*\n)+", "", text)
    return re.sub(r"0x[0-9a-f]+|\d+\.\d+|, \.\.\.|<HookImpl [^\n]*", "…", text)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="a bare raise brings back the traceback as it was")
@pytest.mark.parametrize("style", ["auto", "long", "short", "line"])
def test_a_failure_is_shown_as_without_yagot(project, style):
    project.write("conftest.py", CONFTEST)
    project.write("test_failing.py", SUITE)
    command = ("-m", "pytest", "-q", "-p", "no:cacheprovider", f"--tb={style}", "test_failing.py")
    plain, checked = project.python(*command), project.python(*command, "--yagot")
    assert "no leaks in 11 tests" in checked.stdout
    assert plain.returncode == checked.returncode == 1
    assert shown(checked.stdout) == shown(plain.stdout)
    assert " 10 errors" in plain.stdout
