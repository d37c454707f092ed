"""Published leaks of C extensions: the release with the leak and the one without it, under `yagot run --repeat`.

`./dev published` runs all rows of leaks.toml, `./dev published multidict orjson` those of these packages.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import tomllib

HERE = Path(__file__).resolve().parent
PACKAGES = HERE.parent.parent / "build" / "published"


class CannotBeMeasured(Exception):
    """The package cannot be installed here, or the test does not pass."""


def installed(python, version, requirements, built=None):
    """A directory with these packages for this Python; they shadow what the interpreter has. *built*: the first is
    built from its sources, with these flags for the C compiler."""
    kind = f"{version}-built" if built else version
    directory = PACKAGES / kind / "+".join(requirements).replace("==", "-")
    if not (directory / ".complete").exists():
        command = [python, "-m", "pip", "install", "-q", "--prefer-binary", "--upgrade", "--target", directory]
        environment = os.environ
        if built:
            command += ["--no-deps", "--no-binary", requirements[0].partition("==")[0]]
            environment = {**os.environ, "CFLAGS": built}
        run = subprocess.run([*command, *requirements], capture_output=True, text=True, env=environment)
        if run.returncode != 0:
            raise CannotBeMeasured(run.stderr)
        (directory / ".complete").touch()
    return directory


def findings_of(python, directory, leak):
    """What yagot reports of the test with the packages in this directory, and how long all took."""
    with tempfile.TemporaryDirectory() as temporary:
        report = Path(temporary) / "report.json"
        command = [python, "-m", "yagot", "run", "-q", *leak.get("options", ["--repeat", "3:4"]), "--json", report]
        began = time.monotonic()
        run = subprocess.run(
            [*command, leak["test"]], cwd=HERE, capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": str(directory), "PYTHONDONTWRITEBYTECODE": "1"},
        )
        seconds = time.monotonic() - began
        tests = json.loads(report.read_text())["tests"] if report.exists() else []
    if not tests or any(test["outcome"] != "passed" for test in tests):
        raise CannotBeMeasured(run.stderr[-500:])
    return [finding for test in tests for finding in test["findings"]], seconds


def texts_of(findings):
    return [f"{finding['cause']}: {finding['why']}" for finding in findings if finding["verdict"] == "leak"]


def measure(leak, python):
    """The row of the table, and what was reported of either release."""
    releases = []
    for release in (leak["leaking"], leak["mended"]):
        requirements = [f"{leak['package']}=={release}", *leak.get("needs", [])]
        findings, seconds = findings_of(python, installed(python, leak["python"], requirements), leak)
        releases.append((texts_of(findings), seconds))
    (leaking, seconds), (mended, _) = releases
    everything = "\n".join(leaking)
    named = [bool(re.search(pattern, everything)) for pattern in leak["names"]]
    row = [
        leak["package"], leak["leaking"], leak["mended"], leak["python"], f"{seconds:.1f}",
        "yes" if leaking else "no", "yes" if leaking and all(named) else "no", "no" if mended else "yes",
    ]  # fmt: skip
    return row, leaking, mended


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python", nargs="?", help="a command that prints the interpreter with yagot for a version")
    parser.add_argument("packages", nargs="*")
    options = parser.parse_args()
    leaks = tomllib.loads((HERE / "leaks.toml").read_text())["leak"]
    rows = [["package", "leaking", "mended", "Python", "s", "found", "named", "mended silent"]]
    failed = 0
    for leak in leaks:
        if not options.packages or leak["package"] in options.packages:
            python = options.python.format(leak["python"])
            try:
                row, leaking, mended = measure(leak, python)
            except CannotBeMeasured as error:
                failed = 1
                print(f"{leak['package']} {leak['leaking']}: {error}", flush=True)
                continue
            rows.append(row)
            seen = [*(f"    {text}" for text in leaking), *(f"  ! {text}" for text in mended)]
            print(" ".join(row), *seen, sep="\n", flush=True)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = "  ".join("=" * width for width in widths)
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    print("", rule, lines[0], rule, *lines[1:], rule, sep="\n")
    return failed


if __name__ == "__main__":
    sys.exit(main())
