"""Whose is a cycle of plain containers? They do not show who made them; but few functions put one into itself."""

from __future__ import annotations

from collections.abc import Iterator

from yagot import __builtins__ as __builtins__
from yagot.explain.containers import closes
from yagot.files import file_of_module
from yagot.judge.project import Project, distribution
from yagot.model import Finding


def _files(project: Project) -> Iterator[tuple[str, str | None]]:
    """The files of modules other than the standard library's, and the package if it is other people's and installed.
    What checks the tests makes nothing in them."""
    for module, number in list(project.modules.items()):
        own = number == 2 and module.partition(".")[0] == "yagot"
        file = file_of_module(module) if number != 1 and not own else ""
        if file.endswith(".py"):
            yield file, distribution(file) if number == 2 else None


def closing_packages(finding: Finding, project: Project) -> set[str]:
    """The packages with a function that closes such a cycle, as ordered sets do which link lists; none if other code,
    the project's, has one, too."""
    if any(step.kind != "container" for step in finding.steps):
        return set()
    shown = frozenset(step.general[len(step.object) :] for step in finding.steps)
    files = list(_files(project))
    theirs = {package for file, package in files if package is not None and closes(file, shown, False)}
    ours = theirs and any(package is None and closes(file, shown, True) for file, package in files)
    return set() if ours else theirs
