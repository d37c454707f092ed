"""pytest plugins beside ours: those that run tests otherwise, in another order, again, or several at once."""

import json
import re
import sys
from pathlib import Path

import pytest

PLUGINS = Path(sys.prefix) / "pytest-plugins"
"""Those that change how all tests run are installed apart, by ./dev test."""

ASYNC = """
    import asyncio
    import pytest

    class Node:
        def __init__(self):
            self.me = self

    @pytest.fixture{fixture}
    async def value():
        await asyncio.sleep(0)
        yield [1]

    {mark}
    async def test_clean(value):
        async def inner():
            return value
        assert await asyncio.gather(inner(), inner()) == [[1], [1]]

    {mark}
    async def test_raises(value):
        with pytest.raises(TimeoutError):
            raise TimeoutError

    {mark}
    async def test_leak(value):
        Node()
        await asyncio.sleep(0)
    """

PLAIN = """
    class Node:
        def __init__(self):
            self.me = self

    def test_leak():
        Node()

    def test_clean():
        pass

    class TestMore:
        def test_leak_too(self):
            Node()

        def test_clean_too(self, tmp_path):
            assert tmp_path.exists()
    """


def with_plugins(name, options=""):
    """The environment that has them, but for those that the options switch off."""
    if not (PLUGINS / name).exists():
        pytest.skip(f"needs {name}")
    return {"PYTHONPATH": str(PLUGINS), "PYTEST_ADDOPTS": options}


def leaking(project, *options, env=None, leaks=("test_leak",)):
    """Runs pytest; the tests' names with what leaks in them."""
    result = project.python(
        "-m", "pytest", "-q", "--yagot", "--yagot-json=out.json", "-p", "no:cacheprovider", *options, env=env
    )
    tests = json.loads((project.path / "out.json").read_text())["tests"]
    found = {test["name"] for test in tests if any(f["verdict"] == "leak" for f in test["findings"])}
    assert found == set(leaks), result.stdout
    told = re.findall(r"(\d+) (passed|errors?|rerun)", result.stdout)
    counts = {word.rstrip("s"): int(number) for number, word in told}
    return counts, tests


def test_asyncio(project):
    env = with_plugins("pytest_asyncio", "-p no:randomly -p no:run-parallel")
    project.write("test_it.py", ASYNC.format(mark="@pytest.mark.asyncio", fixture=""))
    project.write("pytest.ini", "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n")
    counts, tests = leaking(project, env=env)
    assert len(tests) == 3 and counts == {"passed": 3, "error": 1}


def test_anyio(project):
    pytest.importorskip("anyio")
    project.write("test_it.py", ASYNC.format(mark="@pytest.mark.anyio", fixture=""))
    project.write("conftest.py", "import pytest\n@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n")
    counts, tests = leaking(project)
    assert len(tests) == 3 and counts == {"passed": 3, "error": 1}


@pytest.mark.parametrize("workers", [[], ["-n2"]])
@pytest.mark.parametrize("seed", [1, 2])
def test_random_order(project, schema, workers, seed):
    env = with_plugins("pytest_randomly", "-p no:asyncio")
    for name in ("test_one.py", "test_two.py"):
        project.write(name, PLAIN)
    _, tests = leaking(
        project, *workers, f"--randomly-seed={seed}", "--yagot-junit-xml=out.xml",
        env=env, leaks=("test_leak", "test_leak_too"),
    )  # fmt: skip
    assert len(tests) == 8
    suites = [suite.get("name") for suite in schema(project.path / "out.xml").getroot()]
    assert sorted(suites) == ["yagot.leaks.test_one", "yagot.leaks.test_two"]


def test_failures_are_run_again(project):
    """What is run again is checked again; the first, failing run is not."""
    pytest.importorskip("pytest_rerunfailures")
    project.write("test_it.py", """
        import pytest

        RUNS = []

        class Node:
            def __init__(self):
                self.me = self

        @pytest.mark.flaky(reruns=2)
        def test_flaky():
            RUNS.append(1)
            assert len(RUNS) > 1

        def test_leak():
            Node()
        """)
    counts, tests = leaking(project)
    assert counts == {"passed": 2, "error": 1, "rerun": 1}
    assert [test["outcome"] for test in tests if test["name"] == "test_flaky"] == ["failed", "passed"]


def test_tests_in_several_threads(project):
    env = with_plugins("pytest_run_parallel", "-p no:asyncio -p no:randomly")
    project.write("test_it.py", PLAIN)
    counts, tests = leaking(
        project, "--parallel-threads=2", env=env,
        leaks=("test_leak", "test_leak_too"),
    )  # fmt: skip
    assert len(tests) == 4 and counts == {"passed": 4, "error": 2}
