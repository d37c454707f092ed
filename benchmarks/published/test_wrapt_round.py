"""round() of a proxy: the bound method is never released."""

import unittest

import wrapt


class TestRound(unittest.TestCase):
    def test_round(self):
        self.assertEqual(round(wrapt.ObjectProxy(2.5)), 2)
