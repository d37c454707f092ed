"""References that nobody holds, with an extension that does wrong on purpose (ext/leaky.c)."""

import contextlib
import gc
import os
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from support import FREE_THREADED, needs_blocks, needs_generations

import yagot
from yagot import _core

pytestmark = pytest.mark.skipif(FREE_THREADED, reason="needs the GIL")


@pytest.fixture
def leaky(leaky_directory, monkeypatch):
    monkeypatch.syspath_prepend(str(leaky_directory))
    import leaky

    return leaky


@pytest.fixture
def ledger():
    ledger = _core.Ledger()
    yield ledger
    ledger.forget()
    ledger.close()


class Node:
    def __init__(self):
        self.items = [1]


def make_function():
    def inner():
        pass

    return inner


def make_class():
    class Inner:
        pass

    return Inner


MAKERS = {
    "list": lambda: [1, 2],
    "dict": lambda: {"a": [1]},
    "set": lambda: {1, (2,)},
    "tuple": lambda: ([], 1),
    "Node": Node,
    "function": make_function,
    "class": make_class,
    "generator": lambda: (i for i in [1]),
    "method": lambda: Node().__init__,
}


def look(ledger, action):
    ledger.begin()
    action()
    return ledger.end(references=True)


def unexplained(seen):
    return [finding for finding in seen["findings"] if finding["references"]]


def found(ledger, action):
    """What a leak gives. An address that lingers in some memory of a large process passes for a reference: in doubt
    nobody is accused, so a look may find nothing now and then."""
    for _ in range(10):
        findings = unexplained(look(ledger, action))
        if findings:
            return findings
    return []


@needs_generations
@pytest.mark.parametrize("name", MAKERS)
def test_a_stray_incref(ledger, leaky, name):
    (finding,) = found(ledger, lambda: leaky.incref(MAKERS[name]()))
    assert finding["kind"] == "uncollectable"
    assert finding["references"] == finding["count"] == 1
    assert name in finding["steps"][0]["object"]


def test_two_references_and_what_hangs_on_them(ledger, leaky):
    def leak():
        tree = {"a": [[], []]}
        leaky.incref(tree)
        leaky.incref(tree)

    (finding,) = found(ledger, leak)
    assert (finding["references"], finding["count"], finding["objects"]) == (2, 1, 4)


def test_an_error_path(ledger, leaky):
    with pytest.raises(TypeError):
        leaky.checked_copy(["x"])

    def leak():
        with contextlib.suppress(TypeError):
            leaky.checked_copy(["x"])

    (finding,) = found(ledger, leak)
    assert finding["types"] == {"list": 1}
    assert unexplained(look(ledger, lambda: leaky.checked_copy([1]))) == []


@pytest.mark.parametrize("kind", ["list", "tuple"])
def test_what_c_code_never_filled(ledger, leaky, kind):
    (finding,) = found(ledger, lambda: leaky.forget_unfilled(kind == "tuple"))
    assert finding["concrete"] == f"{kind} of NULL with a reference that nobody holds"
    assert "NULL" in finding["steps"][0]["contents"]


def test_a_forgotten_object_and_a_forgotten_member(ledger, leaky):
    assert found(ledger, leaky.forget_new)[0]["types"] == {"list": 1}
    assert found(ledger, lambda: leaky.Forgetful([7]))[0]["types"] == {"list": 1}


def test_a_suspect_that_stays_recurs(ledger, leaky):
    cause = "list of int with a reference that nobody holds"
    runs = [look(ledger, lambda: leaky.incref([1, 2]))["recurring"].get(cause, (0, 0, 0, 0)) for _ in range(10)]
    objects, left, _, references = runs[-1]
    assert runs[0] == (0, 0, 0, 0) and runs == sorted(runs)
    assert objects == left == references >= 2


KEPT = []


@pytest.mark.parametrize(
    "keep",
    [
        lambda leaky: KEPT.append([1]),
        lambda leaky: KEPT.append((KEPT, Node(), Node().__dict__)),
        lambda leaky: KEPT.append(leaky.Opaque([1])),
        lambda leaky: leaky.keep([5]),
        lambda leaky: KEPT.append(make_class()),
        lambda leaky: KEPT.append(make_function()),
        lambda leaky: KEPT.append(compile("(1, 2, [3], lambda: (4, 5))", "x", "eval")),
        lambda leaky: KEPT.append(type("Slots", (), {"__slots__": ("a", "b")})),
        lambda leaky: KEPT.append(iter([[1], [2]])),
        lambda leaky: KEPT.append(leaky.make_silent_type()(1)),
        lambda leaky: KEPT.append(sys.exc_info()),
    ],
)
def test_what_is_held_is_no_suspect(ledger, leaky, keep):
    try:
        assert unexplained(look(ledger, lambda: keep(leaky))) == []
    finally:
        KEPT.clear()
        leaky.keep(None)


def test_frozen_holders_are_seen(ledger, leaky):
    gc.collect()
    holder = []
    gc.freeze()
    try:
        assert unexplained(look(ledger, lambda: holder.append([1]))) == []
        assert len(found(ledger, lambda: leaky.incref([1]))) == 1
    finally:
        gc.unfreeze()


def test_a_type_that_does_not_show_what_it_holds(ledger, leaky):
    seen = look(ledger, lambda: KEPT.append(leaky.Blind([1])))
    KEPT.clear()
    (finding,) = (f for f in seen["findings"] if f["kind"] == "hidden" and "leaky" in f["concrete"])
    assert finding["concrete"] == "leaky.Blind holds references that its tp_traverse does not show"


def test_a_class_derived_from_such_a_type(ledger, leaky):
    class Derived(leaky.Blind):
        pass

    look(ledger, lambda: None)
    seen = look(ledger, lambda: KEPT.append(Derived([1])))
    KEPT.clear()
    assert unexplained(seen) == []
    (finding,) = (f for f in seen["findings"] if f["kind"] == "hidden" and "leaky" in f["concrete"])
    assert finding["concrete"].startswith("leaky.Blind holds")


def test_an_attribute_that_is_also_hidden_in_the_body(ledger, leaky):
    class Derived(leaky.Blind):
        pass

    def keep():
        item = Derived(shown := [1])
        item.shown = shown
        KEPT.append(item)

    look(ledger, keep)
    seen = look(ledger, keep)
    KEPT.clear()
    assert unexplained(seen) == []


def test_garbage_explains_nothing_that_it_hides(ledger, leaky):
    class Derived(leaky.BlindForgetful):
        pass

    def leak():
        item = Derived([1, 2])
        item.me = item

    assert [finding["types"] for finding in found(ledger, leak)] == [{"list": 1}]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="frames are objects there")
def test_the_unused_memory_of_another_threads_frames_holds_nothing(ledger, leaky):
    started, over = threading.Semaphore(0), threading.Event()

    def wait():
        started.release()
        over.wait()

    def leak():
        threading.Thread(target=wait).start()
        started.acquire()
        node = Node()
        leaky.incref(node)
        for size in range(20, 50):
            [[node] * size for _ in range(10)]  # in their memory the look makes objects of frames

    try:
        assert found(ledger, leak)
    finally:
        over.set()


def wait_until_it_sleeps(thread):
    stat = Path(f"/proc/self/task/{thread.native_id}/stat")
    clock = time.pthread_getcpuclockid(thread.ident)
    before = -1
    while stat.read_text().rpartition(")")[2].split()[0] != "S" or before != time.clock_gettime_ns(clock):
        before = time.clock_gettime_ns(clock)
        time.sleep(0.02)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="nobody knows the numbers of threads there")
@pytest.mark.parametrize("runs", [False, True])
def test_a_thread_that_has_not_run_since_holds_nothing_of_the_window(ledger, leaky, runs):
    """Its stack has words that were addresses before. If it has run meanwhile, one of them may be a reference."""
    lists = [[number] for number in range(300)]
    addresses = [id(each) for each in lists]
    reading, writing = os.pipe()
    words = struct.pack(f"{len(addresses)}P", *addresses)
    thread = threading.Thread(target=leaky.wait_with, args=(words, reading))
    thread.start()
    wait_until_it_sleeps(thread)
    try:
        ledger.begin((), 1)
        if runs:
            os.write(writing, b".")
        lists.clear()
        leaked = []  # where one of those was
        leaky.incref(leaked)
        was_there = id(leaked) in addresses
        del leaked
        seen = ledger.end(look=True, references=True)
    finally:
        os.write(writing, b"x")
        thread.join()
        os.close(reading)
        os.close(writing)
    assert was_there
    assert [each["references"] for each in seen["findings"]] == ([] if runs else [1])


def test_a_subclass_of_threading_local_is_no_suspect(ledger):
    class Local(threading.local):
        pass

    assert unexplained(look(ledger, lambda: KEPT.append(Local()))) == []
    KEPT.clear()


def test_what_a_type_shows_is_counted_once(ledger, leaky):
    """A leaked object that an honest type refers to: its field does not explain the reference too many."""

    def leak():
        shown = [1]
        KEPT.append(leaky.Open(shown))
        leaky.incref(shown)

    seen = look(ledger, leak)
    KEPT.clear()
    assert [finding["references"] for finding in unexplained(seen)] == [1]
    assert [f for f in seen["findings"] if f["kind"] == "hidden" and "leaky" in f["concrete"]] == []


OLD = """
import gc, leaky
from yagot import _core
ledger = _core.Ledger()
ledger.begin()
old = leaky.Old([])
old.__init__([old])
del old
(finding,) = ledger.end()["findings"]
assert finding["kind"] == "uncollectable" and "tp_del" in finding["why"], finding
assert gc.garbage == []
ledger.begin()
assert ledger.end()["findings"] == []
assert ledger.check() == []
"""


def test_a_finalizer_of_the_old_kind(project, leaky_directory):
    project.python("-c", OLD, env={"PYTHONPATH": str(leaky_directory)}, check=0)


@needs_blocks
def test_our_own_check_sees_it(leaky):
    def check_ten_times():  # see found()
        for _ in range(10):
            with yagot.check(leaks_only=True):
                leaky.incref([1, 2])

    with pytest.raises(yagot.LeakError, match="1 reference that nobody holds"):
        check_ten_times()


LEAKY_TESTS = """
    import unittest
    import leaky

    class TestLeaky(unittest.TestCase):
        def test_leaky(self):
            l1 = [1, 2]
            leaky.incref(l1)

        def test_clean(self):
            leaky.checked_copy([1, 2])

        def test_cache(self):
            leaky.keep([1, 2])

        def test_blind(self):
            type(self).kept = leaky.Blind([1])
    """


@pytest.fixture
def suite(project, leaky_directory):
    project.write("test_ext.py", LEAKY_TESTS)
    project.environment = {"PYTHONPATH": str(leaky_directory)}
    return project


@pytest.mark.parametrize("options", [[], ["--leaks-only"]])
@needs_blocks
def test_the_leaking_test_fails_and_the_object_is_named(suite, options):
    tests = suite.tests("--confirm", *options, "test_ext", env=suite.environment, check=1)
    assert {name for name, test in tests.items() if any(f["verdict"] == "leak" for f in test["findings"])} == {
        "test_leaky"
    }
    (finding,) = tests["test_leaky"]["findings"]
    assert (finding["kind"], finding["references"], finding["types"]) == ("uncollectable", 1, {"list": 1})
    assert "2 items: 1, 2" in suite.result.stderr and "1 reference that nobody holds" in suite.result.stderr
    assert "each further run left one more" in finding["why"]
    assert [f["reason"] for f in tests["test_blind"]["findings"]] == ["hidden-references"]


@needs_blocks
def test_pytest_confirms_too(suite):
    result = suite.python("-m", "pytest", "--yagot", "--yagot-confirm", "-q", env=suite.environment, check=1)
    assert "ERROR test_ext.py::TestLeaky::test_leaky" in result.stdout
    assert result.stdout.count("ERROR test_ext") == 1


SUSPENDED_TESTS = """
    import greenlet
    import unittest
    import leaky

    KEPT = []

    def switch():
        greenlet.getcurrent().parent.switch()

    def setUpModule():
        KEPT.append(greenlet.greenlet(switch))
        KEPT[0].switch()

    class TestLeaky(unittest.TestCase):
        def test_leaky(self):
            leaky.incref([1, 2])

        def test_suspended(self):
            def body():
                local = [object()], {"a": []}
                switch()
                return local
            KEPT.append(greenlet.greenlet(body))
            KEPT[-1].switch()
    """


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the interpreter's stack of frames came with 3.11")
@needs_blocks
def test_a_leak_beside_suspended_greenlets_whose_stacks_are_read(suite):
    pytest.importorskip("greenlet")
    suite.write("test_suspended.py", SUSPENDED_TESTS)
    tests = suite.tests("--confirm", "test_suspended", env=suite.environment, check=1)
    found = [(name, f["verdict"], f["types"]) for name, test in tests.items() for f in test["findings"]]
    assert found == [("test_leaky", "leak", {"list": 1})]


@needs_blocks
def test_contents_that_differ_each_time(suite):
    suite.write(
        "test_keys.py",
        """
        import functools
        import itertools
        import unittest
        import leaky

        NUMBERS = itertools.count()
        FIRST = itertools.cycle([1, "a"])

        @functools.lru_cache(maxsize=3)
        def cached():
            return [3]

        @functools.lru_cache(maxsize=None)
        def made_once():
            return {"made": []}

        class TestKeys(unittest.TestCase):
            def test_the_same_object_once_more(self):
                leaky.incref(made_once())

            def test_in_a_bounded_cache(self):
                leaky.incref(cached())

            def test_keys(self):
                leaky.incref({f"key{next(NUMBERS)}": []})

            def test_items(self):
                leaky.incref([next(FIRST)])

            def test_two_caches(self):
                leaky.keep([str(next(NUMBERS))])    # the newest
                leaky.keep_first([1])               # the first one
        """,
    )
    tests = suite.tests("--confirm", "test_keys", env=suite.environment, check=1)
    causes = {name: [f["cause"] for f in test["findings"]] for name, test in tests.items()}
    assert causes == {
        "test_keys": ["dict with a reference that nobody holds"],
        "test_items": ["list with a reference that nobody holds"],
        "test_two_caches": [],
        "test_the_same_object_once_more": ["dict of made with a reference that nobody holds"],
        "test_in_a_bounded_cache": ["list of int with a reference that nobody holds"],
    }


@needs_generations
@needs_blocks
def test_without_confirmation_it_is_suspected(suite):
    tests = suite.tests("--no-confirm", "test_ext", env=suite.environment, check=0)
    assert not tests["test_leaky"]["findings"]
    assert [f["verdict"] for f in tests["test_leaky [later]"]["findings"]] == ["suspected"]
    assert "yagot: suspected: 1 object" in suite.result.stderr
    assert "yagot: to confirm it: yagot run --confirm test_ext.TestLeaky.test_leaky\n" in suite.result.stderr
    suite.tests("--leaks-only", "test_ext", env=suite.environment, check=1)


@needs_generations
@needs_blocks
def test_a_test_without_suspects_runs_once(suite):
    suite.write(
        "test_once.py",
        """
        import unittest
        import leaky

        RUNS = []

        class TestOnce(unittest.TestCase):
            def test_a_clean(self):
                RUNS.append("clean")

            def test_b_cache(self):
                leaky.keep([len(RUNS)])
                RUNS.append("cache")

            def test_c_leak(self):
                leaky.incref([])
                RUNS.append("leak")

            def test_d(self):
                self.assertEqual(RUNS, ["clean", "cache", *4 * ["leak"]])
        """,
    )
    tests = suite.tests("--confirm", "test_once", env=suite.environment, check=1)
    assert tests["test_d"]["outcome"] == "passed"


def test_what_is_called_at_exit_is_no_leak(project):
    project.write(
        "test_exit.py",
        """
        import atexit, unittest

        class TestExit(unittest.TestCase):
            def close(self):
                pass

            def test_method(self):
                atexit.register(list([1]).clear)

            def test_function(self):
                def local():
                    pass
                atexit.register(local)
        """,
    )
    tests = project.tests("test_exit", check=0)
    assert not any(test["findings"] or test["incomplete"] for test in tests.values())


def test_hypothesis_raises_no_alarm(project):
    """Its garbage survives young collections, and goes with a full one."""
    project.write(
        "test_given.py",
        """
        from hypothesis import given, settings, strategies as st

        @settings(database=None, max_examples=200, deadline=None)
        @given(st.integers())
        def test_many(x):
            pass
        """,
    )
    result = project.python("-m", "pytest", "-q", "--yagot", "--yagot-leaks-only", "test_given.py")
    assert result.returncode == 0, result.stdout
    assert "not seen whole" not in result.stdout


DEBUGGED = """
    import sys, unittest

    class TestDebugged(unittest.TestCase):
        def test_callers(self):
            # as a debugger does in the frames of all callers
            def trace(frame, event, argument):
                pass
            frame = sys._getframe().f_back
            while frame is not None:
                frame.f_trace = trace.__get__([1])
                frame.f_locals
                frame = frame.f_back
    """


def test_what_frames_of_callers_keep_is_held(project):
    project.write("test_debugged.py", DEBUGGED)
    (test, *later) = project.tests("test_debugged", check=0).values()
    assert test["outcome"] == "passed"
    assert not [finding for item in (test, *later) for finding in item["findings"] if finding["verdict"] != "note"]


MOCKED = """
    import unittest
    from unittest import mock

    class TestMocked(unittest.TestCase):
        def test_opened(self):
            opened = mock.mock_open()
            opened().readline()
    """


def test_what_the_collector_takes_apart_is_not_kept(project):
    project.write("test_mocked.py", MOCKED)
    (test, *later) = project.tests("test_mocked", check=0).values()
    found = [finding["kind"] for item in (test, *later) for finding in item["findings"]]
    assert "uncollectable" not in found and len(found) > 0


@needs_generations
@needs_blocks
def test_another_malloc(suite, tmp_path_factory):
    """Nothing is known of its blocks. What a library's variable holds is seen all the same, and nobody is accused for
    certain."""
    library = tmp_path_factory.mktemp("bump") / "bump.so"
    source = Path(__file__).parent / "ext" / "bump.c"
    flags = ["-std=c11", "-O1", "-fno-builtin", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
    subprocess.run(["cc", *flags, "-shared", "-fPIC", str(source), "-o", str(library)], check=True)
    environment = {**suite.environment, "LD_PRELOAD": str(library)}
    tests = suite.tests("test_ext", env=environment, check=0)
    found = {name: [f["reason"] for f in test["findings"] if f["references"]] for name, test in tests.items()}
    assert {name: reasons for name, reasons in found.items() if reasons} == {"test_leaky [later]": ["unseen-stacks"]}
    confirmed = suite.tests("--confirm", "test_ext", env=environment, check=0)
    assert [f["verdict"] for f in confirmed["test_leaky"]["findings"]] == ["suspected"]
    repeated = suite.tests("--repeat", "0:2", "--repeat-seconds", "1", "test_ext", env=environment, check=1)
    assert "growth" in {f["kind"] for f in repeated["test_leaky"]["findings"]}
