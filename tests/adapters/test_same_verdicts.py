"""One suite under every framework."""

import json
from pathlib import Path

import pytest
from leaky_suite import verdicts
from lxml import etree

SCHEMA = Path(__file__).parents[1] / "schemas" / "junit-10.xsd"

COMMANDS = {
    "pytest": ["-m", "pytest", "-q", "--yagot", "--yagot-json=out.json", "--yagot-junit-xml=out.xml", "test_all.py"],
    "xdist": [
        "-m", "pytest", "-q", "-n2", "--yagot", "--yagot-json=out.json", "--yagot-junit-xml=out.xml", "test_all.py",
    ],
    "loadfile": [
        "-m", "pytest", "-q", "-n2", "--dist=loadfile", "--yagot", "--yagot-json=out.json",
        "--yagot-junit-xml=out.xml", "test_all.py",
    ],
    "pynose": ["-m", "nose", "--with-yagot", "--yagot-json=out.json", "--yagot-junit-xml=out.xml", "test_all.py"],
    "nose2": [
        "-m", "nose2", "--plugin", "yagot.plugins.nose2", "--yagot", "--yagot-json=out.json",
        "--yagot-junit-xml=out.xml", "test_all",
    ],
    "django": ["-m", "django", "test", "--settings", "settings", "test_all"],
}  # fmt: skip


DJANGO = """
    SECRET_KEY = "x"
    TEST_RUNNER = "yagot.plugins.django.LeakCheckRunner"
    """


@pytest.mark.parametrize("name", COMMANDS)
def test_same_verdicts_and_causes(suite, expected, name):
    env = {}
    if name == "django":
        suite.write("settings.py", DJANGO)
        env = {"YAGOT_JSON": "out.json", "YAGOT_JUNIT_XML": "out.xml"}
    result = suite.python(*COMMANDS[name], env=env)
    assert result.returncode == 1, result.stdout + result.stderr
    found = verdicts(json.loads((suite.path / "out.json").read_text()))
    assert found == expected
    tree = etree.parse(str(suite.path / "out.xml"))
    etree.XMLSchema(etree.parse(str(SCHEMA))).assertValid(tree)
    # Django's report is the only one, so it has the failing test, too
    assert len(list(tree.iter("failure"))) == (17 if name == "django" else 16)
    assert "16 tests of 30 leaked" in result.stdout + result.stderr
