"""The JUnit XML report: valid, readable, and there whatever happens."""

import os
import random
import signal
import subprocess
import sys
import time

import junitparser
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lxml import etree

from yagot.model import BROKEN_OFF, Problem, TestInfo, TestReport
from yagot.report.junit import JUnitReport

FAMILIES = {"xunit2": "junit-10.xsd", "xunit1": "junit-10-2014.xsd", "ant": "ant.xsd"}
"""The schema that each family is valid against."""

NASTY = "a\x00b\x1b[31m \ud800 \ufffe ]]> <tag> & \"q\" 'a' \U0001f600 名前"


def cases(tree):
    return {case.get("name"): case for case in tree.iter("testcase")}


@pytest.fixture
def nasty(project):
    project.write(
        "test_nasty.py",
        f"""
        import unittest

        NASTY = {NASTY!a}

        class Node:
            pass

        Node.__qualname__ = "Node" + NASTY

        def leak():
            node = Node()
            node.me = node
            node.text = NASTY
            setattr(node, NASTY, node)

        class Test(unittest.TestCase):
            def test_leak(self):
                leak()

            def test_fails(self):
                self.fail(NASTY)

            def test_skips(self):
                self.skipTest(NASTY)

        setattr(Test, "test_" + NASTY, lambda self: None)
        """,
    )
    return project


@pytest.mark.parametrize("name", ["junit-10.xsd", "junit-10-2014.xsd"])
def test_nasty_texts_come_out_readable(nasty, schema, name):
    nasty.yagot("--junit-xml", "out.xml", check=1)
    tree = schema(nasty.path / "out.xml", name)
    found = cases(tree)
    shown = "a\\x00b\\x1b[31m \\ud800 \\ufffe ]]> <tag> & \"q\" 'a' \U0001f600 名前"
    assert f"test_{shown}" in found
    assert shown in found["test_fails"].find("failure").text
    assert shown in found["test_skips"].find("skipped").get("message")
    leak = found["test_leak"].find("failure")
    assert f"test_nasty.Node{shown}" in leak.text
    assert leak.get("type") == "yagot.CollectedObjects"
    assert leak.get("message").startswith("LEAK: ")
    assert len(leak.get("message")) <= 500


def test_counters_agree_with_the_cases(nasty, schema):
    nasty.yagot("--junit-xml", "out.xml")
    root = schema(nasty.path / "out.xml").getroot()
    for element in [root, *root.iter("testsuite")]:
        assert int(element.get("tests")) == len(list(element.iter("testcase")))
        assert int(element.get("failures")) == len(list(element.iter("failure")))
        assert int(element.get("errors")) == len(list(element.iter("error")))
    assert root.find("testsuite").get("file") == "test_nasty.py"


def test_other_readers_agree(nasty):
    nasty.yagot("--junit-xml", "out.xml")
    suite = next(iter(junitparser.JUnitXml.fromfile(str(nasty.path / "out.xml"))))
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (4, 2, 0, 1)
    assert suite.name == "test_nasty"


CRASH = """
    import ctypes, os, signal, unittest

    class Test(unittest.TestCase):
        def test_a(self):
            pass

        def test_b_dies(self):
            {how}

        def test_c(self):
            pass
"""


@pytest.mark.parametrize(
    "how",
    ["ctypes.string_at(0)", "os._exit(0)", "os.kill(os.getpid(), signal.SIGKILL)", "os.abort()"],
)
def test_a_dying_process_leaves_a_report_that_names_the_test(project, schema, how):
    project.write("test_crash.py", CRASH.format(how=how))
    project.yagot("--junit-xml", "out.xml")
    tree = schema(project.path / "out.xml")
    found = cases(tree)
    assert list(found) == ["test_a", "test_b_dies"]
    assert len(found["test_a"]) == 0
    error = found["test_b_dies"].find("error")
    assert error.get("type") == "yagot.Crash"
    assert "test_crash.py:8" in error.text
    root = tree.getroot()
    assert int(root.find("testsuite").get("errors")) == 1
    assert root.get("errors") is None  # is written at the end


def test_a_forked_child_writes_nothing(project, schema):
    project.write(
        "test_fork.py",
        """
        import os, sys, unittest

        class Test(unittest.TestCase):
            def test_child_returns_into_the_runner(self):
                pid = os.fork()
                if pid:
                    self.assertEqual(os.waitpid(pid, 0)[1], 0)

            def test_second(self):
                pass
        """,
    )
    project.yagot("--junit-xml", "out.xml")
    found = cases(schema(project.path / "out.xml"))
    assert sorted(found) == ["test_child_returns_into_the_runner", "test_second"]


def test_a_report_is_replaced(project, schema):
    project.write("test_one.py", "import unittest\nclass Test(unittest.TestCase):\n    def test(self): pass\n")
    (project.path / "out.xml").write_text("x" * 100_000)
    project.yagot("--junit-xml", "out.xml", check=0)
    assert list(cases(schema(project.path / "out.xml"))) == ["test"]
    assert [name for name in os.listdir(project.path) if name.endswith(".tmp")] == []


def test_ids_are_unique(project, schema):
    project.write(
        "test_twice.py",
        """
        import unittest
        class Test(unittest.TestCase):
            def test(self): pass

        def load_tests(loader, tests, pattern):
            tests.addTest(Test("test"))
            return tests
        """,
    )
    project.yagot("--junit-xml", "out.xml", check=0)
    assert list(cases(schema(project.path / "out.xml"))) == ["test", "test (2)"]


def test_suites_follow_the_modules(project, schema):
    for name in ("test_a", "test_b"):
        project.write(f"pkg/{name}.py", "import unittest\nclass Test(unittest.TestCase):\n    def test(self): pass\n")
    project.write("pkg/__init__.py", "")
    project.yagot("discover", "-t", ".", "-s", "pkg", "--junit-xml", "deep/out.xml", check=0)
    suites = list(schema(project.path / "deep/out.xml").iter("testsuite"))
    assert [suite.get("name") for suite in suites] == ["pkg.test_a", "pkg.test_b"]
    assert [suite.get("file") for suite in suites] == ["pkg/test_a.py", "pkg/test_b.py"]


def test_times_are_not_those_of_a_clock_that_a_test_moves(project, schema):
    project.write("test_clock.py", """
        import time
        import unittest
        from unittest import mock

        class TestClock(unittest.TestCase):
            def test_moves(self):
                patch = mock.patch("time.perf_counter", lambda: 1_700_000_000_000.0)
                patch.start()
                type(self).addClassCleanup(patch.stop)

            def test_then(self):
                pass
        """)
    project.yagot("--junit-xml", "out.xml", "test_clock", check=0)
    root = schema(project.path / "out.xml")
    assert [0 <= float(case.get("time")) < 60 for case in root.iter("testcase")] == [True, True]


@pytest.mark.parametrize(("milliseconds", "told"), [(-5, 0.0), (10**12, 99999999.999)])
def test_times_that_cannot_be(tmp_path, milliseconds, told):
    from yagot import _core

    out = tmp_path / "out.xml"
    writer = _core.JUnitWriter(os.open(out, os.O_RDWR | os.O_CREAT), "n", "t", "h", ())
    for name in ("a", "b"):
        writer.write("s", None, "c", name, None, None, None, None, None, milliseconds, False, 0)
    writer.close()
    root = etree.parse(str(out)).getroot()
    assert {float(element.get("time")) for element in root.iter("testsuites", "testsuite", "testcase")} == {told}


KILLED = """
    import os
    import unittest

    LOG = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)

    class Test(unittest.TestCase):
        pass

    def make(number):
        def test(self):
            os.write(LOG, b"+%04d\\n" % number)
            sum(range(20_000))
            os.write(LOG, b"-%04d\\n" % number)
        return test

    for number in range(3000):
        setattr(Test, f"test_{number:04}", make(number))
    """


def test_a_killed_process_leaves_a_valid_file_at_any_moment(project):
    """SIGKILL at random moments: the file can be read, or repaired, and names the test that was running. The system
    itself tears a write that goes over the end of a page; then only what was being written is not whole."""
    from yagot.commands.repair import repair

    project.write("test_many.py", KILLED)
    kills, torn, named = int(os.environ.get("YAGOT_TEST_KILLS", "20")), 0, 0
    out, log = project.path / "out.xml", project.path / "log"
    for _ in range(kills):
        out.unlink(missing_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-m", "yagot", "run", "--junit-xml", "out.xml"],
            cwd=project.path,
            stderr=subprocess.DEVNULL,
        )
        while not (log.exists() and log.stat().st_size):
            time.sleep(0.001)
        time.sleep(random.random() * 0.4)
        process.send_signal(signal.SIGKILL)
        process.wait()
        whole = True
        try:
            tree = etree.parse(str(out))
        except etree.XMLSyntaxError:
            whole = False
            torn += 1
            assert repair(str(out), force=True) == 0
            tree = etree.parse(str(out))
        names = {case.get("name") for case in tree.iter("testcase")}
        ended = [line for line in log.read_text().splitlines() if line.startswith("-")]
        assert names >= {f"test_{line[1:]}" for line in ended[:-1]}
        crashed = [case.get("name") for case in tree.iter("testcase") if case.find("error") is not None]
        assert len(crashed) <= 1
        last = log.read_text().splitlines()[-1]
        if last.startswith("+") and whole:
            assert crashed == [f"test_{last[1:]}"]
            named += 1
        log.unlink()
    print(f"{kills} kills, {torn} files torn, {named} tests running and named")
    assert torn <= max(1, kills // 100)
    assert named > 0


ANY_TEXT = st.text(st.characters())


def shown(text):
    """What a reader sees of a text: what XML cannot hold, as Python would write it."""
    def one(c):
        code = ord(c)
        ranges = ((0x20, 0x7F), (0x80, 0xD800), (0xE000, 0xFFFE), (0x10000, 0x110000))
        if c in "\n\t" or any(start <= code < end for start, end in ranges):
            return c
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"

    return "".join(map(one, text))


@given(st.lists(st.tuples(ANY_TEXT, ANY_TEXT, ANY_TEXT, ANY_TEXT, ANY_TEXT), max_size=12))
@example([("", "", BROKEN_OFF, "", "0")])
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("family", FAMILIES)
def test_any_text_is_written_so_that_it_can_be_read(tmp_path, schema, family, rows):
    path = str(tmp_path / "out.xml")
    report = JUnitReport(path, family=family)
    for number, (module, name, kind, message, text) in enumerate(rows):
        test = TestInfo(f"{number}", module, f"c{number}", name)
        report.started(test)
        report.finished(TestReport(test, "failed", 0.5, problem=Problem(kind, message, text)), False)
    report.close()
    cases = schema(path, FAMILIES[family]).iter("testcase")
    found = [
        (case.get("name"), case[0].get("type"), case[0].get("message"), case[0].text or "")
        for case in sorted(cases, key=lambda case: int(case.get("classname")[1:]))
    ]
    assert found == [
        (shown(name), shown(kind), shown(message), shown(text or message)) for _, name, kind, message, text in rows
    ]


def test_a_full_disk_is_an_error():
    from yagot import _core

    with pytest.raises(OSError, match="No space left"):
        _core.JUnitWriter(os.open("/dev/full", os.O_WRONLY), "a", "b", "c", ())


FAMILY_TESTS = """
    import unittest

    class TestFamilies(unittest.TestCase):
        def test_leak(self):
            x = []
            x.append(x)

        def test_fails(self):
            self.fail("no")

        def test_breaks(self):
            raise RuntimeError

        @unittest.skip("not now")
        def test_skipped(self):
            pass

        def test_clean(self):
            pass
    """


@pytest.mark.parametrize(("family", "name"), FAMILIES.items())
def test_families_validate(project, schema, family, name):
    project.write("test_a.py", FAMILY_TESTS)
    project.write("test_b.py", FAMILY_TESTS)
    project.yagot("--junit-family", family, "--junit-xml", "out.xml", "test_a", "test_b", check=1)
    tree = schema(project.path / "out.xml", name)
    found = [(case.get("name"), len(case), case.get("line")) for case in tree.iter("testcase")]
    assert len(found) == 10
    assert {name: count for name, count, _ in found} == {
        "test_leak": 1, "test_fails": 1, "test_breaks": 1, "test_skipped": 1, "test_clean": 0,
    }  # fmt: skip
    assert ({name: line for name, _, line in found}["test_leak"] == "5") == (family == "xunit1")
    assert [suite.get("id") for suite in tree.getroot()] == (["0", "1"] if family == "ant" else [None, None])


@pytest.mark.parametrize("family", FAMILIES)
def test_a_crash_is_valid_in_each_family(project, schema, family):
    project.write("test_c.py", "import os, unittest\nclass T(unittest.TestCase):\n  def test_x(self): os._exit(9)\n")
    project.yagot("--junit-family", family, "--junit-xml", "out.xml", "test_c", check=9)
    tree = schema(project.path / "out.xml", FAMILIES[family])
    assert [error.get("type") for error in tree.iter("error")] == ["yagot.Crash"]


def test_repeated_suites_are_combined_at_the_end(project, schema):
    project.write("test_a.py", FAMILY_TESTS)
    project.write("test_b.py", FAMILY_TESTS)
    names = [f"test_{m}.TestFamilies.test_{t}" for t in ("leak", "clean") for m in "ab"]
    project.yagot("--junit-xml", "out.xml", *names, check=1)
    root = schema(project.path / "out.xml").getroot()
    assert [(suite.get("name"), suite.get("tests")) for suite in root] == [("test_a", "2"), ("test_b", "2")]


def test_beside_lxml_in_one_process(project):
    """lxml's wheels bring a libxml2 of their own."""
    project.write(
        "test_lxml.py",
        """
        import unittest
        from lxml import etree

        class TestLxml(unittest.TestCase):
            def test_parse(self):
                root = etree.fromstring("<a><b>text</b></a>")
                self.assertEqual(root[0].text, "text")
                self.assertRaises(etree.XMLSyntaxError, etree.fromstring, "<a>")

            def test_merge(self):
                from yagot.commands.merge import merge
                with open("in.xml", "w") as file:
                    file.write("<testsuites><testsuite name='s'><testcase name='n'/></testsuite></testsuites>")
                self.assertEqual(merge(["in.xml"], "merged.xml"), 0)
                self.assertEqual(etree.parse("merged.xml").getroot().get("tests"), "1")
                with open("bad.xml", "w") as file:
                    file.write("<testsuites>")
                self.assertEqual(merge(["bad.xml"], "merged.xml"), 2)
        """,
    )
    tests = project.tests("--junit-xml", "out.xml", "test_lxml", check=0)
    assert {test["outcome"] for test in tests.values()} == {"passed"}
