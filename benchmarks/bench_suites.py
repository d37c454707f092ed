"""Whole suites: plain, under yagot (also without its boundaries, and from CPython 3.14 on with --native), and
collecting after each test. User CPU, interleaved."""

import os
import resource
import statistics
import subprocess
import sys
import tempfile

from tabulate import tabulate

ROUNDS = 3
SUITES = (
    ("typing", "dataclasses"),
    ("unittest",),
    ("xml_etree", "json"),
    ("contextlib", "collections", "copy"),
    ("weakref",),
)

# who has installed yagot has its modules compiled
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

COLLECT = """
import gc, sys, unittest
class Result(unittest.TextTestResult):
    def stopTest(self, test):
        super().stopTest(test)
        gc.collect()
unittest.main(module=None, argv=["", *sys.argv[1:]], testRunner=unittest.TextTestRunner(resultclass=Result))
"""


def user_seconds(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(
            [sys.executable, *command], cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env=ENVIRONMENT,
        )
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def main():
    yagot = ["-m", "yagot", "run", "--report-only"]
    commands = {
        "plain": ["-m", "unittest"],
        "yagot": yagot,
        "no boundaries": [*yagot, "--check-at", "never"],
        "collect per test": ["-c", COLLECT],
    }
    if sys.version_info >= (3, 14):
        commands["--native"] = [*yagot, "--native"]
    rows = []
    for suite in SUITES:
        names = [f"test.test_{name}" for name in suite]
        times = {key: [] for key in commands}
        for _ in range(ROUNDS):
            for key, command in commands.items():
                times[key].append(user_seconds([*command, *names]))
        medians = [statistics.median(seconds) for seconds in times.values()]
        rows.append(["+".join(suite), *medians, *(median / medians[0] for median in medians[1:])])
    headers = ["suite", *(f"{key} [s]" for key in commands), *(f"{key} / plain" for key in list(commands)[1:])]
    print(tabulate(rows, headers=headers, floatfmt=".2f"))


if __name__ == "__main__":
    main()
