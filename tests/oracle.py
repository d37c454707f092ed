"""A slow, independent answer to: how many tracked objects did each passing test leave for the collector?

    python oracle.py test.test_minidom ...   prints {"id": objects} as JSON

It drops the test instance, collects everything with gc.DEBUG_SAVEALL, and counts gc.garbage: no code of yagot's. What
may or may not be there is not counted: dicts of instances, frames of generators, containers that lead nowhere, and what
abstract classes have cached.
"""

import contextlib
import gc
import json
import os
import sys
import types
import unittest
from collections import Counter

HAVE_GC, HEAP_TYPE = 1 << 14, 1 << 9
FRAMES = ("gi_frame", "cr_frame", "ag_frame")


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


def belongings(item, ids):
    """The dict and the frame of an object, if they are garbage."""
    found = []
    if not isinstance(item, type | types.ModuleType) and any(type(part) is dict for part in gc.get_referents(item)):
        with contextlib.suppress(AttributeError):
            found.append(object.__getattribute__(item, "__dict__"))
    if isinstance(item, types.GeneratorType | types.CoroutineType | types.AsyncGeneratorType):
        found += [getattr(item, name) for name in FRAMES if hasattr(item, name)]
    return {id(part) for part in found} & ids


def below(item, garbage):
    """The numbers of all garbage that an object leads to."""
    found, waiting = set(), [item]
    while waiting:
        new = [part for part in gc.get_referents(waiting.pop()) if id(part) in garbage and id(part) not in found]
        found.update(map(id, new))
        waiting += new
    return found


def leads_somewhere(item, parts):
    has_gc = type(item).__flags__ & HAVE_GC and not (isinstance(item, type) and not item.__flags__ & HEAP_TYPE)
    return has_gc and id(item) not in parts and not (type(item) is tuple and not gc.is_tracked(item))


def is_bare(item, parts):
    items = item if type(item) is tuple else [*item, *item.values()] if type(item) is dict else [print]
    return not any(leads_somewhere(inner, parts) for inner in items)


def parts_of(garbage):
    """The numbers of the objects that are not counted."""
    ids = set(map(id, garbage))
    parts = set()
    for item in garbage:
        parts |= belongings(item, ids)
        if type(item).__name__ == "_abc_data":
            parts |= below(item, ids)
    before = -1
    while len(parts) != before:
        before = len(parts)
        parts |= {id(item) for item in garbage if is_bare(item, parts)}
    return parts


def count_garbage():
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    garbage = gc.garbage[:]
    parts = parts_of(garbage)
    counted = [item for item in garbage if id(item) not in parts]
    names = Counter(type(item).__name__ for item in counted)
    count = len(counted)
    del garbage, counted
    gc.set_debug(0)
    gc.garbage.clear()
    gc.collect()
    return count, names


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
        if result.passed:
            count, names = count_garbage() if not gc.garbage else (None, None)
            counts[identity] = {"objects": count, "types": names}
        gc.enable()
        gc.garbage.clear()
        gc.collect()
    fixtures._tearDownPreviousClass(None, result)
    fixtures._handleModuleTearDown(result)
    return counts


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    out = main(sys.argv[1:])
    print("\n" + json.dumps(out))
