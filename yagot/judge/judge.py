"""Judge: which findings count.

A rule acts on a finding; the first one that has something to say decides. The one exception is yagot 0.5.0's
ignore_types, which drops a whole test.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Container, Sequence

from yagot import __builtins__ as __builtins__
from yagot.config import Config
from yagot.judge.matches import key
from yagot.judge.owners import BUILTIN, is_within, omitted_by, owner_of
from yagot.judge.project import PROJECT, STANDARD_LIBRARY, Project, project_of
from yagot.judge.rules import Rule
from yagot.model import BOUNDED, FILLING, UNTRACKED, Finding, changed

INHERENT_CLASS = "inherent-class"
INHERENT_MODULE = "inherent-module"
SCAFFOLD = "framework-scaffold"
FIRST_IMPORT = "first-import"
STANDARD = "standard-library"
THIRD_PARTY = "third-party"
LEAKS_ONLY = "leaks-only"
SOURCE = "source"
HIDDEN = "hidden-references"
UNSEEN = "unseen-stacks"
"""A thread or a suspended greenlet may hold the objects."""
IGNORE_TYPES = "ignore-types"

FRAMEWORKS = (
    "_pytest", "pluggy", "xdist", "nose", "nose2", "pytest_asyncio", "anyio._backends._asyncio.TestRunner",
    "anyio.pytest_plugin", "twisted.trial", "unittest.async_case", "unittest.case", "unittest._log",
)  # fmt: skip

CATCHING = {"_pytest._code.code.ExceptionInfo", "unittest._log._LoggingWatcher"}
"""The types of objects in which frameworks keep an exception that they have caught for a test."""

_RECORDS = ("._mock_call_args", "._mock_mock_calls", "._mock_method_calls")
"""Where mocks keep the arguments that they have been called with."""

_OF_EXCEPTIONS = (".__traceback__", ".tb_frame", ".__traceback__.tb_frame", ".exc_info[2]")
"""How exceptions, and log records of them, refer to the frame that caught them."""


def is_class_machinery(finding: Finding) -> bool:
    """Is it the cycle that every class made at run time is in: with its MRO, its descriptors?"""
    return bool(finding.steps) and all(step.kind == "class" for step in finding.steps)


def is_module_machinery(finding: Finding) -> bool:
    """Is it the cycle that every module with a function is in, here of one that nobody has kept: the function refers to
    the module's names, and they to it?"""
    return bool(finding.steps) and all(
        step.kind == "class" or (step.kind == "function" and step.path.startswith(".__globals__["))
        for step in finding.steps
    )


def is_scaffold(finding: Finding) -> bool:
    """Is a framework's own object on the cycle, as in ``with pytest.raises(…) as info``, or what a mock recorded?"""
    names = (*finding.makers, *finding.left_out, *(step.name for step in finding.steps))
    recorded = any(step.path.startswith(_RECORDS) for step in finding.steps)
    return recorded or any(is_within(name, FRAMEWORKS) for name in names)


def _is_handed_to_a_test(finding: Finding, project: Project) -> bool:
    """Has code below a test's frame caught an exception and handed it to the test, as it is or in an object of other
    people's, such as click's Result; and is there nothing of the project but frames of tests?"""
    pairs = [*zip(finding.steps[-1:] + finding.steps[:-1], finding.steps, strict=True)]
    below = any(step.kind == "frame" and before.path.endswith(".f_back") for before, step in pairs)
    kept = any(
        before.kind == "instance" and before.maker and project.owner_of_module(before.maker) != PROJECT
        for before, step in pairs
        if step.path.startswith(_OF_EXCEPTIONS)
    )
    ours = {maker for maker in finding.makers if project.owner_of_module(maker) == PROJECT}
    made = [step for step in finding.steps if step.maker in ours]
    return (
        (kept or (below and any(step.path in _OF_EXCEPTIONS for step in finding.steps)))
        and bool(ours)
        and all(map(project.has_tests, ours))
        and all(step.kind == "frame" for step in made)
    )


def is_of_a_caught_exception(finding: Finding, project: Project) -> bool:
    """Does a test's own frame keep what others have caught for it, as in ``error = info.value``? The framework's object
    makes the same cycle: that of ``with pytest.raises(…) as info``, found by another way."""
    frames = [step for step in finding.steps if step.kind == "frame"]
    others = [step for step in finding.steps if step.kind != "frame"]
    return _is_handed_to_a_test(finding, project) or (
        bool(frames)
        and all(project.has_tests(step.module) for step in frames)
        and all(step.path in _OF_EXCEPTIONS for step in others)
        and not CATCHING.isdisjoint(finding.types)
    )


def _note(finding: Finding, reason: str) -> Finding:
    return changed(finding, verdict="note", reason=reason)


def _matches(finding: Finding, pattern: str) -> bool:
    subjects = (finding.signature, *finding.variants, finding.cause, finding.concrete, *finding.types, *finding.edges)
    return any(fnmatch.fnmatchcase(subject, pattern) for subject in subjects)


def _default_rule(finding: Finding, config: Config, project: Project) -> str | None:
    """The default rule that makes a note of a finding."""
    if finding.kind == "hidden":
        return HIDDEN
    if finding.kind == "growth" and finding.reason == BOUNDED:
        return BOUNDED
    if finding.kind == "growth" and finding.reason == FILLING and finding.owner != PROJECT:
        return FILLING
    if finding.kind != "collected":
        return None
    if finding.origin == "import":
        return FIRST_IMPORT  # it leaves that once, and which test comes first is chance
    if finding.origin == "before" and is_scaffold(finding) and finding.owner not in (PROJECT, BUILTIN):
        return SCAFFOLD  # no test made it: the framework did between two, as when it reports one
    if config.strict:
        return None
    if is_class_machinery(finding):
        return INHERENT_CLASS
    if is_module_machinery(finding):
        return INHERENT_MODULE
    if is_scaffold(finding) or is_of_a_caught_exception(finding, project):
        return SCAFFOLD
    if finding.owner in (PROJECT, BUILTIN):
        return None
    return STANDARD if finding.owner == STANDARD_LIBRARY else THIRD_PARTY


def judge(finding: Finding, config: Config, used: set[str], project: Project) -> Finding:
    """The finding with its verdict. *allow* comes first, then the default rules, then whose it is. The settings that
    matched are added to *used*."""
    for pattern in config.allow:
        if _matches(finding, pattern):
            used.add(key("allow", pattern))
            return changed(finding, verdict="allowed", reason=pattern)
    if finding.suspected and (finding.reason in (UNSEEN, UNTRACKED) or not config.leaks_only):
        return changed(finding, verdict="suspected", reason=finding.reason or "unconfirmed")
    if finding.kind == "collected" and config.leaks_only:
        return _note(finding, LEAKS_ONLY)
    rule = _default_rule(finding, config, project)
    if rule is not None and rule not in config.disable_rules:
        return _note(finding, rule)
    if rule is not None:
        used.add(key("disable_rules", rule))
    # What grows may be another package's, and the project the one that does not give it back.
    outside = config.source and finding.kind != "growth" and finding.owner not in (PROJECT, BUILTIN)
    omitting = omitted_by(finding, config.omit)
    used.update(key("omit", pattern) for pattern in omitting)
    if outside or omitting:
        return _note(finding, SOURCE)
    return changed(finding, reason="") if finding.reason == FILLING else finding


def judge_all(
    findings: Sequence[Finding],
    config: Config,
    rules: Sequence[Rule] = (),
    known: Container[str] = (),
    project: Project | None = None,
    used: set[str] | None = None,
) -> tuple[Finding, ...]:
    """All findings of a test with their verdicts. The test's own *rules* come first, then the signatures that are
    *known*, the configuration, and the defaults. *project*: found anew if it is not given. *used*: gets the settings
    that matched something."""
    judged = []
    used = set() if used is None else used
    project = project or project_of(config.source)
    for finding in findings:
        finding = changed(finding, owner=owner_of(finding, project))
        rule = next((rule for rule in rules if rule.matches(finding)), None)
        verdict = judge(finding, config, used, project)
        if rule is not None:
            verdict = changed(finding, verdict="allowed", reason=rule.reason or "expected")
        elif verdict.verdict == "leak" and (config.update_baseline or is_known(finding, known)):
            verdict = changed(finding, verdict="known", reason="baseline")
        judged.append(verdict)
    ignored = {name for name in config.ignore_types if any(name in finding.types for finding in judged)}
    if ignored:
        used.update(key("ignore_types", name) for name in ignored)
        return tuple(changed(finding, verdict="allowed", reason=IGNORE_TYPES) for finding in judged)
    return tuple(judged)


def is_known(finding: Finding, known: Container[str]) -> bool:
    """Is it in a baseline, perhaps in one of yagot before 0.7, whose entries are by the concrete cause?"""
    return finding.signature in known or (bool(finding.variants) and all(each in known for each in finding.variants))


def _sum(findings: Sequence[Finding]) -> Finding:
    """The first of them, with what all have."""
    if len(findings) == 1:
        return findings[0]
    cut = findings[0].cut
    if cut is not None and cut.frees:
        looked_at = [findings[0], *(finding for finding in findings[1:] if not finding.further)]
        cuts = [finding.cut for finding in looked_at if finding.cut is not None]
        same = [each.frees for each in cuts if (each.place, each.reference) == (cut.place, cut.reference)]
        cut = cut._replace(frees=sum(same))
    types = dict(findings[0].types)
    whole = changed(findings[0], cut=cut, types=types)
    for finding in findings[1:]:
        for name, count in finding.types.items():
            types[name] = types.get(name, 0) + count
        whole.objects += finding.objects
        whole.held_bytes += finding.held_bytes
        whole.count += finding.count
        whole.cyclic += finding.cyclic
        whole.cycles += finding.cycles
    if not all(finding.cycles for finding in findings):
        whole.cycles = 0
    whole.variants = tuple(dict.fromkeys(variant for finding in findings for variant in finding.variants))
    return whole


def merged(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings with those of one cause in general as one, that shows the first of them."""
    found: dict[tuple[str, ...], list[Finding]] = {}
    for number, finding in enumerate(findings):
        alone = str(number) if finding.kind != "collected" else ""
        key = (finding.kind, finding.cause, finding.verdict, finding.reason, alone)
        found.setdefault(key, []).append(finding)
    return tuple(map(_sum, found.values()))


def missing(findings: Sequence[Finding], rules: Sequence[Rule]) -> tuple[str, ...]:
    """The expected leaks that are not there."""
    return tuple(str(rule) for rule in rules if rule.expected and not any(map(rule.matches, findings)))
