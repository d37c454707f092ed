"""Ctrl-C at any moment: the reports are whole and name the interrupted test; the exit status is the framework's."""

import json

import pytest
from lxml import etree

STOPS = """
    import os
    import signal
    import unittest

    class Node:
        def __repr__(self):
            {in_repr}
            return "Node"

    class TestAll(unittest.TestCase):
        def test_1_passes(self):
            pass

        def test_2_stops(self):
            node = Node()
            node.me = node
            {in_test}

        def test_3_never(self):
            pass
    """
INTERRUPT = "os.kill(os.getpid(), signal.SIGINT)"
FILES = ("--yagot-json=out.json", "--yagot-junit-xml=out.xml")

COMMANDS = {
    "unittest": ["-m", "yagot", "run", "--repr", "--json=out.json", "--junit-xml=out.xml", "test_all"],
    "pytest": ["-m", "pytest", "-q", "--yagot", "--yagot-repr", *FILES, "test_all.py"],
    "xdist": ["-m", "pytest", "-q", "-n1", "--yagot", "--yagot-repr", *FILES, "test_all.py"],
    "nose": ["-m", "nose", "--with-yagot", "--yagot-repr", *FILES, "test_all.py"],
    "nose2": ["-m", "nose2", "--plugin", "yagot.plugins.nose2", "--yagot", "--yagot-repr", *FILES, "test_all"],
}
PLAIN = {
    "unittest": ["-m", "unittest", "test_all"],
    "pytest": ["-m", "pytest", "-q", "test_all.py"],
    "xdist": ["-m", "pytest", "-q", "-n1", "test_all.py"],
    "nose": ["-m", "nose", "test_all.py"],
    "nose2": ["-m", "nose2", "test_all"],
}


def outcomes(project):
    tests = json.loads((project.path / "out.json").read_text())["tests"]
    return [(test["id"].replace("::", ".").rpartition(".")[2], test["outcome"]) for test in tests]


@pytest.mark.parametrize("where", ["test", "repr"])
@pytest.mark.parametrize("name", COMMANDS)
def test_the_interrupted_test_is_named(project, schema, name, where):
    project.write(
        "test_all.py",
        STOPS.format(
            in_repr=INTERRUPT if where == "repr" else "pass", in_test=INTERRUPT if where == "test" else "pass"
        ),
    )
    checked = project.python(*COMMANDS[name])
    assert outcomes(project) == [("test_1_passes", "passed"), ("test_2_stops", "interrupted")], checked.stderr
    cases = list(schema(project.path / "out.xml").iter("testcase"))
    assert [case.get("name").removesuffix(" [leak]") for case in cases] == ["test_1_passes", "test_2_stops"]
    assert [child.get("type") for case in cases for child in case] in (["yagot.Interrupted"], ["yagot.NotChecked"])
    if where == "test":  # without --repr nothing interrupts
        assert checked.returncode == project.python(*PLAIN[name]).returncode


def test_in_a_fixture(project):
    project.write("test_all.py", """
        import pytest

        @pytest.fixture
        def stops():
            yield
            raise KeyboardInterrupt

        def test_1_passes(): pass
        def test_2_stops(stops): pass
        def test_3_never(): pass
        """)
    assert project.python(*COMMANDS["pytest"]).returncode == 2
    assert outcomes(project) == [("test_1_passes", "passed"), ("test_2_stops", "interrupted")]


EVERY_LINE = """
    import json
    import os
    import sys

    from yagot.__main__ import main

    def run(at):
        '''Ctrl-C at the so manyth line of yagot's after the first test has begun; the number of lines left.'''
        count = 0

        def trace(frame, event, arg):
            nonlocal count
            if PLACE not in frame.f_code.co_filename:
                return None
            if event == "line" and begun():
                count += 1
                if count == at:
                    sys.settrace(None)
                    raise KeyboardInterrupt
            return trace

        sys.settrace(trace)
        try:
            main(["run", "--json=out.json", "--junit-xml=out.xml", "-q", "test_all"])
        except KeyboardInterrupt:
            os._exit(1)
        finally:
            sys.settrace(None)
        os._exit(0 if count < at else 2)

    def begun():
        return "test_all" in sys.modules and sys.modules["test_all"].BEGUN

    PLACE = os.sep.join(["yagot", sys.argv[1]])
    at, step = 1, int(sys.argv[2])
    while True:
        child = os.fork()
        if child == 0:
            sys.stderr = open(os.devnull, "w")
            run(at)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with open("out.json") as file:
            print(at, status, [(test["id"][-1], test["outcome"]) for test in json.load(file)["tests"]])
        if status == 0:
            break
        at += step
    """


PLACES = [("observe", 7), ("observe/run.py", 1), ("testcase.py", 3), ("runner.py", 1)]


@pytest.mark.parametrize(("file", "step"), PLACES)
def test_at_every_line(project, schema, file, step):
    project.write("test_all.py", """
        import unittest

        BEGUN = []

        class TestAll(unittest.TestCase):
            def test_a(self):
                BEGUN.append(1)

            def test_b(self):
                pass
        """)
    project.write("every_line.py", EVERY_LINE)
    lines = project.python("every_line.py", file, step, check=0).stdout.splitlines()
    seen = set()
    for line in lines:
        _, status, tests = line.split(" ", 2)
        if status == "1":
            seen.add(tests)
    whole = "[('a', 'passed'), ('b', 'passed')]"
    assert lines[-1].endswith(f" 0 {whole}")
    assert seen <= {
        "[('a', 'interrupted')]", "[('a', 'passed')]", "[('a', 'passed'), ('b', 'interrupted')]", whole
    }, seen  # fmt: skip
    assert seen
    tree = etree.parse(str(project.path / "out.xml"))
    assert [case.get("name") for case in tree.iter("testcase")] == ["test_a", "test_b"]
