"""The same finding in every report: its cause, the reference to cut, the line to edit, and what to write there."""

import html
import json
import re

import pytest
from lxml import etree
from support import needs_blocks

from yagot.report.wording import cut_text, gist_text, legend, references_text, snippet_lines, summary_text
from yagot.values import from_json

SUITE = """
    import functools
    import unittest

    class Basket:
        def __init__(self):
            self.on_change = self.update

        def update(self):
            return self.on_change is not None

    class Element:
        def __init__(self, parent, document):
            self.parent = parent
            self.document = document
            parent.by_name[id(self)] = self
            document.elements.append(self)

    class Owner:
        def __init__(self):
            self.by_name, self.elements = {}, []

    class Panel:
        def __init__(self):
            self.show = functools.partial(print, self)

    class Test(unittest.TestCase):
        def test_method(self):
            basket = Basket()
            basket.update()

        def test_call(self):
            panel = Panel()
            self.assertTrue(panel.show)

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
@pytest.mark.parametrize("name", ["test_call", "test_method", "test_two_references"])
def test_cut_line_and_snippet(written, report, name):
    texts, findings, _, _ = written
    cut = findings[name]["cut"]
    lines = [line.strip() for line in texts[report].splitlines()]
    while cut is not None:
        assert f"{cut['reference']} of {cut['object']}, test_shop.py:{cut['line']}" in texts[report]
        assert all(line in lines for line in f"{cut['snippet']}\n{cut['call']}".splitlines())
        cut = cut["also"]
    assert (findings[name]["cut"]["also"] is not None) == (name == "test_two_references")
    called = "self.addCleanup(panel.close)  # after line 33"
    assert findings[name]["cut"]["call"] == (called if name == "test_call" else "")


def test_the_cut_is_data(written):
    cut = written[1]["test_method"]["cut"]
    assert cut.pop("frees") == written[1]["test_method"]["objects"]
    assert cut == {
        "kind": "method",
        "object": "Basket",
        "reference": ".on_change",
        "file": "test_shop.py",
        "line": 7,
        "snippet": "self.on_change = weakref.WeakMethod(self.update)\nimport weakref  # at the top of the file",
        "call": "",
        "also": None,
    }


def test_messages_have_the_cycle(written):
    assert sorted(message.partition(": ")[2].partition(":")[0] for message in written[2]) == [
        "Basket.update.__self__ → Basket.on_change → Basket.update",
        "Element.document → Owner.elements[0] → Element",
        "list_iterator over [0] → list_iterator",
        "partial.args[0] → Panel.show → partial",
    ]


def test_annotations_are_at_the_line_to_edit(written):
    _, findings, _, commands = written
    lines = {int(re.search(r"file=test_shop\.py,line=(\d+)", command)[1]) for command in commands}
    assert len(commands) == 4 and {f["cut"]["line"] for f in findings.values() if f["cut"]} <= lines


@pytest.mark.parametrize("report", REPORTS)
def test_the_words_are_explained(written, report):
    text = written[0][report]
    assert "only the garbage collector can release the objects" in text
    more = "How to read a report" if report == "html" else "more: https://ci.example.org/yagot/guide/reading.html"
    assert more in text


KINDS = """
    import ctypes
    import unittest

    class Basket:
        def __init__(self):
            self.on_change = self.update

        def update(self):
            return self.on_change

    class Node:
        pass

    class Stubborn:
        kept = []

        def __del__(self):
            self.kept.append(self)

    class Held:
        pass

    def fail():
        error = None
        try:
            1 / 0
        except ZeroDivisionError as failure:
            error = failure
        return str(error)

    def take(it):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(it))

    class Test(unittest.TestCase):
        def test_cycle(self):
            one, two = Node(), Node()
            one.other, two.other = two, one

        def test_exception(self):
            fail()

        def test_callback(self):
            Basket().update()

        def test_uncollectable(self):
            it = Stubborn()
            it.me = it

        def test_native(self):
            take(Held())
"""
GROWS = """
    import unittest

    class Item:
        pass

    SEEN = []

    class Test(unittest.TestCase):
        def test_growth(self):
            SEEN.append(Item())
"""
UNSURE = """
    import ctypes
    import unittest

    class Held:
        pass

    class Test(unittest.TestCase):
        def test_suspected(self):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(Held()))
"""
ALL_KINDS = ("cycle", "exception", "callback", "uncollectable", "native", "growth")


def without_markup(project, result):
    """What each report says, with single blanks and without its own marks."""
    read = {name: (project.path / file).read_text(encoding="utf-8") for name, file in OPTIONS.items()}
    errors = [line for line in result.stderr.splitlines() if line.startswith("::")]
    texts = {
        "text": "\n".join(line for line in (result.stdout + result.stderr).splitlines() if line not in errors),
        "junit": "\n".join(etree.fromstring(read["junit-xml"].encode()).itertext()),
        "html": html.unescape(re.sub(r"<[^>]*>", "", re.sub(r"<svg.*?</svg>", "", read["html"], flags=re.S))),
        "markdown": html.unescape(read["markdown"]).replace("\\", ""),
        "annotations": "\n".join(errors).replace("%0A", "\n").replace("%25", "%"),
    }
    return {name: " ".join(text.split()) for name, text in texts.items()}


@pytest.fixture(scope="module", params=RUNNERS)
def of_all_kinds(request, module_project):
    """The reports of runs with one finding of each kind, by the finding's name; and the findings as data."""
    project, runner = module_project, RUNNERS[request.param]
    dashes = "--yagot-" if request.param == "pytest" else "--"
    texts, findings = {}, {}
    runs = {
        "test_kinds": (KINDS, [f"{dashes}confirm"], 1),
        "test_grows": (GROWS, [f"{dashes}repeat", "1:4"], 1),
        "test_unsure": (UNSURE, [], 0),
    }
    for module, (suite, options, status) in runs.items():
        project.write(f"{module}.py", suite)
        file = f"{module}.py" if request.param == "pytest" else module
        result = project.python(*runner, *options, file, env={"GITHUB_ACTIONS": "true"}, check=status)
        for test in json.loads((project.path / "out.json").read_text(encoding="utf-8"))["tests"]:
            for finding in from_json(test).findings:
                name = re.split(r"[.:]", test["id"].removesuffix(" [later]"))[-1].removeprefix("test_")
                findings[name] = (finding, test)
                texts[name] = without_markup(project, result)
    return texts, findings


@needs_blocks
@pytest.mark.parametrize("report", REPORTS)
@pytest.mark.parametrize("name", ALL_KINDS)
def test_every_report_says_the_same(of_all_kinds, report, name):
    (finding, test), text = of_all_kinds[1][name], of_all_kinds[0][name][report]
    assert finding.verdict == "leak"
    for said in (summary_text(finding), gist_text(finding), references_text(finding), cut_text(finding)):
        assert " ".join(said.split()) in text
    assert finding.why in text
    for sentence in finding.advice.split("; and "):
        assert sentence in text
    assert all(" ".join(line.split()) in text for line in snippet_lines(finding))
    assert all(meaning in text for meaning in legend([finding]).split("; ")) or report == "html"
    assert test["id"] in text or report == "annotations"
    line = finding.cut.line if finding.cut is not None else test["line"]
    assert report != "annotations" or f"line={line},title=" in text


@needs_blocks
def test_what_is_suspected_is_said_but_fails_nothing(of_all_kinds):
    texts, findings = of_all_kinds
    [finding, _] = findings["suspected"]
    assert finding.verdict == "suspected"
    said = {report: references_text(finding) in text for report, text in texts["suspected"].items()}
    assert said["junit"] and said["html"] and not said["annotations"]
    for report in ("text", "markdown"):
        assert "suspected: 1 object with references that nobody holds, not confirmed" in texts["suspected"][report]


LIBRARY = """
    import sys

    class Result:
        def __init__(self, error, exc_info):
            self.error = error
            self.exc_info = exc_info

    def invoke(function):
        error = exc_info = None
        try:
            function()
        except Exception as exc:
            error = exc
            exc_info = sys.exc_info()
        return Result(error, exc_info)
"""
PARTLY = """
    import library, unittest

    class Test(unittest.TestCase):
        def test(self):
            result = library.invoke(lambda: 1 / 0)
            assert result.error
"""


@pytest.mark.parametrize("runner", RUNNERS)
def test_a_cut_that_frees_a_part(project, runner):
    """What is left is a cycle of a package."""
    project.write("site-packages/library.py", LIBRARY)
    project.write("test_partly.py", PARTLY)
    env = {"GITHUB_ACTIONS": "true", "PYTHONPATH": str(project.path / "site-packages")}
    file = "test_partly.py" if runner == "pytest" else "test_partly"
    counted = ("--yagot-disable-rules" if runner == "pytest" else "--disable-rules", "framework-scaffold")
    texts = without_markup(project, project.python(*RUNNERS[runner], *counted, file, env=env, check=1))
    test = json.loads((project.path / "out.json").read_text(encoding="utf-8"))["tests"][0]
    [cut] = [finding["cut"] for finding in test["findings"]]
    assert (cut["reference"], cut["frees"]) == ("local 'result'", 0)
    for report in REPORTS:
        assert f"local 'result' of {cut['object']}, test_partly.py:7 (leaves a cycle" in texts[report], report
        assert "a cycle is left that is not the project's (frame library.invoke)" in texts[report], report
