"""`yagot run`: what it takes, what it tells, and its exit status."""

import json
import re
import signal
import subprocess
import sys

import pytest
from support import needs_counts, needs_generations, objects

SUITE = """
    import gc, unittest

    class Node:
        def __init__(self):
            self.me = self

    class TestShapes(unittest.TestCase):
        def test_clean(self):
            self.assertTrue([1])

        def test_leak(self):
            Node()

        def test_self(self):
            self.kept = [1, 2, {3: 4}]

        def test_cycle_in_self(self):
            self.kept = Node()

        def test_failed(self):
            Node()
            self.fail("no")

        def test_error(self):
            Node()
            raise ValueError("no")

        @unittest.skip("not now")
        def test_skipped(self):
            pass

        def test_skips_itself(self):
            Node()
            self.skipTest("later")

        @unittest.expectedFailure
        def test_expected_failure(self):
            Node()
            self.fail("as expected")

        @unittest.expectedFailure
        def test_unexpected_success(self):
            Node()

        def test_subtests(self):
            for number in range(3):
                with self.subTest(number=number):
                    Node()

        def test_subtest_fails(self):
            with self.subTest(number=1):
                Node()
                self.fail("no")

        def test_collects(self):
            Node()
            gc.collect()

        def test_cleanup(self):
            self.addCleanup(Node)
"""


@pytest.fixture
def suite(project):
    project.write("test_shapes.py", SUITE)
    return project


def test_outcomes_and_findings(suite):
    tests = suite.tests("test_shapes", check=1)
    outcomes = {name: test["outcome"] for name, test in tests.items()}
    assert outcomes == {
        "test_clean": "passed",
        "test_leak": "passed",
        "test_self": "passed",
        "test_cycle_in_self": "passed",
        "test_failed": "failed",
        "test_error": "error",
        "test_skipped": "skipped",
        "test_skips_itself": "skipped",
        "test_expected_failure": "expected_failure",
        "test_unexpected_success": "unexpected_success",
        "test_subtests": "passed",
        "test_subtest_fails": "failed",
        "test_collects": "passed",
        "test_cleanup": "passed",
    }
    assert {name for name, test in tests.items() if test["checked"]} == {
        name for name, outcome in outcomes.items() if outcome == "passed"
    }
    leaking = {name for name, test in tests.items() if objects(test)}
    assert leaking == {"test_leak", "test_cycle_in_self", "test_subtests", "test_collects", "test_cleanup"}
    assert tests["test_subtests"]["findings"][0]["count"] == 3
    totals = "FAILED (failures=7, errors=1, skipped=2, expected failures=1, unexpected successes=1)"
    assert totals in suite.result.stderr


def test_the_text_can_be_acted_on(suite):
    error = suite.yagot("test_shapes.TestShapes.test_leak", check=1).stderr
    assert "FAIL: test_leak" in error
    assert "LEAK: " in error
    assert ".me → the same test_shapes.Node (back to the start)" in error
    assert "signature" not in error
    assert "test_shapes.py:12: test_shapes.TestShapes.test_leak" in error
    assert "make `.me` a weak reference" in error
    assert "Cut: .me of Node, test_shapes.py:" in error
    assert "Traceback" not in error


def test_json_has_the_documented_keys(suite):
    suite.tests("test_shapes")
    data = json.loads((suite.path / "yagot.json").read_text())
    assert data["version"] == 2
    test = next(test for test in data["tests"] if test["id"] == "test_shapes.TestShapes.test_leak")
    assert {"id", "outcome", "checked", "born", "survivors", "findings"} <= test.keys()
    (finding,) = test["findings"]
    expected = {"kind", "verdict", "signature", "objects", "types", "held_bytes", "cycle", "count"}
    assert expected <= finding.keys()
    assert (finding["kind"], finding["verdict"], finding["count"]) == ("collected", "leak", 1)
    assert finding["types"]["test_shapes.Node"] == 1
    assert finding["cycle"] == ["test_shapes.Node.me"]
    assert finding["held_bytes"] > 0
    (step,) = finding["steps"]
    assert (step["kind"], step["module"], step["qualname"]) == ("instance", "test_shapes", "Node")
    assert step["edges"] == [["attribute", "me"]]


def test_report_only(suite):
    result = suite.yagot("--report-only", "-k", "test_leak", "-k", "test_clean", check=0)
    assert "OK" in result.stderr
    assert ".me → the same test_shapes.Node" in result.stderr


def test_leaks_only(suite):
    tests = suite.tests("--leaks-only", "-k", "test_leak", check=0)
    assert tests["test_leak"]["findings"][0]["verdict"] == "note"


def test_leaks_only_fails_for_uncollectable_objects(project):
    project.write(
        "test_phoenix.py",
        """
        import unittest
        revived = []

        class Phoenix:
            def __del__(self):
                revived.append(self)

        class Test(unittest.TestCase):
            def test_phoenix(self):
                bird = Phoenix()
                bird.me = bird
        """,
    )
    tests = project.tests("--leaks-only", check=1)
    assert tests["test_phoenix"]["findings"][0]["kind"] == "uncollectable"
    assert "resurrected" in project.result.stderr


def test_a_cause_whose_first_finding_came_to_nothing_is_described(project):
    """The first test lets go of what was resurrected; the second does not."""
    project.write(
        "test_twice.py",
        """
        import gc
        import unittest

        revived = []

        class Phoenix:
            def __del__(self):
                if hasattr(self, "me"):
                    revived.append(self)

        class Test(unittest.TestCase):
            def burn(self):
                bird = Phoenix()
                bird.me = bird
                del bird
                gc.collect()

            def test_a(self):
                self.burn()
                del revived.pop().me

            def test_b(self):
                self.burn()
        """,
    )
    tests = project.tests(check=1)
    assert tests["test_a"]["findings"] == []
    (finding,) = tests["test_b"]["findings"]
    assert finding["kind"] == "uncollectable" and len(finding["steps"]) == 1


@needs_counts
def test_classes_made_in_a_test_are_notes_unless_strict(project):
    project.write(
        "test_class.py",
        """
        import unittest

        class Test(unittest.TestCase):
            def test_class(self):
                class Local:
                    pass
        """,
    )
    assert project.tests(check=0)["test_class"]["findings"][0]["verdict"] == "note"
    assert project.tests("--strict", check=1)["test_class"]["findings"][0]["verdict"] == "leak"


# -- unittest's own options ------------------------------------------------------------------------


def test_discovery(suite):
    ran = re.search(r"Ran \d+ tests", suite.python("-m", "unittest").stderr)[0]
    assert ran in suite.yagot(check=1).stderr
    assert ran in suite.yagot("discover", "-s", ".", "-p", "test_*.py", check=1).stderr


def test_names_and_patterns(suite):
    assert "Ran 1 test " in suite.yagot("test_shapes.TestShapes.test_clean", check=0).stderr
    assert "Ran 4 tests" in suite.yagot("-k", "subtest", "-k", "test_clean").stderr


def test_failfast_counts_a_leak(suite):
    error = suite.yagot("-f", "test_shapes.TestShapes.test_cleanup", "test_shapes.TestShapes.test_clean").stderr
    assert "Ran 1 test " in error
    assert "FAILED (failures=1)" in error


def test_verbose_and_buffer(suite):
    suite.write(
        "test_print.py",
        """
        import unittest
        class Test(unittest.TestCase):
            def test_prints(self):
                print("heard nothing")
        """,
    )
    result = suite.yagot("-v", "-b", "test_print", check=0)
    assert "test_prints (test_print.Test" in result.stderr
    assert "heard" not in result.stdout + result.stderr


BUFFERED = """
    import sys, unittest

    class Node:
        def __init__(self):
            self.me = self

    class TestBuffered(unittest.TestCase):
        def test_1_keeps(self):
            type(self).kept = Node()

        def test_2_drops(self):
            type(self).kept = None
            print("said")

        def test_3_replaces(self):
            sys.stdout = sys.__stdout__
            Node()
"""


@needs_generations
def test_a_buffering_result_gets_leaks_that_are_found_later(suite):
    suite.write("test_buffered.py", BUFFERED)
    result = suite.yagot("-b", "test_buffered", check=1)
    assert "Traceback" not in result.stderr, result.stderr
    assert "FAIL: test_1_keeps [later]" in result.stderr and "FAIL: test_3_replaces" in result.stderr
    assert result.stdout == ""


def test_durations(suite):
    error = suite.yagot("--durations", "2", "test_shapes.TestShapes.test_clean").stderr
    assert "Slowest test durations" in error


def test_also_as_a_module(suite):
    assert suite.python("-m", "yagot", "--version", check=0).stdout.startswith("yagot ")


# -- fixtures --------------------------------------------------------------------------------------


def test_class_and_module_fixtures(project, schema):
    project.write(
        "test_fixtures.py",
        """
        import unittest

        def setUpModule():
            global shared
            shared = []
            shared.append(shared)

        def tearDownModule():
            global shared
            del shared

        class TestShared(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                cls.items = {}
                cls.items["me"] = cls.items

            @classmethod
            def tearDownClass(cls):
                del cls.items

            def test_one(self):
                self.assertIn("me", self.items)

            def test_two(self):
                self.assertIs(shared[0], shared)

        class TestBroken(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                raise RuntimeError("no database")

            def test_never(self):
                pass

        class TestSkipped(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                raise unittest.SkipTest("no network")

            def test_never(self):
                pass
        """,
    )
    tests = project.tests("--junit-xml", "out.xml", check=1)
    assert objects(tests["test_one"]) == objects(tests["test_two"]) == 0
    cases = {
        (case.get("classname"), case.get("name")): [child.tag for child in case]
        for case in schema(project.path / "out.xml").iter("testcase")
    }
    assert cases[("test_fixtures.TestBroken", "setUpClass")] == ["error"]
    assert cases[("test_fixtures.TestSkipped", "setUpClass")] == ["skipped"]


def test_async_test_cases(project):
    project.write(
        "test_async.py",
        """
        import asyncio, unittest

        class TestAsync(unittest.IsolatedAsyncioTestCase):
            async def asyncSetUp(self):
                self.queue = asyncio.Queue()

            async def test_clean(self):
                await self.queue.put(1)
                self.assertEqual(await self.queue.get(), 1)

            async def test_leak(self):
                items = []
                items.append(items)
        """,
    )
    tests = project.tests(check=1)
    assert objects(tests["test_clean"]) == 0, tests["test_clean"]
    assert tests["test_leak"]["findings"][0]["types"] == {"list": 1}


@needs_generations
def test_the_collector_in_the_tests_hands(project):
    project.write(
        "test_gc_use.py",
        """
        import gc, unittest

        def leak():
            items = []
            items.append(items)

        class Test(unittest.TestCase):
            def test_a_collect(self):
                leak()
                self.assertGreaterEqual(gc.collect(), 1)

            def test_b_disable(self):
                gc.disable()
                leak()

            def test_c_still_disabled(self):
                self.assertFalse(gc.isenabled())
                gc.enable()
                leak()

            def test_d_threshold(self):
                gc.set_threshold(5, 5, 5)
                leak()

            def test_e_threshold_is_kept(self):
                self.assertEqual(gc.get_threshold()[0], 5)
                gc.set_threshold(700, 10, 10)
                leak()

            def test_f_debug(self):
                gc.set_debug(gc.DEBUG_STATS)
                leak()

            def test_g_debug_is_kept(self):
                self.assertEqual(gc.get_debug(), gc.DEBUG_STATS)
                gc.set_debug(0)
                leak()

            def test_h_callbacks(self):
                gc.callbacks.clear()
                leak()

            def test_i_after(self):
                leak()
        """,
    )
    tests = project.tests(check=1)
    assert {name: objects(test) for name, test in tests.items()} == dict.fromkeys(tests, 1)
    assert {test["outcome"] for test in tests.values()} == {"passed"}


def test_a_removed_working_directory(project):
    project.write(
        "test_cwd.py",
        """
        import os, tempfile, unittest

        class TestA(unittest.TestCase):
            def test_leaves(self):
                directory = tempfile.mkdtemp()
                os.chdir(directory)
                os.rmdir(directory)

        class TestB(unittest.TestCase):
            def test_leak(self):
                def walk():
                    return walk
        """,
    )
    project.yagot("--json", project.path / "out.json", check=1)
    tests = json.loads((project.path / "out.json").read_text())["tests"]
    assert [objects(test) for test in tests] == [0, 3]


def test_it_begins_in_a_removed_directory(project):
    project.write("test_leak.py", """
        import unittest

        class TestA(unittest.TestCase):
            def test_me(self):
                self.me = self
    """)
    project.write("begin.py", """
        import os, sys
        os.mkdir("gone")
        os.chdir("gone")
        os.rmdir("../gone")
        os.execv(sys.executable, [sys.executable, "-m", *sys.argv[1:]])
    """)
    for command in (["unittest"], ["yagot", "run"], ["yagot", "config"], ["pytest", "--yagot", "--version"]):
        tests = ["test_leak"] if command[-1] in ("unittest", "run") else []
        result = project.python("begin.py", *command, *tests, env={"PYTHONPATH": str(project.path)})
        assert "Traceback" not in result.stderr, result.stderr
        assert result.returncode == (1 if command[-1] == "run" else 0), result.stderr


def test_nested_runs_are_left_alone(project):
    project.write(
        "test_nested.py",
        """
        import io, unittest

        class Test(unittest.TestCase):
            def test_runs_a_suite(self):
                class Inner(unittest.TestCase):
                    def test_inner(self):
                        items = []
                        items.append(items)
                suite = unittest.defaultTestLoader.loadTestsFromTestCase(Inner)
                result = unittest.TextTestRunner(stream=io.StringIO()).run(suite)
                self.assertTrue(result.wasSuccessful())
        """,
    )
    assert project.tests()["test_runs_a_suite"]["outcome"] == "passed"


def test_doctests_and_function_tests(project):
    project.write(
        "test_mixed.py",
        '''
        import doctest, unittest

        def leak():
            """
            >>> items = []
            >>> items.append(items)
            """

        def load_tests(loader, tests, pattern):
            tests.addTests(doctest.DocTestSuite(__name__))
            tests.addTest(unittest.FunctionTestCase(leak))
            return tests
        ''',
    )
    project.yagot("--json", "out.json", "test_mixed")
    tests = json.loads((project.path / "out.json").read_text())["tests"]
    assert sorted(test["id"] for test in tests) == ["leak", "test_mixed.leak"]
    assert [objects(test) for test in tests] == [1, 0]


# -- exit status -----------------------------------------------------------------------------------


def test_no_tests(project):
    project.write("test_empty.py", "")
    assert project.yagot().returncode == 5


@pytest.mark.parametrize("option", ["--json", "--junit-xml"])
def test_an_unusable_path_is_found_before_the_tests_run(suite, option):
    (suite.path / "file").write_text("")
    result = suite.yagot(option, "file/report", check=2)
    assert result.stderr.count("\n") == 1
    assert "cannot write file/report" in result.stderr
    assert "Ran" not in result.stderr


def test_a_directory_is_no_report(suite):
    assert "cannot write ." in suite.yagot("--junit-xml", ".", check=2).stderr


@pytest.mark.parametrize("arguments, complaint", [
    ("run --trace many", "yagot: command line: trace must be a number from 0 to 65535, not 'many'"),
    ("run --trace 70000", "yagot: command line: trace must be a number from 0 to 65535, not 70000"),
    ("run --repeat 1:70000", "yagot: command line: repeat must be W:N, e.g. 3:4, with N from 2 to 65535"),
    (f"run --trace {'9' * 5000}", "yagot: command line: trace must be a number from 0 to 65535, not '9"),
    ("run --no-such-option", "yagot: run: unrecognized arguments: --no-such-option"),
    ("run -k", "yagot: run: argument -k: expected one argument"),
    ("run discover -s nowhere", "yagot: run: Start directory is not importable: 'nowhere'"),
    ("", "yagot: the following arguments are required: COMMAND"),
    ("unknown", "yagot: argument COMMAND: invalid choice: 'unknown'"),
    ("config more", "yagot: config: unrecognized arguments: more"),
    ("merge a.xml", "yagot: merge: the following arguments are required: -o/--output"),
    ("merge -o b.xml --split-cases 0 a.xml", "yagot: merge: argument --split-cases: '0' is not a positive number"),
    ("repair", "yagot: repair: the following arguments are required: FILE"),
    ("report", "yagot: report: the following arguments are required: FILE.json"),
    ("diff a.json", "yagot: diff: the following arguments are required: NEW.json"),
    ("graph --format gif a.json", "yagot: graph: argument --format: invalid choice: 'gif'"),
])  # fmt: skip
def test_wrong_usage(suite, arguments, complaint):
    result = suite.python("-m", "yagot", *arguments.split(), check=2)
    lines = [line for line in result.stderr.splitlines() if "no generations" not in line]
    assert len(lines) == 1 and lines[0].startswith(complaint), result.stderr
    assert result.stdout == ""


def test_a_misspelt_option_leaves_the_report_of_the_run_before(suite):
    old = suite.write("out.xml", "<testsuites/>")
    suite.yagot("--junit-xml", "out.xml", "--verbos", "--no-such-option", check=2)
    assert old.read_text() == "<testsuites/>"


def test_an_unknown_module_is_a_failed_test(project):
    assert "No module named 'nothing'" in project.yagot("nothing", check=1).stderr


def test_help(suite):
    out = suite.yagot("--help", check=0).stdout
    assert "--junit-xml" in out
    assert "--failfast" in out


def test_the_kill_switch(suite):
    assert "yagot" not in suite.yagot("test_shapes.TestShapes.test_leak", env={"YAGOT": "0"}, check=0).stderr


def test_trace_tells_where_objects_were_made(project):
    # slots: CPython 3.11's tracemalloc does not know instances that have their attributes inline
    project.write(
        "test_slots.py",
        """
        import unittest

        class Node:
            __slots__ = ("me",)

        class Test(unittest.TestCase):
            def test_leak(self):
                node = Node()
                node.me = node
        """,
    )
    error = project.yagot("--trace", "1", check=1).stderr
    assert "test_slots.Node was made at " in error
    assert "test_slots.py:9" in error
    assert "run with --trace" not in error


def test_the_old_report_survives_an_error_before_the_run(suite):
    (suite.path / "file").write_text("")
    (suite.path / "out.xml").write_text("old")
    suite.yagot("--junit-xml", "out.xml", "--json", "file/out.json", check=2)
    assert (suite.path / "out.xml").read_text() == "old"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="sys.flags.safe_path is new in 3.11")
def test_safe_path_is_respected(suite):
    assert suite.python("-P", "-m", "yagot", "run", "test_shapes").returncode == 1


def test_a_reader_that_has_had_enough(project):
    """As with ``yagot config | head -1``."""
    command = [sys.executable, "-m", "yagot", "config"]
    with subprocess.Popen(command, cwd=project.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 128 + signal.SIGPIPE
