"""The interface of yagot 0.5.0, and check()."""

import asyncio
import gc

import pytest

import yagot


class Node:
    def __init__(self):
        self.me = self


@pytest.fixture
def tracker():
    tracker = yagot.GarbageTracker()
    before = gc.get_threshold(), gc.get_debug(), len(gc.garbage)
    yield tracker
    assert (gc.get_threshold(), gc.get_debug(), len(gc.garbage)) == before


def test_initial_state(tracker):
    assert not tracker.enabled and not tracker.ignored and not tracker.leaks_only
    assert tracker.garbage == [] and tracker.ignored_type_names == []
    assert yagot.GarbageTracker.get_tracker() is yagot.GarbageTracker.get_tracker()


def test_collected_objects(tracker):
    tracker.enable()
    tracker.start()
    items = []
    items.append(items)
    del items
    tracker.stop()
    (item,) = tracker.garbage
    assert item[0] is item
    message = tracker.assert_message("module::function")
    assert message.startswith(
        "\nThere were 1 collected or uncollectable object(s) caused by function module::function:\n"
        "\n1: <class 'list'> object at 0x"
    )
    assert "[0] → the same list" in message


def test_no_objects(tracker):
    tracker.enable()
    tracker.start()
    tracker.stop()
    assert tracker.garbage == []


def test_leaks_only(tracker):
    tracker.enable(leaks_only=True)
    tracker.start()
    Node()
    tracker.stop()
    assert tracker.leaks_only and tracker.garbage == []
    assert tracker.assert_message().startswith("\nThere were 0 uncollectable object(s)")


def test_ignore_and_ignore_types(tracker):
    tracker.enable()
    tracker.start()
    Node()
    tracker.ignore()
    tracker.stop()
    assert tracker.ignored and tracker.garbage == []
    tracker.start()
    tracker.ignore_types([Node, "int"])
    assert tracker.ignored_type_names == ["frame", "code", f"{__name__}.Node", "int"]
    Node()
    tracker.stop()
    assert not tracker.ignored and tracker.garbage == []


def test_disabled(tracker):
    tracker.enable()
    tracker.disable()
    tracker.start()
    Node()
    tracker.stop()
    assert tracker.garbage == []


def test_format_obj():
    class Broken:
        def __repr__(self):
            raise ValueError("no")

    assert yagot.GarbageTracker.format_obj([1]).endswith(":\n[1]")
    assert "repr() raises ValueError: no" in yagot.GarbageTracker.format_obj(Broken())
    items = []
    items.append(items)
    assert "<Recursive reference to list object at 0x" in yagot.GarbageTracker.format_obj(items)
    items.clear()


def test_decorator():
    before = gc.get_threshold(), gc.get_debug()

    @yagot.garbage_checked()
    def clean(a, b=2):
        return a + b

    @yagot.garbage_checked()
    def leaky():
        items = {}
        items["me"] = items

    @yagot.garbage_checked(leaks_only=True)
    def leaky_allowed():
        Node()

    @yagot.garbage_checked(ignore_types=[dict])
    def leaky_ignored():
        items = {}
        items["me"] = items

    @yagot.garbage_checked()
    def fails():
        Node()
        raise KeyError("own")

    assert clean(1, b=3) == 4
    assert clean.__name__ == "clean"
    with pytest.raises(AssertionError, match=f"There were 1 collected .* caused by function {__name__}::leaky:"):
        leaky()
    leaky_allowed()
    leaky_ignored()
    with pytest.raises(KeyError):
        fails()
    assert (gc.get_threshold(), gc.get_debug()) == before


def test_decorator_on_a_coroutine_function():
    @yagot.garbage_checked()
    async def leaky():
        await asyncio.sleep(0)
        items = []
        items.append(items)

    with pytest.raises(AssertionError, match="There were"):
        asyncio.run(leaky())


def test_check():
    with yagot.check():
        assert [1]
    with pytest.raises(yagot.LeakError, match=r"\[0\] → the same list"), yagot.check():
        items = []
        items.append(items)
        del items
    with yagot.check(leaks_only=True):
        Node()
    with pytest.raises(KeyError), yagot.check():
        raise KeyError


def test_public_names():
    assert set(yagot.__all__) <= set(dir(yagot))
    for name in yagot.__all__:
        assert getattr(yagot, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        yagot.nothing  # noqa: B018
