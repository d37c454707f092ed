"""The page: one file without any network, from the template page.html. Needs the packages jinja2 and graphviz.

Jinja2 fills it in, and escapes every text; Graphviz draws the cycles, if it is installed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from yagot import __builtins__ as __builtins__
from yagot.config import ConfigError
from yagot.files import Output
from yagot.model import TestReport
from yagot.places import shown_places
from yagot.report.about import About
from yagot.report.causes import CauseReport, CauseTotals
from yagot.report.drawings import dot, draw, one_line
from yagot.report.wording import (
    chain_lines,
    cut_text,
    gist_text,
    in_words,
    plural,
    size,
    snippet_lines,
    summary_text,
    types_text,
)

DRAWN = 200
"""At most so many cycles are drawn: some kilobytes each."""
SHOWN_TESTS = 20
LISTED_TESTS = 5000


class Row(NamedTuple):
    """A test in the list."""

    place: str
    outcome: str
    seconds: float
    leaks: int
    checked: bool


def _places(places: str) -> str:
    """Locations without lines that nobody knows: a class without methods has none."""
    return " < ".join(place.removesuffix(":1") for place in shown_places(places).split(" < "))


class HTMLReport(CauseReport):
    """Writes the page at the end of the run."""

    verdicts = ("leak", "known", "suspected", "allowed", "note")

    def __init__(
        self, path: str, about: About, previous: Sequence[TestReport] | None = None, docs: str | None = None
    ) -> None:
        """*previous*: an earlier run to compare with; *docs*: see Config. Raises ConfigError if a package is missing,
        and UnusablePath."""
        super().__init__()
        self.about = about
        self._docs = docs.rstrip("/") if docs else ""
        self._rows: list[Row] = []
        try:
            import graphviz  # noqa: F401
            import jinja2
        except ImportError as error:
            raise ConfigError(f"html: {error.name} is missing: pip install jinja2 graphviz") from None
        self.output = Output(path)
        loader = jinja2.PackageLoader("yagot.report", "")
        environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
        environment.filters.update(
            cut=cut_text, size=size, plural=plural, types=types_text, line=one_line, places=_places, gist=gist_text,
            summary=summary_text, snippet=snippet_lines, chain=chain_lines, words=in_words,
        )
        self._template = environment.get_template("page.html")
        self._previous: CauseReport | None = None
        if previous is not None:
            self._previous = CauseReport()
            for report in previous:
                self._previous.finished(report, False)

    def finished(self, report: TestReport, fails: bool) -> None:
        """Adds a test."""
        super().finished(report, fails)
        self._rows.append(Row(report.test.place, report.outcome, report.seconds, len(report.leaks), report.checked))

    def rows(self) -> list[Row]:
        """The tests to list: those that leak first, then the longest, in the order in which they ran."""
        chosen = sorted(self._rows, key=lambda row: (not row.leaks, -row.seconds))[:LISTED_TESTS]
        return chosen if len(self._rows) > LISTED_TESTS else self._rows

    def _drawings(self, causes: Sequence[CauseTotals]) -> dict[str, str]:
        wanted = {c.finding.signature: c.finding for c in causes if c.finding.cycle_length}
        chosen = list(wanted.items())[:DRAWN]
        images = draw(["\n".join(dot(finding)) for _, finding in chosen]) if chosen else []
        return {signature: image for (signature, _), image in zip(chosen, images, strict=False)}

    def text(self) -> str:
        """The page."""
        causes = self.ranked()
        leaks = {cause.finding.signature for cause in causes if cause.finding.verdict == "leak"}
        earlier = self._previous.ranked() if self._previous is not None else []
        return self._template.render(
            report=self,
            docs=self._docs,
            causes=causes,
            leaks=leaks,
            drawings=self._drawings(causes),
            kinds=sorted({cause.finding.kind for cause in causes}),
            verdicts=[v for v in self.verdicts if any(cause.finding.verdict == v for cause in causes)],
            owners=sorted({cause.finding.owner for cause in causes} - {""}),
            previous=self._previous,
            before={cause.finding.signature for cause in earlier},
            gone=[cause for cause in earlier if cause.finding.signature not in leaks],
            shown_tests=SHOWN_TESTS,
            rows=self.rows(),
            outcomes=Counter(row.outcome for row in self._rows),
            ran=len(self._rows),
            seconds=sum(row.seconds for row in self._rows),
        )

    def close(self) -> None:
        """Writes the file. Raises UnusablePath."""
        self.output.write(self.text())
