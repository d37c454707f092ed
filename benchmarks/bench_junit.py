"""Writing JUnit XML: 100,000 test cases, a tenth of them failures, next to other writers, in one run.

yagot writes twice: as it does in a run (crash-safe: a pending case before each test), and each case once. The writer
in C (handwritten.c) does the least that gives such a file. Where valgrind is installed, instructions are counted, too:
those of the process alone, not of its system calls.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from processes import measure, measure_python
from tabulate import tabulate

CASES = 100_000
TEXT = "Traceback (most recent call last):\n" + "  File \"x.py\", line 1, in <test> & more\n" * 6

YAGOT = """
import os
from yagot._core import JUnitWriter
file = os.open(out, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
writer = JUnitWriter(file, "bench", "2024-01-01T00:00:00", "host", ())
def write(n, failed, pending):
    kind = "error" if pending else "failure" if failed else None
    text = TEXT if failed and not pending else "died" if pending else None
    writer.write(f"suite{n // 1000}", None, "pkg.module.TestClass", f"test_{n}", kind, kind, "no" if kind else None,
                 text, None, 1, pending, 0)
for n in range(CASES):
    PENDING
    write(n, n % 10 == 0, False)
writer.close()
"""

WAYS = {
    "yagot, crash-safe": YAGOT.replace("PENDING", "write(n, False, True)"),
    "yagot, each case once": YAGOT.replace("PENDING", "pass"),
    "f-strings, nothing escaped": """
with open(out, "w") as f:
    f.write("<testsuites>")
    for suite in range(CASES // 1000):
        f.write(f'<testsuite name="suite{suite}">')
        for n in range(suite * 1000, suite * 1000 + 1000):
            f.write(f'<testcase classname="pkg.module.TestClass" name="test_{n}" time="0.001">')
            if n % 10 == 0:
                f.write(f'<failure type="failure" message="no"></failure>')
            f.write("</testcase>\\n")
        f.write("</testsuite>")
    f.write("</testsuites>")
""",
    "lxml.etree.xmlfile": """
from lxml import etree
with etree.xmlfile(out, encoding="utf-8") as xf, xf.element("testsuites"):
    for suite in range(CASES // 1000):
        with xf.element("testsuite", name=f"suite{suite}"):
            for n in range(suite * 1000, suite * 1000 + 1000):
                with xf.element("testcase", classname="pkg.module.TestClass", name=f"test_{n}", time="0.001"):
                    if n % 10 == 0:
                        with xf.element("failure", type="failure", message="no"):
                            xf.write(TEXT)
""",
    "ElementTree": """
import xml.etree.ElementTree as E
root = E.Element("testsuites")
for n in range(CASES):
    if n % 1000 == 0:
        suite = E.SubElement(root, "testsuite", name=f"suite{n // 1000}")
    case = E.SubElement(suite, "testcase", classname="pkg.module.TestClass", name=f"test_{n}", time="0.001")
    if n % 10 == 0:
        E.SubElement(case, "failure", type="failure", message="no").text = TEXT
E.ElementTree(root).write(out, encoding="utf-8")
""",
    "junitparser": """
from junitparser import Failure, JUnitXml, TestCase, TestSuite
xml = JUnitXml()
for s in range(CASES // 1000):
    suite = TestSuite(f"suite{s}")
    for n in range(s * 1000, s * 1000 + 1000):
        case = TestCase(f"test_{n}", "pkg.module.TestClass", 0.001)
        if n % 10 == 0:
            failure = Failure("no", "failure")
            failure.text = TEXT
            case.result = [failure]
        suite.add_testcase(case)
    xml.add_testsuite(suite)
xml.write(out)
""",
    "unittest-xml-reporting": """
import unittest, xmlrunner
class T(unittest.TestCase):
    pass
def make(n):
    def test(self):
        if n % 10 == 0:
            self.fail(TEXT)
    return test
for n in range(CASES):
    setattr(T, f"test_{n}", make(n))
suite = unittest.defaultTestLoader.loadTestsFromTestCase(T)
with open(out, "wb") as f:
    xmlrunner.XMLTestRunner(output=f, stream=open("/dev/null", "w")).run(suite)
""",
}


def best_of_three(measure, what):
    """Of the slowest ways, one run must do."""
    first = measure(what)
    return first if first[0] > 5 else min(first, measure(what), measure(what))


CALLS = YAGOT.replace("PENDING", "pass").replace("    writer.write(", "    write_nothing(")
COUNTED = {
    **{way: WAYS[way] for way in ("yagot, crash-safe", "yagot, each case once", "lxml.etree.xmlfile", "ElementTree")},
    "the same calls, nothing written": f"write_nothing = ''.format\n{CALLS}",
}
FEW, MORE = 1000, 4000


def instructions(command):
    out = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *map(str, command)],
        capture_output=True, text=True, check=True,
    ).stderr  # fmt: skip
    return int(re.search(r"Collected : (\d+)", out)[1])


def count_instructions(handwritten, out):
    """What one more test case takes: the difference of two runs."""
    rows = []
    for way, code in COUNTED.items():
        programs = [f"CASES = {n}; TEXT = {TEXT!r}; out = {str(out)!r}\n{code}" for n in (FEW, MORE)]
        few, more = (instructions([sys.executable, "-c", program]) for program in programs)
        rows.append([way, (more - few) / (MORE - FEW)])
    few, more = (instructions([handwritten, out, n]) for n in (FEW, MORE))
    rows.append(["by hand in C, no Python", (more - few) / (MORE - FEW)])
    print(tabulate(rows, ["", "instructions a case"], floatfmt=",.0f"))


def main():
    rows = []
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        c = directory / "handwritten"
        subprocess.run(["cc", "-O2", Path(__file__).parent / "handwritten.c", "-o", c], check=True)
        for way, code in WAYS.items():
            program = f"CASES = {CASES}; TEXT = {TEXT!r}; out = {str(directory / 'out.xml')!r}\n{code}"
            best = best_of_three(measure_python, program)
            rows.append([way, *best, (directory / "out.xml").stat().st_size / 1e6])
        seconds, _ = best_of_three(measure, [c, directory / "out.xml", str(CASES)])
        rows.append(["by hand in C, no Python", seconds, None, (directory / "out.xml").stat().st_size / 1e6])
        empty = best_of_three(measure_python, "import yagot._core")
        rows.append(["Python, nothing written", *empty, 0])
        if shutil.which("valgrind"):
            count_instructions(c, directory / "out.xml")
    base = rows[0][1]
    print(f"{CASES:,} test cases; CPU seconds and peak MB of the process, the best of three")
    table = [[way, cpu, cpu / base, peak, size] for way, cpu, peak, size in rows]
    print(tabulate(table, ["", "CPU s", "ratio", "peak MB", "file MB"], floatfmt=".2f"))


if __name__ == "__main__":
    main()
