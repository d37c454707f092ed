"""What several tests share."""

import pytest

from yagot import _core

needs_generations = pytest.mark.skipif(
    not _core.GENERATIONS, reason="what becomes of older objects is not looked at without generations"
)


def objects(test):
    """The number of garbage objects of a test of the JSON report."""
    return sum(finding["objects"] for finding in test["findings"])
