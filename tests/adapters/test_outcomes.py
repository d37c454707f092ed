"""Every kind of outcome under every framework: what it prints is the same with yagot and without, line by line."""

import re

import pytest

SUITE = """
    import unittest
    {more}
    BASE = {base}

    class TestAll(BASE):
        def test_passes(self):
            self.assertEqual(1, 1)

        def test_fails(self):
            kept = [1]
            kept.append(kept)
            self.fail("no")

        def test_raises(self):
            raise ValueError("no")

        def test_skips(self):
            self.skipTest("not now")

        @unittest.skip("not at all")
        def test_skipped(self):
            pass

        @unittest.expectedFailure
        def test_expected(self):
            self.fail("as expected")

        @unittest.expectedFailure
        def test_unexpected(self):
            pass

        def test_exits(self):
            raise SystemExit(3)

        def test_subtests(self):
            for n in range(4):
                with self.subTest(n=n):
                    if n == 1:
                        self.fail("one")
                    if n == 2:
                        self.skipTest("two")
                    if n == 3:
                        raise ValueError("three")

        def test_subtests_pass(self):
            for n in range(3):
                with self.subTest(n=n):
                    self.assertLess(n, 3)

        def test_cleanup_raises(self):
            self.addCleanup(int, "x")

    class TestSetUp(BASE):
        def setUp(self):
            raise ValueError("set-up")

        def test_not_reached(self):
            pass

    class TestSetUpSkips(BASE):
        def setUp(self):
            self.skipTest("in set-up")

        def test_not_reached(self):
            pass

    class TestTearDown(BASE):
        def tearDown(self):
            raise ValueError("tear-down")

        def test_passes_before(self):
            pass

        def test_fails_before(self):
            self.fail("twice")

    class TestSetUpClass(BASE):
        @classmethod
        def setUpClass(cls):
            raise ValueError("set-up of the class")

        def test_not_reached(self):
            pass

    class TestTearDownClass(BASE):
        @classmethod
        def tearDownClass(cls):
            raise ValueError("tear-down of the class")

        def test_passes_before(self):
            pass
    """

MODULES = {
    "test_module_up.py": """
        import unittest

        def setUpModule():
            raise ValueError("set-up of the module")

        class TestNever(unittest.TestCase):
            def test_not_reached(self):
                pass
        """,
    "test_module_down.py": """
        import unittest

        def tearDownModule():
            raise ValueError("tear-down of the module")

        class TestOnce(unittest.TestCase):
            def test_passes(self):
                pass
        """,
    "test_module_skips.py": """
        import unittest

        def setUpModule():
            raise unittest.SkipTest("the module")

        class TestNever(unittest.TestCase):
            def test_not_reached(self):
                pass
        """,
}

NAMES = ["test_all", *(name.removesuffix(".py") for name in MODULES)]

FUNCTIONS = """
    import pytest

    @pytest.fixture
    def broken():
        raise ValueError("set-up")

    @pytest.fixture
    def breaks():
        yield
        raise ValueError("tear-down")

    @pytest.fixture
    def skips():
        pytest.skip("in a fixture")

    @pytest.fixture
    def skips_late():
        yield
        pytest.skip("in a tear-down")

    @pytest.fixture(scope="module")
    def wide():
        yield
        raise ValueError("tear-down of the module")

    def test_set_up(broken): pass
    def test_tear_down(breaks): pass
    def test_both(breaks): assert 0
    def test_skip(skips): pass
    def test_skip_late(skips_late): pass
    def test_exits(): raise SystemExit(3)
    @pytest.mark.xfail
    def test_xfail(): assert 0
    @pytest.mark.xfail
    def test_xpass(): pass
    @pytest.mark.xfail(strict=True)
    def test_xpass_strict(): pass
    @pytest.mark.xfail(raises=KeyError)
    def test_xfail_other(): raise ValueError
    def test_imperative(): pytest.xfail("so")
    def test_fails(): pytest.fail("no", pytrace=False)
    @pytest.mark.parametrize("n", [1, 2])
    def test_parameters(n): assert n == 1
    def test_wide(wide): pass
    """

PYTEST = ["-m", "pytest", "-rA", "-v", "-p", "no:cacheprovider"]
NOSE2 = ["-m", "nose2", "-v"]
CHECKED = {
    "unittest": (["-m", "unittest", "-v", *NAMES], ["-m", "yagot", "run", "-v", *NAMES]),
    "buffered": (["-m", "unittest", "-b", *NAMES], ["-m", "yagot", "run", "-b", *NAMES]),
    "failfast": (["-m", "unittest", "-f", *NAMES], ["-m", "yagot", "run", "-f", *NAMES]),
    "pytest": ([*PYTEST], [*PYTEST, "--yagot"]),
    "pytest, one error": ([*PYTEST, "-x"], [*PYTEST, "-x", "--yagot"]),
    "xdist": ([*PYTEST, "-n1"], [*PYTEST, "-n1", "--yagot"]),
    "nose": (["-m", "nose", "-v"], ["-m", "nose", "-v", "--with-yagot"]),
    "nose2": ([*NOSE2, *NAMES], [*NOSE2, "--plugin", "yagot.plugins.nose2", "--yagot", *NAMES]),
    "django": (["-m", "django", "test", "-v2", "--settings", "plain", *NAMES],
               ["-m", "django", "test", "-v2", "--settings", "checked", *NAMES]),
}  # fmt: skip
MODULE_OF = {"buffered": "unittest", "failfast": "unittest", "pytest, one error": "pytest"}

ZOPE = ["-m", "zope.testrunner", "--test-path", ".", "-vv", "--tests-pattern"]
WITH_THE_BASE_CLASS = {
    "unittest": (["-m", "unittest", "-v"], "unittest.TestCase"),
    "pytest": ([*PYTEST, "-q"], "unittest.TestCase"),
    "nose": (["-m", "nose", "-v"], "unittest.TestCase"),
    "nose2": (NOSE2, "unittest.TestCase"),
    "zope.testrunner": (ZOPE, "unittest.TestCase"),
    "green": (["-m", "green", "-s", "1", "-vvv"], "unittest.TestCase"),
    "stestr": (["-m", "stestr.cli", "run", "--serial"], "unittest.TestCase"),
    "twisted": (["-m", "twisted.trial"], "unittest.TestCase"),
    "twisted.trial": (["-m", "twisted.trial"], "twisted.trial.unittest.TestCase"),
}


def printed(result):
    """What a run has printed and its exit status, without times, addresses, temporary names and yagot's own lines."""
    text = result.stdout + result.stderr
    text = re.sub(r"=+ yagot =+\n", "", text)
    text = re.sub(r"^(yagot: |  *from yagot).*\n", "", text, flags=re.M)
    text = re.sub(r"\(?\b\d+(\.\d+)? ?(s|seconds|sec|ms)\b\.?\)?|\[\d+\.\d+s\]|0x[0-9a-f]+", "T", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?|\d+\.\d{4,}", "T", text)
    text = re.sub(r"/tmp/tmp\w+/pymp-\w+", "/tmp/T", text)
    return [result.returncode, *re.sub(r"=+(?= |$)|-{20,}", "==", text).splitlines()]


@pytest.mark.parametrize("name", CHECKED)
def test_every_outcome(project, name):
    pytest.importorskip(MODULE_OF.get(name, name))
    project.write("test_all.py", SUITE.format(base="unittest.TestCase", more=""))
    for file, source in MODULES.items():
        project.write(file, source)
    if "pytest" in name or name == "xdist":
        project.write("test_functions.py", FUNCTIONS)
    project.write("plain.py", 'SECRET_KEY = "x"')
    project.write("checked.py", 'SECRET_KEY = "x"\nTEST_RUNNER = "yagot.plugins.django.LeakCheckRunner"')
    plain, checked = (printed(project.python(*command)) for command in CHECKED[name])
    plain, checked = ([str(line).replace("checked", "plain") for line in lines] for lines in (plain, checked))
    assert len(plain) > 8
    assert checked == plain


@pytest.mark.parametrize("name", WITH_THE_BASE_CLASS)
def test_every_outcome_with_the_base_class(project, name):
    pytest.importorskip(name)
    command, base = WITH_THE_BASE_CLASS[name]
    project.write(".stestr.conf", "[DEFAULT]\ntest_path=.\ntop_dir=.\n")
    target = {"stestr": [], "pytest": ["test_all.py"], "nose": ["test_all.py"]}.get(name, ["test_all"])
    found = []
    for more, bases in (("", base), ("from yagot.testcase import LeakCheckMixin", f"(LeakCheckMixin, {base})")):
        source = SUITE.format(base="None", more=f"import {base.rpartition('.')[0]}\n    {more}")
        source = source.replace("BASE = None", f"class BASE{bases if more else f'({bases})'}: pass")
        project.write("test_all.py", source)
        # trial's own test case keeps itself in a cycle
        found.append(printed(project.python(*command, *target, env={"YAGOT_REPORT_ONLY": "1"})))
    plain, checked = found
    assert len(plain) > 8
    assert checked == plain
