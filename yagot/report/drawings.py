"""A finding's cycle in the languages of graph drawing programs: Graphviz's DOT, and Mermaid."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence

from yagot import __builtins__ as __builtins__
from yagot.model import Finding
from yagot.report.wording import in_words

NAME_LIMIT = 200

_PROLOGUE = re.compile(r"<\?xml.*?(?=<svg)", re.DOTALL)
_SPECIAL = re.compile(r"[\\`*_{}\[\]<>()#+!|~&\"$]")


def one_line(text: str) -> str:
    """Printable text of bounded length."""
    text = text if len(text) <= NAME_LIMIT else text[: NAME_LIMIT - 1] + "…"
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def inert(text: str) -> str:
    """Text that Markdown, HTML and Mermaid show as it is: one line, special characters as entities."""
    return _SPECIAL.sub(lambda match: f"&#{ord(match[0])};", one_line(text))


def fenced(code: str) -> str:
    """Code as a block of Markdown."""
    lines = (one_line(line).replace("`", "'") for line in code.splitlines())
    return "\n".join(["```python", *lines, "```"])


def _edges(finding: Finding) -> Iterator[tuple[int, int, str]]:
    """From, to, label. Where steps of a long cycle were left out, the label says so."""
    last = len(finding.steps) - 1
    left_out = finding.cycle_length - len(finding.steps)
    for number, step in enumerate(finding.steps):
        gap = f" … {left_out:,} more steps …" if left_out > 0 and number == last - 1 else ""
        yield number, number + 1 if number < last else 0, in_words(step.path) + gap


def mermaid(finding: Finding) -> Iterator[str]:
    """The cycle as GitHub and GitLab draw it."""

    def label(text: str) -> str:
        return inert(text or " ").replace("&#", "#")  # Mermaid's way to write entities

    yield "graph LR"
    for number, step in enumerate(finding.steps):
        yield f'  n{number}["{label(step.object)}"]'
    for start, end, path in _edges(finding):
        yield f'  n{start} -->|"{label(path)}"| n{end}'


def dot(finding: Finding) -> Iterator[str]:
    """The cycle for Graphviz: ``yagot graph out.json SIGNATURE | dot -Tsvg``."""

    def quoted(text: str) -> str:
        return '"' + one_line(text).replace("\\", "\\\\").replace('"', '\\"') + '"'

    yield "digraph cycle {"
    yield "  rankdir=LR"
    yield '  bgcolor=transparent; node [shape=box, fontname="sans-serif"]; edge [fontname="sans-serif"]'
    for number, step in enumerate(finding.steps):
        yield f"  n{number} [label={quoted(step.object)}]"
    for start, end, path in _edges(finding):
        yield f"  n{start} -> n{end} [label={quoted(path)}]"
    yield "}"


def draw(dots: Sequence[str]) -> list[str]:
    """Each graph in DOT as an <svg> element; none if Graphviz, or the package graphviz, is missing."""
    try:
        import graphviz

        drawn = graphviz.pipe_string("dot", "svg", "\n".join(dots), encoding="utf-8", quiet=True)
    except (ImportError, subprocess.SubprocessError, OSError, RuntimeError):  # graphviz.ExecutableNotFound is one
        return []
    images = [part + "</svg>" for part in _PROLOGUE.sub("", drawn).split("</svg>")[:-1]]
    return images if len(images) == len(dots) else []
