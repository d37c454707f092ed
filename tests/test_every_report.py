"""The same finding in every report: its cause, the reference to cut, the line to edit, and what to write there."""

import html
import json
import re

import pytest
from lxml import etree

SUITE = """
    import unittest

    class Basket:
        def __init__(self):
            self.on_change = self.update

        def update(self):
            return self.on_change

    class Element:
        def __init__(self, parent, document):
            self.parent = parent
            self.document = document
            parent.by_name[id(self)] = self
            document.elements.append(self)

    class Owner:
        def __init__(self):
            self.by_name, self.elements = {}, []

    class Test(unittest.TestCase):
        def test_method(self):
            basket = Basket()
            basket.update()

        def test_two_references(self):
            section, document = Owner(), Owner()
            Element(section, document)

        def test_none(self):
            items = [None]
            items[0] = iter(items)
"""
OPTIONS = {"json": "out.json", "junit-xml": "out.xml", "html": "out.html", "markdown": "out.md"}
RUNNERS = {
    "yagot": ["-m", "yagot", "run", *(text for name, file in OPTIONS.items() for text in (f"--{name}", file))],
    "pytest": ["-m", "pytest", "-q", "--yagot", *(f"--yagot-{name}={file}" for name, file in OPTIONS.items())],
}


@pytest.fixture(scope="module", params=RUNNERS)
def written(request, module_project):
    """What each report says, as text without markup, and the findings as data."""
    project = module_project
    project.write("test_shop.py", SUITE)
    env = {"GITHUB_ACTIONS": "true", "YAGOT_DOCS": "https://ci.example.org/yagot/"}
    result = project.python(*RUNNERS[request.param], env=env, check=1)
    commands = [line for line in result.stderr.splitlines() if line.startswith("::error ")]
    page = (project.path / "out.html").read_text(encoding="utf-8")
    texts = {
        "text": "\n".join(line for line in (result.stdout + result.stderr).splitlines() if line not in commands),
        "junit": "\n".join(etree.parse(project.path / "out.xml").getroot().itertext()),
        "html": html.unescape(re.sub(r"<[^>]*>", "", page)),
        "markdown": html.unescape((project.path / "out.md").read_text(encoding="utf-8")).replace("\\", ""),
        "annotations": "\n".join(commands).replace("%0A", "\n").replace("%25", "%"),
    }
    findings = {}
    for test in json.loads((project.path / "out.json").read_text(encoding="utf-8"))["tests"]:
        for finding in test["findings"]:
            findings[re.split(r"\.|::", test["id"])[-1]] = finding
    messages = [e.get("message") for e in etree.parse(project.path / "out.xml").iter("failure", "error")]
    return texts, findings, messages, commands


REPORTS = ("text", "junit", "html", "markdown", "annotations")


@pytest.mark.parametrize("report", REPORTS)
@pytest.mark.parametrize("name", ["test_method", "test_two_references"])
def test_cut_line_and_snippet(written, report, name):
    texts, findings, _, _ = written
    cut = findings[name]["cut"]
    lines = [line.strip() for line in texts[report].splitlines()]
    while cut is not None:
        assert f"{cut['reference']} of {cut['object']}, test_shop.py:{cut['line']}" in texts[report]
        assert all(line in lines for line in cut["snippet"].splitlines())
        cut = cut["also"]
    assert (findings[name]["cut"]["also"] is not None) == (name == "test_two_references")


def test_the_cut_is_data(written):
    cut = written[1]["test_method"]["cut"]
    assert cut.pop("frees") == written[1]["test_method"]["objects"]
    assert cut == {
        "kind": "method",
        "object": "Basket",
        "reference": ".on_change",
        "file": "test_shop.py",
        "line": 6,
        "snippet": "self.on_change = weakref.WeakMethod(self.update)",
        "also": None,
    }


def test_messages_have_the_cycle(written):
    assert sorted(message.partition(": ")[2].partition(":")[0] for message in written[2]) == [
        "Basket.update.__self__ → Basket.on_change → Basket.update",
        "Element.document → Owner.elements[0] → Element",
        "list_iterator over [0] → list_iterator",
    ]


def test_annotations_are_at_the_line_to_edit(written):
    _, findings, _, commands = written
    lines = {int(re.search(r"file=test_shop\.py,line=(\d+)", command)[1]) for command in commands}
    assert len(commands) == 3 and {f["cut"]["line"] for f in findings.values() if f["cut"]} <= lines


@pytest.mark.parametrize("report", REPORTS)
def test_the_words_are_explained(written, report):
    text = written[0][report]
    assert "only the garbage collector can release the objects" in text
    more = "How to read a report" if report == "html" else "more: https://ci.example.org/yagot/guide/reading.html"
    assert more in text
