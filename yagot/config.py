"""What the user wants: one set of settings for all adapters.

In rising order: ``[tool.yagot]`` in pyproject.toml, ``YAGOT_*`` variables, the command line.
"""

from __future__ import annotations

import dataclasses
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yagot import __builtins__ as __builtins__
from yagot.errors import UserError


class ConfigError(UserError):
    """A setting is unknown or has an unusable value; the text is one clear line."""


@dataclass(frozen=True)
class Config:
    """The settings of one run. Each has the same name everywhere: with dashes on the command line and in
    pyproject.toml, ``YAGOT_`` and capitals in the environment."""

    leaks_only: bool = False
    """Only uncollectable objects fail a test; collected ones are notes. References that nobody holds fail their test
    without being confirmed."""
    report_only: bool = False
    """Leaks are reported, by cause at the end of the run, and fail no test."""
    strict: bool = False
    """Leaks that the project cannot mend, and inherent ones, fail too: this switches off all default rules but
    ``first-import`` and ``hidden-references``. What the test framework makes between tests stays a note."""
    ignore_types: tuple[str, ...] = ()
    """A test that leaves an object of one of these types (``module.Class``, ``dict``) is not judged at all, as in
    yagot 0.5.0. ``allow`` is mostly the better choice."""
    source: tuple[str, ...] = ()
    """The project is what is in these packages or directories. Only leaks count of which the project's code has made a
    reference on the cycle itself; others are notes. Cycles of plain containers count, too. Without the setting the
    project is all code that is not installed, and what is installed under the name that ``pyproject.toml`` gives, or
    that of a package in the root directory; ``yagot config`` shows it."""
    omit: tuple[str, ...] = ()
    """A leak is a note if every file and every dotted name in it matches one of these patterns."""
    allow: tuple[str, ...] = ()
    """Leaks are allowed if a pattern (``*``, ``?``, ``[…]``) matches their signature, their cause, one of their types
    (``package.module.Class``) or a step of the cycle without indices (``*.Node.parent``)."""
    disable_rules: tuple[str, ...] = ()
    """Default rules that are not to make notes of leaks: ``inherent-class`` (the cycle that every class is in, of a
    class made at run time), ``inherent-module`` (that of functions and the names of their module, one that was
    dropped), ``first-import`` (what was made while a module was being imported, or executed anew),
    ``framework-scaffold`` (cycles through objects of the test framework, or through what ``pytest.raises``,
    ``assertLogs``, a mock or another package's helper, such as click's ``CliRunner``, has kept for a test),
    ``standard-library`` and ``third-party`` (cycles that no code of the project has made; before 3.13 the variables
    that a frame keeps as ``f_locals`` was asked for them are Python's own), ``hidden-references`` (a C type that does
    not show what it holds)."""
    baseline: str | None = None
    """A file with the leaks that are known: they fail nothing. The end of the run says how many causes are new, known
    and fixed."""
    baseline_mode: str = "ratchet"
    """``ratchet``: only leaks that are not in the baseline fail; ``strict``: all do."""
    update_baseline: bool = False
    """Write the leaks of this run into the baseline, and drop those that are fixed; none fails."""
    check_at: str = "module"
    """Where all objects are looked at for what outlived its test and is garbage now: at the end of each ``test``,
    ``class`` or ``module``, of the ``session``, or ``never``. What is found names the test that made it, with
    ``[later]`` behind its name; ``[before]`` marks what was made before a test, e.g. by its ``setUpClass``, and
    ``[after]`` what was made after the last one. A suite with many objects and few tests
    is not looked at everywhere: looks at the ends of modules may go through 130,000 objects, and 16 more for each test
    (of classes and tests, through a million, and 64 more), and the last one through all."""
    repeat: str = ""
    """``W:N``: run each test W times more to warm up and about 2·N times counted, and report what grows by the same
    amount each time: objects, with a path to one of them, references to older objects, allocated blocks, the C heap,
    mapped memory, file descriptors, threads, asyncio tasks. A test that seems to grow is run until the growth has ended
    or the time is over. See :doc:`/guide/native`."""
    repeat_seconds: int = 5
    """With ``repeat``: how many seconds to go on with a test that seems to grow."""
    native: bool = False
    """Look for references that nobody holds to strings, numbers and other objects that the collector does not track,
    too. CPython 3.14 and newer; every test that leaves such objects needs a pass over the heap."""
    confirm: bool = False
    """Run a test that leaves an object with a reference that nobody holds again, in fresh instances, to confirm it.
    Without it no test runs twice, and such a reference is only suspected. See :doc:`/guide/native`."""
    no_confirm: bool = False
    """Accepted from older configurations, without effect: no test runs twice unless ``confirm`` or ``repeat`` asks for
    it."""
    html: str | None = None
    """Write a page to look at: one file that needs no network, with a filter, the cycles drawn, light and dark. Needs
    ``pip install jinja2 graphviz``; the drawings need Graphviz's ``dot`` (``apt install graphviz``), and without it the
    cycles are lists."""
    junit_xml: str | None = None
    """Write a JUnit XML report (:doc:`/reference/junit`). If the path ends with a slash it is a directory, and the
    report is ``TEST-yagot.xml`` in it, under tox ``TEST-yagot-ENVIRONMENT.xml``."""
    junit_attachments: str | None = None
    """A directory for files that go with the XML report: each leaking test's findings as JSON, and the cycle that holds
    most as a picture (SVG; needs the package ``graphviz``, and Graphviz). The test's output names them."""
    junit_family: str = "xunit2"
    """The dialect of the XML: ``xunit2``, ``xunit1`` (cases with file and line) or ``ant`` (Ant's schema)."""
    junit_datadog: bool = False
    """Write properties for Datadog (``dd_tags[…]``) into the XML report. Without the setting they are there if a
    variable ``DD_…`` is set, as Datadog's tools read them."""
    json: str | None = None
    """Write a JSON report (:doc:`/reference/json`)."""
    markdown: str | None = None
    """Write a Markdown report: totals, a table of the causes, each cycle as a Mermaid graph, which GitHub and GitLab
    draw. In a GitHub job it goes into the job's summary without being asked for."""
    repr: bool = False
    """Show the ``repr()`` of objects on cycles, cut to 500 characters and given up after 0.2 seconds of Python code.
    This runs their code; by default nothing of theirs runs."""
    details: bool = False
    """Also show types, signatures, contents, and where objects were defined, and describe a cause each time. ``-v`` of
    ``yagot run`` and pytest does the same. The XML and JSON reports have all this in any case."""
    docs: str | None = None
    """The address of a copy of this documentation, such as the pages that ``./dev docs`` builds. Reports explain their
    words in a line; with the setting they also say where to read on."""
    show_slowest: int = 0
    """Show at the end of the run which N checks took longest."""
    trace: int = 0
    """Start tracemalloc with N frames, and show where objects were made; 0: off."""


OPTIONS: dict[str, tuple[str, str]] = {
    "leaks_only": ("", "only uncollectable objects fail a test"),
    "report_only": ("", "report leaks, but fail no test for them"),
    "strict": ("", "let leaks that the project cannot mend fail, too (e.g. of the standard library)"),
    "repr": ("", "show the repr() of objects on cycles; this runs their code"),
    "details": ("", "show types, signatures and places, too; so does -v"),
    "ignore_types": ("TYPE[,TYPE…]", "do not judge tests that leave objects of these types"),
    "source": ("PKG[,PKG…]", "only leaks of these packages or directories count"),
    "omit": ("PATTERN[,…]", "leaks of which all files and names match do not count"),
    "allow": ("PATTERN[,…]", "leaks whose signature, cause, type or step matches are allowed"),
    "disable_rules": ("RULE[,…]", "do not make notes of leaks by these default rules"),
    "baseline": ("FILE", "leaks in this file are known and fail nothing"),
    "baseline_mode": ("MODE", "ratchet: only new leaks fail (default); strict: known ones too"),
    "update_baseline": ("", "write the leaks of this run into the baseline"),
    "check_at": ("WHERE", "look at all objects at the end of each test, class, module (default), session; or never"),
    "repeat": ("W:N", "run each test W+N times more, and report what grows each time"),
    "repeat_seconds": ("SECONDS", "with --repeat: how long to go on while something grows (default 5, for each test)"),
    "native": ("", "find reference leaks of strings, numbers and other untracked objects, too (CPython 3.14+)"),
    "confirm": ("", "run a test again to confirm a reference that nobody holds"),
    "no_confirm": ("", "accepted, without effect: no test runs twice unless you ask for it"),
    "junit_xml": ("FILE", "write a JUnit XML report; given a directory (DIR/), TEST-yagot.xml in it"),
    "junit_attachments": ("DIR", "write the findings of leaking tests beside the XML, as JSON and pictures"),
    "junit_family": ("FAMILY", "the XML's dialect: xunit2 (default), xunit1 or ant"),
    "junit_datadog": ("", "write properties for Datadog into the XML (otherwise only if a variable DD_… is set)"),
    "json": ("FILE", "write a JSON report"),
    "markdown": ("FILE", "write a Markdown report, with the cycles as Mermaid graphs"),
    "html": ("FILE", "write a page to look at; needs the packages jinja2 and graphviz"),
    "docs": ("URL", "where this documentation is, for links in reports"),
    "show_slowest": ("N", "show which N checks took longest"),
    "trace": ("N", "show where objects were made (N frames of tracemalloc)"),
}
"""Settings as command-line options: metavar (empty: a flag) and help."""

DEFAULT_RULES = (
    "inherent-class",
    "inherent-module",
    "first-import",
    "framework-scaffold",
    "standard-library",
    "third-party",
    "hidden-references",
)
"""The rules that turn findings into notes, unless they are disabled or --strict is given."""

_FIELDS = {field.name: field for field in dataclasses.fields(Config)}
_CHOICES = {
    "baseline_mode": ("ratchet", "strict"),
    "junit_family": ("xunit2", "xunit1", "ant"),
    "check_at": ("module", "class", "test", "session", "never"),
}
_OTHERS = re.compile(r"YAGOT_(PACKAGE|(TEST|BENCH)_.*)")
"""Variables of ours that are no settings."""
_MOST = 65535
"""No number of a setting is larger."""
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"", "0", "false", "no", "off"}


def switched_off(environ: Mapping[str, str] | None = None) -> bool:
    """Does the variable YAGOT say that nothing is to be checked?"""
    word = (os.environ if environ is None else environ).get("YAGOT", "")
    return word != "" and word.lower() in _FALSE


def _nearest(word: str, words: Iterable[str], written: str = "") -> str:
    """``: did you mean …?``, if one of the words is close; with dashes where *written* has some or no underscores."""
    import difflib

    close = difflib.get_close_matches(word, list(words), 1)
    if not close:
        return ""
    shown = close[0] if not written or "_" in written else close[0].replace("_", "-")
    return f": did you mean {shown}?"


def misspelt(arguments: Iterable[str], prefix: str = "--", abbreviated: bool = False) -> str | None:
    """What to say of the first argument that is nearly an option of ours, and is none; *prefix*: how ours begin.
    *abbreviated*: options may be."""
    for argument in arguments:
        option = argument.partition("=")[0]
        name = option.removeprefix(prefix).replace("-", "_")
        is_ours = name in OPTIONS or (abbreviated and any(each.startswith(name) for each in OPTIONS))
        if option.startswith(prefix) and len(option) > 4 and not is_ours:
            near = _nearest(name, OPTIONS, "-")
            if near:
                return f"unknown option {option}{near.replace('mean ', f'mean {prefix}')}"
    return None


def misspelt_of_framework(arguments: Sequence[str], abbreviated: bool = False) -> str | None:
    """The same of a framework's arguments, of which ours begin with ``--yagot-`` and stand before ``--``."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return misspelt(options, "--yagot-", abbreviated)


def refuse_misspelt() -> None:
    """The same for a framework whose own parser would only say that it does not know the option. Raises ConfigError."""
    wrong = misspelt_of_framework(sys.argv[1:], abbreviated=True)
    if wrong is not None:
        raise ConfigError(wrong)


def _expected(name: str, value: object, source: str, what: str) -> ConfigError:
    return ConfigError(f"{source}: {name.replace('_', '-')} must be {what}, not {value!r}")


def parse_repeat(text: str) -> tuple[int, int] | None:
    """``W:N`` as two numbers: warm-up runs, and at least two counted ones. None if it is not that."""
    warm, counted = map(_number, text.partition(":")[::2])
    if warm is None or counted is None or warm > _MOST or not 2 <= counted <= _MOST:
        return None
    return warm, counted


def _number(text: str) -> int | None:
    """A number of any sensible size; None if the text is no such."""
    return int(text) if text.isdecimal() and len(text) < 100 else None


def _convert(name: str, value: Any, source: str) -> Any:
    """A value as the setting's type; strings, as from the environment, are read."""
    default = _FIELDS[name].default
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in _TRUE | _FALSE:
            return value.lower() in _TRUE
        raise _expected(name, value, source, "true or false")
    if isinstance(default, int):
        number = _number(value) if isinstance(value, str) else None
        value = value if number is None else number
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST:
            return value
        raise _expected(name, value, source, f"a number from 0 to {_MOST}")
    if isinstance(default, tuple):
        parts = value.split(",") if isinstance(value, str) else value
        if isinstance(parts, list | tuple) and all(isinstance(part, str) for part in parts):
            return tuple(part.strip() for part in parts if part.strip())
        raise _expected(name, value, source, "a list of strings")
    if name in _CHOICES:
        if value in _CHOICES[name]:
            return value
        raise _expected(name, value, source, " or ".join(_CHOICES[name]))
    if name == "repeat":
        if isinstance(value, str) and (not value or parse_repeat(value) is not None):
            return value
        raise _expected(name, value, source, f"W:N, e.g. 3:4, with N from 2 to {_MOST}")
    if isinstance(value, str) and value:
        return value
    raise _expected(name, value, source, "a path")


def _read_toml(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    table: dict[str, Any] = data
    for name in ("tool", "tool.yagot"):
        table = table.get(name.rpartition(".")[2], {})
        if not isinstance(table, dict):
            raise ConfigError(f"{path}: [{name}] must be a table")
    return table


def _file_here() -> Path:
    try:
        return Path.cwd() / "pyproject.toml"
    except OSError:  # the directory has been removed: there is none
        return Path(os.devnull)


def load(
    options: Mapping[str, Any] | None = None,
    directory: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> tuple[Config, dict[str, str]]:
    """The configuration and where each setting that is not a default came from. Raises ConfigError.

    *options*: from the command line; those that are None were not given.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    file = directory / "pyproject.toml" if directory is not None else _file_here()
    if file.is_file():
        for key, value in _read_toml(file).items():
            name = key.replace("-", "_")
            if name not in _FIELDS:
                raise ConfigError(f"{file}: unknown setting {key!r} in [tool.yagot]{_nearest(name, _FIELDS, key)}")
            values[name], sources[name] = _convert(name, value, str(file)), str(file)
    for name in _FIELDS:
        variable = f"YAGOT_{name.upper()}"
        if environ.get(variable):
            values[name], sources[name] = _convert(name, environ[variable], variable), variable
    for variable in environ:
        if variable.startswith("YAGOT_") and variable[6:].lower() not in _FIELDS and not _OTHERS.fullmatch(variable):
            near = _nearest(variable, [f"YAGOT_{name.upper()}" for name in _FIELDS])
            raise ConfigError(f"unknown setting: the variable {variable}{near}")
    for name, value in (options or {}).items():
        if value is not None:
            values[name], sources[name] = _convert(name, value, "command line"), "command line"
    config = Config(**values)
    for rule in config.disable_rules:
        if rule not in DEFAULT_RULES:
            raise ConfigError(
                f"{sources['disable_rules']}: disable-rules: {rule!r} is not one of {', '.join(DEFAULT_RULES)}"
                + _nearest(rule, DEFAULT_RULES)
            )
    for name, other in (("update_baseline", "baseline"), ("junit_attachments", "junit_xml")):
        if getattr(config, name) and getattr(config, other) is None:
            raise ConfigError(f"{name.replace('_', '-')} needs a {other.replace('_', '-')} file")
    return config, sources
