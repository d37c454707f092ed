"""Leak shapes: each function leaves one kind of garbage. Run in one process per Python; see test_shapes.py."""

import asyncio
import collections
import contextlib
import contextvars
import ctypes
import dataclasses
import enum
import functools
import itertools
import json
import sys
import threading
import types
import unittest.mock
import weakref
import xml.dom.minidom
import xml.etree.ElementTree as ET

from yagot import _core
from yagot.explain.advice import advised
from yagot.model import from_core

SHAPES = {}


def shape(function):
    SHAPES[function.__name__] = function
    return function


class Node:
    def __init__(self, parent=None):
        self.parent = parent
        self.children = []
        if parent is not None:
            parent.children.append(self)


class Slotted:
    __slots__ = ("me", "other")


class Emitter:
    def __init__(self):
        self.callbacks = []

    def handler(self, *args):
        pass


class SelfRef:
    def __init__(self):
        self.ref = self


class Context:
    """Called as types in C are."""

    def __init__(self):
        self.pair = reversed(self)


class reversed:
    def __init__(self, context):
        self.context = context


# -- the examples of the background chapter --


@shape
def list_of_itself():
    obj = []
    obj.append(obj)


@shape
def dict_of_itself():
    obj = {}
    obj["self"] = obj


@shape
def instance_of_itself():
    SelfRef()


@shape
def tree():
    Node(Node())


@shape
def minidom():
    xml.dom.minidom.parseString("<a><b/></a>")


# -- containers --


@shape
def tuple_in_list():
    items = []
    items.append((1, items))


@shape
def dict_in_list():
    items = []
    items.append({"items": items})


@shape
def set_member():
    node = Node()
    node.friends = {node}


@shape
def frozenset_member():
    node = Node()
    node.friends = frozenset([node])


@shape
def dict_key():
    node = Node()
    node.table = {node: 1}


@shape
def integer_key():
    table = {}
    table[17] = table


@shape
def deque_item():
    queue = collections.deque()
    queue.append(queue)


@shape
def defaultdict_item():
    table = collections.defaultdict(list)
    table["me"] = table


@shape
def defaultdict_factory():
    node = Node()
    node.table = collections.defaultdict(node.handler if hasattr(node, "handler") else functools.partial(Node, node))


@shape
def ordered_dict():
    table = collections.OrderedDict()
    table["me"] = table


@shape
def list_subclass():
    class Items(list):
        pass

    globals()["Items"] = Items
    items = Items()
    items.append(items)


# -- attributes --


@shape
def attribute_pair():
    a, b = SelfRef(), SelfRef()
    a.ref, b.ref = b, a


@shape
def ring_of_seven():
    nodes = [SelfRef() for _ in range(7)]
    for one, other in zip(nodes, nodes[1:] + nodes[:1], strict=True):
        one.ref = other


@shape
def slots():
    obj = Slotted()
    obj.me = obj


@shape
def exception_attribute():
    error = ValueError("text")
    error.source = error


# -- functions --


@shape
def recursive_closure():
    def walk(n):
        return walk(n - 1) if n else 0

    walk(2)


@shape
def mutual_closures():
    def even(n):
        return n == 0 or odd(n - 1)

    def odd(n):
        return n != 0 and even(n - 1)

    even(4)


@shape
def function_attribute():
    def work():
        pass

    work.me = work


@shape
def default_argument():
    items = []

    def work(items=items):
        return items

    items.append(work)


@shape
def keyword_default():
    items = []

    def work(*, items=items):
        return items

    items.append(work)


@shape
def wrapped():
    def work():
        pass

    @functools.wraps(work)
    def wrapper():
        return work()

    work.wrapper = wrapper


@shape
def bound_method():
    emitter = Emitter()
    emitter.on_change = emitter.handler


@shape
def bound_method_in_list():
    emitter = Emitter()
    emitter.callbacks.append(emitter.handler)


@shape
def partial():
    node = Node()
    node.callback = functools.partial(print, node)


@shape
def partial_keyword():
    node = Node()
    node.callback = functools.partial(print, file=node)


@shape
def lru_cache_on_method():
    class Service:
        @functools.lru_cache  # noqa: B019
        def get(self, key):
            return key

    service = Service()
    service.get(1)
    service.cache = service.get


@shape
def builtin_method():
    items = []
    items.append(items.append)


# -- exceptions and frames --


@shape
def kept_exception():
    try:
        raise ValueError("no")
    except ValueError as error:
        kept = error
    return str(kept)


@shape
def chained_exception():
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise ValueError("outer") from inner
    except ValueError as error:
        kept = error
    return str(kept)


if sys.version_info >= (3, 11):

    @shape
    def exception_group():
        error = ValueError("inner")
        error.group = ExceptionGroup("outer", [error])  # noqa: F821


@shape
def class_method():
    items = []
    items.append(classmethod(items.append))


@shape
def frame_of_itself():
    frame = sys._getframe()
    return frame.f_lineno


@shape
def locals_of_itself():
    def work():
        here = locals()
        here["here"] = here

    work()


# -- suspended --


@shape
def generator():
    def numbers():
        me = yield
        yield me

    running = numbers()
    next(running)
    running.send(running)


@shape
def coroutine():
    @types.coroutine
    def pause():
        yield

    async def work(box):
        await pause()

    box = []
    running = work(box)
    box.append(running)
    running.send(None)


@shape
def async_generator():
    async def numbers(box):
        yield 1
        yield box

    box = []
    running = numbers(box)
    box.append(running)
    with contextlib.suppress(StopIteration):
        running.__anext__().send(None)


@shape
def task_with_exception():
    async def fail(box):
        box.append(asyncio.current_task())
        raise ValueError("no")

    async def main():
        done, _ = await asyncio.wait([asyncio.ensure_future(fail([]))])
        done.pop().exception()

    asyncio.run(main())


# -- classes --


@shape
def a_class():
    class Local:
        pass


@shape
def an_enum():
    enum.Enum("Color", "RED GREEN")


@shape
def a_dataclass():
    @dataclasses.dataclass
    class Point:
        x: int


Edge = collections.namedtuple("Edge", "start end")


@shape
def named_tuple_items():
    node = Node()
    node.edges = [Edge(None, node)]


@shape
def nothing_but_named_tuples():
    items = []
    items.append(Edge(items, None))


@shape
def struct_sequence_items():
    error = ValueError()
    error.hook = threading.ExceptHookArgs((ValueError, error, None, None))


@shape
def a_namedtuple():
    collections.namedtuple("Pair", "a b")


@shape
def property_of_instance():
    node = Node()
    node.prop = property(lambda self: node)


@shape
def static_method():
    items = []
    items.append(staticmethod(items.append))


# -- the library --


@shape
def magic_mock():
    unittest.mock.MagicMock()


@shape
def weakref_callback():
    node = Node()
    node.watch = weakref.ref(node.children.__class__, lambda ref: node)


@shape
def thread_local():
    local = threading.local()
    local.me = local


@shape
def ctypes_pointer():
    class Item(ctypes.Structure):
        pass

    Item._fields_ = [("next", ctypes.POINTER(Item))]
    item = Item()
    item.next = ctypes.pointer(item)


@shape
def element_tree():
    element = ET.Element("a")
    child = ET.SubElement(element, "b")
    child.set("up", element)


@shape
def simple_namespace():
    space = types.SimpleNamespace()
    space.me = space


@shape
def mapping_proxy():
    table = {}
    table["view"] = types.MappingProxyType(table)


@shape
def iterator():
    items = []
    items.append(iter(items))


@shape
def chained_iterators():
    items = []
    items.append(itertools.chain(items))


@shape
def named_as_types_in_c():
    """Their attributes have names."""
    Context()


@shape
def context_variable():
    variable = contextvars.ContextVar("box")

    def store():
        box = [contextvars.copy_context()]
        variable.set(box)
        box.append(contextvars.copy_context())

    contextvars.copy_context().run(store)


def main():
    found = {}
    ledger = _core.Ledger()
    for _ in range(2):  # the first round warms up
        for name, function in SHAPES.items():
            ledger.begin()
            function()
            findings = [from_core(f) for f in ledger.end()["findings"]]
            findings = sorted(advised(findings, None), key=lambda f: f.cause)
            keys = ("cause", "signature", "advice")
            found[name] = [{"cycle": list(f.cycle), **{key: getattr(f, key) for key in keys}} for f in findings]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
