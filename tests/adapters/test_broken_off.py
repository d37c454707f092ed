"""Runs that do not come to their end: no report looks as if all had gone well, and none is lost."""

import json
import subprocess
import sys

import pytest
from test_interrupted import COMMANDS, PLAIN

SUITE = """
    import os
    import shutil
    import signal
    import unittest

    def reach(place):
        if place == PLACE:
            {stop}

    PLACE = "{place}"

    def setUpModule():
        reach("setUpModule")

    def tearDownModule():
        reach("tearDownModule")

    class TestA(unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            reach("setUpClass")

        @classmethod
        def tearDownClass(cls):
            reach("tearDownClass")

        def test_1(self):
            reach("test")

        def test_2(self):
            pass

    class TestB(unittest.TestCase):
        def test_3(self):
            pass
    """
PLACES = {"setUpModule": 0, "setUpClass": 0, "tearDownClass": 2, "tearDownModule": 3}
"""Where a run may be stopped between tests, and how many are over by then."""


def outcomes(project):
    tests = json.loads((project.path / "out.json").read_text())["tests"]
    return {test["id"].replace("::", ".").rpartition(".")[2]: test["outcome"] for test in tests}


@pytest.mark.parametrize("streams", ["2>&-", "2>/dev/full", "1>/dev/full 2>/dev/full"])
@pytest.mark.parametrize("name", ["unittest", "pytest", "nose", "nose2"])
def test_streams_that_cannot_be_written(project, schema, name, streams):
    project.write("test_all.py", SUITE.format(place="", stop="pass"))
    plain, checked = (
        subprocess.run(
            ["sh", "-c", f'exec "$@" {streams}', "sh", sys.executable, *commands[name]],
            cwd=project.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ).returncode
        for commands in (PLAIN, COMMANDS)
    )  # fmt: skip
    assert checked == plain
    tree = schema(project.path / "out.xml")
    assert len(list(tree.iter("error"))) >= (plain != 0)
    if (project.path / "out.json").exists():  # pytest, and nose on some Pythons, may not get so far
        assert (set(outcomes(project).values()) == {"passed"}) == (plain == 0)
    else:
        assert name in ("pytest", "nose") and plain != 0


@pytest.mark.parametrize("name", ["unittest", "nose", "nose2"])
def test_an_exit_in_a_fixture(project, schema, name):
    project.write("test_all.py", SUITE.format(place="tearDownClass", stop="raise SystemExit(0)"))
    plain, checked = (project.python(*commands[name]) for commands in (PLAIN, COMMANDS))
    assert checked.returncode == plain.returncode
    tree = schema(project.path / "out.xml")
    assert [error.get("message") for error in tree.iter("error")] == ["the run broke off: SystemExit: 0"]
    assert outcomes(project) == {"test_1": "passed", "test_2": "passed", "the run": "error"}


@pytest.mark.parametrize("told", ["SystemExit: 4", "OSError: no"])
def test_an_exception_while_tests_are_loaded(project, schema, told):
    project.write("test_all.py", {"S": "raise SystemExit(4)", "O": "raise OSError('no')"}[told[0]])
    plain, checked = (project.python(*commands["unittest"]) for commands in (PLAIN, COMMANDS))
    assert checked.returncode == plain.returncode
    tree = schema(project.path / "out.xml")
    assert [error.get("message") for error in tree.iter("error")] == [f"the run broke off: {told}"]
    assert outcomes(project) == {"the run": "error"}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["unittest", "pytest", "nose", "nose2"])
def test_a_process_that_dies_between_tests(project, schema, name, place):
    project.write("test_all.py", SUITE.format(place=place, stop="os._exit(0)"))
    assert project.python(*COMMANDS[name]).returncode == 0
    errors = list(schema(project.path / "out.xml").iter("error"))
    assert [error.get("type") for error in errors] == ["yagot.Crash"]
    if name != "pytest":  # there fixtures are parts of tests
        assert errors[0].getparent().get("name") == "the run"
        assert len(list(errors[0].getroottree().iter("testcase"))) == PLACES[place] + 1


@pytest.mark.parametrize(("family", "name"), [("xunit1", "junit-10-2014.xsd"), ("ant", "ant.xsd")])
def test_such_a_process_in_each_family(project, schema, family, name):
    project.write("test_all.py", SUITE.format(place="tearDownClass", stop="os._exit(0)"))
    project.python(*COMMANDS["unittest"], "--junit-family", family)
    tree = schema(project.path / "out.xml", name)
    assert [case.get("name") for case in tree.iter("testcase")] == ["test_1", "test_2", "the run"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["unittest", "nose", "nose2"])
def test_interrupted_between_tests(project, schema, name, place):
    project.write("test_all.py", SUITE.format(place=place, stop="os.kill(os.getpid(), signal.SIGINT)"))
    plain, checked = (project.python(*commands[name]) for commands in (PLAIN, COMMANDS))
    assert checked.returncode == plain.returncode
    assert list(outcomes(project).values()) == ["passed"] * PLACES[place]
    assert len(list(schema(project.path / "out.xml").iter("testcase"))) == PLACES[place]


SETTINGS = 'SECRET_KEY = "x"\nTEST_RUNNER = "yagot.plugins.django.LeakCheckRunner"\n'


@pytest.mark.parametrize("name", ["unittest", "nose", "nose2", "django"])
def test_a_report_that_cannot_be_written_at_the_end(project, name):
    pytest.importorskip("django" if name == "django" else "nose")
    (project.path / "gone").mkdir()
    project.write("settings.py", SETTINGS)
    project.write("test_all.py", SUITE.format(place="test", stop='shutil.rmtree("gone")'))
    settings = {"YAGOT_JSON": "gone/out.json", "YAGOT_MARKDOWN": "out.md"}
    commands = {
        "unittest": ["-m", "yagot", "run", "test_all"],
        "nose": ["-m", "nose", "--with-yagot", "--with-xunit", "--xunit-file=theirs.xml", "test_all.py"],
        "nose2": ["-m", "nose2", "--plugin", "yagot.plugins.nose2", "--yagot", "--plugin", "nose2.plugins.junitxml",
                  "--junit-xml", "--junit-xml-path=theirs.xml", "test_all"],
        "django": ["-m", "django", "test", "--settings", "settings", "test_all"],
    }  # fmt: skip
    result = project.python(*commands[name], env=settings, check=2)
    complaints = [line for line in result.stderr.splitlines() if "gone" in line]
    assert complaints == ["yagot: cannot write gone/out.json: No such file or directory"]
    assert "yagot: no leaks in 3 tests\nyagot: report: out.md\n" in result.stderr
    assert (project.path / "out.md").read_text().startswith("### yagot: no leaks in 3 tests")
    if name.startswith("nose"):
        assert "test_3" in (project.path / "theirs.xml").read_text()
