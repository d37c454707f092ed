"""Explain: what a report says, that it runs nobody's code, and that size does not break it."""

import gc
import json
import subprocess
import sys
import textwrap
import weakref

import pytest

from yagot import _core
from yagot.model import TestInfo, TestReport, from_core
from yagot.report.wording import counts_text, describe_report, gist_text, headline, size


@pytest.fixture
def ledger():
    ledger = _core.Ledger()
    yield ledger
    ledger.close()


def findings_of(ledger, body):
    ledger.begin()
    body()
    return [from_core(found) for found in ledger.end()["findings"]]


class Node:
    pass


def test_held_memory_counts_what_the_collector_does_not_track(ledger):
    def body():
        node = Node()
        node.me = node
        node.data = bytes(100_000_000)

    (finding,) = findings_of(ledger, body)
    assert 100_000_000 <= finding.held_bytes < 100_001_000
    assert size(finding.held_bytes) == "100 MB"


def test_held_memory_leaves_out_what_others_hold_too(ledger):
    shared = bytes(1_000_000)

    def body():
        node = Node()
        node.me = node
        node.data = shared

    (finding,) = findings_of(ledger, body)
    assert finding.held_bytes < 2000


def test_held_memory_counts_shared_objects_once(ledger):
    def body():
        data = bytes(1_000_000)
        first, second = Node(), Node()
        first.other, second.other = second, first
        first.data = second.data = [data]
        second.more = (data, data)

    (finding,) = findings_of(ledger, body)
    assert 1_000_000 <= finding.held_bytes < 1_010_000


@pytest.mark.parametrize(
    "links, cyclic, cycles, text",
    [
        ([("a", "b"), ("b", "a")], 2, 1, "2 objects in a cycle, 1 more held"),
        ([("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")], 4, 2, "4 objects in 2 cycles, 1 more held"),
        ([("a", "b"), ("b", "a"), ("a", "c"), ("c", "a")], 3, 0, "3 objects in cycles, 1 more held"),
        ([("a", "a")], 1, 1, "1 object in a cycle, 1 more held"),
        ([("a", "list"), ("list", "a")], 2, 1, "2 objects in a cycle, 1 more held"),
    ],
)
def test_what_is_in_cycles_is_told_from_what_hangs_off(ledger, links, cyclic, cycles, text):
    def body():
        nodes = {name: Node() if name != "list" else [] for pair in links for name in pair}
        nodes["a"].tail = Node()
        for one, other in links:
            if one == "list":
                nodes[one].append(nodes[other])
            else:
                setattr(nodes[one], other if links[-1] != ("d", "c") else "next", nodes[other])

    (finding,) = findings_of(ledger, body)
    assert (finding.cyclic, finding.cycles) == (cyclic, cycles)
    assert counts_text(finding).startswith(text)
    where = text.partition(",")[0].partition(" in ")[2]
    assert gist_text(finding).endswith(f"({cyclic} in {where})")


def test_held_memory_of_suspended_code(ledger):
    def numbers(me):
        yield me

    def body():
        node = Node()
        node.numbers = numbers(node)
        next(node.numbers)

    (finding,) = findings_of(ledger, body)
    assert 0 < finding.held_bytes < 2000


def test_python_level_sizeof_does_not_run(ledger):
    class Liar:
        def __sizeof__(self):
            raise AssertionError("must not run")

    def body():
        liar = Liar()
        liar.me = liar

    (finding,) = findings_of(ledger, body)
    assert 0 < finding.held_bytes < 1000


def test_different_keys_are_different_causes(ledger):
    def body():
        a, b = {}, {}
        a["a"], b["b"] = a, b

    assert sorted(f.cause for f in findings_of(ledger, body)) == ["dict['a']", "dict['b']"]


def test_data_in_keys_is_no_part_of_the_cause(ledger):
    def make(key):
        def body():
            table = {}
            table[key] = table

        return body

    causes = {findings_of(ledger, make(key))[0].cause for key in ("user-17", "user-18", 3, 4.5, (1, 2), "x" * 5000)}
    assert causes == {"dict[]"}


def test_the_length_of_a_chain_is_no_part_of_the_cause(ledger):
    def ring(length):
        def body():
            nodes = [Node() for _ in range(length)]
            for one, other in zip(nodes, nodes[1:] + nodes[:1], strict=True):
                one.next = other

        return body

    causes = {findings_of(ledger, ring(length))[0].signature for length in (1, 2, 3, 50, 2000)}
    assert len(causes) == 1


def test_the_comprehension_that_made_a_function_is_no_part_of_the_cause(ledger):
    """It is a function itself before 3.12."""

    def one(node):
        node.call = lambda: node

    def of_lists(node):
        node.calls = [[lambda: node for _ in "a"] for _ in "b"]

    def of_others(node):
        node.calls = [*{name: lambda: node for name in "a"}.values(), *{(lambda: node) for _ in "b"}]

    for make in (one, of_lists, of_others):
        findings = findings_of(ledger, lambda make=make: make(Node()))
        assert [finding.cause.partition("<lambda>")[0].rpartition(".")[2] for finding in findings] == [""]
        assert f"{make.__qualname__}.<locals>.<lambda>." in findings[0].cause


def test_definitions_are_told(ledger):
    def body():
        def walk():
            return walk

    (finding,) = findings_of(ledger, body)
    line = body.__code__.co_firstlineno + 1
    assert finding.steps[0].defined == f"{__file__}:{line}"


def test_the_file_of_a_class_without_methods_is_told(ledger):
    def body():
        node = Node()
        node.me = node

    (finding,) = findings_of(ledger, body)
    assert finding.steps[0].defined.rpartition(":")[0] == __file__


# -- size ------------------------------------------------------------------------------------------


def report_of(findings):
    report = TestReport(TestInfo("a.B.c", "a", "a.B", "c"), "passed", 0.0, checked=True, findings=findings)
    return f"{headline(report)}\n{describe_report(report)}"


def test_a_million_nested_lists(ledger):
    def body():
        first = innermost = []
        for _ in range(1_000_000):
            innermost = [innermost]
        first.append(innermost)

    (finding,) = findings_of(ledger, body)
    assert finding.objects == 1_000_001
    assert finding.cause == "list[]"
    assert len(report_of([finding])) <= 2000


def test_a_million_objects_in_one_tree(ledger):
    def body():
        root = Node()
        root.children = []
        for _ in range(1_000_000):
            child = Node()
            child.parent = root
            root.children.append(child)

    (finding,) = findings_of(ledger, body)
    assert finding.cause == f"{__name__}.Node.children[] → {__name__}.Node.parent"
    assert len(report_of([finding])) <= 2000


def test_many_causes_stay_short(ledger):
    def body():
        for number in range(300):
            table = {}
            key = "".join(chr(ord("a") + int(digit)) for digit in str(number))
            table[key] = table

    findings = findings_of(ledger, body)
    assert len(findings) == 300
    assert len(report_of(findings)) <= 4000


# -- hostile objects ---------------------------------------------------------------------------------

HOSTILE = '''
    import gc, json, sys
    from yagot import _core
    from yagot.model import from_core

    ran = []

    class Meta(type):
        def __eq__(cls, other):
            ran.append("Meta.__eq__")
            return True
        def __hash__(cls):
            ran.append("Meta.__hash__")
            return 1
        def __getattribute__(cls, name):
            ran.append(f"Meta.__getattribute__ {name}")
            return super().__getattribute__(name)

    def trap(name):
        def method(self, *args):
            ran.append(name)
            raise RuntimeError(name)
        return method

    class Hostile(metaclass=Meta):
        __slots__ = ("__dict__", "__weakref__")
        for name in ("__repr__", "__str__", "__eq__", "__hash__", "__getattr__", "__len__", "__bool__", "__iter__",
                     "__sizeof__", "__dir__", "__format__", "__reduce_ex__", "__getstate__"):
            locals()[name] = trap(name)
        del name
        def __getattribute__(self, name):
            ran.append(f"__getattribute__ {name}")
            return object.__getattribute__(self, name)
        @property
        def __class__(self):
            ran.append("__class__")
            return int

    BigName = type("N" * 1_000_000, (), {"__module__": "m" * 1_000_000})

    class Key(str):
        def __eq__(self, other):
            ran.append("Key.__eq__")
            return True
        def __hash__(self):
            return hash("me")
        def __repr__(self):
            ran.append("Key.__repr__")
            return "x"

    class Items(list):
        __getitem__ = __len__ = __iter__ = trap("Items")

    def body():
        hostile = Hostile()
        object.__setattr__(hostile, "me", hostile)
        ran.clear()
        big = BigName()
        big.me = big
        table = {}
        dict.__setitem__(table, Key("x"), table)
        items = Items()
        list.append(items, items)
        named = {}
        named["\\ud800\\x00" * 500_000] = named

    ledger = _core.Ledger()
    ledger.begin()
    body()
    ran.clear()
    findings = [from_core(found) for found in ledger.end()["findings"]]
    print(json.dumps([ran, [(f.cause, f.objects, [list(map(len, (s.object, s.path, s.contents))) for s in f.steps])
                            for f in findings]]))
'''


def test_hostile_objects_run_nothing():
    out = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(HOSTILE)], capture_output=True, text=True, check=True
    ).stdout
    ran, findings = json.loads(out)
    assert ran == []
    assert len(findings) == 4  # the two dicts have one cause
    assert any("Hostile.me" in cause for cause, _, _ in findings)
    for cause, _, steps in findings:
        assert len(cause) < 1000
        assert all(length < 1000 for step in steps for length in step)


def test_a_finalizer_that_resurrects_changes_nothing(ledger):
    kept = []

    class Phoenix:
        def __del__(self):
            kept.append(self)

    def body():
        bird = Phoenix()
        bird.me = bird

    findings = findings_of(ledger, body)
    assert {finding.kind for finding in findings} == {"uncollectable"}
    assert len(kept) == 1
    kept.clear()
    gc.collect()


def test_weak_references_see_the_same_as_without(ledger):
    def body():
        node = Node()
        node.me = node
        seen.append(weakref.ref(node))
        del node
        seen.append(seen[0]() is not None)  # unreachable, and not yet collected

    seen = []
    findings_of(ledger, body)
    assert seen[1] is True
    assert seen[0]() is None


def steps_of(ledger, body):
    (finding,) = findings_of(ledger, body)
    return {(step.kind, step.qualname): step for step in finding.steps}


def test_steps_as_data(ledger):
    def body():
        node = Node()
        node.parents = [{"x": (node,)}]

    (step,) = steps_of(ledger, body).values()
    assert (step.kind, step.module, step.qualname, step.name) == ("instance", __name__, "Node", f"{__name__}.Node")
    assert step.edges == (("attribute", "parents"), ("item", "0"), ("item", "x"), ("item", "0"))
    assert step.path == ".parents[0]['x'][0]" and step.general.endswith("Node.parents[]['x'][]")


def test_steps_of_code_as_data(ledger):
    def body():
        captured = Node()
        captured.call = lambda: captured

    steps = steps_of(ledger, body)
    function = steps["function", "test_steps_of_code_as_data.<locals>.body.<locals>.<lambda>"]
    assert function.module == __name__
    assert function.edges == (("field", "__closure__"), ("item", "0"), ("cell", "captured"))


def test_steps_of_frames_as_data(ledger):
    def body():
        try:
            raise ValueError
        except ValueError as error:
            kept = error  # noqa: F841

    steps = steps_of(ledger, body)
    (frame,) = (step for (kind, _), step in steps.items() if kind == "frame")
    assert frame.module == __name__ and frame.edges == (("local", "kept"),)
    assert steps["instance", "ValueError"].edges[0] == ("field", "__traceback__")


def test_parts_of_a_cause(ledger):
    def body():
        node, other = Node(), {}
        node.other, other["→"] = other, node

    (finding,) = findings_of(ledger, body)
    assert finding.parts == (f"{__name__}.Node.other[]",) and " → ".join(finding.parts) == finding.cause


# -- reprs on demand ---------------------------------------------------------------------------------


def test_repr_is_guarded():
    from yagot.observe.reprs import guarded_repr

    class Slow:
        def __repr__(self):
            while True:
                pass

    class Broken:
        def __repr__(self):
            raise KeyError

    assert guarded_repr([1, "a"]) == "[1, 'a']"
    assert guarded_repr(Slow()) == "<repr() of Slow took too long>"
    assert guarded_repr(Broken()) == "<repr() raised KeyError>"
    assert len(guarded_repr("x" * 10_000)) == 500


def test_repr_option(project):
    project.write(
        "test_repr.py",
        """
        import unittest

        class Node:
            def __repr__(self):
                return "<a node, as its author shows it>"

        class Test(unittest.TestCase):
            def test(self):
                node = Node()
                node.me = node
        """,
    )
    assert "as its author shows it" not in project.yagot().stderr
    assert "as its author shows it" in project.yagot("--repr").stderr


NAMED = """
    import functools, gc, unittest
    from xml.etree import ElementTree

    class View:
        def __init__(self, graph):
            self._graph = graph

    class Graph:
        @functools.cached_property
        def view(self):
            return View(self)

    class Stored:
        class _Data:
            def __set__(self, graph, value):
                graph.__dict__["data"] = value
        data = _Data()
        def __init__(self):
            self.name = "stored"
            self.data = [self]

    class Handlers:
        def __init__(self):
            self.table = {"run": self.run}
        def run(self):
            pass

    class Node:
        parent = None
        def __init__(self):
            self.children = []
        def add(self, child):
            self.children.append(child)
            child.parent = self

    class Mixin:
        def keep(self):
            self.kept = self

    class Mixed(Node, Mixin):
        pass

    class Child:
        pass

    class Owner:
        def own(self, child):
            self.child = child
            child.owner = self

    class Element(ElementTree.Element):
        def __len__(self):
            raise AssertionError("code of the object runs")
        __getitem__ = __len__
        @classmethod
        def make_child(cls):
            def made(child):
                child.itself = child
            made(Child())

    class Items(dict):
        __getitem__ = __iter__ = Element.__len__

    def link(child):
        child.linked = child

    def generator():
        itself = yield
        yield itself

    class Test(unittest.TestCase):
        def tearDown(self):
            COLLECT
        def test_cached_property(self):
            Graph().view
        def test_descriptor_that_stores_in_the_dict(self):
            Stored()
        def test_table_of_methods(self):
            Handlers()
        def test_default_of_the_class(self):
            Node().add(Node())
        def test_second_base(self):
            Mixed().keep()
        def test_attribute_that_the_owner_sets(self):
            Owner().own(Child())
        def test_attribute_that_a_function_sets(self):
            link(Child())
        def test_attribute_that_a_class_method_sets(self):
            Element.make_child()
        def test_variable_of_a_generator(self):
            suspended = generator()
            next(suspended)
            suspended.send(suspended)
        def test_item_of_a_subclass_in_c(self):
            element = Element("a")
            ElementTree.Element.append(element, element)
"""


def causes_of_named(project, collect):
    project.write("test_named.py", NAMED.replace("COLLECT", collect))
    tests = project.tests("test_named", check=1)
    return {name: [finding["cause"] for finding in test["findings"]] for name, test in tests.items()}


def test_attributes_have_names_in_what_a_test_itself_collects(project):
    """No dict may be made then: the collector would count it."""
    without = causes_of_named(project, "pass")
    assert without["test_item_of_a_subclass_in_c"] == ["test_named.Element[]"]
    assert without["test_cached_property"] == ["test_named.Graph.view → test_named.View._graph"]
    assert without["test_variable_of_a_generator"] == ["generator generator local 'itself'"]
    assert causes_of_named(project, "gc.collect()") == without


def pair():
    one, two = Node(), Node()
    one.two, two.one = two, one


def test_a_cause_is_described_once():
    ledger = _core.Ledger(once=True)
    seen = []
    for look in (True, False, True, True):
        ledger.begin((), 0)
        pair()
        other = {"a": 1}
        other["me"] = other
        del other
        result = ledger.end(look=look)
        seen += [sorted(result["findings"], key=lambda found: found["concrete"])] if result is not None else []
    ledger.close()
    first, *later = seen
    assert len(first) == 2
    assert all(found["steps"] and found["hops"] and not found["known"] for found in first)
    for findings in later:
        for found, earlier in zip(findings, first, strict=True):
            assert found["known"] and "steps" not in found and "hops" not in found
            same = ("concrete", "cause", "cycle_length", "objects", "types", "held_bytes", "count", "kind")
            assert [found[name] for name in same] == [earlier[name] for name in same]


def test_a_failed_test_does_not_keep_a_description():
    ledger = _core.Ledger(once=True)
    ledger.begin((), 0)
    pair()
    gc.collect()
    ledger.end(look=False)
    ledger.begin((), 0)
    pair()
    (found,) = ledger.end()["findings"]
    ledger.close()
    assert found["steps"] and not found["known"]
