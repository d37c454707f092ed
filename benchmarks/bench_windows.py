"""Cost per test on live heaps of growing size."""

import contextlib
import gc
import importlib
import io
import statistics
import sys
import time

from heaps import leave_some, live_heap
from tabulate import tabulate

from yagot import _core

ROUNDS = 7


def timed(function, repeat):
    """Seconds per call."""
    begin = time.perf_counter()
    for _ in range(repeat):
        function()
    return (time.perf_counter() - begin) / repeat


def plain():
    leave_some()


def with_collect():
    gc.collect()
    leave_some()
    gc.collect()


def make_yagot():
    ledger = _core.Ledger()

    def checked():
        ledger.begin()
        leave_some()
        ledger.end()

    return checked


def make_original():
    """yagot 0.5.0, installed into a directory of its own by ./dev bench."""
    path = sys.argv[1] if len(sys.argv) > 1 else None
    if path is None:
        return None
    saved = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "yagot"}
    finders, sys.meta_path[:] = sys.meta_path[:], [f for f in sys.meta_path if "editable" not in repr(f).lower()]
    sys.path.insert(0, path)
    try:
        original = importlib.import_module("yagot")
        original = importlib.import_module("yagot._garbagetracker")
    finally:
        sys.path.remove(path)
        sys.meta_path[:] = finders
        for name in [name for name in sys.modules if name.split(".")[0] == "yagot"]:
            sys.modules.pop(name)
        sys.modules.update(saved)

    def checked():
        tracker = original.GarbageTracker()
        tracker.enable()
        tracker.start()
        leave_some()
        with contextlib.redirect_stdout(io.StringIO()):
            tracker.stop()
        tracker.garbage.clear()
        gc.garbage.clear()

    return checked


def main():
    contenders = {"plain test": plain, "yagot": make_yagot(), "gc.collect() per test": with_collect}
    original = make_original()
    if original is not None:
        contenders["yagot 0.5.0"] = original
    rows = []
    for objects in (10**4, 10**5, 10**6):
        heap = live_heap(objects)
        times = {name: [] for name in contenders}
        for _ in range(ROUNDS):
            for name, function in contenders.items():
                cheap = name in ("plain test", "yagot")
                times[name].append(timed(function, 300 if cheap else max(1, 3 * 10**5 // objects // 3)))
        rows.append([f"{objects:,}", *(f"{statistics.median(times[name]) * 1e6:,.1f}" for name in contenders)])
        del heap
    print(tabulate(rows, headers=["live objects", *(f"{name} [µs]" for name in contenders)], stralign="right"))
    if original is None:
        print("(yagot 0.5.0: pass the directory it was installed into)")


if __name__ == "__main__":
    main()
