"""--repeat: what grows is named, what ends is no growth, and the allocators are left as they were."""

import fnmatch
import sys

import pytest
from support import FREE_THREADED

from yagot.observe import growth_series

KINDS = {
    "type": "class leaky.Open",
    "list": "list",
    "tuple": "tuple",
    "function": "builtin incref",
    "str": "str",
    "int": "int",
    "float": "float",
    "bytes": "bytes",
    "opaque": "leaky.Opaque",
    "malloc": "bytes of the C heap",
    "calloc": "bytes of the C heap",
    "buffer": "allocated blocks",
    "mapping": "bytes of mapped memory",
}
REFERENCES = ("type", "list", "tuple", "function")
ALLOCATED = ("str", "int", "float", "bytes", "opaque", "buffer")
TEST = """
    def test_{how}_{kind}(self):
        leaky.{how}_{kind}(False)

    def test_{how}_{kind}_on_an_error_path(self):
        with contextlib.suppress(ValueError):
            leaky.{how}_{kind}(True)
"""
pytestmark = pytest.mark.skipif(
    FREE_THREADED or sys.getallocatedblocks() == 0, reason="needs pymalloc, which counts blocks"
)


def suite(*hows):
    tests = "".join(TEST.format(how=how, kind=kind) for how in hows for kind in KINDS)
    return f"import contextlib\nimport unittest\n\nimport leaky\n\n\nclass TestKinds(unittest.TestCase):{tests}"


def growth(test):
    return [finding for finding in test["findings"] if finding["kind"] == "growth"]


def line_of(source, name):
    """The line of the test's call, which is the one that leaks."""
    lines = source.splitlines()
    start = lines.index(f"    def {name}(self):")
    return next(i for i in range(start, len(lines)) if "leaky." in lines[i]) + 1


@pytest.fixture(scope="module")
def lost(module_project, leaky_directory):
    """The findings of each kind, by test."""
    source = suite("lose")
    module_project.write("test_kinds.py", source)
    environment = {"PYTHONPATH": str(leaky_directory)}
    options = ["--repeat", "2:3", "--repeat-seconds", "2", "test_kinds"]
    return source, module_project.tests(*options, env=environment, check=1)


@pytest.mark.parametrize("path", ["", "_on_an_error_path"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_named_with_its_line(lost, kind, path):
    source, tests = lost
    name = f"test_lose_{kind}{path}"
    (finding,) = growth(tests[name])
    prefix = "more references to " if kind in REFERENCES else "more "
    assert finding["cause"] == f"{prefix}{KINDS[kind]} each time"
    assert f"test_kinds.py:{line_of(source, name)}" in finding["why"]
    if kind in ALLOCATED:
        function = "new_opaque" if kind == "opaque" else f"leaky_lose_{kind}"
        assert f" in {function} (leaky." in finding["why"]


WHERE = """
    import re
    import unittest

    import leaky


    class Shape:
        pass


    def lose(match):
        leaky.incref(Shape)
        return "b"


    class TestPlaces(unittest.TestCase):
        def test_dict(self):
            leaky.incref({"x": 1})

        def test_through_a_library(self):
            self.assertEqual(re.sub("a", lose, "a"), "b")

        def test_for_a_library(self):
            re.compile("^x*$")
            leaky.incref(re.compile("^x*$"))

        def test_one_of_two(self):
            kept = Shape
            leaky.incref(kept)
"""


def test_the_line_is_that_of_the_test(project, leaky_directory):
    """An object that comes from a free list of the interpreter, where the framework has put a like one; a reference
    that is taken with calls of a library around it, or inside; and what a function releases at its end: two lines."""
    source = project.write("test_places.py", WHERE).read_text()
    environment = {"PYTHONPATH": str(leaky_directory)}
    tests = project.tests("--repeat", "2:3", "--repeat-seconds", "2", "test_places", check=1, env=environment)
    lines = source.splitlines()
    for name, line in {
        "test_dict": 'leaky.incref({"x": 1})',
        "test_through_a_library": "leaky.incref(Shape)",
        "test_for_a_library": 'leaky.incref(re.compile("^x*$"))',
        "test_one_of_two": "leaky.incref(kept)",
    }.items():
        place = f"test_places.py:{1 + next(i for i, text in enumerate(lines) if text.strip() == line)}"
        text = "; ".join(finding["why"] for finding in growth(tests[name]))
        assert place in text or (name == "test_one_of_two" and "Shape" in text and "taken at" not in text), text


LONG = """
    import unittest

    import leaky


    class TestLong(unittest.TestCase):
        def test_many_lines(self):
            for number in range(40_000):
                number += 1
            leaky.lose_malloc(False)
"""


def test_a_long_test_is_not_followed_to_its_end(project, leaky_directory):
    """To look at the process's memory at each of its lines would take minutes."""
    project.write("test_long.py", LONG)
    environment = {"PYTHONPATH": str(leaky_directory)}
    tests = project.tests("--repeat", "2:3", "--repeat-seconds", "1", "test_long", check=1, env=environment)
    (finding,) = growth(tests["test_many_lines"])
    assert "bytes of the C heap" in finding["why"] and "test_long.py" not in finding["why"]


def test_clean_twins_are_silent(project, leaky_directory):
    project.write("test_kinds.py", suite("clean"))
    tests = project.tests("--repeat", "2:3", "test_kinds", env={"PYTHONPATH": str(leaky_directory)}, check=0)
    assert len(tests) == 2 * len(KINDS) and not any(map(growth, tests.values()))


ENDS = """
    import collections, fnmatch, functools, itertools, re, sqlite3, sys, unittest, weakref

    numbers = itertools.count()
    NAMES, PRUNED, REFERENCES = {}, [], []
    RING, NEWEST = [None] * 50, collections.deque(maxlen=60)
    CONNECTION = sqlite3.connect(":memory:")
    BY_WEAKNESS = weakref.WeakSet()

    class Node:
        pass

    @functools.lru_cache(maxsize=256)
    def cached(number):
        return {"number": number}

    @functools.cache
    def of_few(number):
        return [number]

    class TestEnds(unittest.TestCase):
        def test_lru_cache(self):
            for _ in range(3):
                cached(next(numbers))

        def test_cache_of_few_arguments(self):
            of_few(next(numbers) % 300)

        def test_names(self):
            name = f"name {next(numbers) % 250}"
            NAMES.setdefault(name, [name])

        def test_pruned_list(self):
            PRUNED.append([1])
            if len(PRUNED) > 120:
                PRUNED.clear()

        def test_list_of_weak_references(self):
            REFERENCES.append(weakref.ref(Node()))
            if len(REFERENCES) > 100:
                REFERENCES[:] = [reference for reference in REFERENCES if reference() is not None]

        def test_weak_set(self):
            BY_WEAKNESS.add(Node())

        def test_ring(self):
            RING[next(numbers) % len(RING)] = [1]

        def test_deque(self):
            NEWEST.append([1])

        def test_patterns(self):
            re.compile(f"a{next(numbers)}")

        def test_statements(self):
            CONNECTION.execute(f"select {next(numbers)}").fetchall()

        def test_cursors(self):
            CONNECTION.cursor()

        def test_interned(self):
            RING[next(numbers) % len(RING)] = sys.intern(f"name {next(numbers)}")
    """


def test_what_ends_is_no_growth(project):
    project.write("test_ends.py", ENDS)
    tests = project.tests("--repeat", "2:3", "test_ends", check=0)
    assert len(tests) == 12 and not any(map(growth, tests.values()))


HELD = """
    import collections, functools, itertools, unittest

    numbers = itertools.count()
    TEXTS, NEWEST = [], collections.deque(maxlen=9000)

    @functools.lru_cache(maxsize=8000)
    def bounded(number):
        return {"number": number}

    @functools.cache
    def unbounded(number):
        return {"number": number}

    class TestHeld(unittest.TestCase):
        def test_bounded(self):
            bounded(next(numbers))

        def test_deque(self):
            NEWEST.append([1])

        def test_unbounded(self):
            unbounded(next(numbers))

        def test_texts(self):
            TEXTS.append(f"text {next(numbers)}")
    """


def test_who_holds_it(project):
    project.write("test_held.py", HELD)
    tests = project.tests("--repeat", "2:3", "test_held", check=1)
    found = {name: [(f["verdict"], f["reason"]) for f in growth(test)] for name, test in tests.items()}
    assert found == {
        "test_bounded": [("note", "bounded-cache")],
        "test_deque": [("note", "bounded-cache")],
        "test_unbounded": [("leak", "")],
        "test_texts": [("leak", "")],
    }
    why = {name: growth(test)[0]["why"] for name, test in tests.items()}
    assert "test_held.bounded.cache, inside a functools.lru_cache of maxsize 8000" in why["test_bounded"]
    assert "inside a collections.deque of maxlen 9000" in why["test_deque"]
    assert "inside a functools.cache without a bound" in why["test_unbounded"]
    assert "held: str by test_held.TEXTS[" in why["test_texts"]
    assert all("seen in 1022 runs" in text for text in why.values())
    assert {growth(tests[name])[0]["owner"] for name in ("test_unbounded", "test_texts")} == {"the project"}


VAST = """
    import collections, fnmatch, functools, itertools, unittest

    numbers = itertools.count()
    EVENTS = collections.deque(maxlen=10**7)

    @functools.lru_cache(maxsize=10**6)
    def vast(number):
        return {"number": number}

    def through(function):
        cached = functools.lru_cache(maxsize=10**5)(function)
        return functools.wraps(function)(lambda number: cached(number))

    @through
    def wrapped(number):
        return [number]

    class TestVast(unittest.TestCase):
        def test_events(self):
            EVENTS.append([1])

        def test_vast(self):
            vast(next(numbers))

        def test_wrapped(self):
            wrapped(next(numbers))

        def test_of_a_library(self):
            fnmatch.fnmatch("a.py", f"{next(numbers)}*.py")
    """


def test_a_bound_that_growth_is_far_from(project):
    project.write("test_far.py", VAST)
    tests = project.tests("--repeat", "2:3", "test_far", check=1)
    found = {name: [(f["verdict"], f["reason"]) for f in growth(test)] for name, test in tests.items()}
    note = [("note", "bounded-cache")]
    assert found.pop("test_events") == [("leak", "")]
    is_vast = fnmatch._compile_pattern.cache_parameters()["maxsize"] > 1000  # 256 on 3.10: growth has ended
    assert found == {"test_vast": note, "test_wrapped": note, "test_of_a_library": note if is_vast else []}
    why = {name: growth(test)[0]["why"] for name, test in tests.items() if growth(test)}
    assert "inside a collections.deque of maxlen 10000000" in why["test_events"]
    assert "test_far.wrapped.__closure__[0].cell_contents" in why["test_wrapped"]
    assert not is_vast or "by fnmatch._compile_pattern →, inside a functools.lru_cache" in why["test_of_a_library"]


LIBRARIES = """
    import itertools, linecache, re, sys, time, unittest, warnings

    numbers = itertools.count()
    OURS, KEPT = {}, []

    class Node:
        pass

    class TestSlow(unittest.TestCase):
        def setUp(self):
            time.sleep(0.05)

        def test_patterns(self):
            re.compile(f"a{next(numbers)}b")

        def test_paths(self):
            sys.path_importer_cache[f"/nowhere/{next(numbers)}"] = None

        def test_warnings(self):
            warnings.warn(f"warning {next(numbers)}")

        def test_lines(self):
            linecache.cache[f"<made {next(numbers)}>"] = (1, None, ["pass"], "made")

        def test_ours(self):
            OURS[next(numbers)] = [1]

        def test_node(self):
            linecache.cache[f"<made {next(numbers)}>"] = Node()

        def test_kept(self):
            KEPT.append(re.compile(f"a{next(numbers)}c"))

        def test_entry(self):
            linecache.cache.setdefault("<made>", []).append([1])

    class TestFast(unittest.TestCase):
        def test_fast(self):
            linecache.cache[f"<made {next(numbers)}>"] = (1, None, ["pass"], "made")
    """


def test_a_cache_of_a_library_may_not_be_full_yet(project):
    project.write("test_libraries.py", LIBRARIES)
    tests = project.tests("--repeat", "1:2", "--repeat-seconds", "2", "test_libraries", check=1)
    found = {name: [(f["verdict"], f["reason"]) for f in growth(test)] for name, test in tests.items()}
    note, leak = [("note", "library-cache")], [("leak", "")]
    assert found == {
        "test_patterns": note,
        "test_paths": note,
        "test_warnings": note,
        "test_lines": note,
        "test_ours": leak,
        "test_node": leak,
        "test_kept": leak,
        "test_entry": leak,
        "test_fast": leak,
    }
    (finding,) = growth(tests["test_patterns"])
    assert "by re._cache" in finding["why"]
    assert "a cache may not be full yet, which more --repeat-seconds would show; seen in " in finding["why"]


FULL_SOON = """
    import functools, itertools, unittest

    numbers = itertools.count()

    def makes(size):
        function = functools.lru_cache(maxsize=size)(lambda number: f"text {number}")

        def test(self):
            function(next(numbers))

        return test

    class TestFull(unittest.TestCase):
        for size in range(1008, 1048, 4):
            locals()[f"test_{size}"] = makes(size)
    """


def test_growth_that_ends_while_it_is_named(project):
    project.write("test_full.py", FULL_SOON)
    tests = project.tests("--repeat", "2:3", "test_full", check=0)
    found = {name: {f["verdict"] for f in growth(test)} for name, test in tests.items()}
    assert len(found) == 10 and not set().union(*found.values()) - {"note"}
    assert not found["test_1008"] and not found["test_1024"]


NOT_BY_THE_CACHE = """
    import collections, functools, itertools, unittest

    numbers = itertools.count()
    KEPT, EVENTS = [], collections.deque([[]], maxlen=5000)

    class Session:
        def __init__(self):
            self.items = []

    @functools.lru_cache(maxsize=4096)
    def session(name):
        return Session()

    @functools.lru_cache(maxsize=10**5)
    def cached(number):
        return [number]

    @functools.lru_cache(maxsize=10**4)
    def twice(number):
        return cached(number)

    class TestCached(unittest.TestCase):
        def test_in_an_entry(self):
            session("mine").items.append([1])

        def test_in_an_entry_of_a_deque(self):
            EVENTS[0].append([1])

        def test_held_elsewhere_too(self):
            KEPT.append(cached(next(numbers)))

        def test_in_two_caches(self):
            twice(next(numbers))
    """


def test_what_a_cache_holds_may_grow(project):
    project.write("test_cached.py", NOT_BY_THE_CACHE)
    tests = project.tests("--repeat", "2:3", "test_cached", check=1)
    found = {name: [f["verdict"] for f in growth(test)] for name, test in tests.items()}
    assert found.pop("test_in_two_caches") == ["note"]
    assert len(found) == 3 and set(map(tuple, found.values())) == {("leak",)}
    assert "held: list by test_cached.KEPT[" in growth(tests["test_held_elsewhere_too"])[0]["why"]


SLOW = """
    import time, unittest

    KEPT = []

    class TestSlow(unittest.TestCase):
        def test_slow(self):
            time.sleep(0.05)
            KEPT.append([1])
    """


@pytest.mark.parametrize("variable", [False, True])
def test_time_is_bounded(project, variable):
    project.write("test_slow.py", SLOW)
    options, environment = ([], {"YAGOT_REPEAT_SECONDS": "2"}) if variable else (["--repeat-seconds", "2"], {})
    tests = project.tests("--repeat", "1:2", *options, "test_slow", env=environment, check=1)
    (finding,) = growth(tests["test_slow"])
    runs = int(finding["why"].partition("seen in ")[2].split()[0])
    assert 4 < runs < 40


MANY = """
    import unittest

    KEPT = []

    class TestMany(unittest.TestCase):
        def test_grows(self):
            KEPT.append([1])

        def test_does_not(self):
            pass
    """


def test_many_runs_asked_for(project):
    project.write("test_many.py", MANY)
    tests = project.tests("--repeat", "1:300", "--repeat-seconds", "1", "test_many", check=1)
    (finding,) = growth(tests["test_grows"])
    assert int(finding["why"].partition("seen in ")[2].split()[0]) >= 300
    assert not growth(tests["test_does_not"])


REPLACED = """
    import gc, os, sys, threading, time, unittest

    def broken(*arguments):
        raise ZeroDivisionError

    KEPT = []

    class TestReplaced(unittest.TestCase):
        def test_a(self):
            gc.collect = gc.get_objects = gc.get_stats = gc.get_referents = broken
            time.monotonic = os.listdir = threading.active_count = broken
            if sys.version_info < (3, 12):      # from then on unittest itself calls it
                time.perf_counter = broken
            sys.getallocatedblocks = sys.getrefcount = sys.settrace = sys.gettrace = broken

        def test_b(self):
            KEPT.append([1])
    """


def test_what_a_test_replaces_changes_nothing(project):
    project.write("test_replaced.py", REPLACED)
    tests = project.tests("--repeat", "2:2", "test_replaced", check=1)
    assert growth(tests["test_a"]) == []
    assert [finding["cause"] for finding in growth(tests["test_b"])] == ["more list each time"]


HOOKED = """
    import os, sys, threading, tracemalloc, unittest

    KEPT = []

    class TestHooked(unittest.TestCase):
        def test_starts(self):
            tracemalloc.start()
            KEPT.append("text %d" % len(KEPT))

        def test_stops(self):
            tracemalloc.start()
            KEPT.append("text %d" % len(KEPT))
            tracemalloc.stop()

        def test_forks(self):
            child = os.fork()
            if child == 0:
                [bytes(1000) for _ in range(100)]
                os._exit(0)
            self.assertEqual(os.waitpid(child, 0)[1], 0)
            KEPT.append("text %d" % len(KEPT))

        def test_threads(self):
            threads = [threading.Thread(target=lambda: [str(i) for i in range(500)]) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            KEPT.append("text %d" % len(KEPT))
    """


@pytest.mark.parametrize("switch", [[], ["-X", "tracemalloc=3"], ["-X", "dev"]])
def test_other_hooks(project, switch):
    project.write("test_hooked.py", HOOKED)
    options = ["-m", "yagot", "run", "--json", "yagot.json", "--repeat", "1:2", "--repeat-seconds", "1", "test_hooked"]
    project.python(*switch, *options, check=1)
    tests = project.saved()
    assert len(tests) == 4
    for test in tests.values():
        assert [finding["cause"] for finding in growth(test)] == ["more str each time"]
        assert "test_hooked.py" in growth(test)[0]["why"]


FRAMEWORKS = {
    "pytest": ["-m", "pytest", "-q", "--yagot", "--yagot-repeat=2:3", "--yagot-repeat-seconds=2"],
    "nose2": ["-m", "nose2", "--plugin", "yagot.plugins.nose2", "--yagot", "--yagot-repeat", "2:3"],
}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_under(project, framework):
    project.write("test_held.py", HELD)
    result = project.python(*FRAMEWORKS[framework], *(["test_held.py"] if framework == "pytest" else ["test_held"]))
    assert result.returncode == 1
    text = result.stdout + result.stderr
    assert "held: str by test_held.TEXTS[" in text and "lru_cache" not in text


SESSION = """
    import pytest

    @pytest.fixture(scope="session")
    def longest():
        return object()

    @pytest.fixture(scope="module")
    def longer(longest):
        return object()

    @pytest.fixture
    def short(longer, request):
        request.getfixturevalue("asked_for")

    @pytest.fixture(scope="session")
    def outer():
        return object()

    @pytest.fixture
    def asked_for(outer):
        pass

    def test_with_fixtures(short):
        pass

    def test_the_same(short):
        pass
"""


def test_fixtures_that_live_on_are_no_growth(project):
    """They keep a finalizer for each time that a fixture of a test asks for them."""
    project.write("test_session.py", SESSION)
    result = project.python(*FRAMEWORKS["pytest"], "test_session.py")
    assert result.returncode == 0, result.stdout
    assert "no leaks in 2 tests" in result.stdout


KEPT_BY_PYTEST = """
    import logging
    import os
    import sys
    import threading
    import unittest
    import warnings
    import pytest

    class Fails:
        def __del__(self):
            raise ValueError

    class Warns:
        def __init__(self):
            self.me = self

        def __del__(self):
            warnings.warn("released", DeprecationWarning)

    def test_warns():
        warnings.warn("old", DeprecationWarning)

    @pytest.mark.yagot_expect()
    def test_warns_when_released():
        Warns()

    def test_fails_when_released():
        Fails()

    def test_thread_fails():
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()

    def test_prints():
        print("out")
        os.write(2, b"err")

    def test_logs():
        logging.getLogger("x").warning("seen")

    def test_has_a_property(record_property):
        record_property("number", [1])

    def test_is_marked(request):
        request.node.add_marker("slow")
        request.node.stash[pytest.StashKey()] = []

    class Subtests(unittest.TestCase):
        def test_sub(self):
            with self.subTest(number=1):
                pass
"""


def test_what_pytest_keeps_of_a_run_is_no_growth(project):
    project.write("test_kept.py", KEPT_BY_PYTEST)
    result = project.python(*FRAMEWORKS["pytest"], "test_kept.py")
    assert result.returncode == 0, result.stdout
    assert "no leaks in 9 tests" in result.stdout
    plain = project.python("-m", "pytest", "-q", "test_kept.py").stdout.splitlines()[-1]
    assert result.stdout.splitlines()[-1].partition(" in ")[0] == plain.partition(" in ")[0]


def test_under_the_base_class(project):
    source = HELD.replace("unittest.TestCase", "yagot.TestCase").replace("unittest\n", "unittest, yagot\n", 1)
    project.write("test_held.py", source)
    result = project.python("-m", "unittest", "test_held", env={"YAGOT_REPEAT": "2:3", "YAGOT_REPEAT_SECONDS": "2"})
    assert result.returncode == 1 and "more str each time" in result.stderr


def test_what_the_interpreter_keeps_for_good_is_no_growth(project):
    """Strings that are interned, in 3.12; pathlib does it with the names of directories."""
    project.write("test_interned.py", """
        import itertools
        import pathlib
        import sys
        import unittest

        NUMBERS = itertools.count()

        class TestInterned(unittest.TestCase):
            def test(self):
                sys.intern(f"name {next(NUMBERS)}")
                pathlib.PurePath(f"a/name-{next(NUMBERS)}").parts
        """)
    project.yagot("--repeat", "1:2", "test_interned", check=0)


@pytest.mark.parametrize("by, text", [(1, "1 more byte of the C heap"), (2, "2 more bytes of the C heap")])
def test_numbers_in_words(by, text):
    assert growth_series.more(growth_series.HEAP, by) == text


@pytest.mark.parametrize(
    ("steps", "runs", "by"),
    [
        ([16, 17, 16, 16], 16, 1),
        ([33, 38, 34, 100], 32, 1),
        ([33, 100, 34, 100], 32, 0),
        ([100, 50, 25, 13], 16, 0),
        ([0, 16, 16, 16], 16, 0),
        ([0, 1, 1, 1], 1, 1),
    ],
)
def test_memory_that_grows_in_each_step_grows(steps, runs, by):
    assert growth_series.rate(steps, runs, exact=False) == by
    assert not growth_series.rate(steps, runs, exact=True)


def test_wrong_seconds(project):
    result = project.yagot("--repeat", "2:3", "--repeat-seconds", "long", "test_held", check=2)
    assert result.stderr.startswith("yagot: command line: repeat-seconds must be a number")


OTHERS = """
    import unittest

    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters

    KEPT = []

    def run(name):
        interpreters.run_string(name, "made = [str(number) for number in range(1000)]")

    class TestOthers(unittest.TestCase):
        def test_a_passing_one(self):
            name = interpreters.create()
            run(name)
            interpreters.destroy(name)
            KEPT.append("text %d" % len(KEPT))

        def test_b_before(self):
            KEPT.append("text %d" % len(KEPT))

        def test_c_a_lasting_one(self):
            if not hasattr(type(self), "name"):
                type(self).name = interpreters.create()
            run(self.name)
            KEPT.append("text %d" % len(KEPT))

        def test_d_beside_it(self):
            KEPT.append("text %d" % len(KEPT))
    """


def test_other_interpreters(project):
    project.write("test_others.py", OTHERS)
    tests = project.tests("--repeat", "1:2", "--repeat-seconds", "1", "test_others", check=1)
    assert all(growth(test) for test in tests.values()) and len(tests) == 4
    assert "test_others.py" in growth(tests["test_b_before"])[0]["why"]


KEPT = """
    import unittest

    KEPT = []

    class TestKept(unittest.TestCase):
        def test(self):
            KEPT.append("text %d" % len(KEPT))
    """
FORKED = """
    import os, sys
    from yagot import _core
    from yagot.__main__ import main

    assert _core.watch_allocations()
    _core.next_run(False)
    child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] == 0
    _core.unwatch_allocations()
    sys.exit(main(["run", "--repeat", "1:2", "--repeat-seconds", "1", "test_kept"]) != 1)
    """


def test_after_a_child_was_forked(project):
    """The child of a test that goes on as the test runner does may watch allocations, too."""
    project.write("test_kept.py", KEPT)
    project.write("run.py", FORKED)
    result = project.python("run.py", check=0)
    assert result.stderr.count("held: str by test_kept.KEPT[") == 2
