"""``yagot report`` and ``yagot graph``: a saved run (``--json``) shown again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from yagot import __builtins__ as __builtins__
from yagot.errors import UserError, complain
from yagot.files import check_different, readable, text_of
from yagot.model import Finding, TestReport
from yagot.report import about
from yagot.report.about import About
from yagot.report.causes import CauseReport, CauseTotals
from yagot.report.drawings import dot, draw, mermaid, one_line
from yagot.report.json import READABLE
from yagot.report.markdown import MarkdownReport
from yagot.report.totals import Summary
from yagot.report.wording import describe, plural
from yagot.values import from_json

if TYPE_CHECKING:
    from yagot.observe.run import Reporter


class UnreadableReport(UserError):
    """A file is no JSON report of ours."""


def read(path: str) -> list[TestReport]:
    """The tests of a JSON report. Raises UnreadableReport."""
    return _read(path)[1]


def _read(path: str) -> tuple[About, list[TestReport]]:
    """What a JSON report says of its run, and the tests. Raises UnreadableReport."""
    try:
        data = json.loads(text_of(path))
        if data["version"] not in READABLE:
            version = f"version {data['version']!r} of the JSON report"
            raise UnreadableReport(f"{readable(path)}: this version of yagot cannot read {version}")
        return about.from_json(data), [from_json(test) for test in data["tests"]]
    except OSError as error:
        raise UnreadableReport(f"cannot read {readable(path)}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UnreadableReport(f"{readable(path)} is not a JSON report of yagot") from None


def _write(
    run: About,
    tests: Sequence[TestReport],
    markdown: str | None,
    html: str | None,
    previous: Sequence[TestReport] | None,
) -> bool:
    """Writes the files that are wanted; was there one? Raises UserError."""
    reporters: list[Reporter] = []
    check_different({"--markdown": markdown, "--html": html})
    if markdown is not None:
        reporters.append(MarkdownReport(markdown))
    if html is not None:
        from yagot.report.html import HTMLReport

        reporters.append(HTMLReport(html, run, previous))
    for reporter in reporters:
        for test in tests:
            reporter.finished(test, False)
        reporter.close()
    return bool(reporters)


def report(path: str, markdown: str | None, html: str | None, previous: str | None) -> int:
    """Shows the causes and totals of a run, or writes them to files; returns the exit status. Raises UserError."""
    run, tests = _read(path)
    if _write(run, tests, markdown, html, read(previous) if previous is not None else None):
        return 0
    summary = Summary()
    for test in tests:
        summary.add(test)
    for line in (*summary.cause_lines(), *summary.lines()):
        print(line)
    return 0


def _leaks(path: str) -> dict[str, CauseTotals]:
    causes = CauseReport()
    for test in read(path):
        causes.finished(test, False)
    return {cause.finding.signature: cause for cause in causes.ranked()}


def diff(old: str, new: str) -> int:
    """Prints which causes of leaks are new, and which are gone; returns the exit status: 1 if some are new. Raises
    UnreadableReport."""
    before, after = _leaks(old), _leaks(new)
    for word, here, there in (("new", after, before), ("gone", before, after)):
        for signature in here.keys() - there.keys():
            cause = here[signature]
            first, *_ = describe(cause.finding)
            print(f"{word}: {signature} in {plural(len(cause.tests), 'test')}, the first {cause.tests[0].id}")
            print(f"    {first}\n    {one_line(cause.finding.cause)}")
    print(
        f"yagot: {plural(len(after), 'cause')}: {len(after.keys() - before.keys())} new, "
        f"{len(after.keys() & before.keys())} as before; {len(before.keys() - after.keys())} gone"
    )
    return 1 if after.keys() - before.keys() else 0


def _cycles(tests: Iterable[TestReport], wanted: str) -> Iterator[Finding]:
    """Findings with a cycle whose signature begins like that; with none wanted, of leaks."""
    for test in tests:
        for finding in test.findings:
            if finding.steps and (finding.signature.startswith(wanted) if wanted else finding.verdict == "leak"):
                yield finding


def graph(path: str, signature: str, form: str) -> int:
    """Prints the cycle of a finding, by default of the leak that holds most; returns the exit status. Raises
    UnreadableReport."""
    found = max(_cycles(read(path), signature), key=lambda finding: finding.held_bytes, default=None)
    if found is None:
        named = f"with the signature {signature}" if signature else "of a leak"
        return complain(f"{path}: there is no cycle {named}")
    drawing = "\n".join((mermaid if form == "mermaid" else dot)(found))
    if form == "svg":
        images = draw([drawing])
        if not images:
            return complain("svg needs the package graphviz (pip install graphviz) and Graphviz's dot")
        drawing = images[0]
    print(drawing)
    return 0
