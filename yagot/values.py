"""Reports as plain data: for another process, and as the JSON report has them."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

from yagot import __builtins__ as __builtins__
from yagot.model import Cut, Finding, Problem, Step, TestInfo, TestReport
from yagot.originals import dataclasses

_FINDING_FIELDS = tuple(field.name for field in dataclasses.fields(Finding))
_REPORT_FIELDS = tuple(field.name for field in dataclasses.fields(TestReport))
_TEST_FIELDS = tuple(field.name for field in dataclasses.fields(TestInfo))
_TEXTS = ("parts", "variants", "makers", "left_out")

# -- for another process ------------------------------------------------------------------------

_finding_values = operator.attrgetter(*_FINDING_FIELDS)
_report_values = operator.attrgetter(*_REPORT_FIELDS)
_test_values = operator.attrgetter(*_TEST_FIELDS)
_TYPES, _CUT, _STEPS = map(_FINDING_FIELDS.index, ("types", "cut", "steps"))
_TEST, _PROBLEM, _FINDINGS = map(_REPORT_FIELDS.index, ("test", "problem", "findings"))


def _cut_as_values(cut: Cut | None) -> tuple[Any, ...] | None:
    return tuple(cut._replace(also=_cut_as_values(cut.also))) if cut is not None else None  # type: ignore[arg-type]


def _cut_from_values(values: Sequence[Any] | None) -> Cut | None:
    if values is None:
        return None
    cut = Cut._make(values)
    return cut._replace(also=_cut_from_values(cut.also))


def _finding_as_values(finding: Finding) -> list[Any]:
    values = list(_finding_values(finding))
    values[_TYPES], values[_CUT] = dict(finding.types), _cut_as_values(finding.cut)
    values[_STEPS] = list(map(tuple, finding.steps))
    return values


def _finding_from_values(values: Sequence[Any]) -> Finding:
    finding = Finding(*values)
    finding.cut, finding.steps = _cut_from_values(values[_CUT]), tuple(map(Step._make, finding.steps))
    return finding


def as_values(report: TestReport) -> list[Any]:
    """A report for another process: plain lists, tuples, dicts, numbers and strings."""
    values = list(_report_values(report))
    values[_TEST] = _test_values(report.test)
    values[_PROBLEM] = tuple(report.problem) if report.problem is not None else None
    values[_FINDINGS] = list(map(_finding_as_values, report.findings))
    return values


def from_values(values: Sequence[Any]) -> TestReport:
    """The report that as_values() was given."""
    report = TestReport(*values)
    report.test = TestInfo(*values[_TEST])
    report.problem = Problem._make(report.problem) if report.problem is not None else None
    report.findings = tuple(map(_finding_from_values, values[_FINDINGS]))
    return report


# -- from JSON ----------------------------------------------------------------------------------


def _checked(value: Any, example: Any, names: Sequence[str]) -> Any:
    """The *value*, if its fields are of the same types as the example's; else TypeError."""
    for name in names:
        found, wanted = type(getattr(value, name)), type(getattr(example, name))
        if found is not wanted:
            raise TypeError(f"{name} is of type {found.__name__}")
    return value


def _step_from_json(data: Mapping[str, Any]) -> Step:
    """Version 1 of the JSON report has no edges."""
    edges = tuple((str(kind), str(name)) for kind, name in data.get("edges", ()))
    step: Step = _checked(Step(**{**data, "edges": edges}), Step("", ""), Step._fields)
    return step


def _cut_from_json(data: Mapping[str, Any] | None) -> Cut | None:
    if not data:
        return None
    cut: Cut = _checked(Cut(**{**data, "also": None}), Cut("", "", ""), Cut._fields)
    return cut._replace(also=_cut_from_json(data.get("also")))


def _finding_from_json(data: Mapping[str, Any]) -> Finding:
    kept = {name: value for name, value in data.items() if name in _FINDING_FIELDS}
    texts = {name: tuple(data.get(name, data["cause"].split(" → ") if name == "parts" else ())) for name in _TEXTS}
    steps, cut = tuple(map(_step_from_json, data["steps"])), _cut_from_json(data.get("cut"))
    fields = {**kept, **texts, "steps": steps, "cut": None, "hops": ()}
    finding: Finding = Finding(**fields)
    finding = dataclasses.replace(_checked(finding, Finding("", "", 0, {}, 0), _FINDING_FIELDS), cut=cut)
    if not all(type(count) is int for count in finding.types.values()):
        raise TypeError("types has counts that are no numbers")
    return finding


def from_json(data: Mapping[str, Any]) -> TestReport:
    """The report that as_json() wrote, but for its problem. Raises KeyError, TypeError."""
    names = set(_REPORT_FIELDS) - {"test", "problem", "used"}
    test = TestInfo(**{name: data[name] for name in _TEST_FIELDS})
    _checked(dataclasses.replace(test, file=None, line=None), TestInfo("", "", "", ""), _TEST_FIELDS)
    return TestReport(
        **{
            **{name: data[name] for name in names},
            "test": test,
            "missing": tuple(data["missing"]),
            "findings": tuple(map(_finding_from_json, data["findings"])),
        }
    )
