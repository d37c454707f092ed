"""An array of a type that is not supported: a reference to its interface is never released."""

import unittest

import numpy
import orjson


class TestArray(unittest.TestCase):
    def test_complex_array(self):
        with self.assertRaises(orjson.JSONEncodeError):
            orjson.dumps(numpy.array([1j, 2j]), option=orjson.OPT_SERIALIZE_NUMPY)
