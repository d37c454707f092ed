"""The Markdown report."""

import re

from yagot.report.drawings import inert

SUITE = """
    import unittest

    class Node:
        def __init__(self):
            self.me = self

    Evil = type("Evil<script>|`x`]\\n\\u202e" + "e" * 1000, (Node,), {})

    class TestMarkdown(unittest.TestCase):
        def test_one(self):
            Node()

        def test_two(self):
            Node()

        def test_evil(self):
            Evil()

        def test_clean(self):
            pass
    """


def test_totals_causes_and_graphs(project):
    project.write("test_md.py", SUITE)
    project.yagot("--markdown", "out.md", "test_md", check=1)
    text = (project.path / "out.md").read_text(encoding="utf-8")
    assert text.startswith("### yagot: 3 tests of 4 leaked, from 1 cause\n")
    assert re.search(r"\| test&#95;md.Node.me \| 3 \| 3 \| \d+ B \| [0-9a-f]{12} \|", text)
    assert re.search(r'n0\["test#95;md\.[^"]*"\]\n  n0 -->\|"\.me"\| n0\n```', text)  # the first of them is drawn
    assert re.search(r"\n- test&#95;md.py:\d+: test&#95;md.TestMarkdown.test&#95;one\n", text)


def test_hostile_names_are_inert(project):
    project.write("test_md.py", SUITE)
    project.yagot("--markdown", "out.md", "test_md", check=1)
    text = (project.path / "out.md").read_text(encoding="utf-8")
    assert "<script>" not in text and "\u202e" not in text and "`x`" not in text
    assert max(map(len, text.splitlines())) < 3000
    assert inert("a|b\n<c>") == "a&#124;b&#92;x0a&#60;c&#62;"


def test_no_leaks_and_no_place(project):
    project.write("test_md.py", "import unittest\nclass T(unittest.TestCase):\n    def test_x(self): pass\n")
    project.yagot("--markdown", "out.md", "test_md", check=0)
    assert (project.path / "out.md").read_text() == "### yagot: no leaks in 1 test\n"
    result = project.yagot("--markdown", "test_md.py/out.md", "test_md", check=2)
    assert result.stderr.startswith("yagot: cannot write test_md.py/out.md")
