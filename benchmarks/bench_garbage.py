"""Finding and explaining a million garbage objects, next to the collector's own work on them."""

import gc
import statistics
import time

import heaps
from tabulate import tabulate

from yagot import _core

OBJECTS = 10**6
ROUNDS = 5


def collector(make):
    """Seconds that gc.collect() takes for the garbage."""
    gc.collect()
    gc.disable()
    make(OBJECTS)
    begin = time.process_time()
    gc.collect()
    seconds = time.process_time() - begin
    gc.enable()
    return seconds


def checked(make):
    """Seconds that the end of the window takes: finding, explaining, and having it collected."""
    ledger = _core.Ledger()
    ledger.begin()
    gc.disable()
    make(OBJECTS)
    begin = time.process_time()
    seen = ledger.end()
    seconds = time.process_time() - begin
    gc.enable()
    ledger.close()
    assert seen["garbage"] >= OBJECTS
    return seconds


def main():
    rows = []
    for make in (heaps.pairs, heaps.tree, heaps.nested):
        pairs = [(collector(make), checked(make)) for _ in range(ROUNDS)]
        collect = statistics.median(pair[0] for pair in pairs)
        whole = statistics.median(pair[1] for pair in pairs)
        rows.append([make.__name__, collect * 1000, whole * 1000, (whole - collect) / collect])
    headers = ["shape", "gc.collect() [ms]", "window's end [ms]", "(end - collect) / collect"]
    print(tabulate(rows, headers=headers, floatfmt=("", ".0f", ".0f", ".2f")))


if __name__ == "__main__":
    main()
