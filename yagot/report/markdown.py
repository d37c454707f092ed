"""The Markdown report, for job summaries: totals, a table of the causes, and each cycle as a Mermaid graph."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from yagot.files import Output
from yagot.originals import os
from yagot.report.causes import CauseReport, CauseTotals
from yagot.report.drawings import fenced, inert, mermaid
from yagot.report.wording import cut_text, legend, plural, size, snippet_lines, types_text

SHOWN_CAUSES = 20
SHOWN_TESTS = 5


class MarkdownReport(CauseReport):
    """Writes the leaks at the end of the run."""

    def __init__(self, path: str, docs: str | None = None) -> None:
        """*docs*: see Config. Raises UnusablePath."""
        super().__init__()
        self._docs = docs
        self.output = Output(path)

    def _lines(self) -> Iterator[str]:
        ranked = self.ranked()
        if not ranked:
            yield f"### yagot: no leaks in {plural(self.tests, 'test')}"
            return
        causes = plural(len(ranked), "cause")
        yield f"### yagot: {plural(self.leaking, 'test')} of {self.tests:,} leaked, from {causes}"
        yield ""
        yield "| cause | tests | objects | memory | signature |"
        yield "|---|---:|---:|---:|---|"
        for cause in ranked[:SHOWN_CAUSES]:
            numbers = f"{len(cause.tests):,} | {cause.objects:,} | {size(cause.held_bytes)}"
            yield f"| {inert(cause.finding.cause)} | {numbers} | {cause.finding.signature} |"
        if len(ranked) > SHOWN_CAUSES:
            yield f"\n… {plural(len(ranked) - SHOWN_CAUSES, 'more cause')}"
        for cause in ranked[:SHOWN_CAUSES]:
            yield from self._details(cause)
        yield f"\n{legend((cause.finding for cause in ranked), self._docs)}"

    @staticmethod
    def _details(cause: CauseTotals) -> Iterator[str]:
        finding = cause.finding
        yield ""
        yield f"<details><summary>{inert(finding.cause)}</summary>"
        yield ""
        yield f"{finding.kind}: {plural(finding.objects, 'object')} ({inert(types_text(finding.types))})"
        if finding.why:
            yield f"\n{inert(finding.why)}"
        if finding.cut is not None:
            yield f"\nCut: {inert(cut_text(finding))}: {inert(finding.advice)}"
            if snippet_lines(finding):
                yield f"\n{fenced(chr(10).join(snippet_lines(finding)))}"
        if finding.cycle_length:
            yield ""
            yield "```mermaid"
            yield from mermaid(finding)
            yield "```"
        yield ""
        yield from (f"- {inert(test.id)}" for test in cause.tests[:SHOWN_TESTS])
        if len(cause.tests) > SHOWN_TESTS:
            yield f"- … {plural(len(cause.tests) - SHOWN_TESTS, 'more test')}"
        yield ""
        yield "</details>"

    def text(self) -> str:
        """The report so far."""
        return "\n".join(self._lines()) + "\n"

    def close(self) -> None:
        """Writes the file. Raises UnusablePath."""
        self.output.write(self.text())


class JobSummary(MarkdownReport):
    """The report at the end of what other steps of a GitHub job wrote ($GITHUB_STEP_SUMMARY)."""

    def __init__(self, path: str, docs: str | None = None) -> None:
        CauseReport.__init__(self)  # the path is not checked
        self._docs = docs
        self._path = os.path.abspath(path)

    def close(self) -> None:
        """Adds to the file. Nobody asked for it, so the run does not fail if it cannot be written."""
        with contextlib.suppress(OSError), open(self._path, "a", encoding="utf-8") as file:
            file.write(self.text())
