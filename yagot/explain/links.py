"""A cycle as links between objects: what leads through lists, dicts, tuples, sets and cells is one link."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Sequence, Set
from typing import TYPE_CHECKING, NamedTuple

from yagot import __builtins__ as __builtins__
from yagot.explain.attributes import field as field_of
from yagot.explain.attributes import own_setters, setters
from yagot.explain.classes import Call, class_places, made_by_call, statement_of
from yagot.explain.snippets import import_lines
from yagot.explain.source import (
    Function,
    Place,
    Source,
    last_name,
    names_in,
    nodes_of,
    parameters,
    read,
    remembered,
    unmangled,
)
from yagot.model import Cut, TestInfo
from yagot.originals import ast, os
from yagot.places import HOME, absolute, in_package, relative

if TYPE_CHECKING:
    from yagot._core import _Hop

_CONTAINERS = ("list", "dict", "tuple", "set", "cell")


@functools.cache
def is_source(path: str) -> bool:
    """Is it source of the project or of a package, not of Python's own library?"""
    return bool(path) and not path.startswith("<") and (is_installed(path) or not path.startswith(HOME))


@functools.cache
def is_installed(path: str) -> bool:
    """Is it source of an installed package?"""
    return in_package(path) is not None


def installed_module(path: str) -> str:
    """The name of the module whose source it is, if it is installed, or empty."""
    return (in_package(path) or "").removesuffix(".py").replace(os.sep, ".").removesuffix(".__init__")


def type_of(hop: _Hop) -> str:
    """The name of an instance's type."""
    return f"{hop['module']}.{hop['name']}"


class Link(NamedTuple):
    """An object, and how it refers to the next one that is no plain container."""

    source: _Hop
    target: _Hop
    path: str
    """``.children[]``, `` local 'error'``, `` variable 'walk'``."""
    breaks: bool
    """Is no cycle left without it, or without the items of a container that it leads through? Of a function, only the
    variable that it leads through goes, not all that it captures."""
    drops: bool
    """Is none left when the attribute or variable is set to None? Others may hold the container, too."""
    inner: tuple[str, ...] = ()
    """The kinds of the containers that it leads through."""
    rest: tuple[_Hop, ...] = ()
    """A cycle that is left without this one."""
    others: bool = False
    """Is nothing of the project's on the cycles that are left?"""

    @property
    def file(self) -> str:
        """Where the source is defined."""
        return self.source["defined"].rpartition(":")[0]

    @property
    def first_line(self) -> int:
        """The first line of the source's definition."""
        line = self.source["defined"].rpartition(":")[2]
        return int(line) if line.isdecimal() else 0

    @property
    def attribute(self) -> str:
        """The attribute that the link begins with, or empty."""
        found = re.match(r"\.(\w+)", self.path) if self.source["kind"] in ("instance", "exception") else None
        return found[1] if found else ""

    @property
    def is_item(self) -> bool:
        """Does it lead through a container that the attribute holds?"""
        return bool(self.attribute) and self.path != f".{self.attribute}"

    @property
    def variable(self) -> str:
        """The local or captured variable that the link begins with, or empty."""
        found = re.match(r" (?:local|variable) '([^']+)'", self.path)
        return found[1] if found else ""

    @property
    def class_name(self) -> str:
        """The last part of the class's name."""
        return self.source["name"].rpartition(".")[2]

    @property
    def module(self) -> str:
        """The module of the source's class."""
        return self.source["module"]


def _is_folded(hop: _Hop, before: _Hop) -> bool:
    """Is it shown as part of the path to what it holds? Containers are, and the parts of an object (no edge's name)."""
    return hop["kind"] in _CONTAINERS or before["edge"] == "" or hop["edge"].startswith("[")


def _set_to_none(inner: Sequence[_Hop]) -> Sequence[_Hop]:
    """The hops whose references go when the attribute or variable that a link begins with is set to None: the first one
    that has a name, and that out of the cell of a captured variable; of a function, all that it captures."""
    if inner[0]["kind"] == "function":
        return inner
    start = next((number for number, hop in enumerate(inner) if hop["edge"]), 0)
    is_cell = start + 1 < len(inner) and inner[start + 1]["kind"] == "cell"
    return inner[start : start + 1 + is_cell]


def links_of(hops: Sequence[_Hop]) -> list[Link]:
    """The links of a cycle; empty if it has only containers."""
    count = len(hops)
    heads = [i for i in range(count) if not _is_folded(hops[i], hops[i - 1])]
    found = []
    for number, head in enumerate(heads):
        end = heads[(number + 1) % len(heads)] + (count if number + 1 == len(heads) else 0)
        inner = [hops[i % count] for i in range(head, end)]
        path = "".join(hop["edge"] for hop in inner)
        cell = next((hop for hop in inner if hop["kind"] == "cell" and hop["name"]), None)
        if cell is not None and path.startswith(".__closure__"):
            rest = path.partition(".cell_contents")[2]
            path = f" variable '{cell['name']}'{rest}"
        path = re.sub(r"^( local '[^']+')\.cell_contents", r"\1", path)
        captured = inner[1:] if inner[0]["kind"] == "function" and cell is not None else inner
        breaks, set_ = any(hop["breaks"] for hop in captured), _set_to_none(inner)
        left = next((hop for hop in set_ if hop["rest"]), None)
        remaining = tuple(left["rest"]) if left is not None else ()
        others = left is not None and left["others"]
        # not the parts of objects, as the dict of an instance, which not all Pythons have
        kinds = tuple(hop["kind"] for before, hop in itertools.pairwise(inner) if before["edge"])
        drops = any(hop["breaks"] for hop in set_)
        found.append(Link(hops[head], hops[end % count], path, breaks, drops, kinds, remaining, others))
    return found


class Cycle:
    """What the rules are asked about."""

    def __init__(
        self, hops: Sequence[_Hop], test: TestInfo | None, is_foreign: Callable[[str], bool] = is_installed
    ) -> None:
        """*is_foreign*: is a file that is no part of the standard library another package's?"""
        self.hops = hops
        self.test = test
        self._is_foreign = is_foreign
        self.links = links_of(hops)
        self._has_own = not self.is_others
        self._classes: dict[tuple[str, str, str, int], list[tuple[Source, ast.ClassDef]]] = {}

    def without(self, link: Link) -> Cycle:
        """A cycle that is left when a link is gone."""
        found = Cycle(link.rest, self.test, self._is_foreign)
        found._has_own, found._classes = self._has_own, self._classes
        return found

    @property
    def is_others(self) -> bool:
        """Is nothing on it the project's?"""
        return not any(is_source(link.file) and not self._is_foreign(link.file) for link in self.links)

    def only(self, link: Link) -> Cycle:
        """This one, as if all were well without a link."""
        found = Cycle(self.hops, self.test, self._is_foreign)
        found._classes = self._classes
        found.links = [each._replace(breaks=each is link, drops=each is link) for each in self.links]
        return found

    def edits(self, path: str) -> bool:
        """May a file be changed? The project's; if nothing on the cycle is the project's, also a package's."""
        return is_source(path) and not (self._has_own and self._is_foreign(path))

    def attributes(self) -> list[Link]:
        """The links by attributes of instances whose source can be changed."""
        return [
            link
            for link in self.links
            if link.source["kind"] == "instance" and link.attribute and self.edits(link.file)
            and not (link.attribute.startswith("__") and link.attribute.endswith("__"))
        ]  # fmt: skip

    def after(self, link: Link) -> Link:
        """The next link."""
        return self.links[(self.links.index(link) + 1) % len(self.links)]

    def before(self, link: Link) -> Link:
        """The link before."""
        return self.links[self.links.index(link) - 1]

    @remembered
    def sources(self) -> Sequence[Source]:
        """The files of the cycle, those of the bases of its classes, and that of the test."""
        paths = dict.fromkeys(link.file for link in self.links if self.edits(link.file))
        instances = (link for link in self.links if link.source["kind"] == "instance")
        paths |= dict.fromkeys(source.path for link in instances for source, _ in self.own_classes(link))
        if self.test is not None and self.test.file:
            paths[absolute(self.test.file)] = None
        return [source for source in map(read, paths) if source is not None]

    @functools.cached_property
    def run(self) -> Set[Function] | None:
        """The functions of the sources that the test may have run, as far as names say; None if the test's is not
        found: all."""
        sources = self.sources()
        name = self.test.function if self.test is not None else ""
        if not any(name in source.named for source in sources):
            return None
        return _run_by(*sources, name=name)

    def function(self, link: Link) -> tuple[Source, Function] | None:
        """The source of a link's frame or function."""
        source = read(link.file) if is_source(link.file) else None
        found = source.function(link.first_line, link.source["name"]) if source is not None else None
        return (source, found) if source is not None and found is not None else None

    def classes(self, link: Link) -> list[tuple[Source, ast.ClassDef]]:
        """The source of a link's class, and of its bases."""
        key = (link.module, link.source["name"], link.file, link.first_line)
        if key not in self._classes:
            self._classes[key] = list(class_places(*key))
        return self._classes[key]

    def own_classes(self, link: Link) -> list[tuple[Source, ast.ClassDef]]:
        """Those of them whose files may be changed."""
        return [(source, cls) for source, cls in self.classes(link) if self.edits(source.path)]

    def call_for(self, link: Link) -> Call | None:
        """The call that makes a link's class, if it has no class statement and the file is seen to make it so."""
        source = read(link.file)
        return made_by_call(source, link.source["name"]) if source is not None and not self.is_stated(link) else None

    def is_stated(self, link: Link) -> bool:
        """Is there a class statement for a link's class?"""
        source = read(link.file)
        name = link.source["name"]
        return source is not None and statement_of(link.module, name, source, link.first_line) is not None

    def setters(self, link: Link) -> list[Place]:
        """Where the attribute of a link is set, or its container gets an item: in the class, else anywhere."""
        name, item = link.attribute, link.is_item
        places = [place for source, cls in self.own_classes(link) for place in own_setters(source, cls, name, item)]
        if item:  # what is put into the container says more than the making of the container
            items = [place for place in places if not sets_whole(place, name)]
            outside = [place for place in self.everywhere(link) if not sets_whole(place, name)]
            return items or outside or places
        if not item and not any(map(tells, places)):
            outside = self.everywhere(link)
            places = [place for place in outside if tells(place)] or outside or places
        if not places:
            fields = (field_of(source, cls, name) for source, cls in self.own_classes(link))
            places = [place for place in fields if place is not None]
        return places

    def everywhere(self, link: Link) -> list[Place]:
        """Where any code may do so, the likeliest first: the class itself, what sets the attribute of a variable that
        has got such an object, then what the test may have run. Objects of other classes do not count."""
        attribute, item = link.attribute, link.is_item
        classes = {cls.name for _, cls in self.classes(link)} | {link.class_name}
        ranked: tuple[list[Place], ...] = [], [], []
        for source in self.sources():
            places = setters(source, attribute, item)
            by_class, of_any = _set_of(source, attribute, item)
            own = {number for name in classes for number in by_class.get(name, ())}
            ranked[0].extend(places[number] for number in sorted(own))
            for place in (places[number] for number in of_any if number not in own):
                ranked[1 if self.run is None or place.function in self.run else 2].append(place)
        return [*ranked[0], *ranked[1], *ranked[2]]

    def cut(self, kind: str, link: Link, place: Place | None, snippet: str, line: int = 0) -> Cut:
        """The cut at a link."""
        word, _, dotted = link.source["what"].partition(" ")
        what = f"{word} {link.source['name']}" if dotted else word
        what = link.source["name"] if link.source["kind"] == "instance" else what
        imports = import_lines(place.source, snippet) if place is not None else []
        return Cut(
            kind=kind,
            object=what,
            reference=link.path.strip() or "→",
            file=relative(place.source.path) if place is not None else "",
            line=(line or place.line) if place is not None else 0,
            snippet="\n".join([snippet, *imports]),
        )


def _made_of(place: Place, attribute: str) -> set[str]:
    """The class whose ``self`` the variable is whose attribute is set, or what is called for it in the same function:
    ``node = Node()``."""
    owner = place.owner_of(attribute)
    if owner in parameters(place.function)[:1]:
        return {place.source.class_of(place.function)} - {""}
    return _calls_for(place.function).get(owner, set()) if owner and place.function is not None else set()


@remembered
def _run_for_any(source: Source, *others: Source) -> tuple[Set[Function], Set[str]]:
    """The functions of some files that any test may run, as far as names say, and the names that these mention."""
    found: set[Function] = set()
    names = {"setUp", "setup_method", "setUpClass", "setup_class", "setUpModule", "__init__"}
    for each in (source, *others):
        found |= each.unasked
        names |= each.unasked_names
    _add_named((source, *others), names, found, names)
    return found, names


@remembered
def _run_by(source: Source, *others: Source, name: str) -> Set[Function]:
    """Those that a test's function of a name may run."""
    functions, mentioned = _run_for_any(source, *others)
    if name in mentioned:
        return functions
    found, names = set(functions), set(mentioned)
    _add_named((source, *others), {name}, found, names)
    return found


def _add_named(sources: Sequence[Source], more: Set[str], found: set[Function], names: set[str]) -> None:
    """Adds functions by their names, and what they may call in turn."""
    pending = list(more)
    names |= more
    while pending:
        name = pending.pop()
        for function in (each for source in sources for each in source.named.get(name, ()) if each not in found):
            found.add(function)
            pending += names_in(function) - names
            names |= names_in(function)


@remembered
def _calls_for(function: Function) -> dict[str, set[str]]:
    """What is called for each variable of a function."""
    calls: dict[str, set[str]] = {}
    for node in nodes_of(function):
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
            continue
        for target in node.targets:
            if isinstance(target, ast.Name):
                name = last_name(node.value.func)
                calls.setdefault(target.id, set()).add(name)
    return calls


@remembered
def _set_of(source: Source, attribute: str, item: bool) -> tuple[dict[str, list[int]], list[int]]:
    """The numbers of the places where an attribute is set, by the class whose objects have it, and of those that may be
    of any class."""
    by_class: dict[str, list[int]] = {}
    of_any: list[int] = []
    for number, place in enumerate(setters(source, attribute, item)):
        made = _made_of(place, attribute)
        for name in made:
            by_class.setdefault(name, []).append(number)
        if not any(map(source.class_, made)):
            of_any.append(number)
    return by_class, of_any


def tells(place: Place) -> bool:
    """Does it store something, not None?"""
    return not (isinstance(place.value, ast.Constant) and place.value.value is None)


def sets_whole(place: Place, attribute: str) -> bool:
    """Does it set the attribute itself, not an item of what it holds?"""
    name = rf"\.(?:{attribute}|{unmangled(attribute)})"
    return re.search(rf"{name}(?: =|:)", place.text) is not None

