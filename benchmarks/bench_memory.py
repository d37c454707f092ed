"""Peak memory of a test that leaves five million objects in cycles, one by one."""

import subprocess
import sys
import tempfile
from pathlib import Path

from tabulate import tabulate

SUITE = """
import unittest

class Test(unittest.TestCase):
    def test_cycles(self):
        for number in range(5_000_000):
            items = []
            items.append(items)

    def test_cycles_through_a_window(self):
        from collections import deque
        recent = deque(maxlen=1000)
        for number in range(2_000_000):
            items = []
            items.append(items)
            recent.append(items)
"""


def peak(command, directory):
    """Megabytes, and user CPU seconds."""
    code = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(used.ru_maxrss / 1024, used.ru_utime)"
    )
    arguments = [sys.executable, "-c", code, sys.executable, *command]
    out = subprocess.run(arguments, cwd=directory, capture_output=True, text=True, check=True)
    return [float(word) for word in out.stdout.split()]


def main():
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "test_cycles.py").write_text(SUITE)
        for test in ("test_cycles", "test_cycles_through_a_window"):
            name = f"test_cycles.Test.{test}"
            plain = peak(["-m", "unittest", name], directory)
            yagot = peak(["-m", "yagot", "run", name], directory)
            rows.append([test, plain[0], yagot[0], yagot[0] / plain[0], plain[1], yagot[1]])
    headers = ["test", "plain [MB]", "yagot [MB]", "ratio", "plain [s]", "yagot [s]"]
    print(tabulate(rows, headers=headers, floatfmt=".2f"))


if __name__ == "__main__":
    main()
