"""The pytest plugin."""

import json

import pytest
from lxml import etree
from support import needs_generations


def run(project, *arguments, **keywords):
    return project.python("-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments, **keywords)


def run_json(project, *arguments, **keywords):
    result = run(project, "--yagot", "--yagot-json=out.json", *arguments, **keywords)
    data = json.loads((project.path / "out.json").read_text())
    return result, {test["id"].rsplit("::", 1)[-1]: test for test in data["tests"]}


def leaking(tests):
    return {name for name, test in tests.items() if any(f["verdict"] == "leak" for f in test["findings"])}


STYLES = """
    import logging
    import sys
    import warnings
    import pytest

    class Node:
        def __init__(self):
            self.me = self

    def test_clean():
        pass

    def test_leak():
        Node()

    def test_raises():
        with pytest.raises(ValueError, match="no") as info:
            raise ValueError("no")
        assert info.value.args == ("no",)

    def test_warns():
        with pytest.warns(UserWarning):
            warnings.warn("careful", UserWarning)

    def test_capture(capsys, caplog, monkeypatch, tmp_path, recwarn):
        print("heard")
        logging.getLogger("x").warning("seen")
        monkeypatch.setattr(sys, "argv", ["a"])
        (tmp_path / "file").write_text("text")
        assert capsys.readouterr().out == "heard\\n"
        assert "seen" in caplog.text

    @pytest.fixture
    def value():
        yield [1, 2]

    @pytest.fixture
    def leaking_value():
        node = Node()
        yield node

    @pytest.fixture
    def leaking_teardown():
        yield
        Node()

    def test_fixture(value):
        assert value == [1, 2]

    def test_fixture_value_leaks(leaking_value):
        assert leaking_value

    def test_fixture_teardown_leaks(leaking_teardown):
        pass

    @pytest.fixture(scope="module")
    def wide():
        return Node()

    def test_wide_one(wide):
        assert wide

    def test_wide_two(wide):
        assert wide

    @pytest.mark.parametrize("number", [1, 2])
    def test_parameters(number):
        assert number

    class TestClass:
        def setup_method(self):
            self.early = [1]

        def test_self(self):
            self.kept = [self.early, {"a": 1}]

        def test_leak_in_self(self):
            self.kept = Node()

    @pytest.mark.xfail
    def test_xfail():
        Node()
        assert False

    @pytest.mark.skip
    def test_skip():
        pass

    def test_fails():
        Node()
        assert [1, 2] == [1, 3]

    @pytest.mark.yagot(check=False)
    def test_unchecked():
        Node()

    @pytest.mark.yagot(leaks_only=True)
    def test_marked():
        Node()
"""


@pytest.fixture
def styles(project):
    project.write("test_styles.py", STYLES)
    return project


@needs_generations
def test_styles(styles):
    result, tests = run_json(styles)
    assert leaking(tests) == {
        "test_leak", "test_fixture_value_leaks", "test_fixture_teardown_leaks", "test_leak_in_self",
        "test_wide_one [before]",
    }  # fmt: skip
    assert "test_unchecked" not in tests
    assert tests["test_marked"]["findings"][0]["verdict"] == "note"
    assert "1 failed, 16 passed, 1 skipped, 1 xfailed, 5 errors" in result.stdout


def test_the_same_outcomes_without(styles):
    assert "1 failed, 16 passed, 1 skipped, 1 xfailed in" in run(styles).stdout


def test_a_leak_is_an_error_at_teardown(styles):
    out = run(styles, "--yagot", "-k", "test_leak or test_clean").stdout
    assert "ERROR at teardown of test_leak" in out
    assert ".me → the same test_styles.Node" in out
    assert "yagot" in out.splitlines()[-3] or "leaked" in out


def test_off_by_default_and_not_even_loaded(styles):
    styles.write(
        "test_loaded.py",
        """
        import sys
        def test_core():
            loaded = {name for name in sys.modules if name.startswith("yagot")}
            assert loaded <= {"yagot", "yagot.plugins", "yagot.plugins.pytest", "yagot.config", "yagot.errors"}
        """,
    )
    assert run(styles, "test_loaded.py").returncode == 0


def test_pytest_rewrites_no_module_but_the_first(styles):
    """That takes time, and again on each run where nothing can be written."""
    styles.write(
        "test_loaded.py",
        """
        import sys
        def test_loaders():
            modules = [module for name, module in sys.modules.items() if name.startswith("yagot.")]
            assert "yagot._core" in sys.modules
            rewritten = {m.__name__ for m in modules if type(m.__loader__).__module__.startswith("_pytest")}
            assert rewritten <= {"yagot.plugins", "yagot.plugins.pytest"}
            assert [finder for finder in sys.meta_path if type(finder).__module__.startswith("_pytest.")]
        """,
    )
    assert run(styles, "--yagot", "test_loaded.py").returncode == 0


def test_the_variables_of_old(styles):
    assert "ERROR at teardown of test_leak" in run(styles, "-k", "test_leak", env={"YAGOT": "1"}).stdout
    assert run(styles, "-k", "test_leak", env={"YAGOT": "1", "YAGOT_LEAKS_ONLY": "1"}).returncode == 0
    ignored = run(styles, "-k", "test_leak", env={"YAGOT": "1", "YAGOT_IGNORE_TYPES": "int,test_styles.Node"})
    assert ignored.returncode == 0


def test_ignore_types(styles):
    options = ["--yagot", "-k", "test_leak", "--yagot-ignore-types=int,str", "--yagot-ignore-types=test_styles.Node"]
    assert run(styles, *options).returncode == 0


def test_configuration_file(styles):
    styles.write("pyproject.toml", "[tool.yagot]\nreport-only = true\n")
    result = run(styles, "--yagot", "-k", "test_leak")
    assert result.returncode == 0
    assert ".me → the same test_styles.Node" in result.stdout


@pytest.mark.parametrize(
    "settings, complaint",
    [
        ("colour = 1", "unknown setting 'colour'"),
        ("leaks-only = 'perhaps'", "must be true or false"),
        ("x", "pyproject"),
    ],
)
def test_a_wrong_configuration_is_a_usage_error(styles, settings, complaint):
    # pytest itself refuses a file that is no TOML
    styles.write("pyproject.toml", f"[tool.yagot]\n{settings}\n")
    result = run(styles, "--yagot", "-k", "test_leak")
    assert result.returncode == 4
    assert complaint in result.stderr + result.stdout
    assert "Traceback" not in result.stderr


def test_unittest_classes_and_doctests(project):
    project.write(
        "test_mixed.py",
        '''
        import unittest

        def squares():
            """
            >>> [n * n for n in range(3)]
            [0, 1, 4]
            """

        class TestOld(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                cls.shared = [1]

            def setUp(self):
                self.fresh = {"a": self.shared}

            def test_clean(self):
                self.assertEqual(self.fresh["a"], [1])

            def test_leak(self):
                self.callback = self.test_clean
        ''',
    )
    result, tests = run_json(project, "--doctest-modules")
    assert len(tests) == 3
    assert leaking(tests) == {"test_leak"}, result.stdout


def test_the_next_tests_setup_is_not_disturbed(project):
    project.write(
        "test_next.py",
        """
        def test_a():
            items = []
            items.append(items)
        def test_b(tmp_path):
            assert tmp_path.exists()
        """,
    )
    assert "2 passed, 1 error" in run(project, "--yagot").stdout


@pytest.mark.parametrize("workers", [[], ["-n2"]])
def test_a_crash_is_in_the_report(project, workers):
    project.write(
        "test_crash.py",
        """
        import os
        def test_a():
            items = []
            items.append(items)
        def test_b():
            os._exit(3)
        def test_c():
            pass
        """,
    )
    run(project, "--yagot", "--yagot-junit-xml=out.xml", *workers)
    tree = etree.parse(str(project.path / "out.xml"))
    cases = {case.get("name"): [child.get("type") for child in case] for case in tree.iter("testcase")}
    assert cases["test_b"] == ["yagot.Crash"]
    assert cases["test_a [leak]"] == ["yagot.CollectedObjects"]
    assert ("test_c" in cases) is bool(workers)


REPORTED = """
    def test_leaks():
        kept = []
        kept.append(kept)

    def test_next():
        pass

    def test_fails():
        raise ExceptionGroup("both", [ValueError(), KeyError()])

    def test_passes():
        pass
"""


@pytest.mark.parametrize("at", ["test", "module"])
def test_what_pytest_makes_between_tests_is_no_leak(project, at):
    """It makes a cycle when it shows an exception in a line."""
    project.write("test_reported.py", REPORTED)
    result = run(project, "--yagot", "--yagot-strict", f"--yagot-check-at={at}", "test_reported.py", check=1)
    assert "1 failed, 3 passed, 1 error in" in result.stdout
    assert "[before]" not in result.stdout
