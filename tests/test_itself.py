"""yagot leaks nothing: its public functions, their error paths too, over and over; and under itself."""

import ast
import contextlib
import gc
import io
import os
import sys
import tempfile
import unittest

import pytest

import yagot
from yagot import _core
from yagot.commands.merge import merge


class Node:
    def __init__(self):
        self.me = self


class Sample(unittest.TestCase):
    __test__ = False  # not for pytest

    def test_leak(self):
        Node()

    def test_clean(self):
        pass

    def test_fails(self):
        self.fail("no")


def test_trees_are_hidden_from_the_collector_and_freed():
    def nodes():
        return [found for found in gc.get_objects() if isinstance(found, ast.AST)]

    source = "class A:\n    def f(self, x=(1, 2)):\n        return {x: [self.f, *y]}\n" * 50
    before, used = len(nodes()), sys.getallocatedblocks()
    tree = ast.parse(source)
    assert len(nodes()) > before + 500
    _core.untrack(tree, ast.AST)
    assert len(nodes()) <= before + 2 and gc.is_tracked(ast.Load())  # those are everybody's
    assert len(list(ast.walk(tree))) > 500
    _core.untrack(tree, ast.AST)
    del tree
    assert sys.getallocatedblocks() < used + 500
    with pytest.raises(TypeError):
        _core.untrack([], 1)


COUNTING = """
    import atexit, gc, unittest

    @atexit.register
    def count():
        kept = [o for o in gc.get_objects() if type(o).__module__ == "yagot.model" and type(o).__name__ != "ABCMeta"]
        print("kept", len(kept))

    def leak(self, number):
        cls = type(f"Node{number}", (), {})
        node = cls()
        node.me = node

    class T(unittest.TestCase):
        pass

    for number in range(NUMBER):
        setattr(T, f"test_{number}", lambda self, number=number: leak(self, number))
"""


@pytest.mark.parametrize("command", ["-m yagot run", "-m pytest -q --yagot"])
def test_what_a_run_keeps_is_hidden_from_the_collector(project, command):
    """Each collection of a run goes through all that is tracked: what is known of tests and causes does not slow it."""
    kept = []
    for number in (20, 60):
        project.write("test_many.py", COUNTING.replace("NUMBER", str(number)))
        result = project.python(*command.split(), "test_many" if "run" in command else "test_many.py")
        assert "1 cause" in result.stdout + result.stderr, result.stdout
        kept.append(int(result.stdout.partition("kept ")[2].split()[0]))
    assert kept[1] - kept[0] < 20, kept


def test_what_a_dict_holds():
    kept = {"a": int, "b": str, "c": list}
    for same in (kept, dict(kept, d=1), {"z": 1, **kept}, {"c": list, "b": str, "a": int}, {"b": str, **kept}):
        assert _core.holds(same, kept)
    for other in ({}, dict(kept, b=int), {"a": int, "c": list}, {"c": list, "a": int}):
        assert not _core.holds(other, kept)
    with pytest.raises(TypeError):
        _core.holds([], kept)
    with pytest.raises(TypeError):
        _core.holds({}, None)


def test_nodes_below_a_node():
    text = "def f(a, *, b=None, c: int = 1):\n    global x\n    x = {**a, 'k': (yield)}\n    return [x for x in a]\n"
    tree = ast.parse(text)
    for node in ast.walk(tree):
        contexts = ast.Load, ast.Store
        expected = [child for child in ast.iter_child_nodes(node) if not isinstance(child, contexts)]
        assert _core.parts(node, ast.AST, contexts) == expected
        assert _core.parts(node, ast.AST, ()) == list(ast.iter_child_nodes(node))
    assert _core.parts(5, ast.AST, ()) == _core.parts(object(), ast.AST, ()) == []
    with pytest.raises(TypeError):
        _core.parts(tree, 5, ())
    with pytest.raises(TypeError):
        _core.parts(tree, ast.AST, [])


def test_copies_of_objects_with_slots():
    class Slots:
        __slots__ = ("a", "b", "c")

    class More(Slots):
        __slots__ = ("__weakref__", "d")

    object_ = More()
    object_.a, object_.c, object_.d = [1], "c", object_
    copy = _core.copied(object_)
    assert type(copy) is More and copy is not object_ and copy.a is object_.a and copy.d is object_
    assert not hasattr(copy, "b")
    copy.a = None
    assert object_.a == [1]
    object_.d = None
    for without in (1, [], Node(), object(), More):
        with pytest.raises(TypeError, match="slots"):
            _core.copied(without)


def windows():
    ledger = _core.Ledger()
    for number in (1, 2):
        ledger.begin(([],), number)
        Node()
        ledger.end(references=True, keep=number == 2)
    ledger.references()
    ledger.forget(True)
    ledger.check(references=True)
    ledger.close()


def window_errors():
    ledger = _core.Ledger()
    for call in (ledger.end, lambda: ledger.begin(1), lambda: ledger.begin((), -1), lambda: _core.Ledger(1, 2, 3)):
        with contextlib.suppress(RuntimeError, TypeError, OverflowError):
            call()
    ledger.begin()
    for call in (ledger.begin, ledger.check, ledger.references, lambda: ledger.end(wrong=1)):
        with contextlib.suppress(RuntimeError, TypeError):
            call()
    ledger.close()


def functions():
    node = Node()
    _core.explain([node, node.__dict__])
    _core.path_to(node)
    _core.type_name(node)
    _core.count_types()
    _core.heap_bytes()
    node.me = None
    with contextlib.suppress(TypeError):
        _core.explain(1)


def checks():
    for leaks_only in (False, True):
        with contextlib.suppress(yagot.LeakError), yagot.check(leaks_only=leaks_only):
            Node()


def decorated():
    @yagot.garbage_checked()
    def leaks():
        Node()

    with contextlib.suppress(AssertionError):
        leaks()
    leaks.__wrapped__ = None


def runner():
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(Sample)
    result = yagot.TextTestRunner(stream=io.StringIO()).run(suite)
    assert len(result.failures) == 2


def writer():
    with tempfile.TemporaryFile() as file:
        report = _core.JUnitWriter(os.dup(file.fileno()), "n", "t", "h", (("a", "b"),))
        def write(kind, pending=False, milliseconds=1):
            report.write("s", None, "c", "n", kind, None, None, "t", "o", milliseconds, pending, 0)

        write("failure", pending=True)
        write(None)
        for kind, milliseconds in (("wrong", 1), (1, 1), ("error", -1), ("error", "1"), ("error", 10**30)):
            with contextlib.suppress(ValueError, TypeError, OverflowError):
                write(kind, milliseconds=milliseconds)
        report.close()
        with contextlib.suppress(ValueError):
            write(None)
    for arguments in ((-1, "n", "t", "h", ((1, 2),)), (), (-1, "n", "t", "h", ())):
        with contextlib.suppress(TypeError, OSError):
            _core.JUnitWriter(*arguments)


def merger():
    with tempfile.TemporaryDirectory() as name, contextlib.redirect_stderr(io.StringIO()):
        good, bad = f"{name}/good.xml", f"{name}/bad.xml"
        with open(good, "w") as file:
            file.write("<testsuite name='s'><testcase name='n'><failure/></testcase></testsuite>")
        with open(bad, "w") as file:
            file.write("<testsuites><testsuite name='s'><testcase name='n'>")
        assert merge([good, good], f"{name}/out.xml") == 0
        assert merge([good, bad], f"{name}/out.xml") == 2
        assert merge([good, f"{name}/none.xml"], f"{name}/out.xml", keep_going=True) == 1


ACTIONS = (windows, window_errors, functions, checks, decorated, runner, writer, merger)


def count():
    """References, where a debug build counts them; else blocks."""
    gc.collect()
    return getattr(sys, "gettotalrefcount", sys.getallocatedblocks)()


needs_counts = pytest.mark.skipif(count() == 0, reason="needs pymalloc, which counts blocks, or a debug build")


@needs_counts
@pytest.mark.parametrize("action", ACTIONS)
def test_nothing_grows(action):
    """Caches fill up for a while, then ten calls add fewer than ten, twice. The measurement itself keeps a few."""
    before, quiet, steps = count(), 0, []
    while quiet < 2 and len(steps) < 80:
        for _ in range(10):
            action()
        after = count()
        steps.append(after - before)
        quiet += after - before < 10
        before = after
    assert quiet == 2, steps


@needs_counts
def test_what_grows_is_seen():
    kept = []
    with pytest.raises(AssertionError):
        test_nothing_grows(lambda: kept.append([len(kept) + 1000]))


SUITE = """
    import test_itself as t
    import unittest

    class TestItself(unittest.TestCase):
        pass

    for action in t.ACTIONS:
        if action.__name__ not in ("checks", "decorated", "runner", "windows", "window_errors"):
            setattr(TestItself, f"test_{action.__name__}", lambda self, action=action: action())
    """


def test_under_itself(project):
    project.write("test_self.py", SUITE)
    path = os.path.dirname(__file__)
    tests = project.tests("--strict", "test_self", env={"PYTHONPATH": path}, check=0)
    assert {name: test["findings"] for name, test in tests.items()} == {
        "test_functions": [], "test_merger": [], "test_writer": [],
    }  # fmt: skip
