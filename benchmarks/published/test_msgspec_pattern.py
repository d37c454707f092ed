"""Meta(pattern=...): the compiled pattern is never released."""

import typing
import unittest

import msgspec


class TestPattern(unittest.TestCase):
    def test_pattern(self):
        kind = typing.Annotated[str, msgspec.Meta(pattern="^[a-z]*$")]
        self.assertEqual(msgspec.json.Decoder(kind).decode(b'"text"'), "text")
