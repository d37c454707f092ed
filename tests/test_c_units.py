"""The units of the core that Python does not reach alone, tested in C: tests/c, built by CMake and run by ctest."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = Path(sys.executable).parent


def run(*command):
    # a preloaded sanitizer is not for cmake
    env = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    result = subprocess.run(command, capture_output=True, text=True, env=env)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_c_units(tmp_path):
    tools = {name: shutil.which(name, path=f"{TOOLS}:/usr/bin") for name in ("cmake", "ctest", "ninja")}
    if not all(tools.values()):
        pytest.skip("needs cmake, ctest and ninja beside the interpreter")
    settings = {
        "YAGOT_C_TESTS": "ON", "SKBUILD_PROJECT_NAME": "yagot", "SKBUILD_PROJECT_VERSION": "0",
        "CMAKE_BUILD_TYPE": "Debug", "CMAKE_MAKE_PROGRAM": tools["ninja"], "Python_EXECUTABLE": sys.executable,
    }  # fmt: skip
    defines = [f"-D{name}={value}" for name, value in settings.items()]
    sources = sorted((ROOT / "tests" / "c").glob("test_*.c"))
    run(tools["cmake"], "-G", "Ninja", "-S", ROOT, "-B", tmp_path, *defines)
    run(tools["cmake"], "--build", tmp_path, "--target", *(path.stem for path in sources))
    out = run(tools["ctest"], "--test-dir", tmp_path, "--output-on-failure", "--no-tests=error")
    written = [name for path in sources for name in re.findall(r"^TEST\((\w+)\)$", path.read_text(), re.M)]
    passed = re.findall(r"^ *\d+/\d+ Test +#\d+: \w+\.(\w+) \.* +Passed", out, re.M)
    assert len(written) >= 20
    assert sorted(passed) == sorted(written)
