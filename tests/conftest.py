"""Helpers for tests that run yagot in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import sysconfig
import textwrap
import threading
from pathlib import Path

import pytest
from hypothesis import settings
from lxml import etree

HERE = Path(__file__).parent

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
    # started in the background of a shell: the processes of the tests would ignore Ctrl-C, too
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples on every run: a change is judged by what it changes. --hypothesis-profile=default draws new ones.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")

# variables by which a CI system or a surrounding runner changes what runners print
FROM_OUTSIDE = ("YAGOT", "PYTEST", "TOX", "CI", "BUILD_NUMBER", "GITHUB_", "FORCE_COLOR", "NO_COLOR", "COLUMNS")


class Project:
    """A directory with tests in it, and ways to run them."""

    def __init__(self, path):
        self.path = path

    def write(self, name, source):
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(source), encoding="utf-8")
        return file

    def python(self, *arguments, env=None, check=None):
        """Runs Python here; the result has returncode, stdout and stderr."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(FROM_OUTSIDE)}
        environment.update(env or {})
        result = subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=self.path,
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="backslashreplace",
            timeout=900,
            stdin=subprocess.DEVNULL,
        )
        if check is not None:
            assert result.returncode == check, result.stdout + result.stderr
        return result

    def yagot(self, *arguments, **keywords):
        """Runs `yagot run` here."""
        return self.python("-m", "yagot", "run", *arguments, **keywords)

    def tests(self, *arguments, **keywords):
        """Runs `yagot run --json`; the tests by the last part of their id."""
        self.result = self.yagot("--json", self.path / "yagot.json", *arguments, **keywords)
        return self.saved()

    def saved(self):
        """The tests of yagot.json, written by --json."""
        data = json.loads((self.path / "yagot.json").read_text(encoding="utf-8"))
        return {test["id"].rsplit(".", 1)[-1]: test for test in data["tests"]}


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


@pytest.fixture(scope="module")
def module_project(tmp_path_factory):
    """One for all tests of a module."""
    return Project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def schema():
    """Validates a JUnit XML file against a schema of tests/schemas."""

    def validate(path, name="junit-10.xsd"):
        tree = etree.parse(str(path))
        etree.XMLSchema(etree.parse(str(HERE / "schemas" / name))).assertValid(tree)
        return tree

    return validate


@pytest.fixture(scope="session")
def leaky_directory(tmp_path_factory):
    """Where the extension is built, once."""
    directory = tmp_path_factory.mktemp("ext")
    target = directory / f"leaky{sysconfig.get_config_var('EXT_SUFFIX')}"
    include = sysconfig.get_paths()["include"]
    warnings = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
    source = str(HERE / "ext" / "leaky.c")
    subprocess.run(
        ["cc", "-std=c11", *warnings, "-shared", "-fPIC", f"-I{include}", source, "-o", str(target)], check=True
    )
    return directory
