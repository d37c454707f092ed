"""What running code sees of its own variables does not change while yagot looks."""

import sys
import threading
import weakref

import pytest
from support import FREE_THREADED

from yagot import _core

pytestmark = pytest.mark.skipif(FREE_THREADED, reason="there references are not looked for")

KEPT = []


class Node:
    """Something in a cycle, so that there is a finding to explain, too."""

    def __init__(self):
        self.me = self


def look():
    """A whole window with garbage, a survivor and a look at references."""
    ledger = _core.Ledger()
    try:
        ledger.begin()
        KEPT.append([Node])
        Node()
        ledger.end(references=True)
    finally:
        ledger.close()
        KEPT.clear()


def test_code_under_exec():
    def run():
        other = [1]
        exec("x = 1\ny = [2]\nlook()\nassert (x, y) == (1, [2]), (x, y)")
        assert other == [1]
        namespace = {"look": look}
        exec("x = 1\nlook()\nassert x == 1", namespace)
        assert namespace["x"] == 1

    run()


def test_a_class_body():
    class Body:
        x = (1,)
        look()
        y = (*x, 2)

    assert (Body.x, Body.y) == ((1,), (1, 2))


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="there f_locals is no dict of its own any more")
def test_what_a_debugger_has_changed():
    def debugged():
        x = 1
        seen = sys._getframe().f_locals
        seen["x"] = 99
        extra = seen["extra"] = Node()
        died = weakref.ref(extra)
        del extra
        look()
        assert seen["x"] == 99 and died() is not None and x == 1
        assert seen["extra"] is died()

    debugged()


def test_a_tracing_function():
    events = []

    def trace(frame, event, arg):
        if frame.f_code is traced.__code__:
            events.append((event, frame.f_locals.get("x")))
            if event == "line":
                look()
        return trace

    def traced():
        x = 1
        x = 2
        return x

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        assert traced() == 2
    finally:
        sys.settrace(before)
    assert events == [("call", None), ("line", None), ("line", 1), ("line", 2), ("return", 2)]


def test_generators():
    def numbers():
        x = 1
        yield x
        look()
        x += 1
        yield x

    suspended, running = numbers(), numbers()
    next(suspended)
    assert list(running) == [1, 2]
    locals_of = suspended.gi_frame.f_locals
    look()
    assert locals_of["x"] == 1 and list(suspended) == [2]


def test_another_threads_variables():
    ready, go = threading.Event(), threading.Event()
    seen = []

    def other():
        namespace = {"ready": ready, "go": go, "seen": seen}
        exec("x = [5]\nready.set()\ngo.wait(60)\nseen.append(x)", namespace)

    thread = threading.Thread(target=other)
    thread.start()
    ready.wait(60)
    look()
    go.set()
    thread.join()
    assert seen == [[5]]
