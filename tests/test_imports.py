"""What an import leaves is the import's, and what its test makes before, meanwhile and afterwards the test's."""

import importlib
import sys

import pytest
from support import FREE_THREADED, needs_generations

from yagot._core import Ledger

BUILDER = """
    class Build:
        def __init__(self, cls):
            self.cls, self.step = cls, self.finish

        def finish(self):
            return self.cls

    def decorate(cls):
        return Build(cls).finish()
    """
THING = """
    import gc
    from builder import decorate

    @decorate
    class Part:
        pass

    COLLECT

    class Node:
        pass

    def leak():
        node = Node()
        node.me = node
    """


@pytest.mark.parametrize("first", ["test_a_imports", "test_b_leaks"])
@pytest.mark.parametrize("collect", ["", "gc.collect()", "trash = [[] for _ in range(9000)]"])
def test_what_an_import_leaves_is_no_leak(project, first, collect):
    project.write("builder.py", BUILDER)
    project.write("thing.py", THING.replace("COLLECT", collect))
    project.write("test_imports.py", """
        import unittest

        class A(unittest.TestCase):
            def test_a_imports(self):
                import thing

            def test_b_leaks(self):
                import thing
                thing.leak()
        """)
    second = {"test_a_imports": "test_b_leaks", "test_b_leaks": "test_a_imports"}[first]
    for _ in range(2):  # without .pyc files, and with them
        tests = project.tests("--strict", f"test_imports.A.{first}", f"test_imports.A.{second}", check=1)
        leaks = {name: [f["cause"] for f in test["findings"] if f["verdict"] == "leak"] for name, test in tests.items()}
        assert not leaks["test_a_imports"]
        assert len(leaks["test_b_leaks"]) == 1 and "thing.Node" in leaks["test_b_leaks"][0]


AGAIN = {
    "a reload": "importlib.reload(thing)",
    "an import anew": "sys.modules.pop('thing'); importlib.import_module('thing').kept",
    "a spec": """spec = importlib.util.spec_from_file_location("other", "thing.py")
                module = importlib.util.module_from_spec(spec)
                spec.loader.exec_module(module)""",
    "a lazy import": """spec = importlib.util.find_spec("thing")
                spec.loader = importlib.util.LazyLoader(spec.loader)
                module = importlib.util.module_from_spec(spec)
                sys.modules["thing"] = module
                spec.loader.exec_module(module)
                module.kept""",
}


@pytest.mark.parametrize("again", AGAIN)
@pytest.mark.parametrize("collect", ["", "gc.collect()"])
@pytest.mark.parametrize("young", [0, 20_000])
def test_what_a_module_leaves_that_is_executed_anew_is_no_leak(project, again, collect, young):
    project.write("builder.py", BUILDER)
    kept = "kept = decorate(type('Kept', (), {}))\n    kept.me = [kept]"
    project.write("thing.py", THING.replace("COLLECT", f"{kept}\n    {collect}"))
    project.write("test_again.py", f"""
        import gc
        import importlib.util
        import sys
        import unittest
        import thing

        if {young}:
            gc.set_threshold(100_000)

        class A(unittest.TestCase):
            def setUp(self):
                self.kept = [[] for _ in range({young})]

            def test_a_again(self):
                {AGAIN[again]}

            def test_b_again(self):
                {AGAIN[again]}

            def test_c_leaks(self):
                {AGAIN[again]}
                sys.modules["thing"].leak()
        """)
    for look in ("module", "test"):
        tests = project.tests("--strict", "--check-at", look, check=1)
        leaks = {name: [f["cause"] for f in test["findings"] if f["verdict"] == "leak"] for name, test in tests.items()}
        assert list(filter(None, leaks.values())) == [leaks["test_c_leaks"]]
        assert len(leaks["test_c_leaks"]) == 1 and "thing.Node" in leaks["test_c_leaks"][0]


@pytest.mark.skipif(FREE_THREADED, reason="their collector does not know in which order objects were made")
@pytest.mark.parametrize("collect", ["", "gc.collect(0)"])
def test_what_an_import_makes_where_something_has_just_died_is_the_imports(project, collect):
    project.write("builder.py", BUILDER)
    project.write("thing.py", f"""
        import gc
        import sys
        from builder import Build

        sys.modules["test_imports"].HELD.clear()
        for _ in range(100):
            Build(None)
        {collect}
        for _ in range(100):
            Build(None)
        """)
    project.write("test_imports.py", """
        import unittest
        from builder import Build

        HELD = []

        class T(unittest.TestCase):
            def test_imports(self):
                for _ in range(200):
                    build = Build(None)
                    HELD.append((build, build.step))
                    build.step = None
                del build
                import thing
        """)
    tests = project.tests("--strict", "test_imports", check=0)
    assert [f["reason"] for f in tests["test_imports"]["findings"]] == ["first-import"]


def test_what_a_test_has_made_before_an_import_that_collects_is_the_tests(project):
    project.write("thing.py", """
        import gc

        gc.collect(0)
        gc.collect(0)
        """)
    project.write("test_imports.py", """
        import unittest

        class Node:
            def __init__(self):
                self.me = self
                self.parts = [(self,) for _ in range(5)]

        class T(unittest.TestCase):
            def leak(self):
                nodes = {number: [Node(), (Node(),)] for number in range(50)}
                import thing

            def test_a_first(self):
                self.leak()

            def test_b_later(self):
                self.leak()
        """)
    tests = project.tests("test_imports", check=1)
    found = {name: {f["verdict"] for f in test["findings"]} for name, test in tests.items()}
    assert found == {"test_a_first": {"leak"}, "test_b_later": {"leak"}}


@pytest.mark.parametrize("collect", ["", "gc.collect()", "import other"])
def test_what_a_test_makes_where_something_of_an_import_has_died_is_the_tests(project, collect):
    project.write("other.py", "")
    project.write("thing.py", """
        class Node:
            def __init__(self):
                self.me = self

        class Spare:
            def __init__(self):
                self.me = None

        SPARE = [Spare() for _ in range(300)]
        """)
    project.write("test_imports.py", f"""
        import gc
        import unittest

        class T(unittest.TestCase):
            def leak(self):
                import thing
                thing.SPARE.clear()
                for _ in range(100):
                    thing.Node()
                {collect}
                for _ in range(100):
                    thing.Node()

            def test_a_first(self):
                self.leak()

            def test_b_later(self):
                self.leak()
        """)
    tests = project.tests("test_imports", check=1)
    found = {name: [(f["verdict"], f["objects"]) for f in test["findings"]] for name, test in tests.items()}
    assert found == {"test_a_first": [("leak", 200)], "test_b_later": [("leak", 200)]}


@needs_generations
def test_what_an_import_makes_where_something_of_a_finalizer_has_died_is_the_imports(project):
    """What finalizers make in a collection passes for old; what marks where an import began and ended must not."""
    project.write("thing.py", """
        class Node:
            pass

        node = Node()
        node.me = node
        del node
        """)
    project.write("test_imports.py", """
        import gc
        import unittest

        class Final:
            def __del__(self):
                Final.made = [[] for _ in range(50)]

        class A(unittest.TestCase):
            def test_first(self):
                pass

        class B(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                final = Final()
                final.me = final
                del final
                gc.collect()
                own = []
                own.append(own)
                del own, Final.made
                import thing

            def test_second(self):
                pass
        """)
    tests = project.tests("--strict", "test_imports", check=1)
    leaks = {name: {f["cause"] for f in test["findings"]} for name, test in tests.items()}
    own = {"test_imports.Final.me", "list[]"}
    assert leaks == {"test_first": set(), "test_second": set(), "test_second [before]": own}


# -- imports that wait for each other, as they do where much is young --------------------------------

MUCH = """
    import gc
    import importlib.abc
    import importlib.machinery
    import importlib.util
    import random
    import sys
    import unittest

    class Imported:
        def __init__(self):
            self.me = self

    class Own:
        def __init__(self):
            self.me = self

    HELD = []

    class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
        work = staticmethod(lambda: None)

        def find_spec(self, name, path, target=None):
            return importlib.machinery.ModuleSpec(name, self) if name == "made" else None

        def exec_module(self, module):
            sys.modules.pop("made")
            self.work()

    FINDER = Finder()
    sys.meta_path.insert(0, FINDER)

    def make_module(work):
        FINDER.work = work
        try:
            import made
        except KeyError:        # it has taken itself out
            pass
    """


@pytest.mark.skipif(FREE_THREADED, reason="their collector does not know in which order objects were made")
@pytest.mark.parametrize("young", [0, 30_000])
def test_whatever_happens_each_cycle_is_told_of_whoever_made_it(project, young):
    """Random steps: cycles of the test's and of imports, releases of either, collections within imports and without."""
    project.write("test_steps.py", MUCH + f"""
    class Steps:
        def __init__(self, seed):
            self.random = random.Random(seed)
            self.made = {{Own: 0, Imported: 0}}

        def make(self, cls):
            for _ in range(self.random.randrange(4)):
                cls()
                self.made[cls] += 1

        def hold(self, cls):
            held = [object.__new__(cls) for _ in range(self.random.randrange(20))]
            HELD.append(held)

        def let_go(self, cls):
            for _ in range(min(len(HELD), self.random.randrange(3))):
                HELD.pop(self.random.randrange(len(HELD)))

        def collect(self, cls):
            if self.random.random() < 0.1:
                gc.collect(self.random.randrange(3))

        def some(self, cls, number):
            for _ in range(self.random.randrange(number)):
                self.random.choice([self.make, self.hold, self.let_go, self.collect])(cls)

        def run(self):
            for _ in range(60):
                self.some(Own, 5)
                make_module(lambda: self.some(Imported, 5))
            HELD.clear()

    class T(unittest.TestCase):
        def setUp(self):
            thresholds = gc.get_threshold()
            self.addCleanup(gc.set_threshold, *thresholds)
            if {young}:
                gc.set_threshold(100_000, *thresholds[1:])
            self.kept = [[] for _ in range({young})]

    for seed in range(12):
        def test(self, seed=seed):
            steps = Steps(seed)
            steps.run()
            print("made", seed, steps.made[Own], steps.made[Imported])
        setattr(T, f"test_{{seed}}", test)
    """)
    tests = project.tests("--strict", "test_steps", check=1)
    lines = [line.split() for line in project.result.stdout.splitlines() if "made " in line]
    made = {line[-3]: (int(line[-2]), int(line[-1])) for line in lines}
    found = {}
    for name, test in tests.items():
        objects = {"Own": 0, "Imported": 0}
        for finding in test["findings"]:
            cls = finding["cause"].split(".")[1]
            assert finding["reason"] == {"Own": "", "Imported": "first-import"}[cls], finding["cause"]
            objects[cls] += finding["objects"]
        found[name.removeprefix("test_")] = tuple(objects.values())
    assert len(made) == 12 and found == made


@needs_generations
@pytest.mark.parametrize("young", [0, 20_000])
def test_imports_leave_nothing_for_a_test_to_count(project, young):
    project.write("test_count.py", f"""
        import gc
        import unittest

        def fail_to_import(times):
            for _ in range(times):
                try:
                    import missing
                except ImportError:
                    pass

        def count():
            return sum(type(each) is list for each in gc.get_objects())

        class T(unittest.TestCase):
            def setUp(self):
                gc.disable()
                self.addCleanup(gc.enable)
                self.kept = [[] for _ in range({young})]

            def test_a_none_before(self):
                before = count()
                fail_to_import(3)
                self.assertEqual(count(), before)

            def test_b_many(self):
                before = count()
                fail_to_import(1000)
                self.assertEqual(count(), before)
        """)
    project.tests("--strict", "test_count", check=0)


def test_a_collection_that_is_due_when_an_import_begins_or_ends_does_no_harm(project):
    """Imports wait for each other where much is young, and a collection settles them: here between any two steps."""
    project.write("test_due.py", MUCH + """
    execute = lambda function: importlib._bootstrap._call_with_frames_removed(function)

    def work():
        for _ in range(50):
            HELD.append([])

    class T(unittest.TestCase):
        def test_due(self):
            thresholds = gc.get_threshold()
            self.addCleanup(gc.set_threshold, *thresholds)
            for missing in range(120):
                gc.collect()
                gc.set_threshold(9000)
                kept = [[] for _ in range(8000)]
                for _ in range(2):
                    execute(work)
                kept.extend([] for _ in range(100))
                while gc.get_count()[0] < 9000 - missing:
                    kept.append([])
                for _ in range(2):
                    execute(work)
                gc.set_threshold(*thresholds)
            self.assertEqual({sys.getrefcount(each) for each in HELD}, {sys.getrefcount(each) for each in [[]]})
            HELD.clear()
    """)
    project.tests("--strict", "test_due", check=0)


def test_what_an_import_has_left_in_a_window_that_pauses_is_still_the_imports(project, monkeypatch):
    project.write("thing.py", """
        own = []
        own.append(own)
        del own
        """)
    monkeypatch.syspath_prepend(project.path)
    ledger = Ledger()
    try:
        ledger.begin((), 1)
        importlib.import_module("thing")
        ledger.pause()
        ledger.begin((), 1)
        assert not ledger.end()["findings"]
        late = ledger.check()
    finally:
        ledger.close()
        del sys.modules["thing"]
    assert [(finding["window"], finding["origin"]) for finding in late] == [(1, "import")]
