"""What the user can mend: errors of one clear line, and the exit status that stands for them."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import NoReturn

from yagot import __builtins__ as __builtins__

USAGE_ERROR = 2


class UserError(Exception):
    """A wrong setting, or a file that cannot be used; the text is one clear line."""


def _one_line(text: object) -> str:
    """A name of a file or test may have anything in it."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in f"yagot: {text}")


def say(text: object) -> None:
    """Prints a line to the user, beside what the command itself prints."""
    print(_one_line(text), file=sys.stderr)


def complain(text: object) -> int:
    """Prints what is wrong; returns the exit status."""
    say(text)
    return USAGE_ERROR


def refuse(command: str, text: str) -> NoReturn:
    """A command (``yagot merge``) does not take such arguments; where to find the right ones is in the same line."""
    name = command.partition(" ")[2]
    raise UserError(f"{f'{name}: ' if name else ''}{text} ({command} --help shows what there is)")


def _exit(text: str) -> BaseException:
    print(text, file=sys.stderr)
    return SystemExit(USAGE_ERROR)


@contextlib.contextmanager
def ending_run(by: Callable[[str], BaseException] = _exit) -> Iterator[None]:
    """A UserError ends the run: raises the framework's own exception for wrong usage, made *by* that, or prints the
    error and exits."""
    try:
        yield
    except UserError as error:
        raise by(_one_line(error)) from None
