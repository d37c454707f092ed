"""Shapes that could make a check grow faster than what it looks at, each at two sizes: user CPU of `yagot run` less
that of plain unittest, and by how much it grows from the first size to the second. Proportional is 4."""

import statistics
import sys
import tempfile
from pathlib import Path

from processes import user_seconds
from tabulate import tabulate

ROUNDS = 3
FACTOR = 4
HEAD = "import gc, unittest\nKEPT = []\nclass Node: pass\n"
TEST = "class T(unittest.TestCase):\n    def test(self):\n"


def in_test(text):
    return TEST + "".join(f"        {line}\n" for line in text.splitlines())


def variables(size):
    """A frame with many variables that keeps its own exception."""
    names = "".join(f"v{number} = [error]\n" for number in range(size))
    return in_test(f"try:\n    1 / 0\nexcept ZeroDivisionError as raised:\n    error = raised\n{names}")


def types(size):
    """A cycle of one instance of each of many classes."""
    return in_test(f"for number in range({size}):\n    node = type(f'C{{number}}', (), {{}})()\n    node.me = node")


def frames(size):
    """Suspended generators and other survivors, as many of each."""
    return in_test(f"KEPT.extend((n for n in [i]) for i in range({size}))\nKEPT.extend([i] for i in range({size}))")


def wide(size):
    """A cycle through a dict with many keys."""
    return in_test(f"node = Node()\nnode.all = {{number: [number] for number in range({size})}}\nnode.all[-1] = node")


def components(size):
    """Many cycles of the same shape."""
    return in_test(f"for _ in range({size}):\n    a, b = Node(), Node()\n    a.b, b.a = b, a")


def survivors(size):
    """Many objects that outlive their test."""
    return in_test(f"KEPT.extend([number] for number in range({size}))")


def chain(size):
    """One long cycle."""
    made = f"for _ in range({size}):\n    node.next = Node()\n    node = node.next\n"
    return in_test(f"first = node = Node()\n{made}node.next = first")


def stack(size):
    """A leak in a deep call."""
    return f"import sys\nsys.setrecursionlimit({size} + 500)\n" + in_test(
        f"def call(depth):\n    if depth:\n        return call(depth - 1)\n    gc.collect()\n    node = Node()\n"
        f"    node.me = node\ncall({size})"
    )


def collections(size):
    """Collections in a test that has made much, and leaves cycles between them."""
    made = "node = Node()\n    node.me = node\n    del node\n    gc.collect()"
    return in_test(f"kept = [[number] for number in range(20000)]\nfor _ in range({size}):\n    {made}")


def causes(size):
    """Many classes in a file, each with a leak and a test of its own."""
    classes = (f"class C{number}:\n    def __init__(self):\n        self.me = self\n" for number in range(size))
    tests = (f"    def test_{number}(self):\n        C{number}()\n" for number in range(size))
    return "\n".join([*classes, "class T(unittest.TestCase):", *tests])


def imports(size):
    """Many modules, imported by one test, each of which makes much."""
    finder = """
import importlib.abc, importlib.machinery, sys
class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        return importlib.machinery.ModuleSpec(name, self) if name.startswith("made_") else None
    def exec_module(self, module):
        module.kept = [[number] for number in range(1000)]
sys.meta_path.insert(0, Finder())
"""
    return finder + in_test(f"for number in range({size}):\n    importlib.import_module(f'made_{{number}}')")


def failing_imports(size):
    """Imports that fail, beside as many hundred young objects."""
    tried = "try:\n        import missing\n    except ImportError:\n        pass"
    return in_test(
        f"gc.set_threshold({size * 200})\nkept = [[number] for number in range({size * 100})]\n"
        f"for _ in range({size}):\n    {tried}"
    )


def causes_in_function(size):
    """Many causes in one function."""
    return in_test("".join(f"node = Node()\nnode.next_{number} = node\n" for number in range(size)))


def recursive_functions(size):
    """Many functions in a function, each of which refers to itself."""
    return in_test("".join(f"def f{number}(): return f{number}\n" for number in range(size)))


def attributes_of_class(size):
    """Many attributes of one class, each with a method that sets it."""
    methods = (f"    def set_{number}(self):\n        self.a{number} = self\n" for number in range(size))
    calls = "".join(f"C().set_{number}()\n" for number in range(size))
    return "\n".join(["class C:", *methods, in_test(calls)])


def long_cycles(size):
    """Many causes of up to 50 objects each."""
    return in_test(
        f"for number in range({size}):\n    nodes = [Node() for _ in range(3 + number % 50)]\n"
        "    for i, node in enumerate(nodes):\n        setattr(node, f'n{number}', nodes[i - 1])"
    )


CASES = {
    variables: 1000, types: 500, frames: 20_000, wide: 100_000, components: 100_000, survivors: 250_000,
    chain: 100_000, stack: 2_000, collections: 20, causes: 150,
    imports: 400, failing_imports: 500, causes_in_function: 200,
    recursive_functions: 500, attributes_of_class: 250, long_cycles: 200,
}  # fmt: skip


def extra(text):
    """What the check takes: the median of some interleaved pairs, and the plain run's."""
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "test_it.py").write_text(HEAD + text)
        plain, checked = [], []
        for _ in range(ROUNDS):
            plain.append(user_seconds([sys.executable, "-m", "unittest", "test_it"], directory, ""))
            checked.append(user_seconds([sys.executable, "-m", "yagot", "run", "test_it"], directory, ""))
    return statistics.median(plain), statistics.median(checked) - statistics.median(plain)


def main():
    _, start = extra(in_test("pass"))
    rows = []
    for case, size in CASES.items():
        (plain, small), (plain_large, large) = extra(case(size)), extra(case(size * FACTOR))
        growth = (large - start) / max(small - start, 0.001)
        rows.append([case.__doc__.rstrip("."), size, plain, small, size * FACTOR, plain_large, large, growth])
    heads = ["shape", "size", "plain", "check", "size", "plain", "check", "growth, start-up left aside"]
    print(tabulate(rows, heads, floatfmt=".2f", intfmt=","))


if __name__ == "__main__":
    main()
