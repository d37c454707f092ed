"""What the project is: whose code is under test, the standard library's, or other people's.

Code that is neither the standard library's nor installed is the project's; so is an installed package of the name that
``pyproject.toml`` gives, or of a package or module in the root directory, as tox and CI import it; and what
holds the test files. With ``--source``, that alone is.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from yagot import __builtins__ as __builtins__
from yagot.files import file_of_module, namespace_of
from yagot.originals import os
from yagot.places import HOME, PACKAGES, find_root, in_package

STANDARD_LIBRARY = "the standard library"
PROJECT = "the project"

_NO_PACKAGES = {
    *("setup", "conftest", "noxfile", "tasks"),
    *("docs", "doc", "tests", "test", "examples", "benchmarks", "build"),
}


@functools.cache
def is_standard_file(path: str) -> bool:
    """Is it a file of the standard library?"""
    return path.startswith(HOME) and in_package(path) is None


@functools.cache
def distribution(path: str) -> str | None:
    """The top-level package of a file that was installed."""
    installed = in_package(path)
    return installed.split(os.sep)[0].removesuffix(".py") if installed is not None else None


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
    try:
        text = (root / "pyproject.toml").read_text(encoding="utf-8")
    except (OSError, ValueError):
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
    return named or (_name_in_setup_cfg(root) if (root / "setup.cfg").exists() else "")


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")


def _installed_as(name: str) -> Iterator[str]:
    """The top-level packages that a distribution has installed, by its ``top_level.txt`` or ``RECORD``."""
    for place in sys.path:
        if os.path.basename(place) not in PACKAGES:
            continue
        for directory in Path(place).glob("*.dist-info"):
            if _plain(directory.name.partition("-")[0]) == _plain(name):
                yield from _top_levels(directory)


def _top_levels(directory: Path) -> Iterator[str]:
    try:
        yield from (directory / "top_level.txt").read_text(encoding="utf-8").split()
    except OSError:
        try:
            lines = (directory / "RECORD").read_text(encoding="utf-8").splitlines()
        except OSError:
            return
        for line in lines:
            top, slash, _ = line.partition(",")[0].partition("/")
            if (slash or top.endswith(".py")) and "." not in top.removesuffix(".py"):
                yield top.removesuffix(".py")


def _packages_in(directory: Path, marked: bool) -> Iterator[str]:
    """Packages and modules right in a directory; where they are *marked*, packages have an ``__init__.py``."""
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        name = entry.name.removesuffix(".py")
        if not name.isidentifier() or name in _NO_PACKAGES or name.startswith("test_"):
            continue
        is_package = os.path.isdir(entry) and (not marked or os.path.exists(os.path.join(entry, "__init__.py")))
        if is_package or name != entry.name:
            yield name


def _names_of(root: Path) -> set[str]:
    name = _distribution_name(root)
    found = {*_packages_in(root / "src", marked=False), *_packages_in(root, marked=True)} - {"src"}
    if name:
        found |= {_plain(name), *_installed_as(name)}
    return found - {*sys.stdlib_module_names}


class Project:
    """Sorts modules. ``modules`` is what the core asks while it looks for cycles: 0 for the project's, 1 for the
    standard library's, 2 for other people's. A module that is not in it is as the package that it is in; else the
    project's. What could be imported is in it, too: a collection may come before the import is noticed."""

    def __init__(self, source: Sequence[str] = (), directory: Path | None = None) -> None:
        self.root = find_root(directory or Path.cwd())
        self.source = tuple(source)
        self.names = set() if source else _names_of(self.root)
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

    def owner_of_file(self, file: str, name: str = "") -> str:
        """PROJECT, STANDARD_LIBRARY or the package that the file, of a module if it is known, was installed with."""
        if self.source:
            if self._is_source(name, file):
                return PROJECT
        elif name in self._test_modules or name.partition(".")[0] in self.names:
            return PROJECT
        if is_standard_file(file):
            return STANDARD_LIBRARY
        package = distribution(file)
        if package is not None:
            return PROJECT if not self.source and package in self.names else package
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
                with contextlib.suppress(OSError):
                    entries = os.listdir(directory)
                    places += [(entry.partition(".")[0], os.path.join(directory, entry)) for entry in entries]
        expected = {name: self._number(file, name) for name, file in places if name.isidentifier()}
        self.modules.update(expected | dict.fromkeys(self.source, 0) | self.modules)

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
                self.modules[name] = self._number(_file_of(name), name)

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
    try:
        directory = os.getcwd()
    except OSError:  # it was deleted
        directory = os.sep
    return _found(source, directory)
