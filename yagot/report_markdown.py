"""The Markdown report, for job summaries: totals, a table of the causes, and each cycle as a Mermaid graph."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from yagot.files import write_atomically
from yagot.findings import Finding, TestInfo, TestReport
from yagot.graphs import inert, mermaid
from yagot.report_text import plural, size, types_text

SHOWN_CAUSES = 20
SHOWN_TESTS = 5


class MarkdownReport:
    """A reporter that keeps one finding of each cause, and writes at the end."""

    def __init__(self, path: str) -> None:
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
            yield "```mermaid"
            yield from mermaid(finding)
            yield "```"
        yield ""
        yield from (f"- {inert(test)}" for test in tests[:SHOWN_TESTS])
        if len(tests) > SHOWN_TESTS:
            yield f"- … {plural(len(tests) - SHOWN_TESTS, 'more test')}"
        yield ""
        yield "</details>"

    def text(self) -> str:
        """The report so far."""
        return "\n".join(self._lines()) + "\n"

    def close(self) -> None:
        """Writes the file. Raises UnusablePath."""
        write_atomically(self._path, self.text())


class JobSummary(MarkdownReport):
    """The report at the end of what other steps of a GitHub job wrote ($GITHUB_STEP_SUMMARY)."""

    def close(self) -> None:
        """Adds to the file. Nobody asked for it, so a failure is no reason to fail."""
        with contextlib.suppress(OSError), open(self._path, "a", encoding="utf-8") as file:
            file.write(self.text())
