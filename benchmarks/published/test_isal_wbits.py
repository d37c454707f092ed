"""decompressobj() with wrong wbits: the object made before the check is never released."""

import unittest

from isal import isal_zlib


class TestWbits(unittest.TestCase):
    def test_wrong_wbits(self):
        with self.assertRaises(ValueError):
            isal_zlib.decompressobj(wbits=99)
