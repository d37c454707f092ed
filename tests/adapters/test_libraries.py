"""Libraries whose objects are not like others: NumPy's arrays, greenlets, ctypes' types."""

import sys

import pytest
from support import needs_generations

FILL = """
    HEAP = [[i] for i in range(300_000)]    # looks are dear: those of later tests are put off
    KEEP = []

    class C:
        pass

    class TestFirst(unittest.TestCase):
        def use_up(self):
            KEEP.append(C())
    for number in range(8):
        setattr(TestFirst, f"test_{number}", TestFirst.use_up)
    """


def clean(project, name, source, fill=True, *options):
    """Runs a suite that leaks nothing."""
    head = FILL.replace("\n    ", "\n") if fill else "KEEP = []\n"
    project.write(f"{name}.py", f"import unittest\n{head}{source}")
    result = project.yagot(*options, name)
    assert result.returncode == 0, result.stderr
    assert "yagot: no leaks" in result.stderr
    return result.stderr


ARRAYS = """
import numpy as np

class C:
    pass

class Derived(np.ndarray):
    @property
    def dtype(self):
        raise AssertionError("code of a derived class")

class TestArrays(unittest.TestCase):
    def test_objects(self):
        KEEP.append(np.array([[1], {"a": []}, C()], dtype=object)[:2])

    def test_derived(self):
        KEEP.append(np.array([C(), [2]], dtype=object).view(Derived))

    def test_two_dimensions(self):
        KEEP.append(np.array([[C(), C()], [C(), C()]], dtype=object).T)
"""


def test_arrays_hold_their_items(project):
    pytest.importorskip("numpy")
    assert "suspected" not in clean(project, "test_arrays", ARRAYS, fill=False)
    for size in range(400, 1200, 100):  # the environment's size moves what lies in the heap
        assert "suspected" not in project.yagot("test_arrays", env={"PAD": "x" * size}).stderr


def test_the_buffer_of_an_array_is_left_alone(project):
    """NumPy remembers for ever that a buffer was asked for."""
    pytest.importorskip("numpy")
    source = """
import numpy as np
try:
    from numpy._core import _multiarray_tests
except ImportError:
    from numpy.core import _multiarray_tests

A = np.ones(3, dtype="i1")

class TestBuffer(unittest.TestCase):
    def test_a_keeps_something(self):
        KEEP.append([[]])

    def test_b_untouched(self):
        _multiarray_tests.corrupt_or_fix_bufferinfo(A)  # TypeError if it was asked for
        _multiarray_tests.corrupt_or_fix_bufferinfo(A)
"""
    clean(project, "test_buffer", source, fill=False)


SUSPENDED = """
import greenlet

class TestA(unittest.TestCase):
    def test_suspended(self):
        data = [1, 2]
        def body():
            local = data
            greenlet.getcurrent().parent.switch()
        g = greenlet.greenlet(body)
        g.switch()
        {keep}
"""


@pytest.mark.parametrize("fill", [False, True])
@pytest.mark.parametrize("keep", ["KEEP.append(g)", "pass"])
@pytest.mark.parametrize("option", ["--leaks-only", "--report-only"])
def test_a_suspended_greenlet(project, keep, fill, option):
    """It is suspected at most, also where the looks of later tests are put off."""
    pytest.importorskip("greenlet")
    clean(project, "test_greenlets", SUSPENDED.format(keep=keep), fill, option)


SEEN = """
import greenlet

class Node:
    pass

def switch(*_):
    greenlet.getcurrent().parent.switch()

class TestA(unittest.TestCase):
    def start(self, body, *arguments):
        g = greenlet.greenlet(body)
        g.switch(*arguments)
        KEEP.append(g)

    def test_variables(self):
        def body(given):
            local = [given, Node()]
            def inner():
                switch()
            inner()
            return local
        self.start(body, {"a": Node()})

    def test_generator(self):
        def made():
            node = Node()
            yield node
        def body():
            for node in made():
                data = {"x": [node]}
                switch()
        self.start(body)

    def test_deep(self):
        def body(depth):
            local = [Node()]
            if depth:
                body(depth - 1)     # more than a chunk of the stack holds
            else:
                switch()
            return local
        self.start(body, 300)

    def test_called_from_c(self):
        def body():
            list(map(switch, [Node(), Node()]))
        self.start(body)

    def test_leak(self):
        node = Node()
        def body():
            local = Node()
            switch()
        g = greenlet.greenlet(body)
        g.switch()
        node.me = node
"""


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the interpreter's stack of frames came with 3.11")
@pytest.mark.parametrize("option", ["--report-only", "--confirm"])
def test_what_suspended_greenlets_hold_is_found(project, option):
    """Not even suspected: it is in the stack of frames, or in what was copied of the C stack."""
    pytest.importorskip("greenlet")
    project.write("test_g.py", f"import unittest\nKEEP = []\n{SEEN}")
    tests = project.tests(option, "test_g", check=1 if option == "--confirm" else 0)
    found = [(name, finding["cause"]) for name, test in tests.items() for finding in test["findings"]]
    assert found == [("test_leak", "test_g.Node.me")]


GEVENT = """
from gevent import monkey
monkey.patch_all()
import socket, time, unittest
import gevent
from gevent.event import Event
from gevent.pool import Pool
from gevent.queue import Queue

class C:
    pass

class TestClean(unittest.TestCase):
    def test_spawned(self):
        jobs = [gevent.spawn(int, n) for n in range(9)]
        self.assertEqual({job.value for job in gevent.wait(jobs)}, set(range(9)))

    def test_pool_and_queue(self):
        queue = Queue()
        Pool(3).map(queue.put, range(20))
        self.assertEqual(queue.qsize(), 20)

    def test_sleep_is_patched(self):
        waiting = Event()
        job = gevent.spawn(lambda: (time.sleep(0.01), waiting.set()))
        waiting.wait(5)
        job.join()

    def test_sockets(self):
        a, b = socket.socketpair()
        with a, b:
            job = gevent.spawn(b.recv, 5)
            a.sendall(b"hello")
            self.assertEqual(job.get(timeout=5), b"hello")

    def test_killed(self):
        job = gevent.spawn(gevent.sleep, 100)
        gevent.sleep(0)
        job.kill()

    def test_error_in_a_greenlet(self):
        with self.assertRaises(ValueError):
            gevent.spawn(int, "x").get()

class TestLeaks(unittest.TestCase):
    def test_cycle(self):
        def make():
            c = C()
            c.me = c
        gevent.spawn(make).join()
"""


def test_gevent(project):
    pytest.importorskip("gevent")
    project.write("test_gevent.py", GEVENT)
    tests = project.tests("test_gevent", check=1)
    leaks = {name for name, test in tests.items() if any(f["verdict"] == "leak" for f in test["findings"])}
    assert leaks == {"test_cycle"} and {test["outcome"] for test in tests.values()} == {"passed"}
    assert len(tests) == 7


def test_types_of_ctypes(project):
    source = """
import ctypes

class TestFunctions(unittest.TestCase):
    def test_prototype(self):
        class F(ctypes._CFuncPtr):
            _argtypes_ = [ctypes.py_object]
            _restype_ = None
            _flags_ = 1
        KEEP.append(F)
"""
    assert "suspected" not in clean(project, "test_ctypes", source, fill=False)


def test_a_holder_that_was_told_of(project):
    source = """
import threading
HOLD = []

class TestLocals(unittest.TestCase):
    def test_x(self):
        self.a = C()
        self.a.me = self.a
        self.a.local = threading.local()
        KEEP.append(C())
        HOLD.append(self)
"""
    clean(project, "test_locals", source)


@needs_generations
def test_greenlets_of_a_thread_that_ended(project):
    """greenlet gives up references to its own greenlets when it thinks that nobody else has any."""
    pytest.importorskip("greenlet")
    source = """
import greenlet
import threading

class TestThreads(unittest.TestCase):
    def test_thread(self):
        def work():
            greenlet.greenlet(lambda: None).switch()
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        KEEP.append([[]])

for number in range(20):
    setattr(TestThreads, f"test_{number}", TestThreads.test_thread)
"""
    clean(project, "test_threads", source, fill=False)
