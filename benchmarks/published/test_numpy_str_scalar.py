"""str() of a scalar: a reference to its dtype is never released."""

import unittest

import numpy


class TestText(unittest.TestCase):
    def test_text(self):
        self.assertEqual(str(numpy.bool_(True)), "True")
