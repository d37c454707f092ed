"""A slow, independent answer to: how many tracked objects did each passing test leave for the collector?

    python oracle.py test.test_minidom ...   prints {"id": objects} as JSON

It drops the test instance, collects everything with gc.DEBUG_SAVEALL, and counts gc.garbage: no code of yagot's.
"""

import gc
import json
import os
import sys
import unittest
from collections import Counter


def flatten(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flatten(test)
        else:
            yield test


class Passed(unittest.TestResult):
    """Notes whether the last test passed, without keeping it."""

    passed = False

    def addSuccess(self, test):
        self.passed = True

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.passed = False


def count_garbage():
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    count = len(gc.garbage)
    types = Counter(type(item).__name__ for item in gc.garbage)
    gc.set_debug(0)
    gc.garbage.clear()
    gc.collect()
    return count, types


def main(names):
    loader = unittest.defaultTestLoader
    tests = list(flatten(loader.loadTestsFromNames(names)))
    fixtures = unittest.TestSuite()
    result = Passed()
    counts = {}
    tests.reverse()
    while tests:
        test = tests.pop()
        fixtures._tearDownPreviousClass(test, result)
        fixtures._handleModuleFixture(test, result)
        fixtures._handleClassSetUp(test, result)
        result._previousTestClass = test.__class__
        if getattr(test.__class__, "_classSetupFailed", False) or getattr(result, "_moduleSetUpFailed", False):
            continue
        identity = test.id()
        gc.collect()
        gc.disable()
        result.passed = False
        test(result)
        del test
        gc.enable()
        if result.passed:
            count, types = count_garbage() if not gc.garbage else (None, None)
            counts[identity] = {"objects": count, "types": types}
        gc.garbage.clear()
        gc.collect()
    fixtures._tearDownPreviousClass(None, result)
    fixtures._handleModuleTearDown(result)
    return counts


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    out = main(sys.argv[1:])
    print("\n" + json.dumps(out))
