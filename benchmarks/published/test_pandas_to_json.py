"""to_json() with a time zone: the array of the times is never released."""

import unittest

import pandas

FRAME = pandas.DataFrame({"time": pandas.date_range("2019-01-01", periods=3, tz="UTC")})


class TestJson(unittest.TestCase):
    def test_to_json(self):
        self.assertIn("1546300800000", FRAME.to_json())
