"""Prints reference/configuration.rst, from the settings in yagot/config.py:

python docs/settings.py > docs/reference/configuration.rst
"""

import ast
import dataclasses
import itertools
import textwrap
from collections.abc import Iterator
from pathlib import Path

from yagot.config import OPTIONS, Config

ROOT = Path(__file__).resolve().parents[1]

GROUPS = {
    "What fails": ("report_only", "leaks_only", "strict", "baseline", "baseline_mode", "update_baseline"),
    "Whose leaks count": ("source", "omit", "allow", "disable_rules", "ignore_types"),
    "What is looked for": ("check_at", "confirm", "no_confirm", "repeat", "repeat_seconds", "native"),
    "What is shown": ("details", "trace", "repr", "show_slowest", "docs"),
    "Reports": (
        "junit_xml", "junit_attachments", "junit_family", "junit_datadog", "json", "html", "markdown",
    ),
}  # fmt: skip

EXAMPLES: dict[str, object] = {
    "leaks_only": True,
    "report_only": True,
    "strict": True,
    "ignore_types": ("shop.legacy.Tree",),
    "source": ("shop", "accounts"),
    "omit": ("shop.vendored.*", "*/vendored/*"),
    "allow": ("*.Cache.owner", "xml.dom.minidom.*"),
    "disable_rules": ("inherent-class",),
    "baseline": "leaks.json",
    "baseline_mode": "strict",
    "update_baseline": True,
    "check_at": "class",
    "repeat": "3:4",
    "repeat_seconds": 20,
    "native": True,
    "confirm": True,
    "no_confirm": True,
    "html": "report.html",
    "junit_xml": "test-results/",
    "junit_attachments": "test-results",
    "junit_family": "xunit1",
    "junit_datadog": True,
    "json": "yagot.json",
    "markdown": "report.md",
    "repr": True,
    "details": True,
    "show_slowest": 10,
    "docs": "https://ci.example.org/yagot",
    "trace": 5,
}

HEAD = """\
Configuration
=============

.. Made by docs/settings.py from yagot/config.py; a test compares them.

Every setting exists everywhere under the same name. A later one of these overrides an earlier one:

1. ``[tool.yagot]`` in ``pyproject.toml``;
2. variables ``YAGOT_…``;
3. the command line. Under pytest, nose and nose2 all options begin with ``--yagot-``.

.. code-block:: toml

    [tool.yagot]
    baseline = "leaks.json"
    allow = ["xml.dom.minidom.*"]

The file is the one in the working directory; with pytest, the one in its rootdir. nose2 also reads its own section
``[yagot]``. Django's runner and ``yagot.TestCase`` have no options of their own, and take the file and the variables.
``yagot config`` shows the settings in force and where each came from. An unknown setting or variable ``YAGOT_…`` or an
unusable value is one line on stderr and exit status 2 (with pytest a usage error, status 4). Settings whose patterns
match nothing are named at the end of the run.

``YAGOT=0`` in the environment (``false``, ``no``, ``off``) switches all checks off, whatever the command line says; any
other value switches pytest's plugin on. ``pytest --yagot``, ``nosetests --with-yagot`` and ``nose2 --yagot`` do so for
one run.
"""


def descriptions() -> dict[str, str]:
    """The docstrings of the fields of Config."""
    tree = ast.parse((ROOT / "yagot" / "config.py").read_text(encoding="utf-8"))
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Config").body
    found = {}
    for field, following in itertools.pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(following, ast.Expr):
            assert isinstance(field.target, ast.Name)
            found[field.target.id] = " ".join(ast.literal_eval(following.value).split())
    return found


def in_toml(value: object) -> str:
    """A value as TOML."""
    if isinstance(value, tuple):
        return "[" + ", ".join(map(in_toml, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)


def as_word(value: object) -> str:
    """A value as in a variable or an option."""
    return "1" if value is True else ",".join(value) if isinstance(value, tuple) else str(value)


def option(prefix: str, name: str, value: object) -> str:
    """An option with its value."""
    word = as_word(value)
    word = f"'{word}'" if "*" in word else word
    return f"--{prefix}{name.replace('_', '-')}" + ("" if value is True else f"={word}")


def entry(name: str, default: object, text: str) -> Iterator[str]:
    """The lines on a setting."""
    key, value = name.replace("_", "-"), EXAMPLES[name]
    yield from (f".. _setting-{key}:", "", f"``{key}``", "~" * (len(key) + 4), "")
    yield from (*textwrap.wrap(text, 116, break_long_words=False, break_on_hyphens=False), "")
    without = {None: "none", False: "off", "": "none", (): "none"}.get(default, f"``{default}``")  # type: ignore[call-overload]
    yield f"- default: {'0' if default == 0 and default is not False else without}"
    yield f"- ``pyproject.toml``: ``{key} = {in_toml(value)}``"
    yield f"- variable: ``YAGOT_{name.upper()}={as_word(value)}``"
    yield f"- ``yagot run``: ``{option('', name, value)}``"
    yield f"- pytest, nose, nose2: ``{option('yagot-', name, value)}``"
    yield ""


def page() -> str:
    """The page."""
    texts = descriptions()
    defaults = {field.name: field.default for field in dataclasses.fields(Config)}
    lines = [HEAD]
    for title, names in GROUPS.items():
        lines += [title, "-" * len(title), ""]
        for name in names:
            assert name in OPTIONS
            lines += entry(name, defaults[name], texts[name])
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    print(page(), end="")
