"""Whose leak is it? Told by the modules of a finding's types, functions and frames, and by their files.

The words are coverage.py's: ``source`` is what is under test, by package or directory, ``omit`` leaves out.
"""

from __future__ import annotations

import fnmatch
import functools
import os
import sys
from collections.abc import Iterable, Iterator, Sequence

from yagot.files import shown_path
from yagot.model import Finding

STANDARD_LIBRARY = "the standard library"
PROJECT = "the project"
BUILTIN = "builtins"

_PLACES = ("site-packages", "dist-packages")


def _names(finding: Finding) -> Iterator[str]:
    """Dotted names of types, classes, functions and frames, each beginning with its module."""
    for name in finding.types:
        if "." in name:
            yield name
    for step in finding.steps:
        if step.module and step.module != "builtins":
            yield step.name


def _files(finding: Finding) -> Iterator[str]:
    for step in finding.steps:
        if step.defined:
            yield step.defined.rpartition(":")[0]


_HOME = os.path.dirname(os.__file__) + os.sep


@functools.cache
def _is_standard_file(path: str) -> bool:
    return path.startswith(_HOME) and not any(f"{os.sep}{place}{os.sep}" in path for place in _PLACES)


@functools.cache
def _distribution(path: str) -> str | None:
    """The top-level package of a file that was installed."""
    for place in _PLACES:
        _, found, rest = path.partition(f"{os.sep}{place}{os.sep}")
        if found:
            return rest.split(os.sep)[0].removesuffix(".py")
    return None


@functools.cache
def _owner_of_package(top: str) -> str:
    if top in sys.stdlib_module_names or top == "builtins":
        return STANDARD_LIBRARY
    file = getattr(sys.modules.get(top), "__file__", None) or next(
        iter(getattr(sys.modules.get(top), "__path__", ())), ""
    )
    return _distribution(file) or PROJECT


def owner_of(finding: Finding) -> str:
    """PROJECT if anything on the cycle is the project's, else a third party's package, else STANDARD_LIBRARY; BUILTIN
    for plain containers, which tell nothing."""
    owners = set()
    for path in _files(finding):
        owners.add(STANDARD_LIBRARY if _is_standard_file(path) else _distribution(path) or PROJECT)
    for name in _names(finding):
        owners.add(_owner_of_package(name.partition(".")[0]))
    if PROJECT in owners:
        return PROJECT
    third = sorted(owners - {STANDARD_LIBRARY})
    return third[0] if third else STANDARD_LIBRARY if owners else BUILTIN


def is_within(name: str, places: Iterable[str]) -> bool:
    """Is a dotted name one of the places, or in one?"""
    return any(name == place or name.startswith(f"{place}.") for place in places)


def _is_in(finding: Finding, sources: Sequence[str]) -> bool:
    for source in sources:
        if any(is_within(name, (source,)) for name in _names(finding)):
            return True
        directory = os.path.join(os.path.abspath(source), "")
        if any(os.path.abspath(path).startswith(directory) for path in _files(finding)):
            return True
    return False


def unknown_sources(sources: Sequence[str]) -> list[str]:
    """Those that are neither a directory nor a module that was imported: nothing can be of them."""
    return [source for source in sources if not os.path.isdir(source) and source not in sys.modules]


def _is_omitted(finding: Finding, patterns: Sequence[str]) -> bool:
    """Does a pattern match every file and name? One of the user's own keeps the finding."""
    subjects = [*map(shown_path, _files(finding)), *_names(finding)]
    return bool(subjects) and all(
        any(fnmatch.fnmatch(subject, pattern) for pattern in patterns) for subject in subjects
    )


def counts(finding: Finding, source: Sequence[str], omit: Sequence[str]) -> bool:
    """Is it a finding of the source, and not omitted? Plain containers are: the test itself has made them."""
    if omit and _is_omitted(finding, omit):
        return False
    return not source or _is_in(finding, source) or owner_of(finding) == BUILTIN
