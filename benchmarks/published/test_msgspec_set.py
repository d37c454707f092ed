"""A set of dataclass instances that is encoded: they are never released."""

import dataclasses
import unittest

import msgspec


@dataclasses.dataclass(frozen=True)
class Point:
    x: int


class TestSet(unittest.TestCase):
    def test_encoded_set(self):
        self.assertEqual(msgspec.json.encode({Point(1)}), b'[{"x":1}]')
