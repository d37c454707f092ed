"""Merging JUnit XML files next to junitparser and ElementTree: CPU and peak memory of a process each, one run."""

import os
import tempfile
from pathlib import Path

from processes import measure_python
from tabulate import tabulate

FILES, CASES = 20, int(os.environ.get("YAGOT_BENCH_CASES", "20000"))

WAYS = {
    "yagot merge": "from yagot.commands.merge import merge\nassert merge(files, out) == 0",
    "ElementTree": (
        "import xml.etree.ElementTree as E\nroot = E.Element('testsuites')\n"
        "for f in files: root.extend(E.parse(f).getroot())\nE.ElementTree(root).write(out)"
    ),
    "junitparser": (
        "from junitparser import JUnitXml\nx = JUnitXml()\nfor f in files: x += JUnitXml.fromfile(f)\nx.write(out)"
    ),
    "nothing": "from yagot.commands.merge import merge",
}


def make(directory):
    for number in range(FILES):
        cases = "".join(
            f'<testcase classname="pkg.mod{number}.C" name="test_{n}" time="0.001">'
            + (f'<failure message="no">{"text " * 40}</failure>' if n % 10 == 0 else "")
            + "</testcase>\n"
            for n in range(CASES)
        )
        suite = f'<testsuite name="mod{number}" tests="{CASES}">{cases}</testsuite>'
        (directory / f"{number}.xml").write_text(f"<testsuites>{suite}</testsuites>")


def main():
    rows = []
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        make(directory)
        files = [str(directory / f"{number}.xml") for number in range(FILES)]
        for way, code in WAYS.items():
            program = f"files = {files!r}; out = {str(directory / 'out.xml')!r}\n{code}\n"
            rows.append([way, *measure_python(program)])
    print(f"{FILES} files of {CASES:,} test cases")
    base = rows[0][1]
    print(tabulate([[w, t, t / base, m] for w, t, m in rows], ["", "CPU s", "ratio", "peak MB"], floatfmt=".2f"))


if __name__ == "__main__":
    main()
