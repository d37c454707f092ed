"""Components that are known again by their form are explained as if they were new."""

import contextlib
import random
import sys

import pytest

from yagot import _core


class Base:
    def own(self, other):
        self.owner = other


class Node(Base):
    def link(self, other):
        self.next = other
        other.parent = self


class Called:
    calls = None

    def call(self):
        pass


class Joined:
    def join(self, hub):
        self.hub = hub


class Slotted:
    __slots__ = ("one", "two")


class Meta(type):
    pass


class Named(Node):
    label = "x"


KEYS = ["next", "parent", "a_b", "-x", "--long-option", "é", 3, None, (1, 2)]


def function_of(target, variable):
    if variable == "first":
        first = target
        return lambda: first
    second = target
    return lambda: second


def random_object(rng):
    kind = rng.randrange(8)
    if kind < 3:
        return rng.choice([Base, Node, Named])()
    return [Slotted, list, dict, set, list, dict][kind - 3]() if kind < 8 else {}


def keep_other(self, value):
    self.other = value


def keep_next(self, value):
    self.next = value


def random_class(rng, bases):
    """A class that is made at run time, perhaps with the name of one that is in this module."""
    names = {"label": "x"}
    if rng.random() < 0.2 and bases in [(), (Node,), (Base,)]:
        names["__slots__"] = ("one", "two", "next", "parent", "owner", "other", "pair", "call", "handler")
    if rng.random() < 0.5:
        names["keep"] = rng.choice([keep_other, keep_next])
    made = rng.choice([type, type, Meta])(rng.choice(["Made", "Other", "Base"]), bases, names)
    made.__module__ = rng.choice([__name__, __name__, "elsewhere", "-" * 3 + "x"])
    made.__qualname__ = rng.choice([made.__name__, f"make.<locals>.{made.__name__}", "Node"])
    return made


def random_classes(rng):
    """Some classes, some of others, some in cycles with their instances and functions."""
    made = []
    for _ in range(rng.randrange(1, 4)):
        bases = [(), (Node,), (int,), (str, Base), (Exception,), (Named, Base), (rng.choice([*made, Base]),)]
        made.append(random_class(rng, rng.choice(bases)))
    for cls in made:
        if rng.random() < 0.5:
            setattr(cls, rng.choice(["member", "other"]), cls())
        if rng.random() < 0.4:
            cls.call = function_of(cls, rng.choice(["first", "second"]))
        if rng.random() < 0.3:
            cls.members = {rng.choice(["a", "b"]): cls(), "cls": [cls]}
    return [rng.choice([cls, cls, cls()]) for cls in made]


def attach(rng, one, other):
    if isinstance(one, list):
        one.append(other)
    elif isinstance(one, dict):
        key = rng.choice(KEYS)
        one["".join(key) if isinstance(key, str) and rng.random() < 0.5 else key] = other
    elif isinstance(one, set):
        one.add(function_of(other, rng.choice(["first", "second"])))
    elif isinstance(one, Slotted):
        setattr(one, rng.choice(Slotted.__slots__), other)
    elif rng.random() < 0.2 and isinstance(other, Node):
        one.handler = other.link
    elif rng.random() < 0.2:
        one.call = function_of(other, rng.choice(["first", "second"]))
    elif rng.random() < 0.2:
        one.pair = (other, [other])
    else:
        setattr(one, rng.choice(["next", "parent", "owner", "other"]), other)


def make(seed):
    rng = random.Random(seed)
    objects = [random_object(rng) for _ in range(rng.randrange(2, 9))]
    if rng.random() < 0.5:
        objects = [*random_classes(rng), *objects[: rng.randrange(3)]]
    for _ in range(len(objects) * 2):
        with contextlib.suppress(AttributeError):  # a class with slots that has an attribute of one of these names
            attach(rng, rng.choice(objects), rng.choice(objects))
    if rng.random() < 0.3:  # somebody has asked for an instance's dict
        vars(next((one for one in objects if isinstance(one, Base)), Base()))


def said(ledger, build, *arguments):
    """What is said of the garbage that a function leaves."""
    ledger.begin((), 0)
    build(*arguments)
    fields = ("concrete", "cause", "cycle_length", "objects", "count", "types")
    return sorted(repr([found[field] for field in fields]) for found in ledger.end()["findings"])


@pytest.fixture
def ledger():
    with contextlib.closing(_core.Ledger(once=True)) as ledger:
        yield ledger


def test_known_forms_are_explained_as_new_ones_are(ledger):
    seeds = [seed for _ in range(2) for seed in range(400)]
    random.Random(1).shuffle(seeds)
    for seed in seeds:
        with contextlib.closing(_core.Ledger(once=True)) as fresh:
            assert said(ledger, make, seed) == said(fresh, make, seed), seed
    assert ledger.recognised > 300


def recognised(ledger, build):
    """Is the second of two components known by its form?"""
    for _ in range(2):
        before = ledger.recognised
        ledger.begin((), 0)
        build()
        ledger.end()
    return ledger.recognised > before


def test_what_has_a_form(ledger):
    def pair(cls):
        one, other = cls(), cls()
        one.next, other.next = other, one

    def local():
        class Local:
            pass

        pair(Local)

    def instance_of_its_class():
        class Local:
            def keep(self):
                self.me = self  # shorter than the cycle of the class

        Local.one = Local()
        Local.one.keep()

    def error():
        try:
            raise ValueError
        except ValueError as caught:
            kept = caught
        return kept is None

    def handed_over():
        one = Base()
        one.nobody_sets_this = [one]

    assert recognised(ledger, lambda: pair(Node))
    assert not recognised(ledger, handed_over)  # modules are searched for who did it, and these may change
    assert recognised(ledger, lambda: pair(type("Made", (Node,), {})))  # the classes with their MROs
    assert recognised(ledger, local)
    assert not recognised(ledger, instance_of_its_class)  # its methods decide what is said of it
    assert not recognised(ledger, error)
    with contextlib.closing(_core.Ledger(once=False)) as other:
        assert not recognised(other, lambda: pair(Node))


def test_a_class_that_has_changed_has_another_form(ledger):
    class Changing:
        def keep(self):
            self.me = self

    def build():
        Changing().keep()

    assert recognised(ledger, build)
    Changing.later = 1
    before = ledger.recognised
    ledger.begin((), 0)
    build()
    (found,) = ledger.end()["findings"]
    assert ledger.recognised == before and found["known"]


def call_itself(cls=Called):
    one = cls()
    one.calls = [one.call]


CHANGES = [(sys.modules[__name__], "Called"), (Called, "__qualname__"), (Called, "__name__")]


@pytest.mark.parametrize(("owner", "name"), CHANGES, ids=["replaced", "qualname", "name"])
def test_a_class_that_goes_by_another_name_has_another_form(ledger, owner, name):
    before, value = said(ledger, call_itself), getattr(owner, name)
    setattr(owner, name, "Other")
    try:
        with contextlib.closing(_core.Ledger(once=True)) as fresh:
            assert said(ledger, call_itself) == said(fresh, call_itself) != before
    finally:
        setattr(owner, name, value)
    assert said(ledger, call_itself) == before


def test_a_component_of_which_not_all_is_searched_has_no_form(ledger):
    def build(count):
        hub = []
        for one in [*(Joined() for _ in range(11)), Base()]:
            (one.join if isinstance(one, Joined) else one.own)(hub)
            hub.insert(0, one)
        hub.extend([number] for number in range(count))

    assert recognised(ledger, lambda: build(10))
    with contextlib.closing(_core.Ledger(once=True)) as fresh:
        assert said(ledger, build, 50_000) == said(fresh, build, 50_000)


def test_whose_a_class_is_belongs_to_its_form():
    """The project's shorter way is not the one of other people's."""
    modules = {}

    def build():
        one, other = Node(), Base()
        one.link(other)
        other.own(one)

    with contextlib.closing(_core.Ledger(once=True, modules=modules)) as ledger:
        assert recognised(ledger, build)
        modules[__name__] = 2
        before = ledger.recognised
        ledger.begin((), 0)
        build()
        ledger.end()
        assert ledger.recognised == before
