"""A wrapper of a wrapped function: a reference to the name of the kind of binding is never released."""

import unittest

import wrapt


def passed(wrapped, instance, args, kwargs):
    return wrapped(*args, **kwargs)


INNER = wrapt.FunctionWrapper(len, passed)


class TestBinding(unittest.TestCase):
    def test_wrapped_twice(self):
        self.assertEqual(wrapt.FunctionWrapper(INNER, passed)("text"), 4)
