"""Judge: which findings count.

A rule acts on a finding; the first one that has something to say decides. The one exception is yagot 0.5.0's
ignore_types, which drops a whole test.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Sequence

from yagot.config import Config
from yagot.findings import Finding
from yagot.rules import Rule

INHERENT_CLASS = "inherent-class"
SCAFFOLD = "framework-scaffold"
LEAKS_ONLY = "leaks-only"
IGNORE_TYPES = "ignore-types"

FRAMEWORKS = ("_pytest.", "pluggy.", "xdist.", "nose.", "nose2.")


def is_class_machinery(finding: Finding) -> bool:
    """Is it the cycle that every class made at run time is in: with its MRO, its descriptors?"""
    return bool(finding.steps) and all(step.object.startswith("class ") for step in finding.steps)


def is_scaffold(finding: Finding) -> bool:
    """Is a framework's own object on the cycle, as in ``with pytest.raises(…) as info``?"""
    return any(step.object.startswith(FRAMEWORKS) for step in finding.steps)


def _note(finding: Finding, reason: str) -> Finding:
    return dataclasses.replace(finding, verdict="note", reason=reason)


def judge(finding: Finding, config: Config) -> Finding:
    """The finding with its verdict."""
    if finding.kind != "collected":
        return finding
    if config.leaks_only:
        return _note(finding, LEAKS_ONLY)
    if not config.strict and is_class_machinery(finding):
        return _note(finding, INHERENT_CLASS)
    if not config.strict and is_scaffold(finding):
        return _note(finding, SCAFFOLD)
    return finding


def judge_all(
    findings: Sequence[Finding],
    config: Config,
    rules: Sequence[Rule] = (),
    known: Container[str] = (),
) -> tuple[Finding, ...]:
    """All findings of a test with their verdicts. The test's own *rules* come first, then the signatures that are
    *known*, the configuration, and the defaults."""
    judged = []
    for finding in findings:
        rule = next((rule for rule in rules if rule.matches(finding)), None)
        verdict = judge(finding, config)
        if rule is not None:
            verdict = dataclasses.replace(finding, verdict="allowed", reason=rule.reason or "expected")
        elif verdict.verdict == "leak" and (config.update_baseline or finding.signature in known):
            verdict = dataclasses.replace(finding, verdict="known", reason="baseline")
        judged.append(verdict)
    if config.ignore_types and any(name in finding.types for finding in judged for name in config.ignore_types):
        return tuple(dataclasses.replace(finding, verdict="allowed", reason=IGNORE_TYPES) for finding in judged)
    return tuple(judged)


def missing(findings: Sequence[Finding], rules: Sequence[Rule]) -> tuple[str, ...]:
    """The expected leaks that are not there."""
    return tuple(str(rule) for rule in rules if rule.expected and not any(map(rule.matches, findings)))
