"""The documentation: its examples run, and what it states about names is true."""

import doctest
import json
import re
import subprocess
import sys
import textwrap
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from support import needs_counts

from yagot.config import OPTIONS, Config, load
from yagot.model import OUTCOMES, Finding, TestInfo, TestReport

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DOCS = Path(__file__).parents[1] / "docs"


@needs_counts
def test_the_background_examples_run():
    failures, tried = doctest.testfile(
        str(DOCS / "background.rst"), module_relative=False, optionflags=doctest.ELLIPSIS
    )
    assert tried >= 6
    assert failures == 0


def test_the_background_shapes_leak():
    import yagot

    text = (DOCS / "background.rst").read_text(encoding="utf-8")
    block = re.search(r"Three shapes.*?code-block:: python\n\n(.*?)\nThe last one", text, re.S)[1]
    lines = [line[4:] for line in block.splitlines()]
    cycles = []
    for body in ("", "Service()", "Node(Node())"):
        space = {}
        try:
            with yagot.check():
                exec("\n".join(lines) + "\n" + body, space)
                space.clear()
        except yagot.LeakError as error:
            cycles.append(str(error))
    assert "list[0]" in cycles[0]
    assert any(".handler" in text and ".__self__" in text for text in cycles)
    assert any(".children[0]" in text and ".parent" in text for text in cycles)


def test_json_keys_are_documented():
    text = (DOCS / "reference" / "json.rst").read_text(encoding="utf-8")
    report = TestReport(TestInfo("a", "a", "a", "a"), "passed", 0.0, findings=[Finding("collected", "c", 1, {}, 1)])
    data = json.loads(json.dumps(report.as_json()))
    for key in [*data, *data["findings"][0], *OUTCOMES]:
        assert f"``{key}``" in text, key


def test_settings_are_documented(monkeypatch, tmp_path):
    """The page is what docs/settings.py makes of the settings, and its examples can be read from the file and from
    variables."""
    monkeypatch.syspath_prepend(DOCS)
    import settings

    written = (DOCS / "reference" / "configuration.rst").read_text(encoding="utf-8")
    assert written == settings.page(), "python docs/settings.py > docs/reference/configuration.rst"
    names = {field.name for field in fields(Config)}
    assert names == set(OPTIONS) == set(settings.EXAMPLES)
    needed = {"baseline": "leaks.json", "junit-xml": "out.xml"}
    for field in fields(Config):
        name, value = field.name, settings.EXAMPLES[field.name]
        others = {key: other for key, other in needed.items() if key.replace("-", "_") != name}
        lines = [f"{key} = {settings.in_toml(other)}" for key, other in others.items()]
        line = re.search(rf"^- ``pyproject.toml``: ``({name.replace('_', '-')} = .*)``$", written, re.M)[1]
        (tmp_path / "pyproject.toml").write_text("\n".join(["[tool.yagot]", *lines, line]), encoding="utf-8")
        assert getattr(load({}, tmp_path, {})[0], name) == value != field.default
        variable, word = re.search(rf"^- variable: ``(YAGOT_{name.upper()})=(.*)``$", written, re.M).groups()
        (tmp_path / "pyproject.toml").write_text("\n".join(["[tool.yagot]", *lines]), encoding="utf-8")
        assert getattr(load({}, tmp_path, {variable: word})[0], name) == value


def test_the_readme_shows_the_commands_first():
    text = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    assert text.index("./dev demo") < text.index("./dev test") < text.index("## What it does")


def blocks(text, language):
    """The code blocks of a language: caption and code."""
    pattern = rf"^( *)\.\. code-block:: {language}\n((?:\1   +:.*\n)*)\n((?:(?:\1   .*)?\n)+)"
    for _, options, code in re.findall(pattern, text, re.M):
        yield (re.search(r":caption: (.*)", options) or ["", ""])[1], textwrap.dedent(code)


RECIPES = list(blocks((DOCS / "guide" / "recipes.rst").read_text(encoding="utf-8"), "python"))


def test_the_recipes_come_in_pairs():
    assert len(RECIPES) >= 16
    assert [caption for caption, _ in RECIPES] == ["before", "after"] * (len(RECIPES) // 2)


@needs_counts
@pytest.mark.parametrize("number", range(len(RECIPES)))
def test_recipes(number):
    """What is before leaks, what is after does not; inherent cycles count."""
    from yagot import _core

    caption, code = RECIPES[number]
    space = {"__name__": f"recipe{number}"}
    exec(code, space)
    space["example"]()  # warms up
    ledger = _core.Ledger()
    ledger.begin()
    space["example"]()
    findings = ledger.end()["findings"]
    ledger.close()
    assert bool(findings) == (caption == "before"), findings


def map_of_the_tree():
    """The map in contributing.rst: each folder, and the names that it lists there."""
    text = (DOCS / "contributing.rst").read_text(encoding="utf-8")
    block = re.search(r"compares\nthis map with the tree.\n\n::\n\n(.*?)\n\n\S", text, re.S)[1]
    folders, path = {}, {}
    for indent, name, purpose in re.findall(r"^ {4}( *)(\S+) {2,}(\S.*)$", block, re.M):
        assert len(purpose) > 5, name
        path[len(indent)] = name.removesuffix("/")
        place = "/".join(path[level] for level in sorted(path) if level <= len(indent))
        if name.endswith("/"):
            folders[place] = []
        else:
            folders[place.rpartition("/")[0]].append(name)
    return folders


def test_the_map_is_the_tree():
    """Of the core and the package it has all files, of the rest all folders."""
    root, folders = DOCS.parent, map_of_the_tree()
    for top in ("csrc", "yagot"):
        places = {place for place in folders if place.split("/")[0] == top}
        there = {path.parent for path in (root / top).rglob("*.*") if path.suffix in (".c", ".h", ".py", ".pyi")}
        assert places == {str(path.relative_to(root)) for path in there}
        for place in places:
            files = {path for path in (root / place).iterdir() if path.is_file() and path.suffix != ".so"}
            names = {path.stem if path.suffix in (".c", ".h") else path.name for path in files}
            assert sorted(names) == sorted(folders[place]), place
    data = {path.parent.name for path in (root / "tests").glob("*/*") if not path.parent.name.startswith((".", "_"))}
    assert data == {place.partition("/")[2] for place in folders if place.startswith("tests/")}


def without_numbers(line):
    return re.sub(r"[\d.,]+ (B|kB|MB)", "SIZE", line.strip())


@pytest.mark.parametrize("page", ["README.md", "docs/guide/reading.rst"])
def test_the_report_shown_is_that_of_the_demo(page):
    root = DOCS.parent
    command = [sys.executable, "-m", "yagot", "run"]
    run = subprocess.run(command, cwd=root / "tests" / "demo", capture_output=True, text=True, encoding="utf-8")
    assert run.returncode == 1
    printed = {without_numbers(line) for line in run.stderr.splitlines()}
    text = (root / page).read_text(encoding="utf-8")
    if sys.version_info < (3, 11):  # unittest names the class alone
        text = text.replace("(test_bookshop.TestBasket.test_total)", "(test_bookshop.TestBasket)")
    shown = re.search(r"^ +FAIL: test_total .*?\n\n", text, re.S | re.M)[0].splitlines()[:-1]
    assert len(shown) >= 10
    assert [line for line in shown if without_numbers(line) not in printed] == []


PAGES = sorted([*DOCS.rglob("*.rst"), DOCS.parent / "README.md"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_code_can_be_parsed(page):
    text = page.read_text(encoding="utf-8")
    for _, code in blocks(text, "python"):
        compile(code, str(page), "exec")
    for _, code in blocks(text, "yaml"):
        assert yaml.safe_load(code)
    for _, code in blocks(text, "toml"):
        assert tomllib.loads(code)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_exist(page):
    """Files of ours that a page names; Sphinx checks links from page to page."""
    for name in re.findall(r"`((?:docs|tests|benchmarks|yagot|csrc)/[\w./-]+)`", page.read_text(encoding="utf-8")):
        assert name.startswith("docs/_build/") or (DOCS.parent / name).exists(), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_options_and_settings_exist(page):
    """What pages say of our command lines is understood by them."""
    text = page.read_text(encoding="utf-8")
    known = {name.replace("_", "-") for name in OPTIONS}
    for option in re.findall(r"--yagot-([a-z-]+[a-z])", text):
        assert option in known, option
    for name in re.findall(r"\bYAGOT_([A-Z_]+)\b", text):
        assert name.lower() in OPTIONS or name in ("PACKAGE", "TEST_KILLS", "TEST_GRAPHS", "TEST_DAMAGES"), name
    for line in re.findall(r"(?:^|`)(?:\$ )?yagot run (.*?)(?:`|$)", text, re.M):
        for option in re.findall(r"(?<!\S)--([a-z-]+)", line):
            assert option in known | {"durations", "help"}, line
    for command in re.findall(r"(?:`|    |``)\./dev ([a-z-]+)", text):
        assert f"def {command.replace('-', '_')}(options)" in (DOCS.parent / "dev").read_text(), command
