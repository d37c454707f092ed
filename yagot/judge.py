"""Judge: which findings count.

A rule acts on a finding, never on a whole test. The first rule that has something to say decides.
"""

from __future__ import annotations

import dataclasses

from yagot.config import Config
from yagot.findings import Finding

INHERENT_TYPES = "inherent-class"


def is_class_machinery(finding: Finding) -> bool:
    """Is it the cycle that every class made at run time is in: with its MRO, its descriptors?"""
    return all(step.object.startswith("class ") for step in finding.steps) and bool(finding.steps)


def judge(finding: Finding, config: Config) -> Finding:
    """The finding with its verdict."""
    if config.leaks_only and finding.kind == "collected":
        return dataclasses.replace(finding, verdict="note", reason="leaks-only")
    if not config.strict and finding.kind == "collected" and is_class_machinery(finding):
        return dataclasses.replace(finding, verdict="note", reason=INHERENT_TYPES)
    return finding
