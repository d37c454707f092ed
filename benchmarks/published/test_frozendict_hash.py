"""hash(): the items that it is made of are never released."""

import unittest

from frozendict import frozendict


class TestHash(unittest.TestCase):
    def test_hash(self):
        self.assertIsInstance(hash(frozendict({"key": 12345})), int)
