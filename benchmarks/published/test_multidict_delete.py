"""pop() of a key that is not in lower case: the key that was looked up is never released."""

import unittest

from multidict import CIMultiDict


class TestPop(unittest.TestCase):
    def test_pop(self):
        headers = CIMultiDict({"X-Key": "value"})
        self.assertEqual(headers.pop("x-KEY"), "value")
