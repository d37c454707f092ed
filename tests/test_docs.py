"""The documentation: its examples run, and what it states about names is true."""

import doctest
import json
import re
from dataclasses import fields
from pathlib import Path

from yagot.config import Config
from yagot.findings import OUTCOMES, Finding, TestInfo, TestReport

DOCS = Path(__file__).parents[1] / "docs"


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


def test_settings_are_documented():
    text = (DOCS / "reference" / "commandline.rst").read_text(encoding="utf-8")
    for field in fields(Config):
        assert f"``--{field.name.replace('_', '-')}" in text, field.name


def test_the_readme_shows_the_commands_first():
    text = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    assert text.index("./dev demo") < text.index("./dev test") < text.index("## What it does")
