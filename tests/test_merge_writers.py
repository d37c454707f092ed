"""No test lost: what an independent reader finds before a merge, it finds after it."""

import random
import re
import xml.etree.ElementTree as ET
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from junit_reading import COUNTERS, Report, local, recount
from junit_writers import COUNTS, path_of

from yagot.commands.merge import merge


def there_of(element, name):
    return recount(element).get(name, 0)


def check_counters(merged, originals):
    """The counters are those of the cases, or what a file said if that was more."""
    for path, counters, element in merged.counters():
        there = recount(element)
        counters.pop("assertions", None)
        if "disabled" in counters:
            counters["skipped"] = counters.get("skipped", 0) + counters.pop("disabled")
        if path == () and "skipped" not in element.attrib:
            counters.pop("skipped", None)
        for name, count in counters.items():
            more = [
                other for report in originals for other, each, e in report.counters()
                if other[: len(path)] == path
                and (each.get(name, 0) > there_of(e, name) or (name == "skipped" and each.get("disabled", 0) > 0))
            ]  # fmt: skip
            assert count == there[name] or (count > there[name] and more), (path, name, count)


def check(paths, out):
    before = [Report(path) for path in paths]
    assert merge([str(path) for path in paths], str(out)) == 0
    after = Report(out)
    check_counters(after, before)
    return before, after


@pytest.mark.parametrize("name", COUNTS)
def test_nothing_of_a_writers_file_is_lost(tmp_path, name, capsys):
    cases, failures, errors, skipped = COUNTS[name]
    (before,), after = check([path_of(name)], tmp_path / "out.xml")
    assert after.cases == before.cases
    assert after.rest == before.rest
    outcomes = Counter(key[3] for key in after.cases.elements())
    assert (sum(outcomes.values()), outcomes["failure"], outcomes["error"]) == (cases, failures, errors)
    assert outcomes["skipped"] in (skipped, skipped + 1)  # one is disabled
    found = Counter(path for path, _, _ in after.suites)
    for path, attributes, _ in before.suites:
        assert any(other == path and attributes <= theirs for other, theirs, _ in after.suites), (path, attributes)
        assert found[path] >= 1
    kept = {(k, v) for k, v in before.root.attrib.items() if k not in COUNTERS | {"name"}}
    assert local(before.root.tag) == "testsuite" or kept <= set(after.root.attrib.items())
    assert f"{cases} test case" in capsys.readouterr().err
    for element in after.root.iter():
        if "time" in element.attrib and element.get("time") not in ("", "NaN"):
            assert float(element.get("time")) >= 0


def test_all_writers_in_one(tmp_path):
    paths = [path_of(name) for name in COUNTS]
    prefixes = [f"p{number}" for number in range(len(paths))]
    before = [Report(path) for path in paths]
    assert merge([str(path) for path in paths], str(tmp_path / "out.xml"), prefixes) == 0
    after = Report(tmp_path / "out.xml")
    assert sum(after.cases.values()) == sum(sum(report.cases.values()) for report in before)
    outcomes = Counter(key[3] for key in after.cases.elements())
    assert outcomes == Counter(key[3] for report in before for key in report.cases.elements())


def test_times(tmp_path, capsys):
    def total(*times):
        path, out = tmp_path / "in.xml", tmp_path / "out.xml"
        cases = "".join(f'<testcase name="t{n}" time="{time}"/>' for n, time in enumerate(times))
        path.write_text(f'<testsuite name="s">{cases}</testsuite>', encoding="utf-8")
        assert merge([str(path)], str(out)) == 0
        suite = ET.parse(out).getroot()[0]
        return float(suite.get("time")), [case.get("time") for case in suite]

    assert total("0,160", "0,03", "0,500000", "12,5") == (13.19, ["0.160", "0.03", "0.500000", "12.5"])
    assert total("14,029.255", "1,234,567", "1,000,000.5") == (2248596.755, ["14029.255", "1234567", "1000000.5"])
    assert total("14.029,255", "1.234.567,5", "1.234.567") == (2483163.755, ["14029.255", "1234567.5", "1234567"])
    assert total("1\u00a0234,5", "1'234.5", "1\u202f234\u202f567") == (1237036.0, ["1234.5", "1234.5", "1234567"])
    assert total("PT1M3.5S", "PT0S", "P1DT1H", "PT0,5S") == (90064.0, ["63.500", "0.000", "90000.000", "0.500"])
    assert total("00:00:03.141", "1:02:03") == (3726.141, ["3.141", "3723.000"])
    assert total("12 ms", "3s", "0.5 sec") == (3.512, ["0.012", "3", "0.5"])
    assert total("1.5e-1", "+2", " 1 ") == (3.15, ["1.5e-1", "+2", " 1 "])
    assert total("1,5e-01", "2,5E+0", "1e-1") == (2.75, ["1.5e-01", "2.5E+0", "1e-1"])
    assert total("", "NaN", "Infinity", "-1") == (0.0, ["", "NaN", "Infinity", "-1"])
    assert total("-0,5", "-12 ms", "+1,5") == (1.5, ["-0.5", "-0.012", "1.5"])
    assert "warning" not in capsys.readouterr().err
    assert total("1,234", "fast", "0.5", "PT", "1:2") == (0.5, ["1,234", "fast", "0.5", "PT", "1:2"])
    error = capsys.readouterr().err
    assert "warning: 4 times of unclear meaning, kept as written but not counted: 1,234 of t0, fast of t1" in error
    assert total("1,234", "0,5") == (1.734, ["1.234", "0.5"])  # a decimal comma elsewhere in the file says it
    assert total("1,234", "2,345.5") == (3579.5, ["1234", "2345.5"])
    assert total("1,234", "2,345.5", "0,5")[1] == ["1,234", "2345.5", "0.5"]


def test_what_output_says_of_times_is_not_the_files(tmp_path, capsys):
    """Nor are other attributes; and the file's encoding does not matter."""

    def written(case, encoding="utf-8"):
        path, out = tmp_path / "in.xml", tmp_path / "out.xml"
        text = f'<?xml version="1.0" encoding="{encoding}"?><testsuite name="s"><testcase name="t" time="1,234">'
        path.write_bytes(f"{text}{case}</testcase></testsuite>".encode(encoding))
        assert merge([str(path)], str(out)) == 0
        return ET.parse(out).getroot()[0][0].get("time")

    others = ('<system-out>time="0,5"</system-out>', '<system-out><![CDATA[<testcase time="0,5"/>]]></system-out>',
              '<!-- time="0,5" -->', '<x uptime="0,5"/>')  # fmt: skip
    assert [written(other) for other in others] == ["1,234"] * 4
    assert capsys.readouterr().err.count("1 time of unclear meaning") == 4
    assert [written("</testcase><testcase\n time = '0,5'>", e) for e in ("utf-8", "utf-16")] == ["1.234"] * 2


def test_counters_in_odd_forms(tmp_path, capsys):
    """A report is not green because its counter has a blank or a comma."""

    def counted(*values):
        path, out = tmp_path / "in.xml", tmp_path / "out.xml"
        suites = (f'<testsuite name="{n}" failures="{value}"/>' for n, value in enumerate(values))
        path.write_text(f"<testsuites>{''.join(suites)}</testsuites>")
        assert merge([str(path)], str(out)) == 0
        return [int(suite.get("failures")) for suite in ET.parse(out).getroot()]

    assert counted(" 2 ", "+3", "4.0", "1,234", "1,234,567", "0005", "2.00", "10") == [2, 3, 4, 1234, 1234567, 5, 2, 10]
    assert "of 8 suites are kept" in capsys.readouterr().err
    assert counted("", " ", "+", "one", "-1", "0x10", "1.5", "12,34", ",123", "1234,567", "1,", "1" * 11) == [0] * 12


def test_higher_counters_stay_and_are_warned_of(tmp_path, capsys):
    path, out = tmp_path / "in.xml", tmp_path / "out.xml"
    path.write_text(
        '<testsuites tests="9" failures="1">'
        '<testsuite name="died" tests="5" failures="1" errors="2" skipped="1" time="9"><testcase name="a" time="1"/>'
        '</testsuite><testsuite name="fine" tests="2" failures="0" errors="1" time="0">'
        '<testcase name="b" time="2"><failure/><error/></testcase><testcase name="c"/></testsuite></testsuites>'
    )
    assert merge([str(path)], str(out)) == 0
    root = ET.parse(out).getroot()
    wanted = ("tests", "failures", "errors", "time")
    assert [[e.get(name) for name in wanted] for e in root.iter() if e.tag != "testcase" and "tests" in e.attrib] == [
        ["9", "1", "3", "11.000"],
        ["5", "1", "2", "9.000"],
        ["2", "0", "1", "2.000"],
    ]
    error = capsys.readouterr().err
    assert "warning: counters that were higher than the test cases of 2 suites are kept" in error
    assert "died (4 tests, 1 failure, 2 errors, 1 skipped), the whole report (2 tests)" in error


def test_root_names(tmp_path):
    paths = []
    for number, name in enumerate(["unit", "integration", "unit"]):
        paths.append(tmp_path / f"{number}.xml")
        paths[-1].write_text(f'<testsuites name="{name}" x{number}="1"><testcase name="a"/></testsuites>')
    _, after = check(paths, tmp_path / "out.xml")
    assert after.root.get("name") == "unit, integration"
    assert [after.root.get(f"x{number}") for number in range(3)] == ["1", "1", "1"]
    assert {key[0] for key in after.cases} == {("unit",), ("integration",)}


@pytest.mark.parametrize("limits", [{"split_cases": 1}, {"split_cases": 3}, {"split_bytes": 300}])
def test_parts_of_nested_suites(tmp_path, limits):
    generator = random.Random(5)

    def suite(depth, name):
        inner = "".join(suite(depth + 1, f"{name}.{n}") for n in range(generator.randint(0, 2) if depth < 4 else 0))
        cases = "".join(f'<testcase name="{name}-{n}" time="0.001"/>' for n in range(generator.randint(0, 4)))
        rest = f'<properties><property name="p" value="{name}"/></properties>'
        return f'<testsuite name="{name}">{rest}{cases}{inner}<system-out>{name}</system-out></testsuite>'

    path = tmp_path / "in.xml"
    path.write_text(f"<testsuites>{''.join(suite(0, f's{n}') for n in range(6))}</testsuites>")
    before = Report(path)
    assert merge([str(path)], str(tmp_path / "out.xml"), **limits) == 0
    parts = [Report(part) for part in tmp_path.glob("out*.xml")]
    assert len(parts) > 4
    assert sum((part.short() for part in parts), Counter()) == before.short()
    outputs = [key for part in parts for key in part.rest.elements() if key[1] == "system-out"]
    assert Counter(outputs) == Counter(key for key in before.rest.elements() if key[1] == "system-out")
    for part in parts:
        check_counters(part, [])
        assert int(part.root.get("tests")) == sum(part.cases.values()) <= limits.get("split_cases", 99)


# -- any file ---------------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "s / t", "\u00e9<&>\"'", "x.y", "", "n\nl"])
CHARACTERS = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")
TEXTS = st.text(CHARACTERS, max_size=8)
EXTRA = st.dictionaries(
    st.sampled_from(["package", "id", "hostname", "file", "line", "status", "result", "timestamp", "x", "{urn:q}y"]),
    st.sampled_from(["1", "2", "skipped", "notrun", "run", "v w"]),
    max_size=3,
)
COUNTERS_SAID = st.dictionaries(st.sampled_from(sorted(COUNTERS)), st.sampled_from("0123"))
RESULTS = st.sampled_from(["failure", "error", "skipped", "rerunFailure", "flakyError", "system-out", "properties"])


@st.composite
def elements(draw, tag, depth=0):
    element = ET.Element(tag, {**draw(EXTRA), "name": draw(NAMES)})
    if tag == "testcase":
        element.set("classname", draw(NAMES))
        for result in draw(st.lists(RESULTS, max_size=2)):
            child = ET.SubElement(element, result, {"message": draw(TEXTS)})
            child.text = draw(TEXTS)
        return element
    element.attrib.update(draw(COUNTERS_SAID))
    kinds = ["testcase", "testcase", "testcase", "error", "failure", "skipped", "system-out", "properties", "other"]
    for kind in draw(st.lists(st.sampled_from([*kinds, "testsuite"] if depth < 4 else kinds), max_size=5)):
        if kind in ("testcase", "testsuite"):
            element.append(draw(elements(kind, depth + 1)))
            continue
        child = ET.SubElement(element, kind, {} if kind == "properties" else {"message": draw(TEXTS)})
        if kind == "properties":
            ET.SubElement(child, "property", {"name": draw(NAMES), "value": draw(TEXTS)})
        else:
            child.text = draw(TEXTS)
    return element


@given(elements("testsuites"), st.booleans())
@settings(deadline=None, max_examples=150, suppress_health_check=[*HealthCheck])
def test_nothing_of_any_file_is_lost(tmp_path_factory, root, sections):
    directory = tmp_path_factory.mktemp("any")
    path, out = directory / "in.xml", directory / "out.xml"
    if not root.get("name"):
        root.attrib.pop("name", None)
    text = ET.tostring(root, encoding="unicode")
    if sections:
        text = re.sub(r">([^<&]+)<", lambda found: f"><![CDATA[{found[1]}]]><", text)
    path.write_text(text, encoding="utf-8")
    (before,), after = check([path], out)
    assert after.cases == before.cases
    assert after.rest == before.rest
    # once more, with the result: all are duplicates
    _, twice = check([path, out], directory / "twice.xml")
    assert twice.short() == before.short() or "hostname" in text
