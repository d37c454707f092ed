"""The report for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from yagot.files import shown_places
from yagot.model import Finding, TestReport, count_types

SHOWN_TYPES = 4
SHOWN_FINDINGS = 5


def plural(number: int, noun: str) -> str:
    """``1 object``, ``1,367 objects``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(number: int) -> str:
    """Bytes in the unit that reads best: ``712 B``, ``4.8 kB``, ``100 MB``."""
    if number < 1000:
        return f"{number} B"
    value = float(number)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 1000 or unit == "GB":
            break
    return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"


def types_text(types: Mapping[str, int], shown: int = SHOWN_TYPES) -> str:
    """``51 tree.Node, 51 list, … 3 more types``; the most frequent first."""
    ranked = sorted(types.items(), key=lambda item: (-item[1], item[0]))
    parts = [f"{count:,} {name}" for name, count in ranked[:shown]]
    if len(ranked) > shown:
        parts.append(f"… {plural(len(ranked) - shown, 'more type')}")
    return ", ".join(parts)


def headline(report: TestReport) -> str:
    """One line for all leaks of a test: ``LEAK: 3 objects in 1 reference cycle (…)``."""
    findings = report.leaks
    if not findings and report.missing:
        return f"LEAK GONE: expected {'; '.join(report.missing)}. Remove the expectation"
    if findings and all(finding.kind == "growth" for finding in findings):
        return f"LEAK: {'; '.join(finding.cause for finding in findings)}"
    objects = sum(finding.objects for finding in findings)
    cycles = sum(finding.count for finding in findings if finding.cycle_length)
    stuck = sum(finding.objects for finding in findings if finding.kind == "uncollectable")
    inside = f" in {plural(cycles, 'reference cycle')}" if cycles else ""
    tail = f", {stuck:,} of them uncollectable" if stuck else ""
    return f"LEAK: {plural(objects, 'object')}{inside}{tail} ({types_text(count_types(findings))})"


def cycle_lines(finding: Finding) -> Iterator[str]:
    """The cycle, a step a line."""
    left_out = finding.cycle_length - len(finding.steps)
    for number, step in enumerate(finding.steps):
        if left_out > 0 and number == len(finding.steps) - 1:
            yield f"  → … {left_out:,} more steps …"
        yield f"{'  → ' if number else '    '}{step}"
    if finding.cycle_length:
        yield f"  → {finding.steps[0].object} (the cycle closes)"


def place_lines(finding: Finding) -> Iterator[str]:
    """Where the objects of the cycle were defined and made."""
    told: set[str] = set()
    for step in finding.steps:
        if step.defined and step.object not in told:
            told.add(step.object)
            yield f"{step.object} is defined at {shown_places(step.defined)}"
    for step in finding.steps:
        if step.made:
            yield f"{step.object} was made at {shown_places(step.made)}"


def describe(finding: Finding) -> Iterator[str]:
    """A finding in lines: what, why, where, how to fix."""
    if finding.kind == "growth":
        yield f"growth: {finding.cause}"
        yield f"  {finding.why}"
        yield f"  signature {finding.signature}"
        return
    times = f"{finding.count:,} × the same cycle, " if finding.count > 1 and finding.cycle_length else ""
    yield (
        f"{finding.kind}: {times}{plural(finding.objects, 'object')} ({types_text(finding.types)}), "
        f"{size(finding.held_bytes)} held"
    )
    if finding.references:
        yield f"  {plural(finding.references, 'reference')} that nobody holds"
    if finding.why:
        yield f"  why: {finding.why}"
    yield from cycle_lines(finding)
    if not finding.steps:
        yield f"    {finding.cause}"
    contents = next((f"{s.object}: {s.contents}" for s in finding.steps if s.contents), "")
    if contents:
        yield f"  with {contents}"
    for line in place_lines(finding):
        yield f"  {line}"
    if finding.advice:
        yield f"  to break it: {finding.advice}"
    yield f"  signature {finding.signature}"


def describe_report(report: TestReport) -> str:
    """All that counts of a test's findings; the gist first, bounded."""
    lines = [f"  {report.test.place}"]
    leaks = report.leaks
    for number, finding in enumerate(leaks[:SHOWN_FINDINGS], 1):
        first, *rest = describe(finding)
        lines.append(f"  {number}. {first}")
        lines.extend(f"     {line}" for line in rest)
    if len(leaks) > SHOWN_FINDINGS:
        more = sum(finding.objects for finding in leaks[SHOWN_FINDINGS:])
        lines.append(f"  … {plural(len(leaks) - SHOWN_FINDINGS, 'more cause')} with {plural(more, 'object')}")
    if leaks and report.missing:
        lines.append(f"  expected, and gone: {'; '.join(report.missing)}")
    if leaks and not any(step.made for finding in leaks for step in finding.steps):
        lines.append("  (where the objects were made: set trace to 1, e.g. --trace 1)")
    if report.incomplete:
        lines.append(f"  (not all was seen: {report.incomplete})")
    return "\n".join(lines)
