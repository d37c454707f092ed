"""The Markdown report, for job summaries: totals, a table of the causes, and each cycle as a Mermaid graph."""

from __future__ import annotations

import re
from collections.abc import Iterator

from yagot.files import check_writable, write_atomically
from yagot.findings import Finding, TestInfo, TestReport
from yagot.report_text import plural, size, types_text

SHOWN_CAUSES = 20
SHOWN_TESTS = 5
NAME_LIMIT = 200

_SPECIAL = re.compile(r"[\\`*_{}\[\]<>()#+!|~&\"$]")


def inert(text: str, limit: int = NAME_LIMIT) -> str:
    """Text that Markdown, HTML and Mermaid show as it is: one line, special characters as entities."""
    text = text if len(text) <= limit else text[: limit - 1] + "…"
    line = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
    return _SPECIAL.sub(lambda match: f"&#{ord(match[0])};", line)


def _graph(finding: Finding) -> Iterator[str]:
    """The cycle as Mermaid draws it on GitHub and GitLab."""
    last = len(finding.steps) - 1
    yield "```mermaid"
    yield "graph LR"
    for number, step in enumerate(finding.steps):
        yield f'  n{number}["{_label(step.object)}"]'
    for number, step in enumerate(finding.steps):
        yield f'  n{number} -->|"{_label(step.path)}"| n{number + 1 if number < last else 0}'
    yield "```"


def _label(text: str) -> str:
    """Mermaid reads entities with ``#`` instead of ``&#``."""
    return inert(text or " ").replace("&#", "#")


class MarkdownReport:
    """A reporter that keeps one finding of each cause, and writes at the end."""

    def __init__(self, path: str) -> None:
        """Raises UnusablePath."""
        check_writable(path)
        self._path = path
        self._tests = self._leaking = 0
        self._causes: dict[str, tuple[Finding, list[str]]] = {}
        self._totals: dict[str, list[int]] = {}

    def started(self, test: TestInfo) -> None:
        """Nothing to do before a test's end."""

    def finished(self, report: TestReport, fails: bool) -> None:
        """Adds a test."""
        self._tests += 1
        leaks = report.leaks
        self._leaking += bool(leaks)
        for finding in leaks:
            _, tests = self._causes.setdefault(finding.signature, (finding, []))
            tests.append(report.test.id)
            total = self._totals.setdefault(finding.signature, [0, 0])
            total[0] += finding.objects
            total[1] += finding.held_bytes

    def _lines(self) -> Iterator[str]:
        if not self._causes:
            yield f"### yagot: no leaks in {plural(self._tests, 'test')}"
            return
        ranked = sorted(self._causes, key=lambda signature: -self._totals[signature][1])
        causes = plural(len(ranked), "cause")
        yield f"### yagot: {plural(self._leaking, 'test')} of {self._tests:,} leaked, from {causes}"
        yield ""
        yield "| cause | tests | objects | memory | signature |"
        yield "|---|---:|---:|---:|---|"
        for signature in ranked[:SHOWN_CAUSES]:
            finding, tests = self._causes[signature]
            objects, held = self._totals[signature]
            yield f"| {inert(finding.cause)} | {len(tests):,} | {objects:,} | {size(held)} | {signature} |"
        if len(ranked) > SHOWN_CAUSES:
            yield f"\n… {plural(len(ranked) - SHOWN_CAUSES, 'more cause')}"
        for signature in ranked[:SHOWN_CAUSES]:
            yield from self._details(signature)

    def _details(self, signature: str) -> Iterator[str]:
        finding, tests = self._causes[signature]
        yield ""
        yield f"<details><summary>{inert(finding.cause)}</summary>"
        yield ""
        yield f"{finding.kind}: {plural(finding.objects, 'object')} ({inert(types_text(finding.types))})"
        for text in (finding.why, finding.advice and f"to break it: {finding.advice}"):
            if text:
                yield f"\n{inert(text)}"
        if finding.cycle_length:
            yield ""
            yield from _graph(finding)
        yield ""
        yield from (f"- {inert(test)}" for test in tests[:SHOWN_TESTS])
        if len(tests) > SHOWN_TESTS:
            yield f"- … {plural(len(tests) - SHOWN_TESTS, 'more test')}"
        yield ""
        yield "</details>"

    def close(self) -> None:
        """Writes the file. Raises UnusablePath."""
        write_atomically(self._path, "\n".join(self._lines()) + "\n")
