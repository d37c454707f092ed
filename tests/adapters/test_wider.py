"""pytest's fixtures of wider scopes: what they make is not the test's that asks for them first or last."""

import json

import pytest
from support import needs_counts, needs_generations

NODE = """
    class Node:
        pass

    def node(name):
        made = Node()
        setattr(made, name, made)
        return made
"""


def run(project, text, *options, **keywords):
    """Runs the tests. Returns the process, and what was found of each test: the last parts of causes, by verdict."""
    project.write("test_wide.py", NODE + text)
    command = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--yagot", "--yagot-json=out.json", *options)
    result = project.python(*command, "test_wide.py", **keywords)
    found = {}
    for test in json.loads((project.path / "out.json").read_text())["tests"]:
        for finding in test["findings"]:
            if finding["verdict"] in ("leak", "suspected"):
                name, cause = test["id"].rsplit("::", 1)[-1], finding["cause"].partition(" ")[0].rpartition(".")[-1]
                found.setdefault(name, set()).add(cause)
    return result, found


WIDE = """
    import gc
    import unittest
    import pytest

    @pytest.fixture(scope="session")
    def for_the_session():
        gc.collect()
        return node("session")

    @pytest.fixture(scope="module", autouse=True)
    def for_the_module(for_the_session):
        node("dropped")
        kept = [node("module") for _ in range(3)]
        gc.collect(0)
        yield kept
        kept.clear()

    @pytest.fixture
    def for_the_test():
        return [node("test")]

    def test_first(for_the_test):
        for_the_test.clear()

    class TestClass(unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            cls.tree = node("tree")

        @classmethod
        def tearDownClass(cls):
            del cls.tree

        def setUp(self):
            self.own = node("own")

        def test_second(self):
            pass
"""


@needs_generations
@pytest.mark.parametrize("at", ["test", "class", "module", "session"])
def test_what_a_wider_fixture_makes_was_made_before_the_test(project, at):
    _, found = run(project, WIDE, f"--yagot-check-at={at}")
    assert found == {
        "test_first": {"test"},
        "test_first [before]": {"dropped", "module", "session"},
        "test_second": {"own"},
        "test_second [before]": {"tree"},
    }


TORN_DOWN = """
    import unittest
    import pytest

    KEPT = []

    @pytest.fixture(scope="module", params=["one", "two"])
    def parameter(request):
        yield
        node(request.param)

    @pytest.fixture(scope="module")
    def for_the_module():
        yield
        node("module")

    @pytest.fixture
    def for_the_test():
        yield
        node("test")

    def test_a(parameter):
        pass

    class TestClass(unittest.TestCase):
        @classmethod
        def tearDownClass(cls):
            node("cls")
            KEPT.clear()

        def test_b(self):
            pass

        def test_c(self):
            KEPT.append(node("kept"))

    def test_d(for_the_module, for_the_test):
        pass
"""


@needs_generations
@pytest.mark.parametrize("at", ["test", "class", "module", "session"])
def test_what_a_wider_fixture_makes_in_its_teardown_is_not_the_last_tests(project, at):
    result, found = run(project, TORN_DOWN, f"--yagot-check-at={at}")
    assert found == {
        "test_a[two] [before]": {"one"},
        "test_c [later]": {"kept"},
        "test_d [before]": {"cls"},
        "test_d": {"test"},
        "test_d [after]": {"module", "two"},
    }, result.stdout


LAST_TESTS = """
    import weakref
    import leaky
    import pytest

    KEPT = []

    class Object:
        pass

    @pytest.fixture(scope="module")
    def cache():
        yield
        dies = weakref.ref(KEPT[0])
        KEPT.clear()
        assert dies() is None

    class TestClass:
        def test_clean(self, cache):
            print("runs")
            KEPT.append(Object())

    def test_forgets(cache):
        KEPT.append(Object())
        leaky.incref(Object())
"""


@needs_counts
@pytest.mark.parametrize("option", ["--yagot-confirm", "--yagot-check-at=never", "--yagot-check-at=module"])
def test_references_of_the_last_tests_are_looked_for_when_all_is_torn_down(project, leaky_directory, option):
    confirms = option == "--yagot-confirm"
    environment = {"PYTHONPATH": str(leaky_directory)}
    result, found = run(project, LAST_TESTS, "-s", option, env=environment, check=confirms)
    assert found == {"test_forgets [later]": {"Object"}}, result.stdout
    assert result.stdout.count("runs") == 1  # nothing of the clean one was suspected


FORGETS = """
    import leaky

    class Object:
        pass

    def test_forgets():
        leaky.incref(Object())

    def test_last():
        pass
"""


@needs_counts
def test_references_are_looked_for_after_the_runs_that_show_growth(project, leaky_directory):
    result, found = run(project, FORGETS, "--yagot-repeat=1:2", env={"PYTHONPATH": str(leaky_directory)})
    assert found == {"test_forgets": {"more"}, "test_forgets [later]": {"Object"}}, result.stdout


MADE_ANEW = """
    import gc
    import leaky
    import pytest

    KEPT = []

    class Object:
        pass

    @pytest.fixture(scope="module")
    def cache():
        yield
        KEPT.clear()
        KEPT.extend([Object() for _ in range(100)])
        for _ in range(3 * COLLECTS):
            gc.collect()
        for made in KEPT:
            leaky.incref(made)

    def test_last(cache):
        KEPT.extend([Object() for _ in range(100)])
"""


@needs_counts
@pytest.mark.parametrize("option", ["--yagot-confirm", "--yagot-check-at=never"])
@pytest.mark.parametrize("collects", [0, 1])
def test_what_a_teardown_makes_where_the_last_tests_objects_were_is_not_the_tests(
    project, leaky_directory, option, collects
):
    text = MADE_ANEW.replace("COLLECTS", str(collects))
    result, found = run(project, text, option, env={"PYTHONPATH": str(leaky_directory)}, check=0)
    assert found == {}, result.stdout


FAILS_LATE = """
    import pytest

    @pytest.fixture(scope="module")
    def wide():
        yield
        raise KeyError("wide")

    def test_leaks(wide):
        kept = []
        kept.append(kept)
"""


def test_a_wider_fixture_that_fails_in_its_teardown_fails_the_last_test(project):
    result, found = run(project, FAILS_LATE, check=1)
    assert "KeyError: 'wide'" in result.stdout and "1 passed, 1 error in" in result.stdout
    assert found == {}


STOPPED = """
    import pytest

    KEPT = []

    @pytest.fixture(scope="module")
    def wide():
        node("setup")
        yield
        node("teardown")
        KEPT.clear()

    def test_a(wide):
        KEPT.append(node("kept"))

    def test_b(wide):
        STOP

    def test_c(wide):
        pass
"""
TORN = {"test_a [later]": {"kept"}, "test_b [after]": {"teardown"}} if pytest.version_tuple >= (8, 3) else {}


@needs_generations
@pytest.mark.parametrize("stop, further", [
    ("assert False", TORN), ("node('own')", {"test_b": {"own"}}), ("raise KeyboardInterrupt", None),
])  # fmt: skip
def test_what_is_left_when_the_run_stops_early_is_reported(project, stop, further):
    result, found = run(project, STOPPED.replace("STOP", stop), "-x")
    assert found == ({"test_a [before]": {"setup"}, **further} if further is not None else {}), result.stdout
    assert result.returncode == (1 if further is not None else 2)


OF_A_FUNCTION = """
    import pytest

    @pytest.fixture(scope="class")
    def for_the_class():
        node("setup")
        yield
        node("teardown")

    def test_function(for_the_class):
        pass

    class TestClass:
        def test_method(self, for_the_class):
            pass
"""


@needs_generations
def test_a_fixture_for_a_class_is_a_functions_own_where_there_is_no_class(project):
    _, found = run(project, OF_A_FUNCTION)
    assert found == {
        "test_function": {"setup", "teardown"},
        "test_method [before]": {"setup"},
        "test_method [after]": {"teardown"},
    }


NESTED = """
    import pytest

    @pytest.fixture(scope="session")
    def inner():
        node("inner")
        yield
        node("torn")

    @pytest.fixture(scope="module", params=[1, 2])
    def outer(request):
        node("early")
        request.getfixturevalue("inner")
        node("late")

    def test_first(outer):
        node("own")
"""


@needs_generations
def test_a_wider_fixture_may_ask_for_another_one_while_it_is_set_up(project):
    _, found = run(project, NESTED, check=1)
    assert found == {
        "test_first[1]": {"own"},
        "test_first[1] [before]": {"early", "inner", "late"},
        "test_first[2]": {"own"},
        "test_first[2] [before]": {"early", "late"},
        "test_first[2] [after]": {"torn"},
    }
