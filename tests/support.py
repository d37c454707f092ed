"""What several tests share."""

import os
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
needs_blocks = pytest.mark.skipif(
    any(name in os.environ.get("LD_PRELOAD", "") for name in ("libasan", "libtsan")),
    reason="of the blocks of a sanitizer's malloc nothing is known",
)


def postponed(*arguments):
    """A script: `yagot run` with these arguments, all looks at references put off to the boundary."""
    return f"""
        import sys
        from yagot.observe import references

        references.References.wanted = lambda self: False
        from yagot.__main__ import main

        sys.exit(main(["run", *{arguments!r}]))
        """


def objects(test):
    """The number of garbage objects of a test of the JSON report."""
    return sum(finding["objects"] for finding in test["findings"])
