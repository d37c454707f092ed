"""A key that cannot be hashed: it is never released."""

import unittest

import msgpack


class TestKey(unittest.TestCase):
    def test_list_as_key(self):
        with self.assertRaises((TypeError, ValueError)):
            msgpack.unpackb(b"\x81\x91\x01\x02", strict_map_key=False)
