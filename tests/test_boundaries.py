"""What becomes garbage after its test, and what grows."""

import sys

import pytest
from support import needs_blocks, needs_generations, postponed

SUITE = """
    import unittest

    class Node:
        def __init__(self):
            self.me = self

    KEPT = []

    class TestKeeps(unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            cls.tree = Node()

        @classmethod
        def tearDownClass(cls):
            del cls.tree
            KEPT.clear()

        def test_keeps(self):
            KEPT.append(Node())

        def test_clean(self):
            self.assertTrue(self.tree)

    class TestOther(unittest.TestCase):
        def test_other(self):
            pass
    """


@pytest.fixture
def suite(project):
    project.write("test_late.py", SUITE)
    return project


@needs_generations
@pytest.mark.parametrize(
    ("at", "where"),
    [
        ("class", "class test_late.TestKeeps"),
        ("module", "the run"),
        ("session", "the run"),
        ("test", "test test_late.T"),
    ],
)
def test_the_test_that_made_it_is_named(suite, at, where):
    tests = suite.tests("--check-at", at, "--junit-xml", "out.xml", "test_late", check=1)
    late = {name for name in tests if name.endswith("]")}
    assert late == {"test_keeps [later]", "test_clean [before]"}
    (finding,) = tests["test_keeps [later]"]["findings"]
    assert (finding["kind"], finding["verdict"]) == ("collected", "leak")
    assert finding["why"].startswith(f"it outlived its test, and was garbage by the end of {where}")
    assert "FAIL: test_keeps [later] (test_late.TestKeeps)" in suite.result.stderr
    assert not tests["test_keeps"]["findings"] and not tests["test_other"]["findings"]


def test_never(suite):
    tests = suite.tests("--check-at", "never", "test_late", check=0)
    assert not any(name.endswith("]") for name in tests)


@needs_generations
def test_the_reports_are_valid(suite, schema):
    suite.yagot("--junit-xml", "out.xml", "test_late", check=1)
    cases = {case.get("name"): len(case) for case in schema(suite.path / "out.xml").iter("testcase")}
    late = {"test_keeps [later]": 1, "test_clean [before]": 1}
    assert cases == {"test_keeps": 0, "test_clean": 0, "test_other": 0, **late}


@needs_generations
def test_rules_of_the_test_hold_later(project):
    project.write("test_late.py", SUITE.replace(
        "        def test_keeps", "        @yagot.allow(reason='known')\n        def test_keeps"
    ).replace("import unittest", "import unittest, yagot"))  # fmt: skip
    tests = project.tests("test_late", check=1)
    assert [f["verdict"] for f in tests["test_keeps [later]"]["findings"]] == ["allowed"]


def test_failed_tests_are_not_judged_later(project):
    project.write(
        "test_late.py",
        SUITE.replace("KEPT.append(Node())", "KEPT.append(Node()); self.fail()").replace("= Node()", "= 1"),
    )
    tests = project.tests("test_late", check=1)
    assert not any(name.endswith("]") for name in tests)


@needs_generations
def test_the_same_under_pytest(suite):
    result = suite.python(
        "-m", "pytest", "-q", "--yagot", "--yagot-check-at=class", "--yagot-json=out.json", "test_late.py", check=1
    )
    assert "ERROR test_late.py::TestKeeps::test_keeps [later] - Failed: LEAK" in result.stdout
    assert "test_late.py::TestKeeps::test_clean [before]\n" in result.stdout
    assert "it outlived its test, and was garbage by the end of class test_late.TestKeeps" in result.stdout


def test_an_unknown_place(suite):
    result = suite.yagot("--check-at", "noon", "test_late", check=2)
    assert result.stderr.strip() == (
        "yagot: command line: check-at must be module or class or test or session or never, not 'noon'"
    )


GROWING = """
    import asyncio, os, threading, unittest

    LOOP = asyncio.new_event_loop()

    class Session:
        pass

    SESSIONS = {}

    class TestGrows(unittest.TestCase):
        def test_objects(self):
            SESSIONS[len(SESSIONS)] = Session()

        def test_descriptors(self):
            os.open(os.devnull, os.O_RDONLY)

        def test_tasks(self):
            async def start():
                asyncio.ensure_future(asyncio.sleep(3600))

            LOOP.run_until_complete(start())

        def test_clean(self):
            Session()

        def test_once(self):
            SESSIONS["once"] = Session()
    """


def growth(test):
    return [(f["cause"], f["why"]) for f in test["findings"] if f["kind"] == "growth"]


needs_pymalloc = pytest.mark.skipif(sys.getallocatedblocks() == 0, reason="needs pymalloc, which counts blocks")


@needs_pymalloc
def test_what_grows_is_named(project):
    project.write("test_grows.py", GROWING)
    tests = project.tests("--repeat", "2:3", "test_grows", check=1)
    ((cause, why),) = growth(tests["test_objects"])
    assert cause == "more test_grows.Session each time"
    assert "held: test_grows.Session by test_grows.SESSIONS[" in why
    ((cause, why),) = growth(tests["test_descriptors"])
    assert cause == "more file descriptors each time"
    assert why.startswith("1 more file descriptor after each run; at test_grows.py:16; ")
    ((cause, why),) = growth(tests["test_tasks"])
    assert cause == "more asyncio tasks each time" and why.startswith("held: _asyncio.Task by test_grows.LOOP.")
    assert growth(tests["test_clean"]) == growth(tests["test_once"]) == []


@needs_pymalloc
def test_growth_under_pytest(project):
    project.write("test_grows.py", GROWING)
    result = project.python("-m", "pytest", "-q", "--yagot", "--yagot-repeat=2:3", "test_grows.py", check=1)
    assert "ERROR test_grows.py::TestGrows::test_objects" in result.stdout
    assert "ERROR test_grows.py::TestGrows::test_clean" not in result.stdout


@pytest.mark.parametrize("text", ["3", "x:2", "3:1", "-1:2"])
def test_wrong_repeats(project, text):
    project.write("test_grows.py", GROWING)
    result = project.yagot(f"--repeat={text}", "test_grows", check=2)
    assert result.stderr.startswith("yagot: command line: repeat must be W:N")


COSTLY = """
    import time
    import unittest

    HEAP = [[] for _ in range(200_000)]
    KEPT = []

    class Node:
        def __init__(self):
            self.me = self

    class TestKeeps(unittest.TestCase):
        pass

    for number in range(10):
        def test(self):
            KEPT.clear()
            KEPT.append(Node())
            end = time.thread_time() + COMPUTED
            while time.thread_time() < end:
                pass

        setattr(TestKeeps, f"test_{number}", test)
    """


@needs_generations
def test_the_time_that_tests_take_does_not_change_which_looks_take_place(project):
    found = []
    for computed in (0, 0.5):
        project.write("test_costly.py", COSTLY.replace("COMPUTED", str(computed)))
        tests = project.tests("--check-at", "test", "test_costly", check=1)
        found.append({(name, item["why"]) for name, test in tests.items() for item in test["findings"]})
    assert found[0] == found[1]
    whys = [why for _, why in found[0]]
    assert len(whys) == 9  # one is still alive
    assert 1 < sum("the end of test" in why for why in whys) < 9  # the others were too dear


OUTLIVING = """
    import unittest

    HEAP = [[] for _ in range(OBJECTS)]
    KEPT = []

    class Node:
        def __init__(self):
            self.me = self

    class TestKeeps(unittest.TestCase):
        def test(self):
            KEPT.append(Node())

    def tearDownModule():
        KEPT.clear()
    """


@needs_generations
@pytest.mark.parametrize("objects, ended", [(0, "module test_outliving"), (1_000_000, "the run")])
def test_a_large_heap_is_not_looked_at_before_it_has_been_paid_for(project, objects, ended):
    project.write("test_outliving.py", OUTLIVING.replace("OBJECTS", str(objects)))
    project.write("test_simple.py", """
        import unittest

        class TestSimple(unittest.TestCase):
            def test(self): pass
        """)
    tests = project.tests("test_outliving", "test_simple", check=1)
    (finding,) = tests["test [later]"]["findings"]
    assert finding["why"].endswith(f"was garbage by the end of {ended}")


AT_EXIT = """
    import atexit
    import unittest

    class C:
        def close(self): pass

    class TestExit(unittest.TestCase):
        def test_registers(self):
            atexit.register(C().close)
    """


def test_what_is_called_at_exit_is_no_suspect_at_a_boundary(project):
    project.write("test_exit.py", AT_EXIT)
    script = project.write("run.py", postponed("test_exit"))
    result = project.python(script, check=0)
    assert "suspected" not in result.stderr


@needs_blocks
def test_what_a_thread_holds_that_computes_without_the_gil_is_no_suspect(project):
    """The kernel does not say where its stack ends."""
    project.write("test_computing.py", """
        import hashlib
        import threading
        import unittest

        KEEP = []

        def compute():
            hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 3_000_000)

        class TestComputing(unittest.TestCase):
            def test_start(self):
                KEEP.append(threading.Thread(target=compute))
                KEEP[-1].start()

            def test_start_another(self):
                KEEP.append(threading.Thread(target=compute))
                KEEP[-1].start()

        def tearDownModule():
            assert all(thread.is_alive() for thread in KEEP)
        """)
    for _ in range(3):
        result = project.yagot("test_computing", check=0)
        assert "yagot: no leaks in 2 tests" in result.stderr
        assert "suspected" not in result.stderr


def test_what_lies_on_the_stack_of_a_waiting_frame_is_no_leak(project):
    """A method that a with statement will call; the thread was there before the test."""
    project.write("test_waiting.py", """
        import concurrent.futures
        import threading
        import unittest

        DONE = threading.Event()
        POOL = concurrent.futures.ThreadPoolExecutor(8)

        def setUpModule():
            barrier = threading.Barrier(9)
            for _ in range(8):
                POOL.submit(barrier.wait)
            barrier.wait()

        def tearDownModule():
            DONE.set()
            POOL.shutdown()

        class TestWaiting(unittest.TestCase):
            def test_waiting(self):
                started = threading.Event()
                POOL.submit(lambda: len(([1], {"a": []}, started.set(), DONE.wait())))
                started.wait()
        """)
    assert "yagot: no leaks in 1 test" in project.yagot("--confirm", "test_waiting", check=0).stderr


def test_what_another_thread_holds_in_a_call_is_no_suspect(project):
    project.write("test_reader.py", """
        import os
        import threading
        import time
        import unittest

        R, W = os.pipe()
        GOT = []

        def read():
            with open(R, "rb") as file:
                while len(file.read(1)):
                    GOT.append(1)

        def setUpModule():
            threading.Thread(target=read, daemon=True).start()

        class TestReader(unittest.TestCase):
            def test_reader(self):
                os.write(W, b"x" * 9000)  # more than its buffer: it waits in a new call then
                while len(GOT) < 9000:
                    time.sleep(0.001)
        """)
    project.write("run.py", postponed("test_reader"))
    result = project.python("run.py", check=0)
    assert "suspected" not in result.stderr and "no leaks in 1 test" in result.stderr


HANDED_OVER = """
    import queue
    import threading
    import unittest

    class Node:
        def __init__(self):
            self.me = self

    def work(orders):
        for node, results in iter(orders.get, None):
            results.put(node)
            for _ in range(300_000):  # longer than a thread may keep the GIL: the test ends meanwhile
                pass
            del node, results

    class TestPool(unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            cls.orders = queue.SimpleQueue()
            threading.Thread(target=work, args=(cls.orders,)).start()

        @classmethod
        def tearDownClass(cls):
            cls.orders.put(None)

        def hand_over(self):
            results = queue.SimpleQueue()
            self.orders.put((Node(), results))
            results.get()
    """


def test_what_a_thread_of_a_pool_has_in_hand_is_the_tests(project):
    tests = 20
    project.write("test_pool.py", HANDED_OVER + "".join(f"""
        def test_{number}(self):
            self.hand_over()
    """ for number in range(tests)))
    seen = project.tests("test_pool", check=1)
    assert len(seen) == tests
    assert {len(test["findings"]) for test in seen.values()} == {1}


# -- what the collector was asked to save -----------------------------------------------------------


SAVES = """
    import gc, unittest

    def garbage():
        one = []
        one.append(one)

    class TestSaved(unittest.TestCase):
        def test_1_clears(self):
            garbage()
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            gc.garbage.clear()
            gc.collect()
            gc.set_debug(0)
            gc.garbage.clear()

        def test_2_leaves(self):
            garbage()
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            gc.set_debug(0)

        def test_3_clears_later(self):
            gc.garbage.clear()
"""


@needs_generations
@pytest.mark.parametrize("options", [[], ["--check-at", "test"]], ids=str)
def test_what_a_collection_has_saved_is_counted_once(project, options):
    project.write("test_saves.py", SAVES)
    tests = project.tests(*options, "test_saves", check=1)
    found = {name: test["findings"] for name, test in tests.items() if test["findings"]}
    assert found.keys() == {"test_1_clears", "test_2_leaves"}
    for findings in found.values():
        assert [(f["objects"], f["count"]) for f in findings] == [(1, 1)]
    assert found["test_1_clears"][0]["held_bytes"] == found["test_2_leaves"][0]["held_bytes"]
