"""Judge: rules of tests, and the baseline."""

import json

import pytest
from support import needs_counts

from yagot.config import Config
from yagot.judge.judge import judge_all, missing
from yagot.judge.project import project_of
from yagot.judge.rules import Rule
from yagot.judge.verdicts import Verdicts
from yagot.model import Finding, Step, TestInfo
from yagot.observe.causes import in_general

NODE = Finding(
    "collected",
    "a.Node.parent → a.Node.children[]",
    4,
    {"a.Node": 2, "list": 2},
    100,
    parts=("a.Node.parent", "a.Node.children[]"),
    steps=(Step("a.Node", ".x", kind="instance", module="a", qualname="Node"),),
)
CLASS = Finding(
    "collected",
    "class a.C.__mro__[]",
    5,
    {"type": 1},
    100,
    steps=(Step("class a.C", ".__mro__[0]", kind="class", module="a", qualname="C"),),
)
PYTEST = Finding(
    "collected",
    "x",
    5,
    {"x": 1},
    100,
    steps=(
        Step("x.X", ".x", kind="instance", module="x", qualname="X"),
        Step("frame _pytest.runner.call", " local 'x'", kind="frame", module="_pytest.runner", qualname="call"),
    ),
)
STUCK = Finding("uncollectable", "a.Bird.me", 1, {"a.Bird": 1}, 100)


def verdicts(findings, rules=(), known=(), **settings):
    return [finding.verdict for finding in judge_all(findings, Config(**settings), rules, known)]


def test_defaults():
    assert verdicts([NODE, CLASS, PYTEST, STUCK]) == ["leak", "note", "note", "leak"]
    assert verdicts([NODE, CLASS, PYTEST, STUCK], strict=True) == ["leak"] * 4
    assert verdicts([NODE, CLASS, PYTEST, STUCK], leaks_only=True) == ["note", "note", "note", "leak"]


@pytest.mark.parametrize(
    "rule, matches",
    [
        (Rule(), True),
        (Rule(type="a.*"), True),
        (Rule(type="b.*"), False),
        (Rule(edge="*.Node.parent"), True),
        (Rule(edge="parent"), False),
        (Rule(kind="collected", type="a.Node"), True),
        (Rule(kind="uncollectable", type="a.Node"), False),
        (Rule(signature=NODE.signature), True),
        (Rule(signature="0" * 12), False),
    ],
)
def test_rules(rule, matches):
    assert rule.matches(NODE) is matches
    assert verdicts([NODE], [rule]) == ["allowed" if matches else "leak"]


def test_rules_act_on_one_finding():
    assert verdicts([NODE, STUCK], [Rule(type="a.Node")]) == ["allowed", "leak"]


def test_known():
    assert verdicts([NODE, STUCK], known={NODE.signature}) == ["known", "leak"]


def test_missing():
    rule = Rule(type="a.Bird", expected=True)
    assert missing([STUCK], [rule]) == ()
    assert missing([NODE], [rule]) == ("type='a.Bird'",)


SUITE = """
    import unittest
    import yagot

    class Node:
        def __init__(self):
            self.me = self

    class Test(unittest.TestCase):
        @yagot.allow(type="test_rules.Node", reason="known since long")
        def test_allowed(self):
            Node()

        @yagot.allow(type="other.*", reason="another one")
        def test_not_allowed(self):
            Node()

        @yagot.expect(edge="*.Node.me")
        def test_expected(self):
            Node()

        @yagot.expect(type="*.Node")
        def test_expected_and_gone(self):
            pass

    @yagot.allow(reason="all of it")
    class TestAllowedClass(unittest.TestCase):
        def test_class_rule(self):
            Node()
"""


@pytest.mark.parametrize("pytest_runs", [False, True])
def test_decorators(project, pytest_runs):
    project.write("test_rules.py", SUITE)
    if pytest_runs:
        result = project.python("-m", "pytest", "-q", "--yagot", "--yagot-json=yagot.json", "test_rules.py", check=1)
        text = result.stdout
        data = json.loads((project.path / "yagot.json").read_text())["tests"]
        tests = {test["id"].rsplit("::", 1)[-1]: test for test in data}
    else:
        tests = project.tests("test_rules", check=1)
        text = project.result.stderr
        assert "FAILED (failures=2)" in text
    verdict = {name: [finding["verdict"] for finding in test["findings"]] for name, test in tests.items()}
    assert verdict == {
        "test_allowed": ["allowed"],
        "test_not_allowed": ["leak"],
        "test_expected": ["allowed"],
        "test_expected_and_gone": [],
        "test_class_rule": ["allowed"],
    }
    assert tests["test_allowed"]["findings"][0]["reason"] == "known since long"
    assert tests["test_expected_and_gone"]["missing"] == ["type='*.Node'"]
    assert "LEAK GONE: expected type='*.Node'" in text


def test_pytest_markers(project):
    project.write(
        "test_marks.py",
        """
        import pytest

        class Node:
            def __init__(self):
                self.me = self

        @pytest.mark.yagot_allow(type="*.Node", reason="for now")
        def test_allowed():
            Node()

        @pytest.mark.yagot_expect(type="*.Node")
        def test_gone():
            pass
        """,
    )
    out = project.python("-m", "pytest", "-q", "--yagot", "test_marks.py", check=1).stdout
    assert "2 passed" in out and "1 error" in out
    assert "LEAK GONE" in out


# -- the baseline ----------------------------------------------------------------------------------

OLD = """
    import unittest

    class Node:
        def __init__(self):
            self.me = self

    def leak_list():
        items = []
        items.append(items)

    class Test(unittest.TestCase):
        def test_node(self):
            Node()

        def test_other_node(self):
            Node()

        def test_list(self):
            leak_list()
"""


@pytest.fixture
def old(project):
    project.write("test_old.py", OLD)
    project.yagot("--baseline", "known.json", "--update-baseline", check=0)
    return project


def entries(project):
    return json.loads((project.path / "known.json").read_text())["leaks"]


def test_a_baseline_is_made_and_holds(old):
    assert sorted(entry["cause"] for entry in entries(old).values()) == ["list[]", "test_old.Node.me"]
    node = next(entry for entry in entries(old).values() if "Node" in entry["cause"])
    assert node["tests"] == ["test_old.Test.test_node", "test_old.Test.test_other_node"]
    error = old.yagot("--baseline", "known.json", check=0).stderr
    assert "0 new causes, 2 known, 0 fixed" in error


def test_a_new_leak_fails(old):
    old.write(
        "test_new.py",
        "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        d = {}; d['d'] = d\n",
    )
    error = old.yagot("--baseline", "known.json", check=1).stderr
    assert "1 new cause, 2 known, 0 fixed" in error
    assert "FAILED (failures=1)" in error


def test_a_fixed_leak_is_named_and_dropped(old):
    old.write("test_old.py", OLD.replace("            leak_list()", "            pass"))
    error = old.yagot("--baseline", "known.json", check=0).stderr
    assert "0 new causes, 1 known, 1 fixed" in error
    assert "fixed: " in error and "list[]" in error
    assert len(entries(old)) == 2
    old.yagot("--baseline", "known.json", "--update-baseline", check=0)
    assert [entry["cause"] for entry in entries(old).values()] == ["test_old.Node.me"]


def test_what_did_not_run_is_not_fixed(old):
    error = old.yagot("--baseline", "known.json", "-k", "test_list", check=0).stderr
    assert "0 new causes, 1 known, 0 fixed" in error
    old.yagot("--baseline", "known.json", "--update-baseline", "-k", "test_list", check=0)
    assert len(entries(old)) == 2


def test_addresses_in_names_are_no_part_of_a_cause(project):
    project.write("test_made.py", """
        import unittest

        class TestMade(unittest.TestCase):
            def test_made(self):
                source = "class Node:\\n    def __init__(self):\\n        self.me = self"
                exec(source, space := {"__name__": f"templates_{id(self):x}.part_3c4ddf650c1a"})
                space["Node"]()
        """)
    (project.path / "leaks.json").unlink(missing_ok=True)
    project.yagot("--baseline", "leaks.json", "--update-baseline", "test_made", check=0)
    result = project.yagot("--baseline", "leaks.json", "test_made", check=0)
    assert "0 new causes, 1 known, 0 fixed" in result.stderr
    assert "templates_*.part_*.Node.me" in (project.path / "leaks.json").read_text()


def test_a_renamed_test_keeps_its_entry(old):
    old.write("test_old.py", OLD.replace("test_list", "test_renamed"))
    assert "0 new causes, 2 known, 0 fixed" in old.yagot("--baseline", "known.json", check=0).stderr


def test_strict(old):
    assert "FAILED (failures=3)" in old.yagot("--baseline", "known.json", "--baseline-mode", "strict", check=1).stderr


@pytest.mark.parametrize(
    "text", ["no json", "[" * 100_000, "[]", "{}", '{"version": 2, "leaks": {}}', '{"version": 1, "leaks": [1]}']
)
def test_a_broken_baseline_is_one_line(old, text):
    (old.path / "known.json").write_text(text)
    result = old.yagot("--baseline", "known.json", check=2)
    assert result.stderr.count("\n") == 1 and "known.json: not a baseline" in result.stderr


@pytest.mark.parametrize("path", ["/dev/full", "/dev/zero", "x" * 300], ids=["full", "zero", "too long"])
def test_a_baseline_that_is_no_file(old, path):
    """A device that has no end is not read at all."""
    for options in (), ("--update-baseline",):
        result = old.yagot("--baseline", path, *options, check=2)
        assert result.stderr.count("\n") == 1 and ": not a baseline" in result.stderr


def test_update_needs_a_file(old):
    assert "needs a baseline" in old.yagot("--update-baseline", check=2).stderr


def test_the_baseline_under_pytest(old):
    run = ["-m", "pytest", "-q", "--yagot", "--yagot-baseline=pytest.json", "test_old.py"]
    assert "2 causes" in old.python(*run, "--yagot-update-baseline", check=0).stdout
    assert "0 new causes, 2 known, 0 fixed" in old.python(*run, check=0).stdout
    assert "0 new causes, 2 known, 0 fixed" in old.python(*run, "-n2", check=0).stdout


OWNERS = """
    import unittest
    from xml.dom import minidom
    from app import Node

    class TestOwners(unittest.TestCase):
        def test_project(self):
            Node()

        def test_library(self):
            minidom.parseString("<a><b/></a>")

        def test_containers(self):
            x = []
            x.append(x)
    """


@pytest.fixture
def owners(project):
    project.write("app.py", "class Node:\n    def __init__(self):\n        self.me = self\n")
    project.write("test_owners.py", OWNERS)
    return project


def verdicts_of(tests):
    return {name: {(f["verdict"], f["reason"]) for f in test["findings"]} for name, test in tests.items()}


def test_each_finding_has_an_owner(owners):
    tests = owners.tests("--disable-rules=standard-library", "test_owners", check=1)
    assert {name: {f["owner"] for f in test["findings"]} for name, test in tests.items()} == {
        "test_project": {"the project"},
        "test_library": {"the standard library"},
        "test_containers": {"builtins"},
    }
    assert "yagot: causes by owner: the project 1, the standard library 1" in owners.result.stderr


@pytest.mark.parametrize("option", ["--source=app", "--source=.", "--omit=xml.*,*/xml/dom/*"])
def test_only_leaks_of_the_source_count(owners, option):
    found = verdicts_of(owners.tests(option, "--strict", "test_owners", check=1))
    assert found == {
        "test_project": {("leak", "")},
        "test_library": {("note", "source")},
        "test_containers": {("leak", "")},
    }


def test_a_source_that_nothing_can_be_of(owners):
    found = verdicts_of(owners.tests("--source=ap,app,app.sub", "test_owners", check=1))
    assert found["test_project"] == {("leak", "")}
    lines = [line for line in owners.result.stderr.splitlines() if line.startswith("yagot: source ")]
    assert lines == [
        f"yagot: source {name!r}: no directory, and no module of this name was imported" for name in ("ap", "app.sub")
    ]


def test_allowed_by_pattern(owners):
    found = verdicts_of(owners.tests("--allow=xml.dom.minidom.*,app.Node.me", "test_owners", check=1))
    assert found == {
        "test_project": {("allowed", "app.Node.me")},
        "test_library": {("allowed", "xml.dom.minidom.*")},
        "test_containers": {("leak", "")},
    }


def test_first_imports_are_notes(project):
    """What an installed package leaves once, when a test is the first to import it. The test's own leak counts."""
    builder = "class Builder:\n    def __init__(self):\n        self.me = self\n"
    project.write("site-packages/builder/__init__.py", builder)
    project.write("site-packages/other.py", "import builder\nclass Own(builder.Builder):\n    pass\nOwn()\n")
    project.write("test_import.py", """
        import builder
        import unittest

        class TestImport(unittest.TestCase):
            def test_a_first(self):
                import other
                mine = []
                mine.append(mine)

            def test_b_later(self):
                builder.Builder()
        """)
    late = ("note", "third-party")
    env = {"PYTHONPATH": str(project.path / "site-packages")}
    found = verdicts_of(project.tests("test_import", env=env, check=1))
    assert found == {
        "test_a_first": {("note", "first-import"), ("leak", "")},
        "test_b_later": {late},
    }
    found = verdicts_of(project.tests("--strict", "test_import", env=env, check=1))
    assert found == {"test_a_first": {("note", "first-import"), ("leak", "")}, "test_b_later": {("leak", "")}}


@needs_counts
def test_default_rules_by_name(project):
    project.write(
        "test_class.py",
        """
        import unittest

        class TestClass(unittest.TestCase):
            def test_class(self):
                class Local:
                    pass
        """,
    )
    assert verdicts_of(project.tests("test_class", check=0)) == {"test_class": {("note", "inherent-class")}}
    found = verdicts_of(project.tests("--disable-rules", "inherent-class", "test_class", check=1))
    assert found == {"test_class": {("leak", "")}}
    result = project.yagot("--disable-rules", "inherent", "test_class", check=2)
    assert result.stderr == (
        "yagot: command line: disable-rules: 'inherent' is not one of "
        "inherent-class, inherent-module, first-import, framework-scaffold, standard-library, third-party, "
        "hidden-references: "
        "did you mean inherent-class?\n"
    )


def test_a_step_in_general():
    edges = (("attribute", "rows"), ("item", "3"), ("item", "key"), ("item", "x 1"), ("item", "field"))
    general = "function a.<lambda>.rows[]['key'][].field"
    step = Step("function a.<lambda>", ".rows[3]['key']['x 1'].field", "3 items", "a.py:7", "b.py:1", line=8,
                qualname="<lambda>", general=general, edges=edges)  # fmt: skip
    found = in_general(step)
    assert str(found) == "function a.<lambda>.rows[…]['key'][…].field"
    assert [name for _, name in found.edges] == ["rows", "", "key", "", "field"]
    assert (found.contents, found.defined, found.made, found.line) == ("", "", "", 0)
    assert in_general(step._replace(qualname="f")).defined == "a.py:7"


def variant(name):
    concrete = f"tests.test_a.{name}.me"
    step = Step(f"tests.test_a.{name}", ".me", kind="instance", module="tests.test_a", qualname=name)
    cause = "a.Node.me"
    return Finding("collected", cause, 1, {step.object: 1}, 100, concrete=concrete, cycle_length=1, steps=(step,))


@pytest.mark.parametrize(
    "settings, known, advised",
    [
        ({}, (), ["1 A", "1 B"]),
        ({"json": "out.json"}, (), ["1 A", "1 B", "2 C", "3 D"]),
        ({"details": True}, (), ["1 A", "1 B", "2 C", "3 D"]),
        ({}, (variant("A").signature,), []),
        ({"html": "out.html"}, (variant("A").signature,), ["1 A", "1 B"]),
    ],
)
def test_advice_is_sought_for_what_a_report_shows(monkeypatch, settings, known, advised):
    """A cause is described with the first test that has it."""
    sought = []

    def seek(findings, test, is_foreign):
        sought.extend(f"{test.id} {finding.steps[0].qualname}" for finding in findings)
        return findings

    monkeypatch.setattr("yagot.judge.verdicts.advised", seek)
    config = Config(source=("tests",), **settings)
    judging = Verdicts(config, known, project_of(config.source))
    for test, names in {"1": "AB", "2": "AC", "3": "D"}.items():
        judging.of(tuple(map(variant, names)), config, (), TestInfo(test, "tests.test_a", "tests.test_a", test))
    assert sought == advised
