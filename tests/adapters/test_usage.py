"""Switching off, and wrong usage: one clear line, the same under every framework."""

import pytest

LEAKY = """
    import unittest

    class TestLeaky(unittest.TestCase):
        def test_leak(self):
            items = []
            items.append(items)
    """

COMMANDS = {
    "run": ["-m", "yagot", "run", "test_leaky"],
    "pytest": ["-m", "pytest", "-q", "--yagot", "test_leaky.py"],
    "nose": ["-m", "nose", "--with-yagot", "test_leaky.py"],
    "nose2": ["-m", "nose2", "--plugin", "yagot.plugins.nose2", "--yagot", "test_leaky"],
}


@pytest.mark.parametrize("word", ["0", "no", "False", "off"])
@pytest.mark.parametrize("name", COMMANDS)
def test_switched_off(project, name, word):
    project.write("test_leaky.py", LEAKY)
    result = project.python(*COMMANDS[name], env={"YAGOT": word}, check=0)
    assert "LEAK" not in result.stdout + result.stderr
    if word == "0":
        project.python(*COMMANDS[name], env={"YAGOT": "1"}, check=1)


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    ("env", "complaint"),
    [
        ({"YAGOT_TRASE": "1"}, "unknown setting: the variable YAGOT_TRASE"),
        ({"YAGOT_JUNIT_ATTACHMENTS": "x"}, "junit-attachments needs a junit-xml file"),
        ({"YAGOT_BASELINE": "/proc/x", "YAGOT_UPDATE_BASELINE": "1"}, "cannot write /proc/x: "),
        ({"YAGOT_BASELINE": "/proc"}, "/proc: a directory, not a baseline"),
    ],
)
def test_wrong_settings(project, name, env, complaint):
    project.write("test_leaky.py", LEAKY)
    result = project.python(*COMMANDS[name], env=env)
    assert result.returncode == (4 if name == "pytest" else 2), result.stdout + result.stderr
    assert f"yagot: {complaint}" in result.stderr
    assert "Traceback" not in result.stderr and "Ran " not in result.stderr


@pytest.mark.parametrize("name", ["nose", "nose2"])
def test_misspelt_options_of_nose(project, name):
    project.write("test_leaky.py", LEAKY)
    result = project.python(*COMMANDS[name], "--yagot-reprot-only", check=2)
    assert result.stderr == "yagot: unknown option --yagot-reprot-only: did you mean --yagot-report-only?\n"
    project.python(*COMMANDS[name], "--yagot-report", check=0)  # their parsers take abbreviations
    other = project.python(*COMMANDS[name], "--yagot-nonsense", check=2)
    assert "--yagot-nonsense" in other.stderr and "did you mean" not in other.stderr


@pytest.mark.parametrize("key", ["report-onyl", "report_only"])
def test_wrong_settings_in_nose2s_configuration(project, key):
    project.write("test_leaky.py", LEAKY)
    project.write("unittest.cfg", f"[DEFAULT]\nmine = 1\n[yagot]\nalways-on = true\n{key} = true\n")
    command = ["-m", "nose2", "--plugin", "yagot.plugins.nose2", "test_leaky"]
    result = project.python(*command, check=2)
    assert f"yagot: nose2's configuration: unknown setting '{key}' in [yagot]" in result.stderr
    assert "Traceback" not in result.stderr and "Ran " not in result.stderr
    project.write("unittest.cfg", "[DEFAULT]\nmine = 1\n[yagot]\nalways-on = true\nreport-only = true\n")
    assert "reported only" in project.python(*command, check=0).stderr


@pytest.mark.parametrize(
    ("marker", "complaint"),
    [
        ("yagot(chekc=False)", "test_marked.py::test_x: the marker yagot has no setting 'chekc'"),
        ("yagot_allow(foo=1)", "test_marked.py::test_x: the marker yagot_allow has no argument 'foo'"),
    ],
)
def test_wrong_markers(project, marker, complaint):
    project.write("test_marked.py", f"import pytest\n@pytest.mark.{marker}\ndef test_x(): pass\n")
    result = project.python("-m", "pytest", "-q", "--yagot", check=4)
    assert f"ERROR: yagot: {complaint}\n" in result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_a_baseline_that_is_not_there(project):
    project.write("test_leaky.py", LEAKY)
    err = project.yagot("--baseline", "none.json", "test_leaky", check=1).stderr
    assert "yagot: there is no file none.json yet: --update-baseline writes it" in err
    err = project.yagot("--baseline", "none.json", "--update-baseline", "test_leaky", check=0).stderr
    assert "there is no file" not in err and "(updated)" in err
    assert "yagot: no new leaks in 1 test" in project.yagot("--baseline", "none.json", "test_leaky", check=0).stderr


def test_an_expected_leak_that_is_gone_is_in_the_totals(project):
    source = LEAKY.replace("def test_leak", "@yagot.expect(edge='*.gone')\n        def test_leak")
    project.write("test_leaky.py", source.replace("import unittest", "import unittest, yagot"))
    err = project.yagot("test_leaky", check=1).stderr
    assert "yagot: 1 test without the leak that was expected" in err
