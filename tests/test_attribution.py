"""Whose garbage it is: the test's that made it, a fixture's, an import's, or nobody's; never another test's."""

import textwrap

import pytest
from support import needs_generations, objects

NODE = """
    import gc, os, sys, unittest, warnings

    class Node:
        def __init__(self):
            self.me = self

    def trees(number):
        return [Node() for _ in range(number)]

    KEPT = []
    """


def found(tests, name):
    """(kind, verdict) of the findings of a test."""
    return [(finding["kind"], finding["verdict"]) for finding in tests[name]["findings"]] if name in tests else []


@pytest.fixture
def suite(project):
    def run(source, *options, check=None):
        project.write("test_whose.py", textwrap.dedent(NODE) + textwrap.dedent(source))
        return project.tests(*options, "test_whose", check=check)

    return run


# -- addresses that are used again --------------------------------------------------------------------


@needs_generations
@pytest.mark.parametrize("way", ["automatic", "gc.collect(0)", "gc.collect(1)", "gc.collect()"])
def test_what_takes_an_address_anew_is_not_the_old_ones(suite, way):
    collect = "trees(20_000).clear()" if way == "automatic" else way
    tests = suite(f"""
    class A(unittest.TestCase):
        def test_innocent(self):
            KEPT.extend(object.__new__(Node) for _ in range(30_000))

        @classmethod
        def tearDownClass(cls):
            KEPT.clear()

    class B(unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            cls.trees = trees(30_000)
            {collect}

        def test_b(self):
            pass

        @classmethod
        def tearDownClass(cls):
            del cls.trees
    """)
    assert not any(f["kind"] == "collected" for name in tests if "innocent" in name for f in tests[name]["findings"])
    assert objects(tests["test_b [before]"]) >= 30_000


MAKER = """
    MADE = []

    class Maker:
        def __del__(self):
            MADE.extend(object.__new__(Node) for _ in range(1_000))
    """


@needs_generations
def test_what_a_finalizer_makes_is_not_what_had_its_address_before(suite):
    tests = suite(MAKER + """
    class A(unittest.TestCase):
        def test_1_innocent(self):
            KEPT.extend(object.__new__(Node) for _ in range(1_000))

        def test_2_releases(self):
            KEPT.clear()
            box = [Maker()]
            box.append(box)

        def test_3_makes_garbage_of_it(self):
            self.assertEqual(len(MADE), 1_000)
            for node in MADE:
                node.me = node
            MADE.clear()
    """)
    assert {name.split()[0] for name in tests if tests[name]["findings"]} == {"test_2_releases"}


@needs_generations
def test_the_dict_of_an_older_instance_does_not_make_it_the_tests(suite):
    tests = suite("""
    OLD = [object.__new__(Node) for _ in range(10)]

    class A(unittest.TestCase):
        def test_1_sets_attributes(self):
            for node in OLD:
                vars(node)["me"] = node

        def test_2_drops(self):
            OLD.clear()
    """)
    assert not [name for name in tests if tests[name]["findings"]]


@needs_generations
def test_who_has_put_the_first_thing_into_an_older_dict_has_not_made_it(suite):
    """Before 3.14 it is not tracked until then."""
    tests = suite("""
    OLD, KEPT = {}, []

    class A(unittest.TestCase):
        def test_1_makes(self):
            KEPT.append(Node())

        def test_2_stores(self):
            OLD["list"] = []

        def test_3_closes_a_cycle(self):
            OLD["node"], KEPT[0].old = KEPT[0], OLD

        def test_4_drops(self):
            global OLD
            OLD = None
            KEPT.clear()
    """)
    assert [name for name in tests if tests[name]["findings"]] == ["test_1_makes [later]"]


@needs_generations
def test_what_a_finalizer_makes_is_not_what_a_fixture_had_made_there(suite):
    tests = suite(MAKER + """
    class A(unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            KEPT.extend(object.__new__(Node) for _ in range(1_000))

        def test_1_releases(self):
            KEPT.clear()
            box = [Maker()]
            box.append(box)

        def test_2_makes_garbage_of_it(self):
            self.assertEqual(len(MADE), 1_000)
            for node in MADE:
                node.me = node
            MADE.clear()
    """)
    assert {name for name in tests if tests[name]["findings"]} == {"test_1_releases"}


@needs_generations
@pytest.mark.parametrize("options", [[], ["--check-at", "test"], ["--repeat", "1:2"]], ids=str)
def test_what_finalizers_make_while_the_next_test_begins_is_nobodys(suite, options):
    """Each collection releases one object, whose finalizer makes the next one."""
    tests = suite("""
    class Chain:
        def __init__(self):
            self.me = self

        def __del__(self):
            Chain()

    class A(unittest.TestCase):
        def test_1_makes(self):
            Chain()

        def test_2_innocent(self):
            pass

        def test_3_leaks(self):
            trees(7)
    """, *options)
    assert {name for name in tests if tests[name]["findings"]} == {"test_1_makes", "test_3_leaks"}
    assert {f["cause"] for f in tests["test_3_leaks"]["findings"]} == {"test_whose.Node.me"}


@needs_generations
def test_a_failed_test_that_collected_is_not_judged_later(suite):
    tests = suite("""
    class A(unittest.TestCase):
        def test_fails(self):
            KEPT.extend(trees(100))
            gc.collect()
            self.fail()

        def test_skips(self):
            KEPT.extend(trees(100))
            gc.collect(1)
            self.skipTest("")

        def test_z(self):
            KEPT.clear()
    """, "--check-at", "test", check=1)
    assert not any(test["findings"] for test in tests.values())


# -- nothing vanishes unseen --------------------------------------------------------------------------


@needs_generations
@pytest.mark.parametrize("at", ["test", "class", "module", "session"])
@pytest.mark.parametrize("where", ["the next test", "tearDownClass"])
def test_a_collection_does_not_hide_what_a_test_has_left(suite, at, where):
    in_test, in_class = ("gc.collect()", "pass") if where == "the next test" else ("pass", "gc.collect()")
    tests = suite(f"""
    class A(unittest.TestCase):
        def test_a_leaves(self):
            KEPT.extend(trees(10))

        def test_b_collects(self):
            KEPT.clear()
            {in_test}

        @classmethod
        def tearDownClass(cls):
            {in_class}

    class B(unittest.TestCase):
        def test_c(self):
            pass
    """, "--check-at", at, check=1)
    assert objects(tests["test_a_leaves [later]"]) == 10
    assert not tests["test_b_collects"]["findings"] and not tests["test_c"]["findings"]


@needs_generations
def test_a_fixtures_garbage_is_the_fixtures(suite):
    tests = suite("""
    def setUpModule():
        Node()

    def tearDownModule():
        Node()

    class A(unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            Node()
            gc.collect()
            Node()

        def test_a(self):
            pass
    """, check=1)
    assert objects(tests["test_a [before]"]) == 3
    assert objects(tests["test_a [after]"]) == 1
    assert not tests["test_a"]["findings"]


@needs_generations
def test_callbacks_that_were_cleared_blame_nobody(suite):
    tests = suite("""
    class A(unittest.TestCase):
        def test_innocent(self):
            KEPT.extend(object.__new__(Node) for _ in range(5_000))

        @classmethod
        def tearDownClass(cls):
            KEPT.clear()
            gc.callbacks.clear()

    class B(unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            cls.trees = trees(5_000)
            gc.collect()
            del cls.trees

        def test_b(self):
            pass
    """)
    assert not any("test_innocent" in name and tests[name]["findings"] for name in tests)


# -- resurrected, or held for a moment ----------------------------------------------------------------

HOLDERS = {
    "unraisable": """
        def hold(args):
            HELD.append(args)
        sys.unraisablehook = hold
        class Held(Node):
            def __del__(self): raise RuntimeError
        """,
    "warning": """
        class Held(Node):
            def __init__(self):
                super().__init__()
                self.file = open(os.devnull)
        warnings.simplefilter("always")
        RECORDER = warnings.catch_warnings(record=True)
        HELD = RECORDER.__enter__()
        """,
    "exception": """
        class Held(Node):
            def __del__(self):
                try: 1 / 0
                except ZeroDivisionError as error: HELD.append(error)
        """,
}


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("collect", ["pass", "gc.collect()"])
def test_what_a_recorder_holds_is_garbage(suite, holder, collect):
    tests = suite("HELD = []\n" + textwrap.dedent(HOLDERS[holder]) + textwrap.dedent(f"""
        class A(unittest.TestCase):
            def test_a(self):
                Held()
                {collect}

            def test_b(self):
                HELD.clear()
        """))
    assert all(kind == "collected" for kind, _ in found(tests, "test_a"))
    assert not found(tests, "test_b")


@pytest.mark.parametrize("store", ["KEPT.append(self)", "KEPT.append([self])", "KEPT.append({'me': self})"])
@pytest.mark.parametrize("collect", ["pass", "gc.collect()"])
def test_what_a_finalizer_has_stored_is_uncollectable(suite, store, collect):
    tests = suite(f"""
    class Saved(Node):
        def __del__(self):
            {store}

    class A(unittest.TestCase):
        def test_a(self):
            Saved()
            {collect}
    """, check=1)
    assert ("uncollectable", "leak") in found(tests, "test_a")


def test_the_dict_of_garbage_keeps_nothing_alive(project):
    """3.13.0's traversal of an instance leaves out its dict, which must not be kept while the instance goes."""
    project.write("test_mock.py", """
        import unittest
        from unittest import mock

        class Node:
            pass

        class T(unittest.TestCase):
            def test_mock(self):
                mock.mock_open(read_data="x")().read()

            def test_generator(self):
                def steps():
                    yield 1
                    yield 2

                node, other = Node(), Node()
                node.other, other.node = other, node
                vars(node)["steps"] = started = steps()
                vars(other)
                next(started)
        """)
    tests = project.tests("--strict", "test_mock")
    kinds = {name: {finding["kind"] for finding in test["findings"]} for name, test in tests.items()}
    assert kinds == {"test_mock": {"collected"}, "test_generator": {"collected"}}


@needs_generations
@pytest.mark.parametrize("collect", ["", "gc.collect()"])
def test_what_grows_old_unseen_is_nobodys_else(project, collect):
    """gc.freeze() and gc.unfreeze() make objects old that have no labels yet: an earlier test had objects there."""
    project.write("test_frozen.py", f"""
        import gc
        import unittest

        class Node:
            pass

        HELD = []

        class T(unittest.TestCase):
            def test_a_clean(self):
                HELD.extend(Node() for _ in range(100))

            def test_b_freezes(self):
                HELD.clear()
                for _ in range(100):
                    node = Node()
                    node.me = node
                del node
                gc.freeze()
                gc.unfreeze()
                {collect}
        """)
    tests = project.tests("test_frozen")
    assert not [finding for name, test in tests.items() if "clean" in name for finding in test["findings"]]


@needs_generations
@pytest.mark.parametrize("when", ["before", "after"])
def test_what_an_import_leaves_is_the_imports_though_a_collection_ran_unseen(project, when):
    project.write("thing.py", """
        class Node:
            pass

        kept = Node()
        kept.me = kept
        """)
    collect = "callbacks = gc.callbacks[:]; gc.callbacks.clear(); gc.collect(0); gc.callbacks[:] = callbacks"
    project.write("test_unseen.py", f"""
        import gc
        import sys
        import unittest

        class T(unittest.TestCase):
            def test_imports(self):
                {collect if when == "before" else "pass"}
                import thing
                {collect if when == "after" else "pass"}
                del sys.modules["thing"], thing
        """)
    tests = project.tests("--strict", "test_unseen", check=0)
    assert {finding["reason"] for finding in tests["test_imports"]["findings"]} == {"first-import"}
