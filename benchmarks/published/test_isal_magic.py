"""A header with the wrong magic number: two bytes and a number are never released."""

import gzip
import io
import unittest

from isal import igzip


class TestHeader(unittest.TestCase):
    def test_wrong_magic(self):
        with self.assertRaises(gzip.BadGzipFile):
            igzip.IGzipFile(fileobj=io.BytesIO(b"no gzip file at all")).read()
