"""A saved run shown again, and what GitHub is told."""

import json
import re
import shutil

import pytest
from lxml import etree

SUITE = """
    import unittest

    class Node:
        def __init__(self):
            self.me = self

    class Pair:
        pass

    class TestSaved(unittest.TestCase):
        def test_one(self):
            Node()

        def test_two(self):
            Node()

        def test_pair(self):
            a, b = Pair(), Pair()
            a.other = b
            b.others = {'"\\n': [a]}
            a.load = bytes(10000)

        def test_clean(self):
            pass
    """


@pytest.fixture
def saved(project):
    """A project with a run's reports, out.json and out.md."""
    project.write("test_saved.py", SUITE)
    project.yagot("--json", "out.json", "--markdown", "out.md", "test_saved", check=1)
    return project


def yagot(project, *arguments, **keywords):
    return project.python("-m", "yagot", *arguments, **keywords)


def test_the_same_causes_and_totals_again(saved):
    shown = yagot(saved, "report", "out.json", check=0).stdout
    live = saved.yagot("--report-only", "test_saved", check=0).stderr
    assert shown.startswith("1. in 1 test, ") and "test_saved.Pair" in shown
    *lines, total, words = shown.splitlines()
    for line in (*lines, words):
        assert line in live
    assert total + " (reported only)" in live
    assert words.startswith("yagot: collected: only the garbage collector can release the objects")


def test_the_same_markdown_again(saved):
    yagot(saved, "report", "out.json", "--markdown", "again.md", check=0)
    assert (saved.path / "again.md").read_text() == (saved.path / "out.md").read_text()


def test_the_cycle_that_holds_most_as_a_graph(saved):
    lines = yagot(saved, "graph", "out.json", check=0).stdout.splitlines()
    assert lines[0] == "digraph cycle {" and lines[-1] == "}"
    assert sum(" -> " in line for line in lines) == 2
    assert sum("[label=" in line for line in lines) == 4  # 2 objects, 2 references
    assert '  n0 [label="test_saved.Pair"]' in lines


def test_a_cycle_by_its_signature(saved):
    report = json.loads((saved.path / "out.json").read_text())
    (one,) = next(test for test in report["tests"] if test["name"] == "test_one")["findings"]
    out = yagot(saved, "graph", "out.json", one["signature"], "--format", "mermaid", check=0).stdout
    assert 'n0["test#95;saved.Node"]' in out and '-->|".me"| n0' in out
    result = yagot(saved, "graph", "out.json", "000", check=2)
    assert result.stderr == "yagot: out.json: there is no cycle with the signature 000\n"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "[" * 100_000,
        lambda text: "[]",
        lambda text: text.replace('"version": 2', '"version": 9'),
        lambda text: text.replace('"held_bytes": ', '"held_bytes": "x", "x": '),
        lambda text: text.replace('"steps": [', '"steps": [4, '),
        lambda text: re.sub(r'"id": "[^"]*"', '"id": 7', text),
        lambda text: re.sub(r'"types": {[^}]*}', '"types": {"a": "b"}', text),
    ],
)
@pytest.mark.parametrize("command", ["report", "graph"])
def test_what_is_no_report_of_ours(saved, command, change):
    text = (saved.path / "out.json").read_text()
    assert change(text) != text
    (saved.path / "bad.json").write_text(change(text))
    result = yagot(saved, command, "bad.json", check=2)
    assert re.fullmatch("yagot: bad.json.*\n", result.stderr)
    assert not result.stdout


def test_a_report_of_the_version_before(saved):
    data = json.loads((saved.path / "out.json").read_text())
    data["version"] = 1
    for finding in (finding for test in data["tests"] for finding in test["findings"]):
        del finding["parts"], finding["subject"]
        for step in finding["steps"]:
            for name in ("kind", "module", "qualname", "general", "edges"):
                del step[name]
    (saved.path / "old.json").write_text(json.dumps(data))
    for command in (["report"], ["graph"], ["diff", "out.json"]):
        old = yagot(saved, *command, "old.json", check=0).stdout
        new = yagot(saved, *command, "out.json", check=0).stdout
        assert old.splitlines()[-1] == new.splitlines()[-1]


def test_files_that_are_not_there(saved):
    result = yagot(saved, "report", "no.json", check=2)
    assert result.stderr == "yagot: cannot read no.json: No such file or directory\n"
    result = yagot(saved, "report", "/dev/zero", check=2)
    assert result.stderr == "yagot: cannot read /dev/zero: a device, not a file\n"
    result = yagot(saved, "report", "out.json", "--markdown", "out.json/x.md", check=2)
    assert result.stderr.startswith("yagot: cannot write out.json/x.md")


RUNNERS = {
    "yagot": ["-m", "yagot", "run", "test_saved"],
    "pytest": ["-m", "pytest", "--yagot", "-q", "test_saved.py"],
    "xdist": ["-m", "pytest", "--yagot", "-q", "-n2", "test_saved.py"],
}


@pytest.mark.parametrize("name", RUNNERS)
def test_in_a_job_of_github(project, name):
    project.write("test_saved.py", SUITE)
    summary = project.write("summary.md", "## other steps\n")
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    result = project.python(*RUNNERS[name], env=env, check=1)
    errors = re.findall("^::error .*", result.stderr, re.M)
    assert len(errors) == 2  # one a cause
    for line in errors:
        assert re.match(r"::error file=test_saved.py,line=\d+,title=test_\w+ leaks::LEAK: \w+", line)
    assert any("%0A" in line and "Pair.other → Pair" in line for line in errors)
    text = summary.read_text()
    assert text.startswith("## other steps\n### yagot: 3 tests of 4 leaked, from 2 causes\n")


def test_a_summary_that_cannot_be_written_fails_nothing(project):
    project.write("test_x.py", "import unittest\nclass T(unittest.TestCase):\n    def test_x(self): pass\n")
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(project.path)}
    assert "::error" not in project.python("-m", "yagot", "run", "test_x", env=env, check=0).stderr


def test_two_runs_compared(saved):
    assert "2 causes: 0 new, 2 as before; 0 gone" in yagot(saved, "diff", "out.json", "out.json", check=0).stdout
    saved.yagot("--json", "one.json", "test_saved.TestSaved.test_one", check=1)
    result = yagot(saved, "diff", "one.json", "out.json", check=1)
    assert result.stdout.count("\nnew: ") + result.stdout.startswith("new: ") == 1
    result = yagot(saved, "diff", "out.json", "one.json", check=0)
    assert result.stdout.startswith("gone: ")
    assert "yagot: 1 cause: 0 new, 1 as before; 1 gone" in result.stdout
    result = yagot(saved, "diff", "out.json", "none.json", check=2)
    assert result.stderr == "yagot: cannot read none.json: No such file or directory\n"


@pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz's dot")
def test_a_cycle_drawn(saved):
    drawing = etree.fromstring(yagot(saved, "graph", "out.json", "--format", "svg", check=0).stdout)
    assert drawing.tag.endswith("svg") and "test_saved.Pair" in drawing.xpath("string()")


def test_a_drawing_without_graphviz(saved):
    result = yagot(saved, "graph", "out.json", "--format", "svg", env={"PATH": "/nowhere"}, check=2)
    assert result.stderr == "yagot: svg needs the package graphviz (pip install graphviz) and Graphviz's dot\n"


def test_the_slowest_checks(saved):
    err = saved.yagot("--show-slowest", "2", "test_saved", check=1).stderr
    lines = err[err.index("yagot: slowest checks:\n") :].splitlines()
    assert len(lines) == 3
    times = [float(line.split()[0]) for line in lines[1:]]
    assert times == sorted(times, reverse=True) and all(line.split()[1] == "ms" for line in lines[1:])
