"""A cause is described once in a run, whatever the framework; the counts and the reports have every test."""

import json
import re
import textwrap
import xml.etree.ElementTree as ElementTree

import pytest

MANY = """
    import unittest

    class Node:
        def __init__(self):
            self.me = self

    class Test(unittest.TestCase):
        def test_1(self):
            print("printed")
            Node()

        def test_2(self):
            print("printed")
            Node()

        def test_3(self):
            Node()
            items = []
            items.append(items)

        def test_4(self):
            Node()
            items = []
            items.append(items)
"""

WHOLE = "→ the same test_many.Node (back to the start)"
PYTEST = ["-m", "pytest", "-p", "no:cacheprovider", "--yagot", "test_many.py"]
NOSE2 = ["-m", "nose2", "--plugin", "yagot.plugins.nose2", "--yagot", "test_many"]
NOSE = ["-m", "nose", "--with-yagot", "test_many.py"]
FRAMEWORKS = {"yagot": ["-m", "yagot", "run", "test_many"], "pytest": PYTEST, "nose": NOSE, "nose2": NOSE2}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_once(project, framework):
    project.write("test_many.py", MANY)
    result = project.python(*FRAMEWORKS[framework], env={"YAGOT_JSON": "out.json"}, check=1)
    out = result.stdout + result.stderr
    assert out.count(WHOLE) == 1 and out.count("[0] → the same list (back to the start)") == 1
    assert "yagot: 4 tests of 4 leaked 6 objects" in out and "from 2 causes" in out
    assert re.search("4 errors" if framework == "pytest" else r"failures=4", out)
    assert out.index("the same cause as in test_many") < out.index("from 2 causes")
    tests = json.loads((project.path / "out.json").read_text())["tests"]
    assert [len(test["findings"]) for test in tests] == [1, 1, 2, 2] and all(
        finding["steps"] for test in tests for finding in test["findings"]
    )


@pytest.mark.parametrize("framework", ["yagot", "nose", "nose2", "unittest"])
def test_a_line_for_each_further_test(project, framework):
    own = MANY.replace("import unittest", "import yagot").replace("unittest.TestCase", "yagot.TestCase")
    project.write("test_many.py", own if framework == "unittest" else MANY)
    err = project.python(*FRAMEWORKS.get(framework, ["-m", "unittest", "test_many"]), check=1).stderr
    lines = [line for line in err.splitlines() if line.startswith("FAIL: ") and " as in " in line]
    lines = [re.sub(r" \((test_many[^)]*|\d+ B)\)", "", line) for line in lines]
    same = "LEAK: Node.me → Node: 1 object in a cycle: the same cause as in test_many.Test.test_1"
    assert lines[0] == f"FAIL: test_2: {same}"
    both = lines[1].removeprefix("FAIL: test_4: LEAK: ").partition("1 more cause: the same causes as in ")[2]
    assert len(lines) == 2 and set(both.split(", ")) == {"test_many.Test.test_1", "test_many.Test.test_3"}
    assert err.count("=" * 70) == 2 and "failures=4" in err and err.rindex("FAIL: test_4") < err.index("Ran 4 tests")


def test_the_headline_has_what_is_described_first(project):
    """Also where a cause that is known holds more."""
    project.write("test_many.py", MANY)
    err = project.yagot("test_many", check=1).stderr
    third = err.partition("FAIL: test_3 ")[2].partition("FAIL: test_4")[0]
    assert re.search(r"LeakError: LEAK: list\[0\] → list: .*; 1 more cause\n", third)
    assert third.index("1. collected: 1 object") < third.index("2. Node.me → Node")


def test_each_is_described_with_details(project):
    project.write("test_many.py", MANY)
    err = project.yagot("--details", "test_many", check=1).stderr
    assert err.count(WHOLE) == 4 and " as in " not in err


def test_a_test_case_of_yagot_under_pytest(project):
    """pytest shows the function that has raised an error: a short one, without what it was called with."""
    project.write(
        "test_many.py",
        MANY.replace("import unittest", "import yagot, unittest", 1).replace("unittest.TestCase", "yagot.TestCase"),
    )
    out = project.python("-m", "pytest", "-p", "no:cacheprovider", "test_many.py", check=1).stdout
    failure = out.partition(" Test.test_2 ")[2].partition(" Test.test_3 ")[0]
    assert "same cause as in test_many.Test.test_1" in failure and "def leaked()" in failure
    assert "error = " not in failure and "result = " not in failure
    assert "FAILED test_many.py::Test::test_2 - yagot.LeakError: LEAK: " in out


def test_pytests_section_of_errors(project):
    project.write("test_many.py", MANY)
    out = project.python(*PYTEST, "--junitxml=pytest.xml", check=1).stdout
    errors = out.partition(" ERRORS ")[2].partition(" yagot ")[0]
    assert re.findall("ERROR at teardown of (.*?) _", errors) == ["Test.test_1", "Test.test_3"]
    assert "printed" not in errors and "Traceback" not in errors
    assert "yagot: 2 more errors for the causes that are described above" in out
    summary = out.partition("short test summary")[2]
    assert all(f"ERROR test_many.py::Test::test_{n} - Failed: LEAK: " in summary for n in (1, 2, 3, 4))
    cases = ElementTree.parse(project.path / "pytest.xml").iter("testcase")
    assert all("LEAK: " in case.find("error").text for case in cases)
    out = project.python(*PYTEST, "-v", check=1).stdout
    errors = out.partition(" ERRORS ")[2].partition(" yagot ")[0]
    assert errors.count("ERROR at teardown of") == 4 and errors.count(WHOLE) == 4


def test_between_processes(project):
    """Each process describes a cause for itself: one of the texts is shown."""
    start = textwrap.dedent(MANY).partition("    def test_1")[0]
    project.write("test_many.py", start + "".join(f"    def test_{n}(self): Node()\n" for n in range(8)))
    out = project.python(*PYTEST, "-n2", check=1).stdout
    assert out.count(WHOLE) == 1 and "7 more errors" in out and "8 errors" in out


TWO = """
    class Node:
        def __init__(self):
            self.me = self

    class Other:
        def __init__(self):
            self.me = self

    def test_0(): Node()
    def test_1(): Node()
    def test_2(): Node(); Other()
    def test_3(): Node(); Other()
    def test_4(): Node(); Other()
    def test_5(): Node(); Other()
"""


def described_in(errors):
    """The tests whose texts describe a cause, by the first line of the description."""
    texts = re.split("ERROR at teardown of ", errors)[1:]
    return {line: text.split()[0] for text in texts for line in re.findall(r"→ the same (test_many\.\w+)", text)}


@pytest.mark.parametrize("options", [["-n2"], ["--reruns", "1"]])
def test_what_is_referred_to_was_shown(project, options):
    """Whatever another process, or a run of a test that does not count, has described."""
    pytest.importorskip("xdist" if options == ["-n2"] else "pytest_rerunfailures")
    project.write("test_many.py", TWO)
    out = project.python(*PYTEST, *options, "--junitxml=pytest.xml", check=1).stdout
    errors = out.partition(" ERRORS ")[2].partition(" yagot ")[0]
    shown = described_in(errors)
    assert set(shown) == {"test_many.Node", "test_many.Other"} and errors.count("→ the same ") == 2
    assert out.count("Failed: LEAK: ") == 6
    texts = [error.text for error in ElementTree.parse(project.path / "pytest.xml").iter("error")]
    named = re.findall(r"test_many\.py::(\w+)", " ".join(re.findall("same causes? as in .*", " ".join(texts))))
    assert len(texts) == 6 and named and set(named) <= set(shown.values())


FAILING = """
    import pytest

    class Node:
        def __init__(self):
            self.me = self

    @pytest.fixture
    def broken():
        yield
        raise ValueError("broken")

    def test_1():
        Node()

    def test_2(broken):
        print("printed by test_2")
        Node()

    @pytest.mark.yagot_expect(type="*.Other")
    def test_3():
        pass
"""


def test_other_errors_are_shown_whole(project):
    project.write("test_many.py", FAILING)
    out = project.python(*PYTEST, check=1).stdout
    errors = out.partition(" ERRORS ")[2].partition(" yagot ")[0]
    assert re.findall("ERROR at teardown of (.*?) _", errors) == ["test_1", "test_2", "test_3"]
    assert "printed by test_2" in errors and "ValueError: broken" in errors and "LEAK GONE" in errors
    assert "more error" not in out


DIFFERENT = """
    import unittest

    class Node:
        def __init__(self, value):
            self.items = {f"key {value}": self, "value": value}

    def keep(line):
        try:
            if line == 1:
                raise KeyError("one")
            raise KeyError("two")
        except KeyError as error:
            kept = error
            if line == 1:
                return
            return

    class Test(unittest.TestCase):
        def test_1(self):
            items = [1]
            items.append(items)
            Node(1)
            keep(1)

        def test_2(self):
            items = [1, 2]
            items.append(items)
            Node(2)
            keep(2)
"""


def test_a_further_test_says_what_is_true_of_it(project):
    """Indices, keys, contents and lines are the first one's."""
    project.write("test_many.py", DIFFERENT)
    options = ["--json", "out.json", "--junit-xml", "out.xml", "--html", "out.html", "--markdown", "out.md"]
    err = project.yagot(*options, "test_many", check=1).stderr
    assert "same causes as in test_many.Test.test_1" in err.partition("FAIL: test_2 ")[2]
    first, second = json.loads((project.path / "out.json").read_text())["tests"]
    shown = [{str(finding["cycle"]): finding for finding in test["findings"]} for test in (first, second)]
    assert {"['list[1]']", """["test_many.Node.items['key 1']"]"""} < shown[0].keys()
    assert {"['list[…]']", "['test_many.Node.items[…]']"} < shown[1].keys()
    assert not any(finding["further"] for finding in first["findings"])
    assert all(finding["further"] for finding in second["findings"])
    steps = [step for finding in second["findings"] for step in finding["steps"]]
    assert not any(step["contents"] or step["line"] or step["made"] for step in steps)
    assert {finding["cut"] and finding["cut"]["frees"] for finding in second["findings"]} == {None, 0}
    assert [["attribute", "items"], ["item", ""]] in [step["edges"] for step in steps]
    text = next(
        case.find("failure").text
        for case in ElementTree.parse(project.path / "out.xml").iter("testcase")
        if case.get("name") == "test_2"
    )
    assert "→ frame of keep (test_many.py)" in text and "test_many.py:9 (as for the first finding" in text
    assert "key 1" not in text and "[1]" not in text and "1 item" not in text
    page, markdown = ((project.path / f"out.{kind}").read_text() for kind in ("html", "md"))
    assert "key 1" in page and "key 1" in markdown and "key 2" not in page + markdown


VARIANTS = """
    import unittest

    class Node:
        def __init__(self):
            self.me = self

    class Test(unittest.TestCase):
        def test_1(self):
            class First(Node):
                pass
            First()

        def test_2(self):
            class Second(Node):
                pass
            Second()
"""


@pytest.mark.parametrize("options, cuts", [([], 1), (["-v"], 2)])
def test_with_details_each_variant_has_its_advice(project, options, cuts):
    project.write("test_variants.py", VARIANTS)
    result = project.yagot(*options, "test_variants", check=1)
    assert result.stderr.count("Cut: .me of ") == cuts
