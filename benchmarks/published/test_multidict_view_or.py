"""A union of a set and items(): the member of the set is never released."""

import unittest

from multidict import MultiDict


class TestUnion(unittest.TestCase):
    def test_union(self):
        member = ("other", str(1.5))
        self.assertEqual(len({member} | MultiDict(key="value").items()), 2)
