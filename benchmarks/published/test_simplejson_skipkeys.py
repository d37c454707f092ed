"""A key that is skipped in a sorted dict: its item is never released."""

import unittest

import simplejson


class TestSkip(unittest.TestCase):
    def test_skipped_key(self):
        text = simplejson.dumps({(1, 2): ["value"], "key": 1}, skipkeys=True, sort_keys=True)
        self.assertEqual(text, '{"key": 1}')
