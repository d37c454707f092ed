"""Heaps and garbage to measure on."""

import gc


class Node:
    """An object that can be in cycles."""


def live_heap(objects):
    """A list that keeps so many tracked objects alive, old in the collector's eyes."""
    heap = [[number] for number in range(objects)]
    gc.collect()
    return heap


def leave_some(objects=102):
    """What a test leaves: a tree of nodes whose children know their parent."""
    root = Node()
    root.children = []
    for _ in range(objects - 2):
        child = Node()
        child.parent = root
        root.children.append(child)


def pairs(objects):
    """Cycles of two."""
    for _ in range(objects // 2):
        first, second = Node(), Node()
        first.other, second.other = second, first


def tree(objects):
    """One component: a root with all others as children."""
    leave_some(objects)


def nested(objects):
    """Lists in lists, as deep as there are objects, closed to a ring."""
    first = innermost = []
    for _ in range(objects - 1):
        innermost = [innermost]
    first.append(innermost)
