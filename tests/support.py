"""What several tests share."""

import sysconfig

import pytest

from yagot import _core

FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))

needs_generations = pytest.mark.skipif(
    not _core.GENERATIONS, reason="what becomes of older objects is not looked at without generations"
)
needs_counts = pytest.mark.skipif(
    FREE_THREADED, reason="free-threaded builds defer the reference counts of functions and classes"
)


def objects(test):
    """The number of garbage objects of a test of the JSON report."""
    return sum(finding["objects"] for finding in test["findings"])
