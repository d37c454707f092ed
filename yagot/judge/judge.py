"""Judge: which findings count.

A rule acts on a finding; the first one that has something to say decides. The one exception is yagot 0.5.0's
ignore_types, which drops a whole test.
"""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Container, Sequence

from yagot.config import Config
from yagot.judge.owners import counts, is_within, owner_of
from yagot.judge.rules import Rule
from yagot.model import BOUNDED, UNTRACKED, Finding

INHERENT_CLASS = "inherent-class"
SCAFFOLD = "framework-scaffold"
FIRST_IMPORT = "first-import"
LEAKS_ONLY = "leaks-only"
SOURCE = "source"
HIDDEN = "hidden-references"
UNSEEN = "unseen-stacks"
"""A thread or a suspended greenlet may hold the objects."""
IGNORE_TYPES = "ignore-types"

FRAMEWORKS = (
    "_pytest", "pluggy", "xdist", "nose", "nose2", "pytest_asyncio", "anyio._backends._asyncio.TestRunner",
    "anyio.pytest_plugin",
)  # fmt: skip


def is_class_machinery(finding: Finding) -> bool:
    """Is it the cycle that every class made at run time is in: with its MRO, its descriptors?"""
    return bool(finding.steps) and all(step.kind == "class" for step in finding.steps)


def is_scaffold(finding: Finding) -> bool:
    """Is a framework's own object on the cycle, as in ``with pytest.raises(…) as info``?"""
    return any(is_within(step.name, FRAMEWORKS) for step in finding.steps)


def _note(finding: Finding, reason: str) -> Finding:
    return dataclasses.replace(finding, verdict="note", reason=reason)


def _matches(finding: Finding, pattern: str) -> bool:
    subjects = (finding.signature, finding.cause, *finding.types, *finding.parts)
    return any(fnmatch.fnmatchcase(subject, pattern) for subject in subjects)


def _default_rule(finding: Finding, config: Config) -> str | None:
    """The default rule that makes a note of a finding."""
    if finding.kind == "hidden":
        return HIDDEN
    if finding.kind == "growth" and finding.reason == BOUNDED:
        return BOUNDED
    if finding.kind != "collected":
        return None
    if finding.origin == "import":
        return FIRST_IMPORT  # it leaves that once, and which test comes first is chance
    if config.strict:
        return None
    if is_class_machinery(finding):
        return INHERENT_CLASS
    if is_scaffold(finding):
        return SCAFFOLD
    return None


def judge(finding: Finding, config: Config) -> Finding:
    """The finding with its verdict. *allow* comes first, then the default rules, then whose it is."""
    for pattern in config.allow:
        if _matches(finding, pattern):
            return dataclasses.replace(finding, verdict="allowed", reason=pattern)
    if finding.suspected and (finding.reason in (UNSEEN, UNTRACKED) or not config.leaks_only):
        return dataclasses.replace(finding, verdict="suspected", reason=finding.reason or "unconfirmed")
    if finding.kind == "collected" and config.leaks_only:
        return _note(finding, LEAKS_ONLY)
    rule = _default_rule(finding, config)
    if rule is not None and rule not in config.disable_rules:
        return _note(finding, rule)
    if (config.source or config.omit) and not counts(finding, config.source, config.omit):
        return _note(finding, SOURCE)
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
        finding = dataclasses.replace(finding, owner=owner_of(finding))
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
