"""Where code is: one rule for all reports, wherever the run begins."""

import json
import re
import sys

import pytest

SHOP = """
    class Node:
        def __init__(self):
            self.me = self
    """

LIBRARY = """
    def call(function):
        kept = None
        try:
            function()
        except ValueError as error:
            kept = error
        return kept
    """

TESTS = """
    import json
    import unittest

    import library
    import shop

    def parse():
        json.loads("{", object_hook=parse)

    class Test(unittest.TestCase):
        def test_of_the_project(self):
            shop.Node()

        def test_of_a_package(self):
            kept = library.call(parse)

        def test_of_its_own(self):
            items = []
            items.append(items)
    """


@pytest.fixture
def places(project):
    """Runs a framework in a directory of a project; the lines with places, and the cuts by test."""
    project.write("pyproject.toml", "[project]\nname = 'shop'\n")
    project.write("src/shop/__init__.py", SHOP)
    project.write("site-packages/library.py", LIBRARY)
    project.write("tests/test_shop.py", TESTS)
    top = project.path

    def run(directory, *arguments):
        project.path = top / directory
        env = {"PYTHONPATH": f"{top / 'src'}:{top / 'site-packages'}:{top / 'tests'}", "YAGOT_JSON": "out.json"}
        result = project.python(*arguments, env=env, check=1)
        out = result.stdout + result.stderr
        tests = json.loads((project.path / "out.json").read_text())["tests"]
        cuts = {test["name"]: [f["cut"] for f in test["findings"] if f["cut"]] for test in tests}
        return out, {name: [(cut["file"], cut["line"]) for cut in found] for name, found in cuts.items()}

    return run


UNITTEST = ["-m", "yagot", "run", "--strict", "test_shop"]
PYTEST = ["-m", "pytest", "-p", "no:cacheprovider", "--yagot", "--yagot-strict", "--rootdir"]


def test_below_the_start(places):
    out, cuts = places("", *UNITTEST)
    assert "Cut: .me of Node, src/shop/__init__.py:4 (" in out and "  tests/test_shop.py:12: test_shop.Test" in out
    assert cuts["test_of_the_project"] == [("src/shop/__init__.py", 4)]
    assert cuts["test_of_its_own"] == [("tests/test_shop.py", 20)]


def test_beside_the_start(places):
    """What the user can open from where the run began; as data it is what a program can open from anywhere."""
    out, cuts = places("tests", *UNITTEST)
    assert "Cut: .me of Node, ../src/shop/__init__.py:4 (" in out and "  test_shop.py:12: test_shop.Test" in out
    ((file, line),) = cuts["test_of_the_project"]
    assert file.endswith("/src/shop/__init__.py") and file.startswith("/") and line == 4
    assert cuts["test_of_its_own"] == [("test_shop.py", 20)]


def test_under_pytest(places, project):
    """All is relative to its root directory, as its names of tests are."""
    out, cuts = places("tests", *PYTEST, project.path)
    assert "Cut: .me of Node, src/shop/__init__.py:4 (" in out
    assert "  tests/test_shop.py:12: tests/test_shop.py::" in out
    assert cuts["test_of_the_project"] == [("src/shop/__init__.py", 4)]
    assert cuts["test_of_its_own"] == [("tests/test_shop.py", 20)]


def test_of_others(places, project):
    """Packages and the standard library are shown without the directories before them."""
    out, _ = places("", *UNITTEST, "-v")
    assert re.search(r"frame of call \(…/site-packages/library\.py:\d+\)|frame library\.call is defined at …/site", out)
    library = f"…/python{sys.version_info[0]}.{sys.version_info[1]}"
    shown = project.python("-c", "import json; from yagot.places import shown_path; print(shown_path(json.__file__))")
    assert shown.stdout == f"{library}/json/__init__.py\n"
    assert str(project.path) not in out.replace("out.json", "")
