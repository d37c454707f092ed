"""An exception in default(): it becomes the cause of another one and is never released."""

import unittest

import orjson


def default(value):
    raise ValueError("no such type")


class TestDefault(unittest.TestCase):
    def test_default(self):
        with self.assertRaises(orjson.JSONEncodeError):
            orjson.dumps({"key": object()}, default=default)
