"""What a report says to write: pieces of source that can be pasted, with what they need."""

from __future__ import annotations

import re
from collections.abc import Sequence

from yagot import __builtins__ as __builtins__
from yagot.explain.source import SHOWN, Source, first_line, is_python, remembered
from yagot.originals import ast

_SHORT = ast.Return | ast.Raise | ast.Expr | ast.Assign | ast.Assert
_USED = re.compile(r"(?<![\w.])(weakref|functools|inspect)\.")
"""The modules that snippets use."""


def guarded(source: Source, statements: Sequence[ast.stmt], release: str) -> str:
    """The statements in a ``try`` whose ``finally`` does something more. They begin on a line of their own or are all
    on one; short ones are shown, of others the first line, if that says what begins there, and where the others are."""
    first, last = first_line(statements[0]), statements[-1].end_lineno or 0
    text = source.text(statements[0])
    if text and len(statements) == 1 and isinstance(statements[0], _SHORT):
        return f"try: {text}\nfinally: {release}"
    column = statements[0].col_offset
    lines = source.lines[first - 1 : last]
    if len(lines) <= SHOWN and not any(line[:column].strip() for line in lines) and not _has_long_text(statements):
        body = [line[column:] for line in lines]
    else:
        body = _beginning(lines[0].strip(), first, last)
    return "\n".join(["try:", *(f"    {line}" for line in body), f"finally: {release}"])


def _has_long_text(statements: Sequence[ast.stmt]) -> bool:
    """Is there a string of several lines? Another indentation would change it."""
    nodes = (node for statement in statements for node in ast.walk(statement))
    texts = (node for node in nodes if isinstance(node, ast.Constant | ast.JoinedStr))
    return any(node.lineno != node.end_lineno for node in texts)


def _beginning(first_text: str, first: int, last: int) -> list[str]:
    """The first of many lines, and a line that stands for the others."""
    if first < last:
        rest = f"...  # lines {first + 1} to {last}, as they are"
        rest = rest if last > first + 1 else f"...  # line {last}, as it is"
        if is_python(first_text):
            return [first_text, rest]
        if is_python(f"{first_text}\n    {rest}"):
            return [first_text, f"    {rest}"]
        return [f"...  # lines {first} to {last}, as they are"]
    return [f"...  # line {last}, as it is"]


def shortened(snippet: str, first: int) -> str:
    """A ``try`` around many lines without the first of them."""
    found = re.match(r"try:\n.*\n *\.\.\.  # lines? (?:\d+ to )?(\d+), as (?:they are|it is)\n", snippet)
    return f"try: ...  # lines {first} to {found[1]}, as they are\n{snippet[found.end():]}" if found else snippet


def import_lines(source: Source, snippet: str) -> list[str]:
    """The imports that a snippet needs and a file has not."""
    needed = dict.fromkeys(_USED.findall(snippet))
    return [f"import {name}  # at the top of the file" for name in needed if not _imports(source, name)]


@remembered
def _imports(source: Source, name: str) -> bool:
    """Has the file's top level the module by its own name?"""
    return any(re.match(rf"import\b(?:.*,)?\s*{name}\s*(?:,|;|#|$)", line) for line in source.lines)
