"""yagot repair: every complete test case of a damaged file, wherever the damage is."""

import os
import random
from collections import Counter

import pytest
from junit_reading import Report
from junit_writers import COUNTS, path_of

from yagot.commands.repair import repair

ROUNDS = int(os.environ.get("YAGOT_TEST_DAMAGES", "300"))  # 10,000 by hand, before releases


@pytest.fixture
def repaired(tmp_path, capsys):
    """Repairs a text; the names of its cases with their outcomes, what was said, and the result itself."""

    def run(content, status=0):
        path, out = tmp_path / "in.xml", tmp_path / "out.xml"
        out.unlink(missing_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        assert repair(str(path), str(out)) == status
        said = capsys.readouterr().err
        if status:
            assert not out.exists()
            return None, said, None
        report = Report(out)
        return {key[2]: key[3:6] for key in report.cases}, said, report

    return run


def suite(*cases, name="s"):
    return f'<testsuites><testsuite name="{name}">{"".join(cases)}</testsuite></testsuites>'


def case(name, text=None, kind="failure"):
    return f'<testcase name="{name}">' + (f"<{kind}>{text}</{kind}>" if text is not None else "") + "</testcase>"


def test_characters_that_xml_cannot_hold_are_shown(repaired):
    found, said, _ = repaired(
        suite(case("escape", "\x1b[31mred"), case("nul", "a\0b"),
              case("reference", "&#27;&#x0;&#xFFFE;&#65;&#99999999;"), case("noncharacter", "\ufffe"),
              '<testcase name="attribute\x07"/>')
    )  # fmt: skip
    assert {name: text for name, (_, _, text) in found.items()} == {
        "escape": "\\x1b[31mred",
        "nul": "a\\x00b",
        "reference": "\\x1b\\x00\\ufffeA&#99999999;",
        "noncharacter": "\\ufffe",
        "attribute\\x07": "",
    }
    assert "line 1: the character U+001B, which XML cannot hold: kept 5 test cases" in said
    assert "left out" not in said and "repair" not in said


def test_bytes_that_are_no_utf8(repaired):
    found, said, _ = repaired(suite(case("a", "caf\u00e9 ")).encode() .replace(b"</failure>", b"caf\xe9</failure>"))
    assert found["a"][2] == "caf\u00e9 caf\\xe9"
    assert "the byte 0xE9, which is not UTF-8" in said
    latin = suite(case("\u00e9", "x & y")).encode("latin-1")
    found, _, _ = repaired(b'<?xml version="1.0" encoding="latin-1"?>' + latin)
    assert found == {"\u00e9": ("failure", None, "x & y")}
    found, _, _ = repaired(b'<?xml version="1.0" encoding="UTF-16"?>' + suite(case("a", "x & y")).encode())
    assert found == {"a": ("failure", None, "x & y")}
    found, _, _ = repaired(suite(case("\u00e9", "x & y")).encode("utf-16"))
    assert found == {"\u00e9": ("failure", None, "x & y")}
    found, _, _ = repaired(b'<?xml version="1.0" encoding="klingon"?>' + suite(case("\u00e9")).encode())
    assert list(found) == ["\u00e9"]


def test_text_that_was_not_escaped(repaired):
    found, _, _ = repaired(
        suite(case("a", "x < y && y > z"), case("b", "expected <foo> but was <bar/> &what; ]]>"),
              '<testcase name="c"><failure message="a < b & c">t</failure></testcase>')
    )  # fmt: skip
    assert found == {
        "a": ("failure", None, "x < y && y > z"),
        "b": ("failure", None, "expected <foo> but was <bar/> &what; ]]>"),
        "c": ("failure", "a < b & c", "t"),
    }


def test_several_documents_and_headers_in_one_file(repaired):
    one = '<?xml version="1.0"?>' + suite(case("a"), name="one")
    two = '<?xml version="1.0"?><testsuite name="two"><testcase name="b"/></testsuite>'
    found, said, report = repaired(f"building…\n{one}\n{two}{one}done")
    assert sum(report.cases.values()) == 3 and {key[0] for key in report.cases} == {("one",), ("two",)}
    assert "kept 3 test cases" in said
    found, _, _ = repaired('<?xml version="1.0"?>' * 2 + suite(case("a")))
    assert list(found) == ["a"]
    found, _, _ = repaired("<!DOCTYPE x [<!ENTITY a 'b'>]>" + suite(case("a", "&a;")))
    assert found["a"][2] == "&a;"
    found, _, _ = repaired('<?xml version="1.1"?>' + suite(case("a", "&#27;")))
    assert found["a"][2] == "\\x1b"


def test_torn_sections_and_comments(repaired):
    torn = suite(case("a", "<![CDATA[torn"), case("b", "<![CDATA[x<y]]>"), case("c"))
    found, said, _ = repaired(torn)  # this is well-formed
    assert "a CDATA section without an end takes in test cases" in said
    assert found == {"a": ("failure", None, "torn"), "b": ("failure", None, "x<y"), "c": ("passed", None, "")}
    # sections about JUnit are no damage
    about = f"<![CDATA[{suite(case('x', '<![CDATA[y')).replace('<testsuites>', '')}]]>"
    found, said, _ = repaired(suite(case("a", about), case("b")))
    assert list(found) == ["a", "b"] and found["a"][2] == about[9:-3] and "without an end" not in said
    # but for a counter that knows better
    swallowed = "<![CDATA[torn</failure><!-- --></testcase><testcase name='b'><failure><![CDATA[x]]>"
    found, said, _ = repaired(suite(case("a", swallowed), case("c")).replace("<testsuite ", '<testsuite tests="3" '))
    assert list(found) == ["a", "b", "c"]
    found, _, _ = repaired(suite("<!-- ", case("a"), case("b")))
    assert list(found) == ["a", "b"]
    found, _, _ = repaired(suite(case("a", "<!-- x")))
    assert found["a"][2] == "<!-- x"


def test_what_is_not_complete_is_left_out_and_counted(repaired):
    found, said, report = repaired(
        suite(
            case("a"),
            '<uestcase name="start"><failure/></testcase>',
            case("b"),
            '<testcase name="end"><failure>x</failurf></testcase>',
            '<testcase name="quote time="1"><failure/></testcase>',
            '<testcase name="unclosed"><skipped/>',
            case("c", "x"),
            "<system-out>said</system-out>",
            '<testcase name="torn"><fail',
        )[: -len("</testsuite></testsuites>")]
    )
    assert found == {"a": ("passed", None, ""), "b": ("passed", None, ""), "c": ("failure", None, "x")}
    assert "kept 3 test cases" in said and "5 test cases left out" in said
    assert [key[1:] for key in report.rest] == [("system-out", frozenset(), "said")]


def test_a_suite_whose_tag_is_damaged(repaired):
    _, _, report = repaired(
        '<testsuites><testsuite name="one tests="1"><testcase name="a"/></testsuite><uestsuite name="two">'
        '<testcase name="b"/></uestsuite><testsuite name="three"><testcase name="c"/></testsuite></testsuites>'
    )
    assert [(key[0][-1], key[2]) for key in report.cases] == [("tests", "a"), ("two", "b"), ("three", "c")]


def test_nothing_is_overwritten_by_less(tmp_path, capsys):
    path = tmp_path / "in.xml"
    torn = suite(case("a"), case("b", "x"))[:-40]
    path.write_text(torn)
    assert repair(str(path)) == 2
    assert path.read_text() == torn
    said = capsys.readouterr().err
    assert "1 test case can be kept, 1 test case left out; nothing was written" in said and "--force" in said
    assert repair(str(path), force=True) == 0
    assert [key[2] for key in Report(path).cases] == ["a"]
    assert repair(str(path)) == 0 and "nothing to repair" in capsys.readouterr().err
    path.write_text(suite(case("a"), case("b", "\x1b"))[: -len("</testsuites>")])
    assert repair(str(path)) == 0  # nothing is lost
    assert len(Report(path).cases) == 2


def test_what_is_no_report(repaired, tmp_path, capsys):
    for content in ("", "hello", "<html><body>no</body></html>", '<testsuites><testsuite name="s"><testcase na'):
        _, said, _ = repaired(content, status=2)
        assert said.startswith("yagot: ") and said.count("\n") == 1
    assert repair(str(tmp_path / "none.xml")) == 2
    assert repair(str(tmp_path)) == 2
    assert capsys.readouterr().err.count("\n") == 2


def test_the_command_line(project):
    (project.path / "a.xml").write_text(suite(case("a"), case("b", "x"))[:-40])
    project.python("-m", "yagot", "repair", "a.xml", check=2)
    result = project.python("-m", "yagot", "repair", "a.xml", "-o", "b.xml", check=0)
    assert result.stdout == "" and "kept 1 test case in b.xml, 1 test case left out" in result.stderr
    project.python("-m", "yagot", "repair", "--force", "a.xml", check=0)
    project.python("-m", "yagot", "repair", "b.xml", check=0)


@pytest.mark.parametrize("name", COUNTS)
def test_the_mended_file_of_a_writer_is_the_file(repaired, name):
    """With something behind its end: all the rest is there."""
    wanted = Report(path_of(name))
    end = "<oops".encode("utf-16")[2:] if name == "utf16" else b"<oops"
    _, _, report = repaired(path_of(name).read_bytes() + end)
    assert report.cases == wanted.cases
    assert report.rest == wanted.rest


# -- random damage ----------------------------------------------------------------------------------

BODIES = (
    "", "<failure message='no %d'>tr &lt;x&gt; \u00e9</failure>", "<skipped/>",
    '<failure message="m"><![CDATA[ if (a < b) <x> %d ]]></failure>', "<system-out><![CDATA[out %d]]></system-out>",
    "<properties><property name='q' value='%d'/></properties>",
    '<error message="e" type="T">\n  at x\n</error><system-err>e</system-err>',
)  # fmt: skip


def random_report(generator):
    """Pieces of a report, and the name of the test case that each is, if it is one."""
    pieces = [(generator.choice(['<?xml version="1.0" encoding="UTF-8"?>\n', "", '<?xml version="1.1"?>']), None)]
    pieces.append(('<testsuites name="all" tests="12">\n', None))
    number = 0
    while number < 12:
        count = min(generator.randint(1, 4), 12 - number)
        pieces.append((f'<testsuite name="suite{number}" tests="{count}" time="1.5">\n', None))
        if generator.random() < 0.5:
            pieces.append(('<properties><property name="p" value="v"/></properties>\n', None))
        for _ in range(count):
            name, body = f"test_{number}", generator.choice(BODIES)
            body = body % number if "%d" in body else body
            pieces.append((f'<testcase classname="C" name="{name}" time="0.1">{body}</testcase>', name))
            pieces.append(("\n", None))
            number += 1
        if generator.random() < 0.5:
            pieces.append(("<system-out><![CDATA[suite output <&]]></system-out>\n", None))
        pieces.append(("</testsuite>\n", None))
    pieces.append(("</testsuites>\n", None))
    return [(text.encode(), name) for text, name in pieces]


def damage(generator, pieces):
    """Cuts the report off, or changes some bytes, or both; the damaged bytes, and the names of the whole cases in
    them."""
    data = bytearray(b"".join(text for text, _ in pieces))
    how = generator.randrange(3)
    cut = generator.randrange(len(data)) if how != 1 else len(data)
    changed = set()
    for _ in range(generator.choice([1, 1, 2, 5]) if how else 0):
        at = generator.randrange(len(data))
        data[at] = generator.choice([data[at] ^ (1 << generator.randrange(8)), generator.randrange(256)])
        changed.add(at)
    whole, at = [], 0
    for text, name in pieces:
        if name is not None and at + len(text) <= cut and not changed & set(range(at, at + len(text))):
            whole.append(name)
        at += len(text)
    return bytes(data[:cut]), whole


def test_random_damage(tmp_path, capsys):
    for seed in range(ROUNDS):
        generator = random.Random(seed)
        pieces = random_report(generator)
        path, out = tmp_path / "in.xml", tmp_path / "out.xml"
        path.write_bytes(b"".join(text for text, _ in pieces))
        wanted = {key[2]: key[1:] for key in Report(path).cases}
        data, whole = damage(generator, pieces)
        path.write_bytes(data)
        out.unlink(missing_ok=True)
        status = repair(str(path), str(out))
        found = Counter(key[1:] for key in Report(out).cases.elements()) if status == 0 else Counter()
        missing = [name for name in whole if not found[wanted[name]]]
        assert not missing, (seed, missing, data, capsys.readouterr().err)
        capsys.readouterr()
