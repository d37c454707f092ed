"""One suite under every framework."""

import json
import re
from pathlib import Path

import pytest
from leaky_suite import SUITE, verdicts
from lxml import etree

from yagot.model import Finding

SCHEMA = Path(__file__).parents[1] / "schemas" / "junit-10.xsd"

COMMANDS = {
    "pytest": ["-m", "pytest", "-q", "--yagot", "--yagot-json=out.json", "--yagot-junit-xml=out.xml", "test_all.py"],
    "xdist": [
        "-m", "pytest", "-q", "-n2", "--yagot", "--yagot-json=out.json", "--yagot-junit-xml=out.xml", "test_all.py",
    ],
    "loadfile": [
        "-m", "pytest", "-q", "-n2", "--dist=loadfile", "--yagot", "--yagot-json=out.json",
        "--yagot-junit-xml=out.xml", "test_all.py",
    ],
    "pynose": ["-m", "nose", "--with-yagot", "--yagot-json=out.json", "--yagot-junit-xml=out.xml", "test_all.py"],
    "nose2": [
        "-m", "nose2", "--plugin", "yagot.plugins.nose2", "--yagot", "--yagot-json=out.json",
        "--yagot-junit-xml=out.xml", "test_all",
    ],
    "django": ["-m", "django", "test", "--settings", "settings", "test_all"],
}  # fmt: skip


DJANGO = """
    SECRET_KEY = "x"
    TEST_RUNNER = "yagot.plugins.django.LeakCheckRunner"
    """


@pytest.mark.parametrize("name", COMMANDS)
def test_same_verdicts_and_causes(suite, expected, name):
    env = {}
    if name == "django":
        suite.write("settings.py", DJANGO)
        env = {"YAGOT_JSON": "out.json", "YAGOT_JUNIT_XML": "out.xml"}
    result = suite.python(*COMMANDS[name], env=env)
    assert result.returncode == 1, result.stdout + result.stderr
    found = verdicts(json.loads((suite.path / "out.json").read_text()))
    assert found == expected
    tree = etree.parse(str(suite.path / "out.xml"))
    etree.XMLSchema(etree.parse(str(SCHEMA))).assertValid(tree)
    # Django's report is the only one, so it has the failing test, too
    assert len(list(tree.iter("failure"))) == (17 if name == "django" else 16)
    assert "16 tests of 30 leaked" in result.stdout + result.stderr


FIRST = """
    import unittest

    class Node:
        def __init__(self):
            self.me = self

    def setUpModule():
        global node
        node = Node()

    def tearDownModule():
        global node
        node = None

    class Test(unittest.TestCase):
        def test(self):
            pass
"""


@pytest.mark.parametrize("name", ["pytest", "pynose", "nose2", "unittest"])
def test_what_was_made_before_the_first_test(project, name):
    project.write("test_all.py", FIRST)
    project.python(*COMMANDS.get(name, ["-m", "yagot", "run", "--json", "out.json", "test_all"]), check=1)
    tests = json.loads((project.path / "out.json").read_text())["tests"]
    found = {test["name"]: [each["cause"] for each in test["findings"]] for test in tests}
    assert found == {"test": [], "test [before]": ["test_all.Node.me"]}


def test_the_base_class_under_plain_unittest(suite, expected):
    """The same tests fail, for the same causes."""
    source = SUITE.replace("unittest.TestCase", "yagot.TestCase").replace("import unittest", "import unittest, yagot")
    suite.write("test_all.py", source)
    result = suite.python("-m", "unittest", "test_all", check=1, env={"YAGOT_DETAILS": "1"})
    parts = re.split(r"^={70}\n", result.stderr, flags=re.M)[1:]
    told = {re.match(r"FAIL: (\w+)", part)[1]: set(re.findall(r"signature (\w+)", part)) for part in parts}
    wanted = {
        name: {Finding(kind, cause, 0, {}, 0).signature for verdict, kind, cause in findings if verdict == "leak"}
        for name, (outcome, findings) in expected.items()
        if outcome == "failed" or any(finding[0] == "leak" for finding in findings)
    }
    assert told == wanted
