"""Nested arrays that end too soon: the lists that were begun are never released."""

import unittest

import msgpack


class TestNested(unittest.TestCase):
    def test_cut_off(self):
        unpacker = msgpack.Unpacker()
        unpacker.feed(b"\x92\x91\x01")
        with self.assertRaises(msgpack.OutOfData):
            unpacker.unpack()
