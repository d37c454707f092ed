"""What the project is: whose code is under test, the standard library's, or other people's.

Code that is neither the standard library's nor installed is the project's; so is an installed package of the name that
``pyproject.toml`` gives, or of a package or module in the root directory, as tox and CI import it; and what
holds the test files. With ``--source``, that alone is. A namespace is nobody's, for others may install into it: what
counts is the outermost package in it that is none.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from yagot import __builtins__ as __builtins__
from yagot.files import file_of_module, namespace_of
from yagot.originals import io, os
from yagot.places import HOME, PACKAGES, find_root, in_package, working_directory

STANDARD_LIBRARY = "the standard library"
PROJECT = "the project"

_CODE = (".py", ".so", ".pyd")
_LONGEST_NAMESPACE = 4000
_MAKES_NAMESPACE = re.compile(r"\b(extend_path|declare_namespace)\b")
_MAKES_MORE = re.compile(r"^\s*(def|class|from\s+\.)", re.MULTILINE)

_NO_PACKAGES = {
    *("setup", "conftest", "noxfile", "tasks"),
    *("docs", "doc", "tests", "test", "examples", "benchmarks", "build"),
}


@functools.cache
def is_standard_file(path: str) -> bool:
    """Is it a file of the standard library?"""
    return path.startswith(HOME) and in_package(path) is None


@functools.cache
def _is_namespace(directory: str) -> bool:
    """Is it a directory of packages that several distributions may install into, and nothing else?"""
    file = os.path.join(directory, "__init__.py")
    try:
        if not os.path.exists(file):
            return not any(name.startswith("__init__.") for name in os.listdir(directory))
        if os.path.getsize(file) > _LONGEST_NAMESPACE:
            return False
        with io.open(file, encoding="utf-8") as opened:
            text = opened.read()
    except (OSError, ValueError):
        return False
    return bool(_MAKES_NAMESPACE.search(text)) and not _MAKES_MORE.search(text)


def _installed_parts(path: str) -> list[str]:
    """``["acme", "shop", "cart"]`` of ``…/site-packages/acme/shop/cart.py``; nothing of what is not installed."""
    installed = in_package(path)
    *directories, file = (installed or "").split(os.sep)
    return [*directories, file.partition(".")[0]] if installed else []


@functools.cache
def distribution(path: str) -> str | None:
    """The outermost package, or module, of a file that was installed: no namespace."""
    parts = _installed_parts(path)
    place = path.removesuffix(in_package(path) or "")
    depth = 1
    while depth < len(parts) and parts[depth - 1].isidentifier() and _is_namespace(place + os.sep.join(parts[:depth])):
        depth += 1
    return ".".join(parts[:depth]).removesuffix(".__init__") if parts else None


def _file_of(name: str) -> str:
    """The file of an imported module, of a namespace package its directory; "" if there is none."""
    file = file_of_module(name)
    try:
        file = file or next(iter(namespace_of(sys.modules.get(name)).get("__path__", ())), "")
    except Exception:  # whatever somebody has put there
        return ""
    return file if isinstance(file, str) else ""


def _imported_as(module: str) -> str:
    """The module of a test file, which is named by its path: ``tests.test_a`` may have been imported as ``test_a``."""
    path = f"{os.sep}{module.replace('.', os.sep)}.py"
    name = module
    while name and not _file_of(name).endswith(path):
        name = name.partition(".")[2]
    return name or module


def _tables(root: Path) -> dict[str, Any]:
    text = _text_of(root / "pyproject.toml")
    if not text:
        return {}
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        tables: dict[str, Any] = tomllib.loads(text)
    except ValueError:
        return {}
    return tables


def _text_at(tables: Any, *keys: str) -> str:
    for key in keys:
        tables = tables.get(key) if isinstance(tables, dict) else None
    return tables if isinstance(tables, str) else ""


def _name_in_setup_cfg(root: Path) -> str:
    from configparser import ConfigParser, Error

    parser = ConfigParser(interpolation=None)
    try:
        parser.read(root / "setup.cfg", encoding="utf-8")
        return parser.get("metadata", "name", fallback="")
    except (Error, UnicodeDecodeError):
        return ""


def _distribution_name(root: Path) -> str:
    tables = _tables(root)
    ways = (("project", "name"), ("tool", "poetry", "name"), ("tool", "flit", "metadata", "module"))
    named = next(filter(None, (_text_at(tables, *way) for way in ways)), "")
    return named or (_name_in_setup_cfg(root) if (root / "setup.cfg").is_file() else "")


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")


def _installed_as(name: str) -> Iterator[str]:
    """The packages that a distribution has installed, by its ``RECORD`` or ``top_level.txt``."""
    for place in sys.path:
        if os.path.basename(place) not in PACKAGES:
            continue
        for directory in Path(place).glob("*.dist-info"):
            if _plain(directory.name.partition("-")[0]) == _plain(name):
                yield from _recorded(directory) or _top_levels(directory)


def _text_of(path: Path) -> str:
    """What is in a file, or nothing: who opens a pipe may wait for ever."""
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else ""
    except (OSError, ValueError):
        return ""


def _top_levels(directory: Path) -> Iterator[str]:
    for name in _text_of(directory / "top_level.txt").split():
        if not _is_namespace(str(directory.parent / name)):
            yield name


def _recorded(directory: Path) -> set[str]:
    """The outermost packages of its own, and the modules elsewhere, of a distribution."""
    files = {line.partition(",")[0] for line in _text_of(directory / "RECORD").splitlines()}

    def is_own(package: str) -> bool:
        return f"{package}/__init__.py" in files and not _is_namespace(str(directory.parent / package))

    found = set()
    for file in files:
        *directories, name = file.split("/")
        parts = [*directories, name.partition(".")[0]]
        if not file.endswith(_CODE) or not all(map(str.isidentifier, parts)):
            continue
        own = (depth for depth in range(1, len(parts)) if is_own("/".join(parts[:depth])))
        found.add(".".join(parts[: next(own, len(parts))]))
    return {package for package in found if not package.endswith(".__init__")}


def _packages_in(directory: Path, marked: bool) -> Iterator[str]:
    """Packages and modules right in a directory, or in a namespace there; where they are *marked*, packages have an
    ``__init__.py``."""
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        name = entry.name.removesuffix(".py")
        if not name.isidentifier() or name in _NO_PACKAGES or name.startswith("test_"):
            continue
        is_package = os.path.isdir(entry) and (not marked or os.path.exists(os.path.join(entry, "__init__.py")))
        if is_package and _is_namespace(entry.path):
            yield from [f"{name}.{inner}" for inner in _packages_in(Path(entry.path), marked=True)] or [name]
        elif is_package or name != entry.name:
            yield name


def _names_of(root: Path) -> set[str]:
    name = _distribution_name(root)
    found = {*_packages_in(root / "src", marked=False), *_packages_in(root, marked=True)} - {"src"}
    if name:
        found |= {*_installed_as(name)} or {_plain(name), name.lower().replace("-", "_")}
    return found - {*sys.stdlib_module_names}


def _above(name: str) -> set[str]:
    """The packages that a package is in."""
    return {name[:end] for end, character in enumerate(name) if character == "."}


def _entries(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


class Project:
    """Sorts modules. ``modules`` is what the core asks while it looks for cycles: 0 for the project's, 1 for the
    standard library's, 2 for other people's. A module that is not in it is as the package that it is in; else the
    project's. What could be imported is in it, too: a collection may come before the import is noticed."""

    def __init__(self, source: Sequence[str] = (), directory: Path | None = None) -> None:
        self.root = find_root(directory or Path.cwd())
        self.source = tuple(source)
        self.names = set() if source else _names_of(self.root)
        self._above = set().union(*map(_above, self.names))
        self.modules: dict[str, int] = {}
        self._directories = [os.path.join(os.path.abspath(place), "") for place in source]
        self._test_modules: set[str] = set()
        self._sorted: set[str] = set()
        self._count = 0
        self.version = 0
        """Goes up when what is known of modules may have changed."""
        self._expect()

    def _is_source(self, name: str, file: str) -> bool:
        named = any(name == place or name.startswith(f"{place}.") for place in self.source)
        return named or (file != "" and os.path.abspath(file).startswith(tuple(self._directories)))

    def _is_ours(self, file: str) -> bool:
        """Is an installed file the project's?"""
        parts = _installed_parts(file)
        if any(name.startswith(parts[0]) for name in self.names) and not self.names.isdisjoint(
            ".".join(parts[:depth]) for depth in range(1, len(parts) + 1)
        ):
            return True
        package = distribution(file) or ""
        if "." not in package:
            return False
        paths = [os.path.join(self.root, place, *package.split(".")) for place in ("src", "")]
        return any(os.path.exists(f"{path}.py") or os.path.isdir(path) for path in paths)

    def _is_shared(self, name: str, place: str) -> bool:
        """Is it a namespace that the project, too, has packages in?"""
        return name in self._above and _is_namespace(place.removesuffix(f"{os.sep}__init__.py"))

    def owner_of_file(self, file: str, name: str = "") -> str:
        """PROJECT, STANDARD_LIBRARY or the package that the file, of a module if it is known, was installed with."""
        if self.source:
            if self._is_source(name, file):
                return PROJECT
        elif name in self._test_modules:
            return PROJECT
        if is_standard_file(file):
            return STANDARD_LIBRARY
        package = distribution(file)
        if package is not None:
            return PROJECT if not self.source and self._is_ours(file) else package
        if not file and name.partition(".")[0] in sys.stdlib_module_names:
            return STANDARD_LIBRARY
        return PROJECT if not self.source else name.partition(".")[0] or "others"

    def owner_of_module(self, name: str) -> str:
        """The same of a module by its name, imported or not."""
        return self.owner_of_file(_file_of(name), name)

    def _number(self, file: str, name: str) -> int:
        owner = self.owner_of_file(file, name)
        return 0 if owner == PROJECT else 1 if owner == STANDARD_LIBRARY else 2

    def _expect(self) -> None:
        """Sorts what has not been imported, by the place where it will be found."""
        places = [(name, HOME + name) for name in sys.stdlib_module_names]
        for directory in sys.path:
            if os.path.basename(directory) in PACKAGES:
                places += [(entry.partition(".")[0], os.path.join(directory, entry)) for entry in _entries(directory)]
        expected: dict[str, int] = {}
        while places:
            name, file = places.pop()
            if not name.rpartition(".")[2].isidentifier():
                continue
            if self._is_shared(name, file):  # what is not known of it is the project's
                places += [(f"{name}.{entry.partition('.')[0]}", os.path.join(file, entry)) for entry in _entries(file)]
            else:
                expected.setdefault(name, self._number(file, name))
        known = dict.fromkeys(self.source or self.names, 0)
        self.modules.update(expected | known | self.modules)

    def add_test(self, module: str) -> None:
        """A test of this module is about to run; an installed package that holds its own tests is the project."""
        if module in self._test_modules:
            return
        self._test_modules.add(module)
        module = _imported_as(module)
        self._test_modules.add(module)
        package = distribution(_file_of(module))
        if package is not None and package not in self.names:
            self.names.add(package)
            self._above |= _above(package)
            self.modules.clear()  # in place: the core has it
            self._sorted.clear()
            self._count = 0
            self._expect()
        self._sorted.discard(module)
        self.refresh(True)

    def has_tests(self, module: str) -> bool:
        """Is it a module whose tests have run?"""
        return module in self._test_modules

    def refresh(self, always: bool = False) -> None:
        """Sorts the modules that have been imported since."""
        if len(sys.modules) == self._count and not always:
            return
        self._count = len(sys.modules)
        self.version += 1
        for name in list(sys.modules):
            if name not in self._sorted and type(name) is str:
                self._sorted.add(name)
                file = _file_of(name)
                if not self._is_shared(name, file):
                    self.modules[name] = self._number(file, name)

    def lines(self) -> Iterator[str]:
        """For ``yagot config``."""
        if self.source:
            yield f"project: what is in {', '.join(self.source)} (source)"
            return
        yield f"project: {self.root}, all code that is not installed, and the test files"
        if self.names:
            yield f"project, installed too: {', '.join(sorted(self.names))}"


@functools.cache
def _found(source: tuple[str, ...], directory: str) -> Project:
    return Project(source, Path(directory))


def project_of(source: tuple[str, ...]) -> Project:
    """The project that the current directory is in; what is known of modules is kept for the next one who asks."""
    return _found(source, working_directory() or os.sep)
