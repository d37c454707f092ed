"""The Markdown report, for job summaries: totals, a table of the causes, and each cycle as a Mermaid graph."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from yagot import __builtins__ as __builtins__
from yagot.files import Output
from yagot.originals import os
from yagot.report.causes import CauseReport, CauseTotals, suspected_text
from yagot.report.drawings import fenced, inert, mermaid
from yagot.report.wording import (
    cut_text,
    gist_text,
    in_words,
    legend,
    plural,
    size,
    snippet_lines,
    summary_text,
    types_text,
)

SHOWN_CAUSES = 20
SHOWN_TESTS = 5


class MarkdownReport(CauseReport):
    """Writes the leaks at the end of the run."""

    verdicts = ("leak", "suspected")

    def __init__(self, path: str, docs: str | None = None) -> None:
        """*docs*: see Config. Raises UnusablePath."""
        super().__init__()
        self._docs = docs
        self.output = Output(path)

    def _lines(self) -> Iterator[str]:
        ranked, suspected = self.by_verdict("leak"), self.by_verdict("suspected")
        if ranked:
            yield from self._leak_lines(ranked)
        else:
            yield f"### yagot: no leaks in {plural(self.tests, 'test')}"
        if suspected:
            yield f"\n{inert(suspected_text(suspected))}"
        words = legend((cause.finding for cause in (*ranked, *suspected)), self._docs)
        if words:
            yield f"\n{words}"

    def _leak_lines(self, ranked: Sequence[CauseTotals]) -> Iterator[str]:
        causes = plural(len(ranked), "cause")
        yield f"### yagot: {plural(self.leaking, 'test')} of {self.tests:,} leaked, from {causes}"
        yield ""
        yield "| cause | tests | objects | memory | signature |"
        yield "|---|---:|---:|---:|---|"
        for cause in ranked[:SHOWN_CAUSES]:
            numbers = f"{len(cause.tests):,} | {cause.objects:,} | {size(cause.held_bytes)}"
            yield f"| {inert(in_words(cause.finding.cause))} | {numbers} | {cause.finding.signature} |"
        if len(ranked) > SHOWN_CAUSES:
            yield f"\n… {plural(len(ranked) - SHOWN_CAUSES, 'more cause')}"
        for cause in ranked[:SHOWN_CAUSES]:
            yield from self._details(cause)

    @staticmethod
    def _details(cause: CauseTotals) -> Iterator[str]:
        finding = cause.finding
        yield ""
        yield f"<details><summary>{inert(in_words(finding.cause))}</summary>"
        yield ""
        yield inert(summary_text(finding))
        yield f"\n{inert(gist_text(finding))} ({inert(types_text(finding.types))})"
        if finding.why:
            yield f"\nwhy: {inert(finding.why)}"
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
        yield from (f"- {inert(test.place)}" for test in cause.tests[:SHOWN_TESTS])
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
