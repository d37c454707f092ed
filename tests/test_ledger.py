"""Observe and find: what one window of the core sees."""

import abc
import gc
import sys
import weakref

import pytest
from support import needs_generations

from yagot import _core


@pytest.fixture
def ledger():
    ledger = _core.Ledger()
    yield ledger
    ledger.close()


class Node:
    def __init__(self):
        self.children = []
        self.parent = None

    def add(self, child):
        child.parent = self
        self.children.append(child)
        return child


def look(ledger, body, dropped=()):
    ledger.begin(dropped)
    body()
    return ledger.end()


def self_list():
    items = []
    items.append(items)


def test_clean_window(ledger):
    seen = look(ledger, lambda: [object()])
    assert seen == {
        "born": 0, "survivors": 0, "candidates": 0, "garbage": 0, "recurring": {}, "alive": [], "incomplete": None,
        "findings": [],
    }


def test_self_referencing_list(ledger):
    seen = look(ledger, self_list)
    (finding,) = seen["findings"]
    assert finding["kind"] == "collected"
    assert finding["objects"] == seen["garbage"] == 1
    assert finding["types"] == {"list": 1}
    assert [(step["object"], step["path"]) for step in finding["steps"]] == [("list", "[0]")]


def test_garbage_is_released_at_the_end(ledger):
    died = []
    ledger.begin()
    node = Node()
    node.add(Node())
    weakref.finalize(node, died.append, "node").atexit = False
    del node
    seen = ledger.end()
    # from 3.11 on, instances have no dict of their own
    assert seen["garbage"] == (6 if sys.version_info < (3, 11) else 4)
    assert died == ["node"]


def test_what_lives_on_is_no_garbage(ledger):
    kept = []

    def body():
        root = Node()
        root.add(Node())
        kept.append(root)

    seen = look(ledger, body)
    assert seen["findings"] == []
    assert seen["survivors"] >= 4


def test_older_objects_are_not_born(ledger):
    old = Node()
    old.add(Node())
    holder = [old]
    del old
    assert look(ledger, holder.clear)["garbage"] == 0


def test_equal_structures_are_one_finding(ledger):
    def body():
        for _ in range(50):
            root = Node()
            root.add(Node())

    (finding,) = look(ledger, body)["findings"]
    assert finding["count"] == 50
    assert finding["types"]["list"] == 100


def test_every_object_belongs_to_one_finding(ledger):
    def body():
        a, b = [], {}
        b["me"] = b
        b["payload"] = [[1], [2]]
        a += [a, b, b["payload"]]

    seen = look(ledger, body)
    assert len(seen["findings"]) == 2
    assert sum(finding["objects"] for finding in seen["findings"]) == seen["garbage"]


class Abstract(metaclass=abc.ABCMeta):
    @abc.abstractmethod
    def method(self):
        pass


def instance():
    node = Node()
    node.parent = node
    return node


def with_tuples():
    node = instance()
    node.pair, node.dict = ((len(sys.argv), 1), (2, len(sys.argv))), {"number": len(sys.argv)}
    return node


def abstract_class():
    class Local(Abstract):
        pass

    return Local


def generator():
    def generate():
        yield itself

    itself = generate()
    return itself


def asked_for_its_dict(kept):
    return vars(kept)


def asked_for_its_frame(kept):
    return kept.gi_frame


def asked_whether_it_is_its_class(kept):
    return [isinstance(value, kept) for value in (1, "", [])]


@pytest.mark.parametrize(
    ("make", "lazily"),
    [
        (instance, asked_for_its_dict),
        (with_tuples, lambda kept: gc.collect(0)),
        (with_tuples, lambda kept: gc.collect(1)),
        (with_tuples, lambda kept: gc.collect()),
        (abstract_class, asked_whether_it_is_its_class),
        (generator, asked_for_its_frame),
    ],
)
def test_what_is_made_or_hidden_lazily_changes_no_count(ledger, make, lazily):
    found = []
    for act in (id, lazily):
        gc.collect()
        (finding,) = look(ledger, lambda act=act: (lambda kept: (act(kept), None)[1])(make()))["findings"]
        found.append((finding["objects"], finding["types"]))
    assert found[0] == found[1]
    assert found[0][0] == sum(found[0][1].values()) > 0


def test_what_a_finalizer_saves_is_counted_like_the_finding(ledger):
    saved = []

    class Phoenix:
        def __del__(self):
            saved.append(self)

    def body():
        phoenix = Phoenix()
        phoenix.me = phoenix
        assert vars(phoenix)

    (finding,) = look(ledger, body)["findings"]
    assert (finding["kind"], finding["objects"], finding["types"]) == (
        "uncollectable", 1, {f"{__name__}.{Phoenix.__qualname__}": 1}
    )  # fmt: skip


def test_many_components_beyond_those_told_one_by_one(ledger):
    def body():
        for number in range(3000):
            if number % 3:
                items = {}
                items["a" if number % 2 else "b"] = items
            else:
                self_list()

    found = {finding["concrete"]: finding["count"] for finding in look(ledger, body)["findings"]}
    assert found == {"dict['a']": 1000, "dict['b']": 1000, "list[]": 1000}


# -- the test instance -----------------------------------------------------------------------------


class Case:
    """As a test instance: made before the window, held by its runner."""

    def __init__(self):
        self.early = self.method

    def method(self):
        pass


@pytest.fixture
def case():
    instance = Case()
    del instance.early
    return instance


def test_objects_in_self_are_released_with_the_instance(ledger, case):
    def body():
        case.tree = [1, [2, {"x": [3]}]]

    assert look(ledger, body, (case,))["findings"] == []


def test_cycles_in_self_are_found(ledger, case):
    def body():
        case.tree = Node()
        case.tree.add(Node())

    seen = look(ledger, body, (case,))
    (finding,) = seen["findings"]
    assert finding["types"][f"{__name__}.Node"] == 2
    assert f"{__name__}.Case" not in finding["types"]
    assert finding["kind"] == "collected"


def test_a_cycle_through_the_instance_is_found(ledger, case):
    def body():
        case.callback = case.method

    (finding,) = look(ledger, body, (case,))["findings"]
    assert finding["types"][f"{__name__}.Case"] == 1
    assert finding["kind"] == "collected"


def test_a_cycle_made_before_the_window_is_found(ledger):
    case = Case()
    (finding,) = look(ledger, lambda: None, (case,))["findings"]
    assert finding["types"]["method"] == 1


def test_a_new_reference_to_the_instance_keeps_it_alive(ledger, case):
    registry = []

    def body():
        case.tree = Node()
        case.tree.add(Node())
        registry.append(case.method)

    assert look(ledger, body, (case,))["findings"] == []


def test_a_plain_reference_to_the_instance_keeps_it_alive(ledger, case):
    registry = []

    def body():
        case.tree = Node()
        case.tree.add(Node())
        registry.append(case)

    assert look(ledger, body, (case,))["findings"] == []


# -- collections inside the window -----------------------------------------------------------------


def test_a_full_collection_by_the_test_hides_nothing(ledger):
    def body():
        self_list()
        gc.collect()

    assert look(ledger, body)["garbage"] == 1


def test_a_dropped_object_whose_dict_is_made_in_the_window(ledger):
    class Part:
        pass

    class Whole:
        def __init__(self):
            self.part = Part()
            self.part.whole, self.part.part = self, Part()

    def look_at(body):
        wholes = (Whole(),)
        (finding,) = look(ledger, lambda: body(wholes[0]), wholes)["findings"]
        return finding["objects"]

    def set_many(whole):
        for number in range(100):
            setattr(whole, f"name_{number}", number)

    assert look_at(id) == look_at(vars) == look_at(lambda whole: vars(whole.part)) == look_at(set_many) == 3


@pytest.mark.parametrize("generation", [0, 1, 2])
def test_what_was_promoted_and_dropped_is_found(ledger, generation):
    def body():
        node = Node()
        node.add(Node())
        gc.collect(generation)
        del node

    seen = look(ledger, body)
    assert seen["findings"][0]["types"][f"{__name__}.Node"] == 2


def test_promoted_twice(ledger):
    def body():
        first, second = Node(), Node()
        first.me, second.me = first, second
        gc.collect()
        del first
        gc.collect()
        del second

    assert look(ledger, body)["findings"][0]["types"][f"{__name__}.Node"] == 2


def test_garbage_that_young_collections_pass_over_is_counted_once(ledger):
    class Doomed:
        def __del__(self):
            pass

    def body():
        doomed, items = Doomed(), []
        doomed.me = doomed
        items.append(items)
        gc.collect(0)
        del doomed, items
        gc.collect(0)
        gc.collect(0)

    seen = look(ledger, body)
    assert sorted((finding["kind"], finding["objects"], finding["count"]) for finding in seen["findings"]) == [
        ("collected", 1, 1), ("collected", 1, 1),
    ]  # fmt: skip
    assert seen["garbage"] == seen["born"] - seen["survivors"]


def test_generations_are_as_the_test_expects(ledger):
    places = []

    def body():
        node = [Node()]
        gc.collect()
        places.append(any(node is item for item in gc.get_objects(generation=2)))
        assert node

    look(ledger, body)
    assert places == [True]


@needs_generations
def test_automatic_collections_hide_nothing(ledger):
    def body():
        for _ in range(20_000):
            self_list()

    before = gc.get_stats()[0]["collections"]
    seen = look(ledger, body)
    assert gc.get_stats()[0]["collections"] > before + 3
    assert seen["garbage"] == 20_000


@needs_generations
def test_long_lived_births_are_released_in_the_window(ledger):
    """Objects that survive some young collections and die then must not pile up."""
    alive = weakref.WeakSet()
    most = [0]

    def body():
        window = []
        for number in range(100_000):
            node = Node()
            node.me = node
            alive.add(node)
            window.append(node)
            if len(window) > 3000:
                window.pop(0)
            if number % 1000 == 0:
                most[0] = max(most[0], len(alive))

    seen = look(ledger, body)
    assert seen["findings"][0]["types"][f"{__name__}.Node"] == 100_000
    assert most[0] < 60_000


@needs_generations
def test_old_garbage_does_not_pile_up(ledger):
    """Objects that outlive their window and become garbage later are collected in the course of a run."""
    alive = weakref.WeakSet()
    most = 0
    shelf = []
    for _ in range(300):

        def body():
            old = shelf.pop() if shelf else []
            del old
            fresh = [Node() for _ in range(1000)]
            for node in fresh:
                node.me = node
            alive.add(fresh[0])
            shelf.append(fresh)

        look(ledger, body)
        most = max(most, len(alive))
    assert most < 200


def test_thresholds_are_given_back(ledger):
    before = gc.get_threshold()
    look(ledger, self_list)
    assert gc.get_threshold() == before
    try:
        look(ledger, lambda: gc.set_threshold(321, 7, 9))
        assert gc.get_threshold() == (321, 7, 9)
    finally:
        gc.set_threshold(*before)


def test_a_disabled_collector_stays_disabled(ledger):
    try:
        seen = look(ledger, lambda: (gc.disable(), self_list()))
        assert not gc.isenabled()
        assert seen["garbage"] == 1
    finally:
        gc.enable()


def test_a_collection_that_is_due_at_the_end_hides_nothing(ledger):
    def body():
        gc.disable()
        for _ in range(10_000):
            self_list()
        gc.enable()

    assert look(ledger, body)["garbage"] == 10_000


def test_debug_flags_stay_and_do_not_disturb(ledger):
    try:
        seen = look(ledger, lambda: (gc.set_debug(gc.DEBUG_SAVEALL), self_list()))
        assert gc.get_debug() == gc.DEBUG_SAVEALL
        assert seen["garbage"] == 1
        assert len(gc.garbage) == 1, "it goes where a suite that has set the flag looks for it"
    finally:
        gc.set_debug(0)
        gc.garbage[0].clear()
        gc.garbage.clear()


def test_saveall_by_the_test_is_respected(ledger):
    def body():
        gc.set_debug(gc.DEBUG_SAVEALL)
        self_list()
        gc.collect()
        gc.set_debug(0)

    gc.collect()
    seen = look(ledger, body)
    assert seen["garbage"] == 1
    assert len(gc.garbage) == 1
    assert [finding["kind"] for finding in seen["findings"]] == ["collected"]
    gc.garbage[0].clear()
    gc.garbage.clear()


@pytest.mark.parametrize("generation", [0, 1, 2])
def test_cleared_callbacks_are_told(ledger, generation):
    def body():
        callbacks = gc.callbacks[:]
        gc.callbacks.clear()
        self_list()
        gc.collect(generation)
        gc.callbacks[:] = callbacks

    for _ in range(2):
        assert look(ledger, lambda: [self_list() for _ in range(10)])["incomplete"] is None
        assert look(ledger, lambda: None)["incomplete"] is None
        assert "gc.callbacks was cleared" in look(ledger, body)["incomplete"]


def _collect_first():
    gc.collect()
    self_list()
    gc.freeze()
    gc.unfreeze()


FREEZING = {
    "alone": lambda: (self_list(), gc.freeze()),
    "thawed": lambda: (self_list(), gc.freeze(), gc.unfreeze()),
    "after a collection": _collect_first,
    "between collections": lambda: (self_list(), gc.freeze(), gc.unfreeze(), gc.collect(0)),
}


@needs_generations
@pytest.mark.parametrize("body", FREEZING.values(), ids=FREEZING)
def test_freeze_is_told(ledger, body):
    try:
        assert "gc.freeze()" in look(ledger, body)["incomplete"]
    finally:
        gc.unfreeze()
    assert look(ledger, lambda: (gc.collect(0), gc.collect(), self_list()))["incomplete"] is None


@needs_generations
def test_what_is_made_after_thawing_is_seen(ledger):
    seen = look(ledger, lambda: (gc.freeze(), gc.unfreeze(), self_list()))
    assert len(seen["findings"]) == 1


# -- uncollectable ---------------------------------------------------------------------------------

revived = []


class Phoenix:
    def __del__(self):
        revived.append(self)


def test_resurrection_is_uncollectable_and_told_once(ledger):
    def body():
        bird = Phoenix()
        bird.me = bird

    seen = look(ledger, body)
    (finding,) = seen["findings"]
    assert finding["kind"] == "uncollectable"
    assert "resurrected" in finding["why"]
    assert finding["objects"] == 1
    assert look(ledger, lambda: None)["findings"] == []
    revived.clear()


def test_resurrection_in_the_tests_own_collection(ledger):
    def body():
        bird = Phoenix()
        bird.me = bird
        del bird
        gc.collect()

    (finding,) = look(ledger, body)["findings"]
    assert finding["kind"] == "uncollectable"
    revived.clear()


def test_what_resurrection_does_not_keep_is_collected(ledger):
    def body():
        bird = Phoenix()
        bird.me = bird
        self_list()

    kinds = sorted(finding["kind"] for finding in look(ledger, body)["findings"])
    assert kinds == ["collected", "uncollectable"]
    revived.clear()


@pytest.mark.parametrize("collections", [0, 1])
def test_another_list_at_the_address_of_a_resurrected_one(ledger, collections):
    """Nothing of a list says whether it is the one that was resurrected, but when it was made."""

    def body():
        def watch(box):
            try:
                yield
            finally:
                revived.append(box)

        box = []
        box.append(watch(box))
        next(box[0])
        del box
        gc.collect()
        revived.pop().clear()
        revived.append([1])
        for _ in range(collections):
            gc.collect()

    assert look(ledger, body)["findings"] == []
    revived.clear()


# -- misuse ----------------------------------------------------------------------------------------


def test_windows_do_not_nest(ledger):
    ledger.begin()
    with pytest.raises(RuntimeError, match="open already"):
        ledger.begin()
    assert ledger.end(look=False) is None
    with pytest.raises(RuntimeError, match="no window"):
        ledger.end()


def test_begin_takes_a_tuple(ledger):
    with pytest.raises(TypeError, match="tuple"):
        ledger.begin([])


def test_close_takes_the_callback_out():
    before = list(gc.callbacks)
    ledger = _core.Ledger()
    ledger.begin()
    assert len(gc.callbacks) == len(before) + 1
    ledger.close()
    assert gc.callbacks == before


def test_the_ledger_itself_is_released():
    def count():
        return sum(type(item) is _core.Ledger for item in gc.get_objects())

    before = count()
    ledger = _core.Ledger()
    look(ledger, self_list)
    ledger.close()
    assert count() == before + 1
    del ledger
    gc.collect()
    assert count() == before


def test_resurrection_beside_many_ordinary_cycles(ledger):
    def body():
        bird = Phoenix()
        bird.me = bird
        for _ in range(20):
            first, second = Node(), Node()
            first.parent, second.parent = second, first

    kinds = {finding["concrete"]: finding["kind"] for finding in look(ledger, body)["findings"]}
    assert kinds[f"{__name__}.Phoenix.me"] == "uncollectable"
    assert kinds[f"{__name__}.Node.parent"] == "collected"
    revived.clear()


def test_a_generator_in_self_is_released_with_the_instance(ledger, case):
    def numbers(held):
        yield held

    def body():
        case.running = numbers(Node())
        next(case.running)

    assert look(ledger, body, (case,))["findings"] == []


def test_a_repr_may_change_what_the_instance_holds():
    case = Case()
    case.early = Node()

    def describe(item):
        vars(case).pop("early", None)
        return "told"

    ledger = _core.Ledger(describe)

    def body():
        case.me = case

    (finding,) = look(ledger, body, (case,))["findings"]
    ledger.close()
    assert finding["steps"][0]["contents"] == "told"


def test_explain_takes_any_objects():
    assert _core.explain([int, 1, "a"]) != []


def test_a_long_deque(ledger):
    from collections import deque

    def body():
        queue = deque(range(1_000_000))
        queue.append(queue)

    (finding,) = look(ledger, body)["findings"]
    assert finding["types"] == {"collections.deque": 1}
