"""A key that is not allowed: it and its value are never released."""

import unittest

import msgpack


class TestKey(unittest.TestCase):
    def test_number_as_key(self):
        with self.assertRaises(ValueError):
            msgpack.unpackb(b"\x81\xcd\x10\x00\x91\x01")
