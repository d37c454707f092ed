"""Verdicts and advice of a run: each cause is judged once, unless a test has rules or settings of its own."""

from __future__ import annotations

from collections.abc import Container, Hashable, Sequence

from yagot import __builtins__ as __builtins__
from yagot.config import Config
from yagot.explain.advice import advised, for_others  # loaded from the start, before tests change what imports need
from yagot.explain.containers import KIND
from yagot.explain.links import installed_module, is_installed
from yagot.judge.judge import judge_all, merged
from yagot.judge.project import PROJECT, Project
from yagot.judge.rules import Rule
from yagot.model import Finding, TestInfo, changed, hidden
from yagot.restored import restored

_MOST = 10_000
"""So many verdicts are remembered."""


def _key(finding: Finding) -> Hashable | None:
    """All that a verdict depends on, with the configuration and the project; None if each is judged by itself."""
    if finding.kind != "collected" or finding.suspected:
        return None
    types = tuple(finding.types)
    return finding.concrete, finding.cause, finding.cycle_length, finding.origin, finding.why, finding.subject, types


class Verdicts:
    """Judges the findings of a run."""

    def __init__(self, config: Config, known: Container[str], project: Project) -> None:
        self.config, self._baseline, self._project = config, known, project
        self.used: set[str] = set()
        """The settings that have matched something."""
        self._first: dict[Hashable, Finding] = {}
        self._described: dict[tuple[str, str, str], str] = {}
        self._version = 0
        self._foreign: dict[str, bool] = {}

    def of(
        self, findings: Sequence[Finding], config: Config, rules: Sequence[Rule], test: TestInfo
    ) -> tuple[Finding, ...]:
        """The findings of a test with verdicts and advice; those of one cause in general are one."""
        if config is not self.config or rules or config.ignore_types:
            return merged(self._judged(findings, config, rules, test))
        if self._version != self._project.version:
            self._version = self._project.version
            self._first.clear()
            self._foreign.clear()
        return merged(self._by_cause(findings, test))

    def _judged(
        self, findings: Sequence[Finding], config: Config, rules: Sequence[Rule], test: TestInfo
    ) -> tuple[Finding, ...]:
        with restored:
            judged = judge_all(findings, config, rules, self._baseline, self._project, self.used)
            return advised(judged, test, self._is_foreign) if any(each.cycle_length for each in judged) else judged

    def _judged_variant(self, finding: Finding, test: TestInfo) -> Finding:
        """By the configuration of the run."""
        (judged,) = judge_all([finding], self.config, (), self._baseline, self._project, self.used)
        shown = self._shows_advice(judged, test)
        return advised([judged], test, self._is_foreign)[0] if shown else changed(judged, hops=())

    def _shows_advice(self, finding: Finding, test: TestInfo) -> bool:
        """Does a report show the advice for a finding? A cause is described with the first test that has it, for
        which all its variants count; JSON and JUnit XML have each finding, and the page what is known, too."""
        config = self.config
        if config.details or config.json or config.junit_xml or finding.verdict == "note":
            return True
        cause = finding.verdict, finding.kind, finding.cause
        is_first = self._described.setdefault(cause, test.id) == test.id
        return is_first and (finding.verdict != "known" or config.html is not None)

    def _is_foreign(self, path: str) -> bool:
        """Is a file another package's? That of the project may be installed, too, as tox does it."""
        if path not in self._foreign:
            owner = self._project.owner_of_file(path, installed_module(path)) if is_installed(path) else PROJECT
            self._foreign[path] = owner != PROJECT
        return self._foreign[path]

    def _by_cause(self, findings: Sequence[Finding], test: TestInfo) -> list[Finding]:
        keys = list(map(_key, findings))
        if self._first.keys() >= set(keys):
            return [_like(self._first[key], finding) for key, finding in zip(keys, findings, strict=True)]
        with restored:
            judged = (self._judged_or_known(key, finding, test) for key, finding in zip(keys, findings, strict=True))
            return [each for those in judged for each in those]

    def _judged_or_known(self, key: Hashable | None, finding: Finding, test: TestInfo) -> Sequence[Finding]:
        if key in self._first:
            return [_like(self._first[key], finding)]
        if key is None:
            return self._judged([finding], self.config, (), test)
        first = self._judged_variant(finding, test)
        is_for_all = first.cut is None or first.cut.kind != KIND
        if is_for_all and len(self._first) < _MOST:
            self._first[key] = hidden(_for_others(first, test))
        return [first]


def _for_others(first: Finding, test: TestInfo) -> Finding:
    """The first finding of a cause, with the advice for further tests."""
    if first.cut is None or not (first.cut.call or first.cut.file):
        return first
    cut, advice = for_others(first.cut, first.advice, test)
    return changed(first, cut=cut, advice=advice)


def _like(first: Finding, finding: Finding) -> Finding:
    """Gives a finding the verdict and the advice of the first of its cause; it is this test's alone."""
    cut = first.cut
    if cut is not None and cut.frees not in (0, finding.objects):
        cut = cut._replace(frees=finding.objects)
    finding.owner, finding.verdict, finding.reason = first.owner, first.verdict, first.reason
    finding.advice, finding.cut, finding.hops = first.advice, cut, ()
    return finding
