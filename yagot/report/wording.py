"""The report for people."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

from yagot import __builtins__ as __builtins__
from yagot.model import Finding, Step, TestReport
from yagot.places import shown_path, shown_places

SHOWN_TYPES = 4
SHOWN_FINDINGS = 5
SHOWN_TESTS = 2
SHOWN_PARTS = 6
SHOWN_STEPS = 5
SHOWN_STEPS_OF_TWO = 3
"""Where there are two references to cut."""
SHOWN_STEPS_AT_LEAST = 2
SHOWN_LINES = 3
"""Of a snippet, beside so many steps; a longer one takes the place of steps."""
SHOWN_CONTENTS = 60


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


def short_name(step: Step) -> str:
    """An object of a cycle for a headline: ``Client``, ``frame of main``."""
    name = step.qualname.rpartition("<locals>.")[2] if step.qualname else step.object
    return {"frame": "frame of ", "class": "class "}.get(step.kind, "") + name


def cycle_text(finding: Finding) -> str:
    """The cycle in one line: ``Client.task → Task → WeatherError.client → Client``."""
    steps = finding.steps
    if not finding.cycle_length:
        return finding.subject or finding.cause
    parts: list[str] = []
    for step in steps:
        path = path_in_words(step.path).removesuffix("(inside C)").rstrip()
        if step.kind == "instance" and step.qualname == "traceback" and parts:
            parts[-1] += path if "__traceback__" not in parts[-1] else ""
        else:
            parts.append(short_name(step) + ("" if path[:1] in ("", ".", "[") else " ") + path)
    if finding.cycle_length > len(steps):
        parts[-1:] = ["…", parts[-1]]
    if len(parts) > SHOWN_PARTS:
        parts[SHOWN_PARTS - 2 : -1] = ["…"]
    return " → ".join([*parts, short_name(steps[0])])


def counts_text(finding: Finding) -> str:
    """What is on cycles, and what only they hold: ``3 objects in a cycle, 97 more held (18 kB)``."""
    stuck = ", never released" if finding.kind == "uncollectable" and finding.cycle_length else ""
    more = finding.objects - finding.cyclic
    if not finding.cyclic or more < 0:
        return f"{plural(finding.objects, 'object')} ({size(finding.held_bytes)}){stuck}"
    held = f", {more:,} more held" if more else ""
    return f"{plural(finding.cyclic, 'object')} in {_cycles_text(finding)}{held} ({size(finding.held_bytes)}){stuck}"


def _cycles_text(finding: Finding) -> str:
    """``a cycle``, ``3 cycles``; the number of cycles that have objects in common is not known."""
    return {0: "cycles", 1: "a cycle"}.get(finding.cycles, f"{finding.cycles:,} cycles")


def summary_text(finding: Finding) -> str:
    """One line for a finding."""
    if finding.kind == "growth":
        return finding.cause
    unheld = f", {references_text(finding)}" if finding.references else ""
    return f"{cycle_text(finding)}: {counts_text(finding)}{unheld}"


_MEANINGS = {
    "collected": "only the garbage collector can release the objects",
    "uncollectable": "not even the garbage collector can release the objects",
    "growth": "there is more after each run of the test",
    "held": "not in a cycle itself, but released only with one",
    "suspected": "a reference seems to have no holder; running with confirm makes sure",
}


def legend(findings: Iterable[Finding], docs: str | None = None) -> str:
    """What the words in a report of these findings mean, and where there is more; empty for none. *docs*: see
    Config."""
    words = set()
    for finding in findings:
        words.add("suspected" if finding.verdict == "suspected" else finding.kind)
        if 0 < finding.cyclic < finding.objects:
            words.add("held")
    meanings = [f"{word}: {meaning}" for word, meaning in _MEANINGS.items() if word in words]
    more = [f"more: {docs.rstrip('/')}/guide/reading.html"] if docs and meanings else []
    return "; ".join([*meanings, *more])


def headline(report: TestReport, known: Container[str] = ()) -> str:
    """One line for all leaks of a test, with the one that the description has first."""
    leaks = described(report, known)
    if not leaks and report.missing:
        return f"LEAK GONE: expected {'; '.join(report.missing)}. Remove the expectation"
    if not leaks:
        return "LEAK: none"
    others = len(report.leaks) - 1
    more = f"; {plural(others, 'more cause')}" if others else ""
    return f"LEAK: {summary_text(leaks[0])}{more}"


def _name(step: Step) -> str:
    """An object of the chain, in short."""
    return f"frame of {step.qualname}" if step.kind == "frame" and step.qualname else step.object


def _title(step: Step) -> str:
    """An object of the chain; of a frame also where it is."""
    if step.kind == "frame" and step.defined:
        line = f":{step.line}" if step.line else ""
        return f"{_name(step)} ({shown_path(step.defined.rpartition(':')[0])}{line})"
    return step.object


_TRACED = re.compile(r"\.__traceback__(?:\.tb_next)*\.tb_frame")
_CAPTURED = re.compile(r"\.__closure__\[[\d…]*\]\.cell_contents \((\w+)\)")


def in_words(text: str) -> str:
    """A reference, or a cause, with captured variables by their names only."""
    # a function: the first template of this kind would be an import
    return _CAPTURED.sub(lambda found: f" variable '{found[1]}'", text)


def path_in_words(path: str) -> str:
    """A reference in words of the language: tracebacks as one, too."""
    return _TRACED.sub(".__traceback__", in_words(path).replace("→", " (inside C) ")).strip()


def chain_lines(finding: Finding, most: int = SHOWN_STEPS) -> Iterator[str]:
    """The cycle, a reference a line; exceptions come first, tracebacks are part of the path to the frame."""
    steps = list(finding.steps)
    if not steps:
        return
    if not finding.cycle_length:
        if steps[0].contents or steps[0].object not in finding.cause:
            yield steps[0].object + (f" ({steps[0].contents})" if steps[0].contents else "")
        return
    first = next((i for i, step in enumerate(steps) if step.path.startswith(".__traceback__")), 0)
    if finding.cycle_length == len(steps):
        steps = steps[first:] + steps[:first]
    contents = steps[0].contents
    about = f" ({contents})" if 0 < len(contents) <= SHOWN_CONTENTS else ""
    yield f"{_title(steps[0])}{about}"
    lines, path = [], ""
    for number, step in enumerate(steps):
        path += step.path
        following = steps[number + 1] if number + 1 < len(steps) else None
        if following is not None and following.object == "traceback":
            continue
        end = f"the same {_name(steps[0])} (back to the start)" if following is None else _title(following)
        lines.append(f"  {path_in_words(path)} → {end}")
        path = ""
    left_out = finding.cycle_length - len(steps) + max(0, len(lines) - most)
    if left_out > 0:
        shown = lines[: most - 2]
        left_out = finding.cycle_length - len(steps) + len(lines) - len(shown) - 1
        lines = [*shown, f"  … {plural(left_out, 'more step')} …", lines[-1]]
    yield from lines


def _definition_lines(finding: Finding) -> Iterator[str]:
    shown: set[str] = set()
    for step in finding.steps:
        if step.defined and step.object not in shown:
            shown.add(step.object)
            yield f"{step.object} is defined at {shown_places(step.defined).removesuffix(':1')}"


def _made_lines(finding: Finding) -> Iterator[str]:
    """Where the objects of the cycle were made, if that was traced: the user has asked for it."""
    for step in finding.steps:
        if step.made and f"made at {shown_places(step.made)}" not in finding.why:
            yield f"{step.object} was made at {shown_places(step.made)}"


def cut_text(finding: Finding) -> str:
    """What to cut, and where: ``local 'failure' of frame Shop.order, shop.py:12 (frees all 12 objects)``."""
    cut = finding.cut
    if cut is None:
        return ""
    few = ("leaves a cycle that is not the project's", "frees the object", "frees both objects")
    freed = few[cut.frees] if cut.frees < len(few) else f"frees all {cut.frees:,} objects"
    if 0 < cut.frees < finding.objects:
        freed = f"frees {cut.frees:,} of {finding.objects:,} objects"
    freed = "as for the first finding of this cause" if finding.further else freed
    places = (f"{each.reference} of {each.object}{f', {each.place}' if each.file else ''}" for each in cut.all)
    return f"{', and '.join(places).replace('[]', '[…]')} ({freed})"


def snippet_lines(finding: Finding) -> list[str]:
    """What to write there, of both cuts if there are two; in two files, each with its place."""
    cuts = finding.cut.all if finding.cut is not None else ()
    several = len({cut.file for cut in cuts if cut.snippet}) > 1
    lines = []
    for cut in cuts:
        first, *rest = cut.snippet.splitlines() or [""]
        lines += [f"{first}  # {cut.place}" if several and first and cut.file else first, *rest, cut.call]
    return [line for number, line in enumerate(lines) if line and not _is_import_again(lines[:number], line)]


def _is_import_again(before: Sequence[str], line: str) -> bool:
    return line.startswith("import ") and line in before


def gist_text(finding: Finding) -> str:
    """What it is, in numbers: ``collected: 11 objects, 1.9 kB (3 in a cycle)``."""
    if finding.kind == "growth":
        return f"growth: {finding.cause}"
    inside = f" ({finding.cyclic:,} in {_cycles_text(finding)})" if 0 < finding.cyclic <= finding.objects else ""
    return f"{finding.kind}: {plural(finding.objects, 'object')}, {size(finding.held_bytes)}{inside}"


def references_text(finding: Finding) -> str:
    """``1 reference that nobody holds``, or empty."""
    return f"{plural(finding.references, 'reference')} that nobody holds" if finding.references else ""


def describe(finding: Finding, details: bool = False) -> Iterator[str]:
    """A finding in lines, a dozen at most: what, why, the chain, where to cut it and how. *details*: types, signature,
    contents and places, too."""
    yield gist_text(finding)
    if finding.references:
        yield f"  {references_text(finding)}"
    if finding.why:
        yield f"  why: {finding.why}"
    two = finding.cut is not None and finding.cut.also is not None
    most = SHOWN_STEPS_OF_TWO if two else SHOWN_STEPS
    most -= max(0, len(snippet_lines(finding)) - SHOWN_LINES)
    yield from (f"  {line}" for line in chain_lines(finding, max(most, SHOWN_STEPS_AT_LEAST)))
    if not finding.steps and finding.kind != "growth":
        yield f"  {finding.cause}"
    if finding.cut is not None:
        yield f"  Cut: {cut_text(finding)}"
        first, both, second = finding.advice.partition("; and ") if two else (finding.advice, "", "")
        yield from (f"    {line}" for line in (f"{first};" if both else first, f"and {second}") if line != "and ")
        yield from (f"      {line}" for line in snippet_lines(finding))
    yield from (f"  {line}" for line in _made_lines(finding))
    if details:
        yield from (f"  {line}" for line in _details(finding))


def _details(finding: Finding) -> Iterator[str]:
    if finding.types:
        yield types_text(finding.types)
    contents = next((f"{s.object}: {s.contents}" for s in finding.steps if s.contents), "")
    if contents:
        yield f"with {contents}"
    yield from _definition_lines(finding)
    yield f"signature {finding.signature}"


def described(report: TestReport, known: Container[str] = ()) -> list[Finding]:
    """The leaks of a test that a description has room for: first those whose causes are not *known* yet."""
    return sorted(report.leaks, key=lambda finding: finding.signature in known)[:SHOWN_FINDINGS]


def says_nothing_new(report: TestReport, known: Container[str]) -> bool:
    """Is there nothing to say of a test's leaks but that their causes are known?"""
    said = report.missing or report.incomplete or any(finding.why for finding in report.leaks)
    return not said and all(finding.signature in known for finding in report.leaks)


def _same_text(report: TestReport, known: Mapping[str, str]) -> str:
    tests = list(dict.fromkeys(known[finding.signature] for finding in report.leaks))
    more = f" and {plural(len(tests) - SHOWN_TESTS, 'more test')}" if len(tests) > SHOWN_TESTS else ""
    return f"the same cause{'s' * (len(report.leaks) > 1)} as in {', '.join(tests[:SHOWN_TESTS])}{more}"


def describe_report(report: TestReport, details: bool = False, known: Mapping[str, str] | None = None) -> str:
    """All that counts of a test's findings; the gist first, bounded. *known*: causes that need no second description,
    by signature, with the test that has it."""
    known = known or {}
    leaks = described(report, known)
    if leaks and says_nothing_new(report, known):
        return f"  {_same_text(report, known)}"
    lines = [f"  {report.test.place}"]
    for number, finding in enumerate(leaks, 1):
        before = known.get(finding.signature)
        if before is not None:
            rest = [f"why: {finding.why}"] if finding.why else []
            first = f"{summary_text(finding)}: the same cause as in {before}"
        else:
            first, *rest = describe(finding, details)
        lines.append(f"  {number}. {first}")
        lines.extend(f"     {line}" for line in rest)
    if len(report.leaks) > len(leaks):
        more = sum(finding.objects for finding in report.leaks) - sum(finding.objects for finding in leaks)
        lines.append(f"  … {plural(len(report.leaks) - len(leaks), 'more cause')} with {plural(more, 'object')}")
    if leaks and report.missing:
        lines.append(f"  expected, and gone: {'; '.join(report.missing)}")
    whole = [finding for finding in leaks if not finding.further]
    if details and whole and not any(step.made for finding in whole for step in finding.steps):
        lines.append("  (where the objects were made: set trace to 1, e.g. --trace 1)")
    if report.incomplete:
        lines.append(f"  (not all was seen: {report.incomplete})")
    return "\n".join(lines)
