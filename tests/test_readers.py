"""The XML report as consumers see it: faithful readers (readers.py), and programs that read such files."""

import shutil
import subprocess
import sys
from pathlib import Path

import junitparser
import pytest
import readers
from lxml import etree

SUITE = """
    import os
    import unittest

    class Node:
        def __init__(self):
            self.me = self

    class TestTree(unittest.TestCase):
        def test_leak(self):
            Node()

        def test_clean(self):
            print("something")

        def test_fails(self):
            self.fail("no")

        def test_breaks(self):
            raise KeyError("gone")

        @unittest.skip("not now")
        def test_skipped(self):
            pass

    class TestSetUp(unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            raise RuntimeError("no database")

        def test_never(self):
            pass
    """


@pytest.fixture(scope="module", params=["xunit2", "xunit1"])
def report(request, module_project):
    project = module_project
    project.write("test_tree.py", SUITE)
    project.yagot(
        "--junit-xml", "results/", "--junit-family", request.param, "--junit-attachments", "results/files",
        "test_tree", env={"TOX_ENV_NAME": "py313"}, check=1,
    )  # fmt: skip
    path = project.path / "results" / "TEST-yagot-py313.xml"
    assert path.exists()
    return path


def by_name(shown):
    found = {case["name"]: case for case in shown}
    assert len(found) == len(shown)
    return found


STATUS = {
    "test_leak": "failed", "test_clean": "passed", "test_fails": "failed", "test_breaks": "failed",
    "test_skipped": "skipped", "setUpClass": "failed",
}  # fmt: skip


def test_jenkins(report):
    found = by_name(readers.jenkins(report))
    assert {name: case["status"] for name, case in found.items()} == STATUS
    leak = found["test_leak"]
    assert leak["class"] == "test_tree.TestTree" and leak["suite"] == "test_tree"
    assert leak["message"].startswith("LEAK: ") and "Node.me → Node" in leak["text"]
    assert "no database" in found["setUpClass"]["text"]
    assert [Path(path).suffix for path in leak["attachments"]] == [".svg", ".json"][shutil.which("dot") is None :]
    for path in leak["attachments"]:
        assert (report.parents[1] / path).stat().st_size > 100
    assert found["test_fails"]["attachments"] == []


def test_gitlab(report):
    found = by_name(readers.gitlab(report))
    assert {name: case["status"].replace("error", "failed") for name, case in found.items()} == STATUS
    assert found["test_leak"]["text"].startswith("LEAK: ")
    assert found["test_leak"]["attachment"].startswith("results/files/")


def test_azure(report):
    found = by_name(readers.azure(report))
    assert [name for name, case in found.items() if case["status"] == "Failed"] == [
        name for name in found if STATUS[name] == "failed"
    ]
    assert found["test_leak"]["message"].startswith("LEAK: ")
    assert "gone" in found["test_breaks"]["message"]


def test_dorny(report):
    found = by_name(readers.dorny(report))
    assert found["test_leak"]["line"].startswith("yagot.CollectedObjects: LEAK: ")
    assert found["test_clean"]["status"] == "success"


def test_mikepenz(report):
    found = {case["title"]: case for case in readers.mikepenz(report)}
    assert (found["test_leak"]["file"], found["test_leak"]["line"]) == ("test_tree.py", 10)
    assert found["test_fails"]["file"] == "test_tree.py"


def test_junitparser(report):
    xml = junitparser.JUnitXml.fromfile(str(report))
    assert (xml.tests, xml.failures, xml.errors, xml.skipped or 1) == (6, 2, 2, 1)
    cases = {case.name: case for suite in xml for case in suite}
    assert [type(result).__name__ for result in cases["test_leak"].result] == ["Failure"]
    assert cases["test_leak"].result[0].type == "yagot.CollectedObjects"


def test_junit2html(report, tmp_path):
    pytest.importorskip("junit2htmlreport")
    out = tmp_path / "out.html"
    subprocess.run([sys.executable, "-m", "junit2htmlreport", str(report), str(out)], check=True)
    text = etree.parse(str(out), etree.HTMLParser()).xpath("string()")
    assert "LEAK: " in text and "Node.me → Node" in text and "no database" in text


def test_attachments_of_families_and_paths(project):
    project.write("test_tree.py", SUITE)
    options = ["--junit-xml", "out.xml", "--junit-attachments", "files", "test_tree.TestTree.test_leak"]
    project.yagot(*options, "--junit-family", "ant", check=1)
    assert "ATTACHMENT" not in (project.path / "out.xml").read_text(encoding="utf-8")
    project.yagot(*options, check=1)
    assert (project.path / "files" / "leak-00001.json").exists()
    result = project.yagot("--junit-xml", "out.xml", "--junit-attachments", "a]b", "test_tree", check=2)
    assert result.stderr.startswith("yagot: cannot write a]b: ") and result.stderr.count("\n") == 1
    (project.path / "file").write_text("")
    result = project.yagot("--junit-xml", "out.xml", "--junit-attachments", "file/x", "test_tree", check=2)
    assert result.stderr.startswith("yagot: cannot write file/x") and result.stderr.count("\n") == 1
