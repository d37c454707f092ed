"""Whole suites: plain, under yagot, and collecting after each test. User CPU, interleaved."""

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
            stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def main():
    rows = []
    for suite in SUITES:
        names = [f"test.test_{name}" for name in suite]
        commands = {
            "plain": ["-m", "unittest", *names],
            "yagot": ["-m", "yagot", "run", "--report-only", *names],
            "collect": ["-c", COLLECT, *names],
        }
        times = {key: [] for key in commands}
        for _ in range(ROUNDS):
            for key, command in commands.items():
                times[key].append(user_seconds(command))
        plain, yagot, collect = (statistics.median(times[key]) for key in ("plain", "yagot", "collect"))
        rows.append(["+".join(suite), plain, yagot, collect, yagot / plain, collect / plain])
    headers = ["suite", "plain [s]", "yagot [s]", "collect per test [s]", "yagot/plain", "collect/plain"]
    print(tabulate(rows, headers=headers, floatfmt=".2f"))


if __name__ == "__main__":
    main()
