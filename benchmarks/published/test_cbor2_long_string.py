"""A string of more than 65,536 bytes: its buffer is never released."""

import unittest

import cbor2

LONG = cbor2.dumps("long text " * 10_000)


class TestLong(unittest.TestCase):
    def test_long_string(self):
        self.assertEqual(len(cbor2.loads(LONG)), 100_000)
