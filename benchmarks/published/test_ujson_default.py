"""default() that returns what cannot be encoded either, in the end: it is never released."""

import unittest

import ujson


class Shape:
    pass


class TestDefault(unittest.TestCase):
    def test_default(self):
        with self.assertRaises((OverflowError, TypeError)):
            ujson.dumps(Shape(), default=lambda value: Shape())
