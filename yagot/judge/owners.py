"""Whose leak is it? That of whoever made the references on the cycle itself; what hangs off it does not matter.

The words are coverage.py's: ``source`` is what is under test, by package or directory, ``omit`` leaves out.
"""

from __future__ import annotations

import fnmatch
import sys
from collections.abc import Iterable, Iterator, Sequence

from yagot import __builtins__ as __builtins__
from yagot.judge.containers import closing_packages
from yagot.judge.project import PROJECT, STANDARD_LIBRARY, Project
from yagot.model import Finding
from yagot.originals import os
from yagot.places import absolute, relative

BUILTIN = "builtins"
"""Nobody's: plain containers do not show who made them."""

AT_RUN_TIME = "<made at run time>"
"""What the core has for the module of code that was made at run time for no known module, as that of templates."""

GENERATED = "code made at run time"
"""Its owner, if nobody else has made a reference on the cycle."""


def _names(finding: Finding) -> Iterator[str]:
    """Dotted names of the instances' classes, the classes, functions and frames on the cycle."""
    for step in finding.steps:
        if step.module and step.module != "builtins":
            yield step.name


def _files(finding: Finding) -> Iterator[str]:
    for step in finding.steps:
        if step.defined:
            yield step.defined.rpartition(":")[0]


def _made_by(finding: Finding, project: Project) -> set[str]:
    """Who made plain containers, if tracemalloc saw all of them being made: by the newest frame of each."""
    places = [step.made.partition(" < ")[0].rpartition(":")[0] for step in finding.steps]
    return {project.owner_of_file(absolute(place)) for place in places} if all(places) else set()


def _growing(finding: Finding, project: Project) -> set[str]:
    """Whose classes the objects have that become more, and whose code makes them, where that was seen."""
    places = {step.made.partition(" ")[0].rpartition(":")[0] for step in finding.steps}
    modules = {name.rpartition(".")[0] for name in finding.types} - {"", "builtins"}
    made = {project.owner_of_file(absolute(place)) for place in places if place.endswith(".py")}
    return made | set(map(project.owner_of_module, modules))


def _owners(finding: Finding, project: Project) -> set[str]:
    if finding.makers:
        makers = [maker for maker in finding.makers if maker != AT_RUN_TIME]
        return set(map(project.owner_of_module, makers)) or {GENERATED}
    if any(step.kind == "frame" and step.path.startswith(".f_locals") for step in finding.steps):
        return {STANDARD_LIBRARY}  # before 3.13 a frame keeps what locals(), traceback or a debugger has read of it
    if finding.cycle_length:
        made = _made_by(finding, project)
        return closing_packages(finding, project) if not made else made if PROJECT not in made else set()
    if finding.kind == "growth":
        return _growing(finding, project)
    modules = {step.module for step in finding.steps} or {name.rpartition(".")[0] for name in finding.types}
    return set(map(project.owner_of_module, modules - {"", "builtins"}))


def owner_of(finding: Finding, project: Project) -> str:
    """PROJECT if a reference on the cycle is of its making, else a third party's package, else STANDARD_LIBRARY;
    BUILTIN if nobody knows. What is on no cycle is judged by what it is."""
    owners = _owners(finding, project)
    if PROJECT in owners:
        return PROJECT
    third = sorted(owners - {STANDARD_LIBRARY})
    return third[0] if third else STANDARD_LIBRARY if owners else BUILTIN


def is_within(name: str, places: Iterable[str]) -> bool:
    """Is a dotted name one of the places, or in one?"""
    return any(name == place or name.startswith(f"{place}.") for place in places)


def is_known_source(source: str) -> bool:
    """Is it a directory, or a module that was imported? Nothing can belong to any other."""
    return os.path.isdir(source) or source in sys.modules


def omitted_by(finding: Finding, patterns: Sequence[str]) -> set[str]:
    """The patterns that between them match all files and names of the cycle; none, if one of these is not matched."""
    subjects = [*map(relative, _files(finding)), *_names(finding)]
    found = [{pattern for pattern in patterns if fnmatch.fnmatch(subject, pattern)} for subject in subjects]
    return set().union(*found) if found and all(found) else set()
