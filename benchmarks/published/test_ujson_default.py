"""default(): what it is asked about is never released."""

import unittest

import ujson


class Shape:
    pass


class TestDefault(unittest.TestCase):
    def test_default(self):
        self.assertEqual(ujson.dumps({"shape": Shape()}, default=lambda value: "a shape"), '{"shape":"a shape"}')
        with self.assertRaises(ValueError):
            ujson.dumps({"shape": Shape()}, default=self.fail_for)

    def fail_for(self, value):
        raise ValueError("no such type")
