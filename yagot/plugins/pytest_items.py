"""What the pytest plugin asks of a collected test: its names, its markers, what pytest holds for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from yagot import __builtins__ as __builtins__

if TYPE_CHECKING:
    from yagot.judge.rules import Rule
    from yagot.model import TestInfo


def info_of_node(nodeid: str, line: int | None) -> TestInfo:
    """Names of a test as pytest's own JUnit XML has them; *line* counts from 0."""
    from yagot.model import TestInfo

    path, _, rest = nodeid.partition("::")
    module = path.removesuffix(".py").replace("/", ".")
    *classes, name = rest.split("::") if rest else [path]
    return TestInfo(nodeid, module, ".".join([module, *classes]), name, path, None if line is None else line + 1)


_INFO = pytest.StashKey["TestInfo"]()


def info_of(item: pytest.Item) -> TestInfo:
    """Names of a collected test, made once: pytest works out a location anew each time it is asked."""
    info = item.stash.get(_INFO, None)
    if info is None:
        info = item.stash[_INFO] = info_of_node(item.nodeid, item.location[1])
    return info


_MARKS = pytest.StashKey["list[pytest.Mark]"]()


def marks_of(item: pytest.Item) -> list[pytest.Mark]:
    """The markers of ours that a test has, the nearest first."""
    return _own_marks(item) + _marks_above(item.parent)


def _own_marks(node: pytest.Item | pytest.Collector) -> list[pytest.Mark]:
    return [mark for mark in node.own_markers if mark.name.startswith("yagot")]


def _marks_above(node: pytest.Collector | None) -> list[pytest.Mark]:
    """Those of a class or module, and of what is above; looked for once in each."""
    if node is None:
        return []
    marks = node.stash.get(_MARKS, None)
    if marks is None:
        marks = node.stash[_MARKS] = _own_marks(node) + _marks_above(node.parent)
    return marks


def is_checked(item: pytest.Item) -> bool:
    """Does no marker say that it is not to be checked?"""
    asked = [mark.kwargs["check"] for mark in marks_of(item) if mark.name == "yagot" and "check" in mark.kwargs]
    return not asked or bool(asked[0])


def rules_of_item(item: Any, marks: list[pytest.Mark]) -> tuple[Rule, ...]:
    """The test's rules: from decorators, and of its *marks* yagot_allow and yagot_expect."""
    from yagot.judge.rules import Rule, rules_of

    in_module = type(item.parent) is pytest.Module  # to ask for its class takes pytest longer than all else here
    found = rules_of(getattr(item, "function", None), None if in_module else getattr(item, "cls", None))
    if not marks:
        return found
    rules = list(found)
    for name, expected in (("yagot_allow", False), ("yagot_expect", True)):
        for mark in marks:
            if mark.name != name:
                continue
            wrong = mark.kwargs.keys() - {"reason", "type", "edge", "signature", "kind"}
            if wrong:
                raise pytest.UsageError(f"yagot: {item.nodeid}: the marker {name} has no argument {min(wrong)!r}")
            rules.append(Rule(**mark.kwargs, expected=expected))
    return tuple(rules)


def dropped_of(item: Any) -> tuple[object, ...]:
    """What pytest holds until after the teardown: the fixtures' values and the instance."""
    dropped: list[object] = []
    values = getattr(item, "funcargs", None)
    if isinstance(values, dict):
        dropped.append(values)
    if type(item) is pytest.Function and isinstance(item.parent, pytest.Class):
        dropped.append(item.instance)
    elif getattr(item, "_instance", None) is not None:  # a unittest test case, made when it was collected
        dropped.append(item._instance)
    return tuple(dropped)


def forget_run(request: Any) -> None:
    """A further run of a test is over, which had this request. A fixture that lives on, such as the session's, keeps a
    finalizer for each fixture that has asked for it. Those of this run go."""
    definitions = getattr(request, "_fixture_defs", {})
    for definition in definitions.values():
        finalizers = getattr(definition, "_finalizers", [])
        finalizers[:] = [each for each in finalizers if not _is_over(each, definitions)]


def _is_over(finalizer: Any, definitions: Any) -> bool:
    """Would it finish a fixture of this run that is finished?"""
    fixture = getattr(getattr(finalizer, "func", None), "__self__", None)
    its = getattr(getattr(finalizer, "keywords", {}).get("request"), "_fixture_defs", None)
    return isinstance(fixture, pytest.FixtureDef) and fixture.cached_result is None and its is definitions
