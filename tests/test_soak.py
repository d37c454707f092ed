"""Random graphs against the oracle of soak.py, a few; and windows in any order (hypothesis)."""

import gc
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from support import needs_generations

from yagot import _core


@needs_generations
def test_random_graphs():
    graphs = os.environ.get("YAGOT_TEST_GRAPHS", "300")
    command = [sys.executable, "-X", "faulthandler", Path(__file__).with_name("soak.py"), graphs]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


class Node:
    pass


class Windows(RuleBasedStateMachine):
    """Begin, end, collect, leak, keep and drop, from any thread, during collections and in forked children: a window
    tells of what was leaked in it, and the collector stays as the user has it."""

    def __init__(self):
        super().__init__()
        gc.collect()
        self.enabled, self.threshold = gc.isenabled(), gc.get_threshold()
        self.ledger = _core.Ledger()
        self.open = False
        self.number = 0
        self.leaked = 0
        self.kept = []

    def teardown(self):
        self.ledger.close()
        assert gc.get_threshold() == self.threshold
        assert not any("Ledger" in repr(callback) for callback in gc.callbacks)

    def leak_one(self):
        node = Node()
        node.me = [node]
        self.leaked += 1

    @precondition(lambda self: not self.open)
    @rule()
    def begin(self):
        self.number += 1
        self.ledger.begin((), self.number)
        self.open, self.leaked = True, 0

    @precondition(lambda self: self.open)
    @rule()
    def begin_again(self):
        with pytest.raises(RuntimeError):
            self.ledger.begin((), self.number)

    @precondition(lambda self: not self.open)
    @rule()
    def end_without(self):
        with pytest.raises(RuntimeError):
            self.ledger.end()

    @rule(count=st.integers(1, 3))
    def leak(self, count):
        for _ in range(count):
            self.leak_one()

    @rule()
    def leak_in_a_thread(self):
        thread = threading.Thread(target=self.leak_one)
        thread.start()
        thread.join()

    @rule()
    def keep(self):
        self.kept.append(Node())

    @rule()
    def drop(self):
        self.kept.clear()

    @rule(generation=st.integers(0, 2))
    def collect(self, generation):
        gc.collect(generation)

    @rule()
    def collect_in_a_finalizer(self):
        class Collects:
            def __del__(self):
                gc.collect()

        item = Collects()
        item.me = item
        del item
        gc.collect()

    @rule()
    def fork(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # there may be threads of others
            child = os.fork()
        if child == 0:
            try:
                if self.open:
                    self.ledger.end()
                os._exit(0)
            except BaseException:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0

    @precondition(lambda self: self.open)
    @rule(references=st.booleans())
    def end(self, references):
        seen = self.ledger.end(references=references)
        self.ledger.forget()
        nodes = sum(f["types"].get(f"{__name__}.Node", 0) for f in seen["findings"] if not f["references"])
        assert nodes == self.leaked, seen["findings"]
        assert seen["incomplete"] is None
        self.open = False

    @precondition(lambda self: self.open)
    @rule()
    def end_without_looking(self):
        self.ledger.end(look=False)
        self.open = False

    @precondition(lambda self: not self.open)
    @rule()
    def check(self):
        self.ledger.check(references=True)

    @invariant()
    def the_collector_is_as_it_was(self):
        assert gc.isenabled() == self.enabled
        if not self.open:
            assert gc.get_threshold() == self.threshold
        assert gc.get_debug() == 0 and gc.garbage == []


Windows.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestWindows = needs_generations(Windows.TestCase)
