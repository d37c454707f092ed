"""Random object graphs against an independent oracle: the same number of garbage objects, and no crash.

    python soak.py [GRAPHS] [SEED]      prints what it did, or the seed of the first graph that differs

Each graph is built twice from one seed: once inside a window, once for the oracle, which is trial deletion in plain
Python over gc.get_referents(). For every fourth graph a thread makes and drops objects meanwhile; of those only the
lack of crashes is checked.
"""

import collections
import contextlib
import functools
import gc
import itertools
import random
import sys
import threading
import types
import weakref

from yagot import _core

FIRST_SEED = 1


class Plain:
    pass


class Slots:
    __slots__ = ("__weakref__", "a", "b")


class Finalized:
    def __del__(self):
        self.done = True


REVIVED = []


class Revived:
    def __del__(self):
        REVIVED.append(self)


class Derived(dict):
    pass


def make_closure():
    value = None

    def inner():
        return value

    def fill(item):
        nonlocal value
        value = item

    inner.fill = fill
    return inner


def make_generator():
    held = []

    def generate():
        yield held
        yield from held

    generator = generate()
    next(generator)
    HOLDERS[id(generator)] = held
    return generator


def make_error():
    def fails(depth):
        local = [depth]
        if depth:
            fails(depth - 1)
        raise ValueError(local)

    try:
        fails(2)
    except ValueError as error:
        return error


HOLDERS = {}
MAKERS = [
    list, dict, set, Plain, Plain, Slots, Finalized, Revived, Derived, make_closure, make_generator, make_error,
    collections.deque, collections.OrderedDict, lambda: type("Made", (Plain,), {}), lambda: functools.partial(print),
    lambda: types.SimpleNamespace(), lambda: (([],), {}), lambda: itertools.chain([[]], [{}]), lambda: Plain().__init__,
    lambda: bytearray(10), lambda: collections.defaultdict(list), lambda: make_closure().__closure__[0],
]  # fmt: skip


def connect(rng, a, b):
    """One more reference from a to b, however a can hold it."""
    name = f"a{rng.randrange(3)}"
    if isinstance(a, (list, collections.deque)):
        a.append(b)
    elif isinstance(a, dict):
        a[name] = b
    elif isinstance(a, set):
        try:
            a.add(b)
        except TypeError:
            a.add((len(a),))  # not id(b): a weak reference is gone at once, and the next one may lie there
    elif isinstance(a, Slots):
        setattr(a, name[0] if rng.random() < 0.5 else "b", b)
    elif isinstance(a, types.GeneratorType):
        HOLDERS[id(a)].append(b)
    elif isinstance(a, functools.partial):
        a.__setstate__((a.func, (*a.args, b), a.keywords, None))
    elif isinstance(a, types.FunctionType):
        a.fill(b) if rng.random() < 0.5 else setattr(a, name, b)
    elif isinstance(a, types.CellType):
        a.cell_contents = b
    elif isinstance(a, tuple):
        a[0][0].append(b)
    elif isinstance(a, types.MethodType):
        setattr(a.__self__, name, b)
    elif hasattr(a, "__dict__"):
        setattr(a, name, b)


def build(seed):
    """A random graph; what it returns stays alive, the rest is garbage, or freed at once."""
    rng = random.Random(seed)
    nodes = [rng.choice(MAKERS)() for _ in range(rng.randrange(2, 25))]
    for _ in range(rng.randrange(1, 60)):
        connect(rng, rng.choice(nodes), rng.choice(nodes))
    for node in rng.sample(nodes, len(nodes) // 5):
        with contextlib.suppress(TypeError):
            connect(rng, rng.choice(nodes), weakref.ref(node, lambda _: None))
    HOLDERS.clear()
    return rng.sample(nodes, rng.randrange(0, 3)) if rng.random() < 0.5 else []


def count_garbage(objects):
    """How many of the objects nothing else leads to; the list holds each once."""
    references = [sys.getrefcount(item) for item in objects]
    (extra,) = [sys.getrefcount(item) for item in [[]]]
    references = [count - extra for count in references]
    index = {id(item): i for i, item in enumerate(objects)}
    for item in objects:
        for other in gc.get_referents(item):
            if id(other) in index:
                references[index[id(other)]] -= 1
    alive = set()
    stack = [i for i, count in enumerate(references) if count > 0]
    while stack:
        i = stack.pop()
        if i not in alive:
            alive.add(i)
            stack.extend(index[id(other)] for other in gc.get_referents(objects[i]) if id(other) in index)
    return len(objects) - len(alive)


def oracle(seed):
    """Unreachable tracked objects after building the graph: trial deletion, slowly."""
    gc.collect()
    gc.disable()
    kept = build(seed)
    garbage = count_garbage(gc.get_objects(generation=0))
    del kept
    gc.enable()
    gc.collect()
    REVIVED.clear()
    return garbage


def watched(ledger, seed, number):
    gc.collect()
    gc.disable()
    ledger.begin((), number)
    kept = build(seed)
    seen = ledger.end(references=seed % 3 == 0)
    ledger.forget()
    del kept
    gc.enable()
    gc.collect()
    REVIVED.clear()
    return seen["garbage"]


def churn(stop):
    while not stop.is_set():
        a = [{"a": i} for i in range(20)]
        a.append(a)


def soak(graphs, first):
    """Raises SystemExit with the seed of a graph that differs."""
    ledger = _core.Ledger()
    found = 0
    for number, seed in enumerate(range(first, first + graphs), 1):
        if seed % 4 == 0:
            stop = threading.Event()
            thread = threading.Thread(target=churn, args=(stop,))
            thread.start()
            watched(ledger, seed, number)
            stop.set()
            thread.join()
            continue
        ours, theirs = watched(ledger, seed, number), oracle(seed)
        if ours != theirs:
            raise SystemExit(f"seed {seed}: {ours} garbage objects, the oracle says {theirs}")
        found += ours
        if seed % 50 == 0:
            ledger.check(references=True)
    ledger.close()
    return found


if __name__ == "__main__":
    graphs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    first = int(sys.argv[2]) if len(sys.argv) > 2 else FIRST_SEED
    total = soak(graphs, first)
    version = sys.version.split()[0]
    print(f"{graphs:,} graphs from seed {first}: {total:,} garbage objects, as the oracle says; Python {version}")
