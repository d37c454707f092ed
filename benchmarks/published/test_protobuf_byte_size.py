"""ByteSize() of a message that is not set: what is serialized for it is never released."""

import unittest

from google.protobuf.type_pb2 import Type


class TestSize(unittest.TestCase):
    def test_byte_size(self):
        self.assertEqual(Type().source_context.ByteSize(), 0)
