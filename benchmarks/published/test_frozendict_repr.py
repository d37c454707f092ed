"""repr(): the dict made for it is never released."""

import unittest

from frozendict import frozendict


class TestRepr(unittest.TestCase):
    def test_repr(self):
        self.assertIn("key", repr(frozendict({"key": 1})))
