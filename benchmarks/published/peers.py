"""Other tools on the same leaks: python peers.py PYTHON DEBUG_PYTHON, both of the version of the rows.

The rows are those of leaks.toml with `peers`. Their tests are run as they are: by psleak with each test's body as the
function, by memray as 1,000 calls of it in one process, by pytest-leaks and CPython's own `regrtest -R` on a debug
build. What they say is printed, and the seconds. A debug build counts references in extensions only if these are built
for it, which is done where they can be built here.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import tomllib
from run import HERE, CannotBeMeasured, findings_of, installed, texts_of

VERSION = "3.11"
COUNTED = "-DPy_REF_DEBUG -O1"

CALLS = """
import sys, unittest
from {module} import *
case, = (test for suite in unittest.defaultTestLoader.loadTestsFromName("{module}") for test in suite)
test = getattr(case, case._testMethodName)
"""
PSLEAK = CALLS + """
import psleak
class TestLeak(psleak.MemoryLeakTestCase):
    def test_leak(self):
        self.execute(test)
unittest.main(argv=["psleak", "TestLeak"])
"""
MEMRAY = CALLS + """
for _ in range(1000):
    test()
"""
LEAKED = """
import memray, sys
for record in memray.FileReader(sys.argv[1]).get_leaked_allocation_records(merge_threads=True):
    if record.n_allocations >= 900:
        lines = [f"{file}:{line}" for _, file, line in record.stack_trace() if "test_" in file]
        names = [name for name, file, _ in record.hybrid_stack_trace() if not file.endswith(".py")]
        print(record.n_allocations, record.size, *lines[:1], *names[:3])
"""


def output_of(command, directories, cwd, **variables):
    """What a command prints, and its seconds."""
    paths = os.pathsep.join(map(str, [cwd, *directories]))
    began = time.monotonic()
    run = subprocess.run(
        list(map(str, command)), cwd=cwd, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", **variables},
    )  # fmt: skip
    return run.stdout + run.stderr, time.monotonic() - began


def psleak(python, module, packages, cwd):
    tool = installed(python, VERSION, ["psleak"])
    command = [python, "-c", PSLEAK.format(module=module)]
    text, seconds = output_of(command, [packages, tool], cwd, PYTHONMALLOC="malloc")
    return re.findall(r"^psleak\.\w+: (.*)|^(OK)$", text, re.M), seconds


def memray(python, module, packages, cwd):
    tool = installed(python, VERSION, ["memray"])
    script, records = cwd / "calls.py", cwd / "records.bin"
    script.write_text(MEMRAY.format(module=module))
    options = ["-q", "-f", "--native", "--trace-python-allocators", "-o", records]
    _, seconds = output_of([python, "-m", "memray", "run", *options, script], [packages, tool], cwd)
    text, more = output_of([python, "-c", LEAKED, records], [packages, tool], cwd)
    return text.splitlines()[:4], seconds + more


def pytest_leaks(python, module, packages, cwd):
    command = [python, "-m", "pytest", "-p", "pytest_leaks", "-p", "no:cacheprovider", "-R", ":", f"{module}.py"]
    tool = installed(os.environ["RELEASE_PYTHON"], VERSION, ["pytest==6.2.5", "pytest-leaks==0.3.1", "setuptools<81"])
    text, seconds = output_of(command, [packages, tool], cwd)
    return re.findall(r"leaked .*\]$|\d (?:passed|failed).*", text, re.M), seconds


def regrtest(python, module, packages, cwd):
    command = [python, "-m", "test", "-R", "3:4", "--testdir", cwd, module]
    text, seconds = output_of(command, [packages], cwd)
    return re.findall(r"leaked .*|Tests result: SUCCESS", text), seconds


def main():
    python, debug = sys.argv[1:]
    os.environ["RELEASE_PYTHON"] = python
    leaks = [leak for leak in tomllib.loads((HERE / "leaks.toml").read_text())["leak"] if leak.get("peers")]
    for leak in leaks:
        module = leak["test"]
        for release in ("leaking", "mended"):
            requirements = [f"{leak['package']}=={leak[release]}", *leak.get("needs", [])]
            packages = counted = installed(python, VERSION, requirements)
            try:
                counted = installed(python, VERSION, requirements[:1], COUNTED) if leak.get("builds") else packages
                note = " (its references are not counted by a debug build)" if counted is packages else ""
            except CannotBeMeasured as error:
                note = f" (not built: {error})"
            print(f"{leak['package']} {leak[release]} ({release}){note}", flush=True)
            findings, seconds = findings_of(python, packages, leak)
            print(f"    yagot {seconds:.1f} s", *texts_of(findings), sep="\n        ", flush=True)
            for tool, interpreter in ((psleak, python), (memray, python), (pytest_leaks, debug), (regrtest, debug)):
                with tempfile.TemporaryDirectory() as directory:
                    cwd = Path(directory)
                    (cwd / f"{module}.py").write_text((HERE / f"{module}.py").read_text())
                    said, seconds = tool(interpreter, module, counted if interpreter == debug else packages, cwd)
                print(f"    {tool.__name__} {seconds:.1f} s", *said, sep="\n        ", flush=True)


if __name__ == "__main__":
    main()
