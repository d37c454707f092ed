"""What a test costs in the runs that people start: user CPU of whole processes, interleaved, per test.

Clean tests and tests that leave a tree of eleven objects, on small and on large heaps, next to the peers: a full
collection after each test, pytest-nogarbage, zope.testrunner's --gc-after-test, and yagot 0.5.0.
"""

import importlib.util
import statistics
import sys
import tempfile
from pathlib import Path

from processes import user_seconds
from tabulate import tabulate

ROUNDS = 3
HEAPS = {"10^4": 10**4, "10^6": 10**6}
BODIES = {"clean": "pass", "leaks": "tree()"}
COMMON = """
import gc
class Node:
    def __init__(self, parent):
        self.parent, self.children = parent, []
def tree():
    root = Node(None)
    root.children = [Node(root) for _ in range(5)]
HEAP = [[number] for number in range({objects})]
gc.collect()
"""
SUITE = COMMON + "import unittest\n{imports}\nclass T({base}):\n"
FUNCTIONS = COMMON + "import pytest\n{imports}\n"
COLLECTING = "class Base(unittest.TestCase):\n    def tearDown(self): gc.collect()\n"
FIXTURE = "@pytest.fixture(autouse=True)\ndef collected():\n    yield\n    gc.collect()\n"


def suite(directory, name, body, objects, tests, base="unittest.TestCase", imports=""):
    text = SUITE.format(objects=objects, imports=imports, base=base)
    text += "".join(f"    def test_{number}(self): {body}\n" for number in range(tests))
    (directory / f"{name}.py").write_text(text)


def functions(directory, name, body, objects, tests, imports="", mark=""):
    text = FUNCTIONS.format(objects=objects, imports=imports)
    text += "".join(f"{mark}def test_{number}(): {body}\n" for number in range(tests))
    (directory / f"{name}.py").write_text(text)


def contenders(original):
    """Name: how to write the tests, the command, whether it looks at the whole heap, what must be on the path."""
    python, pytest = [sys.executable, "-m"], [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    found = {
        "unittest": (suite, {}, [*python, "unittest"], False, ""),
        "yagot run": (suite, {}, [*python, "yagot", "run", "--report-only"], False, ""),
        "yagot.TestCase": (
            suite, {"base": "yagot.TestCase", "imports": "import yagot"}, [*python, "unittest"], False, "",
        ),
        "gc.collect() in tearDown": (suite, {"base": "Base", "imports": COLLECTING}, [*python, "unittest"], True, ""),
        "pytest": (functions, {}, pytest, False, ""),
        "pytest --yagot": (functions, {}, [*pytest, "--yagot", "--yagot-report-only"], False, ""),
        "gc.collect() in a fixture": (functions, {"imports": FIXTURE}, pytest, True, ""),
    }
    if importlib.util.find_spec("pytest_nogarbage"):
        keywords = {"imports": "@pytest.fixture(autouse=True)\ndef checked(nogarbage): yield\n"}
        found["pytest-nogarbage"] = functions, keywords, pytest, True, ""
    if importlib.util.find_spec("zope.testrunner"):
        command = [*python, "zope.testrunner", "--path", ".", "--tests-pattern", "^{name}$", "--gc-after-test"]
        found["zope.testrunner --gc-after-test"] = suite, {}, command, True, ""
    if original is not None:
        imports = "import yagot\n"
        keywords = {"imports": imports, "mark": "@yagot.garbage_checked()\n"}
        found["yagot 0.5.0"] = functions, keywords, pytest, True, original
    return found


def measure(directory, name, contender, body, objects):
    """Microseconds per test beyond what the same run takes with a tenth of the tests."""
    write, keywords, command, whole_heap, path = contender
    many = 4000 if not whole_heap else 100 if objects > 10**5 else 1000
    seconds = []
    for tests in (many // 10, many):
        write(directory, name, body, objects, tests, **keywords)
        call = [part.format(name=name) for part in command]
        call += [] if "testrunner" in name else [f"{name}.py"] if "pytest" in command else [name]
        seconds.append(min(user_seconds(call, directory, path) for _ in range(2)))
    return (seconds[1] - seconds[0]) / (many - many // 10) * 1e6


def main():
    original = sys.argv[1] if len(sys.argv) > 1 else None
    rows = {name: [name] for name in contenders(original)}
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        (directory / "pyproject.toml").write_text('[project]\nname = "bench"\n')
        for body in BODIES.values():
            for objects in HEAPS.values():
                figures = {name: [] for name in rows}
                for _ in range(ROUNDS):
                    for number, (name, contender) in enumerate(contenders(original).items()):
                        module = f"test_bench_{number}" + ("_testrunner" if "zope" in name else "")
                        figures[name].append(measure(directory, module, contender, body, objects))
                for name, values in figures.items():
                    rows[name].append(f"{statistics.median(values):,.0f}")
    headers = ["µs of user CPU per test", *(f"{body}, {heap}" for body in BODIES for heap in HEAPS)]
    print(tabulate(rows.values(), headers=headers, stralign="right", tablefmt="github"))


if __name__ == "__main__":
    main()
