"""The page."""

import json
import os
import re
import shutil
import subprocess

import pytest
from lxml import html
from support import needs_counts

SUITE = """
    import unittest

    class Node:
        def __init__(self):
            self.me = self

    Evil = type(
        "Evil</script><script>window.evil = 1</script>\\n\\u202e{{ 7*7 }}" + "e" * 1000000,
        (), {"__init__": Node.__init__})

    class TestPage(unittest.TestCase):
        def test_one(self):
            Node()

        def test_two(self):
            Node()

        def test_evil(self):
            Evil()

        def test_note(self):
            class Made:
                pass

        def test_clean(self):
            pass
    """


@pytest.fixture
def page(project):
    """A project with out.html and out.json."""
    project.write("test_page.py", SUITE)
    project.yagot("--html", "out.html", "--json", "out.json", "test_page", check=1)
    return project


def load(project, name="out.html"):
    return html.fromstring((project.path / name).read_text(encoding="utf-8"))


def summaries(tree):
    return [" ".join(summary.text_content().split()) for summary in tree.iter("summary")]


@needs_counts
def test_causes_with_their_tests(page):
    tree = load(page)
    assert tree.findtext(".//h1/span") == "3 tests of 5 leaked, from 2 causes"
    assert len(tree.xpath("//details[@class='cause']")) == 3
    assert sum("note" in text for text in summaries(tree)) == 1
    cause = r"test_page.Node.me leak 2 tests, 2 objects, \d+ B"
    assert any(re.fullmatch(cause, text) for text in summaries(tree))
    items = [item.text_content() for item in tree.iter("li")]
    assert any(re.fullmatch(r"test_page.py:\d+: test_page.TestPage.test_one", item) for item in items)


def test_no_network_and_nothing_hostile(page):
    text = (page.path / "out.html").read_text(encoding="utf-8")
    tree = load(page)
    assert not tree.xpath("//*[@src or @href]") and "@import" not in text
    assert not tree.xpath("//link") and len(tree.xpath("//script")) == 1
    assert "\u202e" not in text and "{{ 7*7 }}" in text
    assert len(text) < 100_000


def test_the_same_page_from_the_saved_run(page):
    page.python("-m", "yagot", "report", "out.json", "--html", "again.html", check=0)
    assert (page.path / "again.html").read_text() == (page.path / "out.html").read_text()


@needs_counts
def test_compared_with_an_earlier_run(page):
    report = json.loads((page.path / "out.json").read_text())
    for test in report["tests"]:
        if test["name"] == "test_evil":
            test["findings"][0]["cause"] = "an.old.one"
    (page.path / "old.json").write_text(json.dumps(report))
    page.python("-m", "yagot", "report", "out.json", "--html", "new.html", "--previous", "old.json", check=0)
    tree = load(page, "new.html")
    (told,) = [p.text_content() for p in tree.iter("p") if p.text_content().startswith("The run before")]
    assert " ".join(told.split()).endswith("1 cause new since, 1 gone.")
    assert [d.get("data-new") for d in tree.iter("details")].count("yes") == 2  # and the note is not of the leaks
    assert tree.xpath("//h2[2]/following-sibling::ul//code/text()") == ["an.old.one"]


def test_without_graphviz_the_steps_are_there(page):
    page.python("-m", "yagot", "report", "out.json", "--html", "bare.html", env={"PATH": ""}, check=0)
    assert not load(page, "bare.html").findall(".//svg")
    assert load(page, "bare.html").findall(".//ol")


@needs_counts
@pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz's dot")
def test_cycles_are_drawn(page):
    tree = load(page)
    assert len(tree.findall(".//svg")) == 3
    assert any("test_page.Node" in drawing.text_content() for drawing in tree.iter("svg"))


def test_a_missing_package_is_one_line(project):
    project.write("jinja2.py", "raise ImportError('no', name='jinja2')")
    project.write("test_page.py", SUITE)
    result = project.yagot("--html", "out.html", "test_page", check=2)
    assert result.stderr == "yagot: html: jinja2 is missing: pip install jinja2 graphviz\n"
    result = project.python("-m", "pytest", "--yagot", "--yagot-html", "out.html", "test_page.py", check=4)
    assert "yagot: html: jinja2 is missing" in result.stderr


def test_no_leaks(project):
    project.write("test_x.py", "import unittest\nclass T(unittest.TestCase):\n    def test_x(self): pass\n")
    project.yagot("--html", "out.html", "test_x", check=0)
    assert load(project).findtext(".//h1/span") == "no leaks in 1 test"
    assert project.yagot("--html", "test_x.py/out.html", "test_x", check=2).stderr.startswith("yagot: cannot write")


@needs_counts
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
def test_in_a_browser(page):
    """Scripts of hostile names do not run, ours does and complains of nothing."""
    text = (page.path / "out.html").read_text(encoding="utf-8")
    probe = """<script>
        document.getElementById("text").value = "NODE.me";
        filter();
        document.title = `${window.evil}|${document.getElementById("count").textContent}`;
        </script></body>"""
    (page.path / "probed.html").write_text(text.replace("</body>", probe), encoding="utf-8")
    result = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom",
         f"--user-data-dir={page.path}/profile", f"file://{page.path}/probed.html"],
        capture_output=True, text=True, timeout=120,
        env={name: value for name, value in os.environ.items() if name != "LD_PRELOAD"} | {"HOME": str(page.path)},
    )  # fmt: skip
    assert html.fromstring(result.stdout).findtext(".//title") == "undefined|1 of 3 causes"
    assert "CONSOLE" not in result.stderr
