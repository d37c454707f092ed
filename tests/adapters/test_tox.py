"""The example of docs/guide/tox: the demo suite in four environments, and one report."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """yagot, built once for all environments."""
    if not (ROOT / "pyproject.toml").exists():
        pytest.skip("needs the sources to build a wheel from")
    pytest.importorskip("tox")
    directory = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "."]
    build = f"-Cbuild-dir={tmp_path_factory.mktemp('build')}"
    subprocess.run([*command, "-w", str(directory), build], cwd=ROOT, check=True)
    (wheel,) = directory.iterdir()
    return wheel


def test_tox(project, wheel, schema):
    for name in ("bookshop.py", "test_bookshop.py", "tox.ini"):
        shutil.copy(ROOT / "tests" / "demo" / name, project.path)
    env = {"YAGOT_PACKAGE": str(wheel), "PATH": os.environ["PATH"]}
    result = project.python("-m", "tox", "run", env=env)
    assert result.returncode == 0, result.stdout + result.stderr
    tree = schema(project.path / "test-results" / "TEST-yagot.xml")
    prefixes = {suite.get("name").split(".")[0]: suite for suite in tree.getroot()}
    assert prefixes.keys() == {"unittest", "pytest", "pynose", "nose2"}
    assert {int(suite.get("failures")) for suite in prefixes.values()} == {4}
    environments = {p.get("value") for p in tree.iter("property") if p.get("name") == "yagot.env"}
    assert environments == prefixes.keys()
