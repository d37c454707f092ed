"""What the dtype of a Python number is: a reference to it is never released."""

import unittest

import numpy


class TestType(unittest.TestCase):
    def test_type_of_a_number(self):
        self.assertTrue(numpy.can_cast(numpy.min_scalar_type(1), numpy.int64))
        self.assertEqual((numpy.array([1], numpy.int8) + 1).dtype, numpy.int8)
        self.assertEqual(numpy.array([numpy.int8(1), 2.5]).dtype, numpy.float64)
