"""A name that a Row does not have: the exception's arguments are never released."""

import unittest

from sqlalchemy.engine.result import result_tuple


class TestRow(unittest.TestCase):
    def test_no_such_name(self):
        row = result_tuple(["a", "b"])([1, 2])
        self.assertFalse(hasattr(row, "missing"))
