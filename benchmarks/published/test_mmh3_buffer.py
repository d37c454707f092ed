"""hash_from_buffer(): the buffer is never released."""

import unittest

import mmh3


class TestBuffer(unittest.TestCase):
    def test_buffer(self):
        self.assertIsInstance(mmh3.hash_from_buffer(bytearray(b"some text")), int)
