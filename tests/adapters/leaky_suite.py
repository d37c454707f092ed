"""One suite for all frameworks: the same tests must get the same verdict and signatures everywhere."""

SUITE = """
    import gc
    import unittest

    class Node:
        def __init__(self, parent=None):
            self.parent, self.children = parent, []
            if parent is not None:
                parent.children.append(self)

    class Service:
        def __init__(self):
            self.callback = self.handle
        def handle(self):
            pass

    revived = []

    class Phoenix:
        def __del__(self):
            revived.append(self)

    class TestAll(unittest.TestCase):
        def setUp(self):
            self.fresh = [1, 2, 3]

        def test_clean(self):
            self.assertEqual(len(self.fresh), 3)

        def test_clean_keeps_in_self(self):
            self.kept = {"a": [1, {"b": 2}]}

        def test_clean_raises(self):
            with self.assertRaises(ValueError):
                raise ValueError("no")

        def test_clean_collects(self):
            gc.collect()

        def test_leak_tree(self):
            Node(Node())

        def test_leak_tree_in_self(self):
            self.tree = Node(Node())

        def test_leak_callback(self):
            Service()

        def test_leak_list(self):
            items = []
            items.append(items)

        def test_leak_dict(self):
            table = {}
            table["me"] = table

        def test_clean_generator(self):
            self.assertEqual(sum(n for n in range(5)), 10)

        def test_clean_nested(self):
            def inner(n):
                return [n, {"n": n}]
            self.assertEqual(inner(1)[0], 1)

        def test_clean_subtests(self):
            for n in range(3):
                with self.subTest(n=n):
                    self.assertLess(n, 3)

        def test_clean_exception_chain(self):
            try:
                try:
                    raise KeyError("a")
                except KeyError as error:
                    raise ValueError("b") from error
            except ValueError:
                pass

        def test_clean_big(self):
            self.assertEqual(len([[n] for n in range(10000)]), 10000)

        def test_clean_broken_cycle(self):
            node = Node(Node())
            node.parent.children.clear()

        def test_clean_weak(self):
            import weakref
            node = Node()
            self.assertIs(weakref.ref(node)(), node)

        def test_leak_set(self):
            class_less = Node()
            class_less.children = {class_less}

        def test_leak_partial(self):
            import functools
            service = Service()
            service.callback = functools.partial(print, service)

        def test_leak_tuple(self):
            items = []
            items.append((1, items))

        def test_leak_generator(self):
            def steps():
                me = yield
                yield me
            generator = steps()
            next(generator)
            generator.send(generator)

        def test_leak_many(self):
            for _ in range(50):
                Node(Node())

        def test_leak_deque(self):
            import collections
            items = collections.deque()
            items.append(items)

        def test_leak_closure(self):
            def walk():
                return walk

        def test_leak_instance(self):
            self.callback = self.test_clean

        def test_leak_collected_by_the_test(self):
            Node(Node())
            gc.collect()

        def test_leak_cleanup(self):
            self.addCleanup(Service)

        def test_leak_phoenix(self):
            bird = Phoenix()
            bird.me = bird

        def test_note_class(self):
            class Local:
                pass

        def test_fails(self):
            Node(Node())
            self.fail("no")

        def test_skips(self):
            self.skipTest("not now")
"""

LEAKING = {
    "test_leak_tree",
    "test_leak_tree_in_self",
    "test_leak_callback",
    "test_leak_list",
    "test_leak_dict",
    "test_leak_closure",
    "test_leak_set",
    "test_leak_partial",
    "test_leak_tuple",
    "test_leak_generator",
    "test_leak_many",
    "test_leak_deque",
    "test_leak_instance",
    "test_leak_collected_by_the_test",
    "test_leak_cleanup",
    "test_leak_phoenix",
}


def verdicts(data):
    """Test name -> outcome and the findings' verdicts and causes."""
    return {
        test["id"].replace("::", ".").rsplit(".", 1)[-1]: (
            test["outcome"],
            sorted((finding["verdict"], finding["kind"], finding["cause"]) for finding in test["findings"]),
        )
        for test in data["tests"]
    }
