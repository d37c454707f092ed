"""Making a CIMultiDict: its keys in lower case are never released."""

import unittest

from multidict import CIMultiDict


class TestCreate(unittest.TestCase):
    def test_create(self):
        self.assertEqual(len(CIMultiDict({"X-Key": "value"})), 1)
