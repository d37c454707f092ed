"""An error while something is looked for in items(): a reference to the class of the view is never released."""

import unittest

from multidict import MultiDict


class TestItems(unittest.TestCase):
    def test_items(self):
        self.assertIn(("key", 1), MultiDict(key=1).items())
