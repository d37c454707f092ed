"""yagot merge and yagot repair: any writer's JUnit XML into one file."""

import os
import re
import resource
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from junitparser import JUnitXml
from lxml import etree

from yagot import _core
from yagot.__main__ import main
from yagot.commands.merge import merge
from yagot.files import UnusablePath


def report(*suites, root=True):
    """A report of (suite, [(class, name, child or "")])."""
    text = "".join(
        f'<testsuite name="{suite}" tests="0" time="0">'
        + "".join(f'<testcase classname="{c}" name="{n}" time="0.25">{child}</testcase>' for c, n, child in cases)
        + "</testsuite>"
        for suite, cases in suites
    )
    return f"<testsuites>{text}</testsuites>" if root else text


@pytest.fixture
def files(tmp_path):
    def write(**contents):
        paths = []
        for name, content in contents.items():
            path = tmp_path / f"{name}.xml"
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            paths.append(str(path))
        return paths

    return write


def cases(path):
    """Suite -> [(class, name, first child's tag)]"""
    return {
        suite.get("name"): [
            (case.get("classname"), case.get("name"), case[0].tag if len(case) else None)
            for case in suite.iter("testcase")
        ]
        for suite in etree.parse(str(path)).getroot().iter("testsuite")
    }


def test_suites_of_one_name_become_one_and_counters_are_true(files, tmp_path, schema, capsys):
    out = str(tmp_path / "out.xml")
    inputs = files(
        a=report(("s", [("C", "one", ""), ("C", "two", "<failure>no</failure>")]), ("t", [("D", "x", "<skipped/>")])),
        b=report(("s", [("C", "three", "<error/>")]), root=False),
    )
    assert merge(inputs, out) == 0
    assert cases(out) == {
        "s": [("C", "one", None), ("C", "two", "failure"), ("C", "three", "error")],
        "t": [("D", "x", "skipped")],
    }
    root = schema(out).getroot()
    assert [root.get(k) for k in ("tests", "failures", "errors", "time")] == ["4", "1", "1", "1.000"]
    suite = root[0]
    assert [suite.get(k) for k in ("tests", "failures", "errors", "skipped", "time")] == ["3", "1", "1", "0", "0.750"]
    assert "4 test cases from 2 files" in capsys.readouterr().err


def test_of_duplicates_the_worst_stays(files, tmp_path, capsys):
    out = str(tmp_path / "out.xml")
    inputs = files(
        a=report(("s", [("C", "one", ""), ("C", "two", "<error/>")])),
        b=report(("s", [("C", "one", "<failure/>"), ("C", "two", "<skipped/>")])),
    )
    assert merge(inputs, out) == 0
    assert cases(out) == {"s": [("C", "one", "failure"), ("C", "two", "error")]}
    error = capsys.readouterr().err
    assert "warning: 2 test cases of a suite, class and name that another file had: the worst result" in error
    assert error.count("C.one") == error.count("C.two") == 1


def test_the_last_of_duplicates_or_all(files, tmp_path, capsys):
    out = str(tmp_path / "out.xml")
    inputs = files(
        a=report(("s", [("C", "one", "<failure/>"), ("C", "two", "")])),
        b=report(("s", [("C", "one", ""), ("C", "three", "<skipped/>")])),
        c=report(("s", [("C", "one", "<skipped/>")])),
    )
    assert merge(inputs, out, duplicates="last") == 0
    assert cases(out) == {"s": [("C", "one", "skipped"), ("C", "two", None), ("C", "three", "skipped")]}
    suite = etree.parse(out).getroot()[0]
    assert [suite.get(k) for k in ("tests", "failures", "skipped", "time")] == ["3", "0", "2", "0.750"]
    assert "warning: 2 test cases" in capsys.readouterr().err
    assert merge(inputs, out, duplicates="keep") == 0
    assert [kind for _, _, kind in cases(out)["s"]] == ["failure", None, None, "skipped", "skipped"]
    assert "warning" not in capsys.readouterr().err
    with pytest.raises(ValueError, match="'first'"):
        _core.JUnitMerger(os.dup(2), os.dup(2), "first")


def test_cases_of_one_name_in_one_file_are_different_ones(files, tmp_path, capsys):
    """And meet their like in other files, the first the first."""
    out = str(tmp_path / "out.xml")
    three = [("C", "p", ""), ("C", "p", "<skipped/>"), ("C", "q", ""), ("C", "p", "")]
    inputs = files(a=report(("s", three)), b=report(("s", [("C", "p", ""), ("C", "p", "<failure/>"), *three[2:3]])))
    assert merge(inputs[:1], out) == 0
    assert cases(out)["s"] == [(c, n, kind[1:-2] or None) for c, n, kind in three]
    assert "warning" not in capsys.readouterr().err
    assert merge(inputs, out) == 0
    assert [kind for _, _, kind in cases(out)["s"]] == [None, "failure", None, None]
    assert "warning: 3 test cases" in capsys.readouterr().err
    many = files(m=report(("s", [("C", "p", "")] * 20000)))
    assert merge([*many, *many], out) == 0
    assert len(cases(out)["s"]) == 20000


@pytest.mark.parametrize("attribute", ["package", "hostname", "id", "file"])
def test_suites_are_told_apart(files, tmp_path, attribute):
    out = str(tmp_path / "out.xml")
    one, two = (
        f'<testsuite name="s" {attribute}="{value}"><testcase classname="C" name="n"/></testsuite>' for value in "xy"
    )
    inputs = files(a=f"<testsuites>{one}{two}</testsuites>", b=f"<testsuites>{two}</testsuites>")
    assert merge(inputs, out) == 0
    assert [(s.get(attribute), s.get("tests"), len(s)) for s in etree.parse(out).getroot()] == [
        ("x", "1", 1),
        ("y", "1", 1),
    ]


def test_suites_of_one_name_in_one_file_that_differ_stay_two(files, tmp_path):
    out = str(tmp_path / "out.xml")
    suite = '<testsuite name="s" {}><testcase name="{}"/></testsuite>'
    inputs = files(
        a="<testsuites>" + "".join(suite.format(*each) for each in [('x="1"', "a"), ('x="2"', "b"), ('x="1"', "c")])
        + "</testsuites>",
        b=suite.format('timestamp="t" y="3"', "d"),
    )  # fmt: skip
    assert merge(inputs, out) == 0
    found = [(dict(s.attrib), [case.get("name") for case in s]) for s in etree.parse(out).getroot()]
    assert [names for _, names in found] == [["a", "c", "d"], ["b"]]
    assert found[0][0].items() >= {"x": "1", "y": "3", "timestamp": "t"}.items() and found[1][0]["x"] == "2"

def test_prefixes_keep_shards_apart(files, tmp_path, capsys):
    out = str(tmp_path / "out.xml")
    inputs = files(a=report(("s", [("C", "one", "")])), b=report(("s", [("C", "one", "")])))
    assert merge(inputs, out, ["py310", "py311"]) == 0
    assert cases(out) == {"py310.s": [("py310.C", "one", None)], "py311.s": [("py311.C", "one", None)]}
    assert merge([*inputs, inputs[0]], out, ["a", "b"]) == 2
    assert "one for each of the 3 files" in capsys.readouterr().err


@pytest.mark.parametrize(("prefix", "code"), [("a\x1bb", "001B"), ("\udc80", "DC80"), ("\ufffe", "FFFE")])
def test_a_prefix_that_xml_cannot_hold(files, tmp_path, capsys, prefix, code):
    out = tmp_path / "out.xml"
    inputs = files(a=report(("s", [("C", "one", "")])))
    assert merge(inputs, str(out), [prefix]) == 2
    assert f"XML cannot hold the character U+{code}" in capsys.readouterr().err
    assert not out.exists()
    assert merge(files(a='<testsuite><testcase name="n"/></testsuite>'), str(out), ["\u00e9<\U0001f600"]) == 0
    assert cases(out) == {"\u00e9<\U0001f600.tests": [("\u00e9<\U0001f600", "n", None)]}


def test_what_fails_in_a_case_within_a_case_is_counted(files, tmp_path):
    """Once, as the outer one's; and what comes after it is the outer one's again."""
    out = str(tmp_path / "out.xml")
    inner = '<testcase classname="C" name="m"><testcase name="o">{}</testcase></testcase>'
    failed, passed = inner.format("<failure/>"), inner.format("<properties><failure/></properties>")
    inputs = files(
        a=f'<testsuite name="s"><testcase classname="C" name="n">{failed}{failed}</testcase>'
        f'<testcase classname="C" name="p">{passed}<error/></testcase>'
        f'<testcase classname="C" name="q">{passed}</testcase></testsuite>'
    )
    merge(inputs, out)
    suite = etree.parse(out).getroot()[0]
    assert {name: suite.get(name) for name in ("tests", "failures", "errors")} == {
        "tests": "3", "failures": "1", "errors": "1",
    }  # fmt: skip
    assert len(suite.findall("testcase/testcase/testcase")) == 4


def test_what_fails_in_a_suite_within_a_case_is_counted(files, tmp_path):
    out = str(tmp_path / "out.xml")
    inner = '<testsuite name="in"><testcase classname="C" name="m">{}</testcase>{}</testsuite>'
    cases = (("<error/>", ""), ("", "<failure/>"), ("", "<properties><error/></properties>"))
    merge(files(a=report(("s", [("C", str(n), inner.format(*case)) for n, case in enumerate(cases)]))), out)
    suite = etree.parse(out).getroot()[0]
    assert [suite.get(name) for name in ("tests", "failures", "errors")] == ["3", "1", "1"]
    assert len(suite.findall("testcase/testsuite/testcase")) == 3


def test_nested_suites_properties_and_output_survive(files, tmp_path, schema):
    out = str(tmp_path / "out.xml")
    inputs = files(
        a='<testsuites><testsuite name="outer"><properties><property name="p" value="1"/></properties>'
        '<testsuite name="inner" hostname="h"><testcase classname="C" name="n">'
        "<system-out><![CDATA[<&>]]></system-out></testcase></testsuite><system-out>said</system-out></testsuite></testsuites>"
    )
    assert merge(inputs, out) == 0
    root = schema(out).getroot()
    assert {s.get("name"): s.get("tests") for s in root.iter("testsuite")} == {"outer": "1", "inner": "1"}
    assert root.find(".//property").get("value") == "1"
    assert [e.text for e in root.iter("system-out")] == ["<&>", "said"]
    assert root[0].find("testsuite").get("hostname") == "h"


def test_split_by_cases_and_bytes(files, tmp_path):
    suites = [(suite, [(c, str(i), "") for i in range(5)]) for suite, c in ("sC", "tD")]
    inputs = files(a=report(*suites))
    for options in ({"split_cases": 4}, {"split_bytes": 210}):
        out = tmp_path / f"{next(iter(options))}.xml"
        assert merge(inputs, str(out), **options) == 0
        parts = sorted(tmp_path.glob(f"{out.stem}*.xml"), key=lambda p: (len(p.name), p.name))
        assert len(parts) == 3
        found = [case for part in parts for suite in cases(part).values() for case in suite]
        assert found == [("C", str(i), None) for i in range(5)] + [("D", str(i), None) for i in range(5)]
        for part in parts:
            root = etree.parse(str(part)).getroot()
            assert int(root.get("tests")) == len(list(root.iter("testcase"))) <= 4


def test_a_part_that_was_there_before_is_told_of(files, tmp_path, capsys):
    inputs, out = files(a=report(("s", [("C", str(i), "") for i in range(6)]))), tmp_path / "out.xml"
    for size, told in ((2, False), (3, True), (2, False)):
        assert merge(inputs, str(out), split_cases=size) == 0
        warning = f"warning: {tmp_path / 'out.3.xml'} was there before, and is no part of this report"
        assert (warning in capsys.readouterr().err) == told
    assert merge(inputs, str(out)) == 0
    assert "was there before" not in capsys.readouterr().err


def test_no_parts_beside_what_is_no_file(files, tmp_path, capfd):
    inputs = files(a=report(("s", [("C", "one", ""), ("C", "two", "")])))
    for name in ("/dev/stdout", "/dev/null"):
        with pytest.raises(UnusablePath, match=f"cannot write {name} in parts: it is not a file"):
            merge(inputs, name, split_cases=1)
    assert capfd.readouterr().out == "" and not os.path.exists("/dev/null.2")


def test_what_other_writers_write(project, tmp_path, schema):
    project.write("test_x.py", "import unittest\nclass TestX(unittest.TestCase):\n    def test_y(self): pass\n")
    project.python("-m", "pytest", "-q", "--junitxml=pytest.xml", "test_x.py", check=0)
    project.python("-m", "nose2", "--plugin", "nose2.plugins.junitxml", "--junit-xml", "test_x", check=0)
    project.python("-m", "nose", "--with-xunit", "--xunit-file=nose.xml", "test_x.py", check=0)
    project.python("-m", "xmlrunner", "-o", "xmlrunner", "test_x", check=0)
    project.yagot("--junit-xml", "yagot.xml", "test_x", check=0)
    (xmlrunner,) = (project.path / "xmlrunner").iterdir()
    names = ["pytest.xml", "nose2-junit.xml", "nose.xml", xmlrunner, "yagot.xml"]
    prefixes = [f"--prefix=w{i}" for i in range(5)]
    project.python("-m", "yagot", "merge", "-o", "out.xml", *prefixes, *names, check=0)
    assert len(JUnitXml.fromfile(str(project.path / "out.xml"))) == 5
    tree = etree.parse(str(project.path / "out.xml"))
    assert [case.get("name") for case in tree.iter("testcase")] == ["test_y"] * 5
    assert tree.getroot().get("tests") == "5"


CASE = b'<testsuites><testsuite name="s"><testcase name="c"><failure>%s</failure></testcase></testsuite></testsuites>'

HOSTILE = {
    "empty": (b"", "the file ends too early"),
    "text": (b"hello", ""),
    "html": (b"<html/>", "not a JUnit report"),
    "torn": (b'<testsuites><testsuite name="s"><testcase name="a"', ""),
    "unclosed": (b'<testsuites><testsuite name="s">', "the file ends too early"),
    "mismatch": (b"<testsuites><testsuite></testsuites>", "<testsuite> of line 1 is closed by </testsuites>"),
    "two roots": (b"<testsuites/><testsuites/>", "something behind the end of the report"),
    "external": (
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><testsuites>&x;</testsuites>',
        "document type",
    ),
    "bomb": (
        b'<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
        + b"".join(b'<!ENTITY %c "%s">' % (i, b"&%c;" % (i - 1) * 10) for i in range(ord("c"), ord("q")))
        + b"]><testsuites>&p;</testsuites>",
        "",
    ),
    "remote": (b'<!DOCTYPE a SYSTEM "http://192.0.2.1/x.dtd"><testsuites/>', "document type"),
    "encoding": (
        b'<?xml version="1.0" encoding="UTF-8"?><testsuites name="\xff\xfe"/>',
        "the byte 0xFF, which is not UTF-8",
    ),
    "unknown encoding": (b'<?xml version="1.0" encoding="nonsense"?><testsuites/>', "an encoding that is not known"),
    "control": (b"<testsuites>\x01</testsuites>", "the character U+0001, which XML cannot hold"),
    "escape": (CASE % b"\x1b[31m", "line 1: the character U+001B, which XML cannot hold ('yagot repair' keeps"),
    "reference": (CASE % b"\n&#27;", "line 2: the character U+001B"),
    "ampersand": (CASE % b"a & b", "the character & that begins no entity"),
    "less": (CASE % b"a < b", "the character < that begins no tag"),
    "twice": (b'<testsuites name="a" name="b"/>', "the attribute 'name' twice in one tag"),
    "prefix": (b'<testsuites x:name="a"/>', "the prefix 'x', which is not declared"),
    "header": (b'<?xml version="1.0"?><?xml version="1.0"?><testsuites/>', "declaration that is not at the beginning"),
    "log": (b'started\n<?xml version="1.0"?><testsuites/>', "something before the first tag"),
    "long name": (b"<testsuites><t\xc3\xa9" + b"\xc3\xa9" * 300 + b"></b></testsuites>", "is closed by </b>"),
    "deep": (b"<testsuites>" + b"<testsuite>" * 10**6, ""),
    "deep case": (b'<testsuites><testsuite name="s"><testcase>' + b"<a>" * 10**6, ""),
    "attribute": (
        b'<testsuites><testsuite name="' + b"x" * 11_000_000 + b'"/></testsuites>',
        "an attribute or a comment of more than 10 MB",
    ),
    "undeclared": (CASE % b"&what;", "the entity &what;, which is not defined"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_input_is_one_clear_line(files, tmp_path, name, capsys):
    content, message = HOSTILE[name]
    out = tmp_path / "out.xml"
    (bad,) = files(bad=content)
    (good,) = files(good=report(("s", [("C", "one", "")])))
    assert merge([good, bad], str(out)) == 2
    error = capsys.readouterr().err
    assert re.fullmatch(rf"yagot: {re.escape(bad)}: line \d+: .*\n", error), error
    assert message in error
    assert not out.exists()
    assert merge([bad, good], str(out), keep_going=True) == 1
    assert ("C", "one", None) in cases(out)["s"]


def test_files_that_cannot_be_read_or_written(files, tmp_path, capsys):
    (good,) = files(good=report(("s", [("C", "one", "")])))
    assert merge([str(tmp_path / "none.xml")], str(tmp_path / "out.xml")) == 2
    assert merge([str(tmp_path)], str(tmp_path / "out.xml")) == 2
    (tmp_path / "file").write_text("")
    assert main(["merge", "-o", str(tmp_path / "file" / "out.xml"), good]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 3 and all(line.startswith("yagot: ") for line in errors)


def test_a_full_disk_leaves_the_old_file(files, tmp_path, capsys):
    (good,) = files(good=report(("s", [("C", str(i), "") for i in range(2000)])))
    out = tmp_path / "out.xml"
    out.write_text("old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    import signal

    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        try:
            assert main(["merge", "-o", str(out), good]) == 2
        except OSError:
            pytest.fail("a traceback for a full disk")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert out.read_text() == "old"
    assert "File too large" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir() if ".tmp" in p.name] == []


def test_the_command_line(project):
    (project.path / "a.xml").write_text(report(("s", [("C", "one", "")])))
    project.python("-m", "yagot", "merge", "a.xml", check=2)
    project.python("-m", "yagot", "merge", "-o", "o.xml", check=2)
    project.python("-m", "yagot", "merge", "-o", "o.xml", "--split-cases", "0", "a.xml", check=2)
    result = project.python("-m", "yagot", "merge", "-o", "o.xml", "a.xml", check=0)
    assert result.stdout == ""
    project.python("-m", "yagot", "repair", "o.xml", check=0)


READABLE = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"))


@given(st.lists(st.tuples(READABLE, READABLE, READABLE, READABLE), max_size=20))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_round_trips(tmp_path, rows):
    root = etree.Element("testsuites")
    for suite, classname, name, text in rows:
        element = etree.SubElement(etree.SubElement(root, "testsuite", name=suite), "testcase")
        element.set("classname", classname)
        element.set("name", name)
        etree.SubElement(element, "failure").text = text
    path, out = tmp_path / "in.xml", tmp_path / "out.xml"
    etree.ElementTree(root).write(str(path), encoding="utf-8", xml_declaration=True)
    assert merge([str(path)], str(out)) == 0
    found = [
        (suite.get("name"), case.get("classname"), case.get("name"), case[0].text or "")
        for suite in etree.parse(str(out)).getroot()
        for case in suite
    ]
    assert sorted(found) == sorted(
        (*key, text.replace("\r\n", "\n").replace("\r", "\n")) for *key, text in rows
    )


def grown(tmp_path, inputs):
    """By how many kB the process of a merge grows."""
    code = (
        "import resource, sys\nfrom yagot.commands.merge import merge\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        f"assert merge({[str(path) for path in inputs]!r}, '{tmp_path}/out.xml') == 0\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


TEXT = "x < & y\n" * 125
LONG = f"<![CDATA[{TEXT * 12000}]]>"
MEMORY = {
    "many cases": "".join(
        f'<testsuite name="s{i}">{"".join(f"""<testcase name="{n}"/>""" for n in range(50000))}</testsuite>'
        for i in range(4)
    ),
    "texts": "".join(f'<testcase name="{n}"><failure><![CDATA[{TEXT}]]></failure></testcase>' for n in range(20000)),
    "a long text": f'<testcase name="a"><failure>{LONG}</failure></testcase>' * 3,
    "output": f'<testsuite name="s"><testcase name="a"/><system-out>{LONG * 3}</system-out></testsuite>',
    "output of the root": f"<system-out>{LONG * 3}</system-out>",
    "properties": "<properties>"
    + "".join(f'<property name="{n}" value="{"v" * 1000}"/>' for n in range(20000)) + "</properties>",
    "suites": "".join(f'<testsuite name="{"n" * 500}{n}"><testcase name="a"/></testsuite>' for n in range(40000)),
}  # fmt: skip


@pytest.mark.parametrize("kind", MEMORY)
def test_memory_does_not_grow_with_what_is_read(tmp_path, kind):
    path = tmp_path / "in.xml"
    path.write_text(f"<testsuites>{MEMORY[kind]}</testsuites>")
    count = MEMORY[kind].count("<testcase")
    assert grown(tmp_path, [path]) < 10_000 + 16 * count / 1000
    assert os.path.getsize(tmp_path / "out.xml") > os.path.getsize(path) * 0.8


def test_what_xml_can_say_in_several_ways(files, tmp_path):
    text = "x" * 12_000_000
    (path,) = files(
        a=f"""<?xml version="1.0" encoding="ISO-8859-1"?><!-- a comment --><?go on?>
        <j:testsuites xmlns:j="urn:j"><j:testsuite name="s &amp; &#38; &lt;&#9;&quot;" j:name="no">
        <testcase xmlns="urn:other" classname="C" name="\u00e9 &#xe9; a&#10;b" j:time="3" xml:lang="en" time="1,000.5">
        <!-- left out --><?left out?>
        <j:failure message="&gt;&apos;"><![CDATA[<a>&amp;]]>]]&gt; &amp; &#13;<b/></j:failure>
        <system-out>{text}<![CDATA[{text[:9_000_000]}]]></system-out>
        </testcase></j:testsuite></j:testsuites>""".encode("latin-1")
    )
    out = tmp_path / "out.xml"
    assert merge([path], str(out)) == 0
    root = etree.parse(str(out), etree.XMLParser(huge_tree=True)).getroot()
    (suite,) = root
    (case,) = suite
    failure, output = case
    assert suite.get("name") == 's & & <\t"' and root.get("time") == "1000.500"
    assert dict(case.attrib) == {
        "classname": "C", "name": "\u00e9 \u00e9 a\nb", "time": "1000.5", "{urn:j}time": "3",
        "{http://www.w3.org/XML/1998/namespace}lang": "en",
    }  # fmt: skip
    assert failure.tag == "failure" and dict(failure.attrib) == {"message": ">'"}
    assert failure.text == "<a>&amp;]]> & \r" and [child.tag for child in failure] == ["b"]
    assert output.text == text + text[:9_000_000]


def test_a_merger_without_files():
    with pytest.raises(TypeError):
        _core.JUnitMerger()


def test_an_error_is_one_line_whatever_a_file_is_called(tmp_path, capfd):
    name = str(tmp_path / "a\nb\x1b[31m.xml")
    assert main(["merge", "-o", str(tmp_path / "out.xml"), name]) == 2
    said = capfd.readouterr().err
    assert said.count("\n") == 1 and r"a\nb\x1b[31m.xml" in said
