"""Meta(pattern=...): the compiled pattern is never released."""

import unittest

import msgspec


class TestPattern(unittest.TestCase):
    def test_pattern(self):
        self.assertEqual(msgspec.Meta(pattern="^[a-z]*$").pattern, "^[a-z]*$")
