"""A union of a set and items(): what is in neither is never released."""

import unittest

from multidict import MultiDict


class TestUnion(unittest.TestCase):
    def test_union(self):
        items = MultiDict([("key", ["value"])]).items()
        with self.assertRaises(TypeError):
            {("other", 1)} | items
        self.assertEqual(len({("other", 1)} | MultiDict([("key", "value")]).items()), 2)
