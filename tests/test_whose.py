"""Whose leak it is: what fails by default, what the project is, and causes in general."""

import json
import os
import re
import sys
import textwrap
import zipfile

import pytest

from yagot.judge.judge import is_known, merged
from yagot.judge.project import Project
from yagot.model import Cut, Finding, sign
from yagot.report.wording import cut_text

IDIOMS = """
    import argparse, collections, configparser, functools, json, logging, logging.config, optparse, sqlite3, types
    import unittest
    from unittest import mock
    from xml.dom import minidom

    class Mine:
        def __init__(self):
            self.me = self

    class Caller:
        def __init__(self):
            self.callbacks = []

        def fire(self):
            for callback in self.callbacks:
                callback(self)

    class Parser(argparse.ArgumentParser):
        def error(self, message):
            raise ValueError(message)

    class Option(optparse.Option):
        pass

    class Command:
        def __init__(self):
            self.parser = argparse.ArgumentParser()
            self.parser.set_defaults(run=self.run)

        def run(self):
            pass

    class Note(unittest.TestCase):
        def test_mock(self):
            called = mock.Mock()
            called(1)

        def test_parser(self):
            argparse.ArgumentParser().add_argument("--x")

        def test_parser_of_a_subclass(self):
            Parser().add_argument("--x")

        def test_option_of_a_subclass(self):
            optparse.OptionParser(option_class=Option).add_option("--x")

        def test_config(self):
            configparser.ConfigParser().read_string("[a]\\nb = 1")

        def test_logging(self):
            settings = {"version": 1, "disable_existing_loggers": False}
            logging.config.dictConfig({**settings, "formatters": {"x": {"format": "%(message)s"}}})

        def test_dispatch(self):
            functools.singledispatch(print)

        def test_mock_that_was_called(self):
            caller = Caller()
            caller.callbacks.append(mock.Mock())
            caller.fire()

        def test_json(self):
            json.dumps({"a": [1]}, indent=2)

        def test_dom(self):
            minidom.parseString("<a><b/></a>")

        def test_connection(self):
            sqlite3.connect(":memory:").execute("select 1")

        def test_logs(self):
            with self.assertLogs("a"):
                logging.getLogger("a").error("bad")

        def test_context_in_self(self):
            with self.assertRaises(ValueError) as self.caught:
                int("x")

        def test_context_of_logs_in_self(self):
            self.logs = self.assertLogs("a")
            with self.logs:
                logging.getLogger("a").error("bad")

    class Leak(unittest.TestCase):
        def test_mine(self):
            Mine()

        def test_list(self):
            items = []
            items.append(items)

        def test_namespace(self):
            space = types.SimpleNamespace()
            space.me = space

        def test_deque(self):
            items = collections.deque([0]) * 20_001
            items[10_000] = items

        def test_connection_of_mine(self):
            connection = sqlite3.connect(":memory:")
            connection.row_factory = lambda cursor, row: connection

        def test_ordered_dict(self):
            items = collections.OrderedDict()
            items["me"] = items

        def test_closure(self):
            def count(n):
                return count(n - 1) if n else 0
            count(3)

        def test_frame(self):
            try:
                int("x")
            except ValueError as error:
                kept = error

        def test_mock_of_mine(self):
            mine = types.SimpleNamespace()
            mine.mock = mock.Mock()
            mine.mock.side_effect = lambda: mine

        def test_command(self):
            Command()
"""

RUNNERS = {
    "yagot": ["-m", "yagot", "run", "test_idioms"],
    "pytest": ["-m", "pytest", "-q", "--yagot", "test_idioms.py"],
    "nose2": ["-m", "nose2", "--plugin", "yagot.plugins.nose2", "--yagot", "test_idioms"],
}


@pytest.mark.parametrize("runner", RUNNERS)
def test_what_fails(project, runner):
    project.write("test_idioms.py", IDIOMS)
    project.python(*RUNNERS[runner], env={"YAGOT_JSON": "out.json"}, check=1)
    tests = json.loads((project.path / "out.json").read_text())["tests"]
    leaking = {test["name"] for test in tests if any(f["verdict"] == "leak" for f in test["findings"])}
    assert leaking == {test["name"] for test in tests if "Leak" in test["classname"] and "[" not in test["name"]}
    reasons = {f["reason"] for test in tests if "Note" in test["classname"] for f in test["findings"]}
    assert {"standard-library", "framework-scaffold"} <= reasons
    assert reasons <= {"standard-library", "framework-scaffold", "inherent-class"}


RAISED = """
    import pytest

    def parse(text):
        try:
            int(text)
        except ValueError as error:
            kept = error
            raise

    def test_note():
        with pytest.raises(ValueError) as info:
            int("x")
        error = info.value
        assert error.args

    def test_leak_of_a_function():
        with pytest.raises(ValueError) as info:
            parse("x")
        assert info.value.args

    def test_leak_of_the_test():
        try:
            int("x")
        except ValueError as error:
            kept = error
"""


def test_what_pytest_raises_has_caught(project):
    """A variable for what it caught makes the same cycle as its own object."""
    project.write("test_raised.py", RAISED)
    project.python("-m", "pytest", "-q", "--yagot", "--yagot-json", "out.json", check=1)
    tests = json.loads((project.path / "out.json").read_text())["tests"]
    found = {t["name"]: {(f["verdict"], f["reason"]) for f in t["findings"]} for t in tests}
    assert found == {
        "test_note": {("note", "framework-scaffold")},
        "test_leak_of_a_function": {("leak", "")},
        "test_leak_of_the_test": {("leak", "")},
    }


RUNNER = """
    class Result:
        def __init__(self, error):
            self.error = error

    def invoke(function):
        error = None
        try:
            function()
        except Exception as caught:
            error = caught
        return Result(error)
    """
INVOKING = """
    import unittest
    import others

    def bad():
        raise ValueError("bad")

    class Result(others.Result):
        pass

    class Own:
        def __init__(self, error):
            self.failure = error

    class Test(unittest.TestCase):
        def test_result(self):
            result = others.invoke(bad)
            self.assertTrue(result.error)

        def test_keeping(self):
            try:
                bad()
            except ValueError as error:
                own = Own(error)
            self.assertTrue(own.failure)

        def test_both(self):
            result = others.invoke(bad)
            result.test = Own(result.error)
            result.error = None

        def test_handed(self):
            errors = [own.caught(bad)]
            self.assertTrue(errors)

        def test_of_the_projects_frame(self):
            own.keeping(bad)
    """
OWN = """
    def caught(function):
        try:
            function()
        except Exception as error:
            return error

    def keeping(function):
        error = caught(function)
    """


@pytest.mark.parametrize("directory", [".", "tests"])
def test_what_was_caught_for_a_test(installed, directory):
    """Of the test there is but a variable for what was caught below it, as click's CliRunner does. Where tests are in a
    directory that is no package, pytest imports them by another name than it reports."""
    installed.write("site-packages/others/__init__.py", RUNNER)
    installed.write("own.py", OWN)
    installed.write(f"{directory}/test_invoking.py", INVOKING.replace("import others", "import others, own"))
    env = {"PYTHONPATH": f"{installed.path / 'site-packages'}:{installed.path}", "YAGOT_JSON": "out.json"}
    installed.python("-m", "pytest", "-q", "--yagot", f"{directory}/test_invoking.py", env=env, check=1)
    tests = json.loads((installed.path / "out.json").read_text())["tests"]
    found = {test["name"]: {(f["verdict"], f["reason"]) for f in test["findings"]} for test in tests}
    assert found["test_result"] <= {("note", "framework-scaffold"), ("note", "third-party")} and found["test_result"]
    assert found["test_handed"] == {("note", "framework-scaffold")}
    for name in ("test_keeping", "test_both", "test_of_the_projects_frame"):
        assert ("leak", "") in found[name], name


ORM = """
    class relationship:
        def __init__(self, other):
            self.other = other

        def __set_name__(self, owner, name):
            self.name = name

        def __get__(self, instance, owner):
            return self if instance is None else vars(instance)[self.name]

        def __set__(self, instance, value):
            vars(instance)[self.name] = value
            vars(value)[self.other] = [instance]
    """
MAPPED = """
    import unittest
    from others import relationship

    class Customer:
        orders = relationship("customer")

    class Order:
        customer = relationship("orders")

    class Node:
        next = relationship("other")

        def __init__(self):
            self.next = self

    class Test(unittest.TestCase):
        def test_order(self):
            Order().customer = Customer()

        def test_node(self):
            Node()
    """


def test_attributes_that_a_descriptor_stores(installed):
    """What an ORM keeps on both sides of a relationship is its own, unless the project's methods set it."""
    installed.write("site-packages/others/__init__.py", ORM)
    installed.write("test_mapped.py", MAPPED)
    tests = run_beside_packages(installed, "test_mapped", check=1)
    found = {name: {(f["verdict"], f["cause"]) for f in test["findings"]} for name, test in tests.items()}
    assert found["test_order"] == {("note", "test_mapped.Customer.orders[] → test_mapped.Order.customer")}
    assert {verdict for verdict, _ in found["test_node"]} == {"leak"}


def test_the_cycle_of_the_project_is_shown(project):
    project.write("test_idioms.py", IDIOMS)
    found = project.tests("test_idioms.Leak.test_command", check=1)["test_command"]["findings"]
    (finding,) = (finding for finding in found if finding["verdict"] == "leak")
    assert finding["owner"] == "the project" and "test_idioms" in finding["makers"]
    assert finding["cause"].startswith("argparse._ActionsContainer._defaults[] → ")
    assert "test_idioms.Command.parser" in finding["parts"]


PENDING = """
    import asyncio, unittest

    class Test(unittest.IsolatedAsyncioTestCase):
        async def test_kept(self):
            self.task = asyncio.create_task(asyncio.sleep(1000))
            await asyncio.sleep(0)

        async def test_leak(self):
            self.task = asyncio.create_task(asyncio.sleep(1000))
            await asyncio.sleep(0)
            node = lambda: node
"""


def test_a_task_that_unittest_cancels_is_no_leak_of_the_test_that_has_kept_it(project):
    """From 3.13 on frames of asyncio keep the cancelled task and, further up, the test case."""
    project.write("test_pending.py", PENDING)
    tests = project.tests("test_pending", check=1)
    leaks = {name: [f["cause"] for f in test["findings"] if f["verdict"] == "leak"] for name, test in tests.items()}
    assert leaks["test_kept"] == []
    assert len(leaks["test_leak"]) == 1 and "<lambda>" in leaks["test_leak"][0]


# -- what the project is -----------------------------------------------------------------------------

NODE = "class Node:\n    def __init__(self):\n        self.me = self\n"


def run_beside_packages(project, *arguments, check):
    """The tests of a run that finds what is in the project's site-packages."""
    return project.tests(*arguments, env={"PYTHONPATH": str(project.path / "site-packages")}, check=check)


@pytest.fixture
def installed(project):
    """A project whose package is imported from site-packages, as under tox, with another one there."""
    project.write("pyproject.toml", '[project]\nname = "Book-Shop"\n')
    project.write("src/shelves/__init__.py", "")
    for package in ("book_shop", "shelves", "others"):
        project.write(f"site-packages/{package}/__init__.py", NODE)
    project.write("test_installed.py", """
        import unittest
        import book_shop, others, shelves

        class Test(unittest.TestCase):
            def test_named(self):
                book_shop.Node()

            def test_source(self):
                shelves.Node()

            def test_others(self):
                others.Node()
        """)
    return project


FIELDS = """
    class Field:
        def bind(self, owner):
            self.owner = owner

    class Form:
        def __init__(self):
            self.field = Field()
            self.field.bind(self)
"""


def test_advice_for_a_project_that_is_installed(installed):
    """It is for the installed file, not for the test's class that is on the cycle, too."""
    for package in ("book_shop", "others"):
        installed.write(f"site-packages/{package}/forms.py", FIELDS)
    installed.write("test_forms.py", """
        import unittest
        from book_shop import forms
        from others import forms as others

        class Mine(forms.Form):
            def __init__(self):
                super().__init__()
                self.form = self.field

        class Theirs(others.Form):
            def __init__(self):
                super().__init__()
                self.form = self

        class Test(unittest.TestCase):
            def test_installed(self):
                Mine()

            def test_others(self):
                Theirs()
        """)
    tests = run_beside_packages(installed, "test_forms", check=1)
    files = {name: {f["cut"]["file"] for f in test["findings"] if f["cut"]} for name, test in tests.items()}
    assert files["test_installed"] == {"site-packages/book_shop/forms.py"}
    assert files["test_others"] <= {"test_forms.py", ""}


def test_a_project_that_is_installed(installed):
    tests = run_beside_packages(installed, "test_installed", check=1)
    assert {name: [(f["verdict"], f["owner"]) for f in test["findings"]] for name, test in tests.items()} == {
        "test_named": [("leak", "the project")],
        "test_source": [("leak", "the project")],
        "test_others": [("note", "others")],
    }
    out = installed.python("-m", "yagot", "config", check=0).stdout
    assert "project, installed too: book_shop, shelves" in out


def install(project, **files_of):
    """Distributions of these files, each in a wheel, installed by pip."""
    for name, files in files_of.items():
        info = f"{name}-1.dist-info"
        with zipfile.ZipFile(project.path / f"{name}-1-py3-none-any.whl", "w") as wheel:
            for path, text in files.items():
                wheel.writestr(path, textwrap.dedent(text))
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/top_level.txt", "acme\n")
            wheel.writestr(f"{info}/RECORD", "")
    wheels = [str(wheel) for wheel in project.path.glob("*.whl")]
    project.python("-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target=site-packages", *wheels, check=0)


PKGUTIL = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
SHARED = {"implicit": {}, "pkgutil": {"acme/__init__.py": PKGUTIL}, "regular": {"acme/__init__.py": NODE}}


@pytest.mark.parametrize("source", ["src/acme/shop/__init__.py", "acme/shop/__init__.py", None])
@pytest.mark.parametrize("kind", SHARED)
def test_what_others_install_beside_the_project(project, kind, source):
    """Into a namespace, or where the project installs into a package of theirs."""
    others = SHARED[kind] | {"acme/other/part/__init__.py": NODE, "acme/other/__init__.py": "", "acme/tool.py": NODE}
    own = {} if kind == "regular" else SHARED[kind]
    install(project, acme_other=others, acme_shop=own | {"acme/shop/__init__.py": "", "acme/shop/cart.py": NODE})
    project.write("pyproject.toml", '[project]\nname = "acme.shop"\n')
    if source is not None:
        project.write(source, "")
        project.write(source.replace("__init__", "cart"), NODE)
    project.write("tests/test_beside.py", """
        import gc
        import unittest

        class Test(unittest.TestCase):
            def test_own(self):
                from acme.shop import cart
                cart.Node()
                gc.collect()

            def test_package(self):
                from acme.other import part
                part.Node()
                gc.collect()

            def test_module(self):
                from acme import tool
                tool.Node()
        """)
    tests = run_beside_packages(project, "discover", "-s", "tests", check=1)
    theirs = {"test_package": "acme.other", "test_module": "acme.tool"}
    if kind == "regular":
        theirs = dict.fromkeys(theirs, "acme")
    assert {name: [(f["verdict"], f["owner"]) for f in test["findings"]] for name, test in tests.items()} == {
        "test_own": [("leak", "the project")], **{name: [("note", owner)] for name, owner in theirs.items()},
    }  # fmt: skip


def test_tests_inside_an_installed_package(installed):
    installed.write("site-packages/others/tests.py", """
        import unittest
        import others

        class Test(unittest.TestCase):
            def test_own(self):
                others.Node()
        """)
    tests = run_beside_packages(installed, "others.tests", check=1)
    assert tests["test_own"]["findings"][0]["owner"] == "the project"


@pytest.mark.parametrize("name", ["pyproject.toml", "setup.cfg"])
def test_a_pipe_instead_of_a_project_file_is_not_read(project, name):
    os.mkfifo(project.path / name)
    project.write("test_one.py", "import unittest\nclass T(unittest.TestCase):\n    def test(self): [].sort()\n")
    project.tests("test_one", check=0)


def test_owners_of_modules(tmp_path):
    project = Project(directory=tmp_path)
    project.refresh()
    assert project.owner_of_module("argparse") == "the standard library"
    assert project.owner_of_module("pytest") == "pytest" and project.owner_of_module(__name__) == "the project"
    assert (project.modules["argparse"], project.modules["pytest"], project.modules[__name__]) == (1, 2, 0)


LINKED = """
    class OrderedSet:
        def __init__(self):
            self.end = end = []
            end += [None, end, end]
            self.map = {}

        def add(self, key):
            end = self.end
            curr = end[1]
            curr[2] = end[1] = self.map[key] = [key, curr, end]
    """
USING = """
    import unittest
    import others

    class Mine:
        def __init__(self):
            self.items = others.OrderedSet()
            self.items.owner = self

    class Test(unittest.TestCase):
        def test_empty(self):
            others.OrderedSet()

        def test_full(self):
            others.OrderedSet().add("a")

        def test_mine(self):
            Mine()
    """


def test_lists_that_a_package_links(installed):
    """Nothing on the cycle says who has made it; the package has code that does so, and the project has none."""
    installed.write("site-packages/others/__init__.py", LINKED)
    installed.write("test_using.py", USING)
    env = {"PYTHONPATH": str(installed.path / "site-packages")}

    def found():
        tests = installed.tests("test_using", env=env, check=1)
        return {name: {(f["verdict"], f["owner"]) for f in test["findings"]} for name, test in tests.items()}

    def expected(of_lists):
        mine = {("leak", "the project"), of_lists}
        return {"test_empty": {of_lists}, "test_full": {of_lists}, "test_mine": mine}

    assert found() == expected(("note", "others"))
    for own in ("items.append(items)", "other = [items]; items.append(other)", "items[:] = [items, items]"):
        installed.write("test_using.py", USING + f"\n    def own():\n        items = []; {own}\n")
        assert found() == expected(("leak", "builtins"))


IMPORTED_IN_A_TEST = """
    import gc, unittest

    def leak():
        from optparse import OptionParser

        class Parser(OptionParser):
            def __init__(self):
                super().__init__()
                self.spare = [self]  # the project's; the formatter's cycle, as short, is the library's

        Parser()

    class Note(unittest.TestCase):
        def test_collects(self):
            leak()
            gc.collect()

        def test_does_not(self):
            leak()
    """


@pytest.mark.parametrize("first", [False, True])
def test_a_collection_in_the_test_that_imports_a_module(project, first):
    """The core must know whose the module is before the test has ended."""
    project.write("test_imports.py", IMPORTED_IN_A_TEST.replace("import gc,", f"import {'optparse, ' * first}gc,"))
    tests = project.tests("test_imports", check=1)
    found = [{(f["verdict"], f["cause"]) for f in test["findings"]} for test in tests.values()]
    assert found[0] == found[1] and ("leak", "test_imports.leak.<locals>.Parser.spare[]") in found[0]


def test_what_is_not_imported_yet_has_an_owner(tmp_path):
    project = Project(directory=tmp_path)
    assert (project.modules["turtledemo"], project.modules["pytest"]) == (1, 2)
    project = Project(["pytest", "mine.part"], directory=tmp_path)
    assert (project.modules["turtledemo"], project.modules["pytest"], project.modules["mine.part"]) == (1, 0, 0)


# -- causes in general -------------------------------------------------------------------------------

SHAPES = """
    import unittest

    class Base:
        def __init__(self):
            self.fields = {}

    class Field:
        def bind(self, key, owner):
            self.parent = owner
            owner.fields[key] = self

    class Test(unittest.TestCase):
        def test_one(self):
            class Schema(Base):
                pass
            schema = Schema()
            Field().bind("age", schema)

        def test_other(self):
            class Other(Base):
                pass
            class Number(Field):
                pass
            schema, further = Other(), Other()
            Field().bind("name", schema)
            Number().bind("size", further)
"""


def test_classes_made_in_tests_are_no_causes(project):
    project.write("test_shape.py", SHAPES)
    tests = project.tests("test_shape", check=1)
    found = {name: [f for f in test["findings"] if f["verdict"] == "leak"] for name, test in tests.items()}
    causes = {f["cause"] for findings in found.values() for f in findings}
    assert causes == {"test_shape.Base.fields[] → test_shape.Field.parent"}
    (one,), (other,) = found["test_one"], found["test_other"]
    assert len(one["variants"]) == 1 and len(other["variants"]) == 2 and other["count"] == 2
    assert ".Schema.fields['age']" in one["concrete"] and one["signature"] == other["signature"]
    assert "from 1 cause" in project.result.stderr


HANDLERS = """
    import unittest

    class State:
        def __init__(self):
            self.transitions = {name: [getattr(self, name)] for name in self.names}

    class Bullet(State):
        names = ["bullet", "blank"]
        def bullet(self): pass
        def blank(self): pass

    class Text(State):
        names = ["underline"]
        def underline(self): pass

    class Test(unittest.TestCase):
        def test(self):
            Bullet(), Text()
"""


def test_which_of_the_methods_it_is_makes_no_cause(project):
    project.write("test_handlers.py", HANDLERS)
    (finding,) = project.tests("test_handlers", check=1)["test"]["findings"]
    assert finding["cause"] == "method State.….__self__ → test_handlers.State.transitions[][]"
    assert len(finding["variants"]) == 2


EXCEPTIONS = """
    import unittest

    class Wrong(Exception):
        pass

    class Base:
        @classmethod
        def made(cls):
            new = cls()
            new.made_by = new
            return new

    class Derived(Base):
        pass

    def keeping(kind):
        try:
            raise kind
        except Exception as error:
            kept = error

    class Test(unittest.TestCase):
        def test_one(self):
            keeping(ValueError)

        def test_other(self):
            keeping(Wrong)

        def test_base(self):
            Base.made()

        def test_derived(self):
            Derived.made()
"""


def test_subclasses_of_what_sets_a_reference_make_no_causes(project):
    project.write("test_kinds.py", EXCEPTIONS)
    tests = project.tests("test_kinds", check=1)
    causes = {name: test["findings"][0]["cause"] for name, test in tests.items()}
    kept = "frame test_kinds.keeping local 'kept' → BaseException.__traceback__"
    assert sorted(causes["test_one"].split(" → ")) == sorted([*kept.split(" → "), "traceback.tb_frame"])
    assert causes["test_one"] == causes["test_other"]
    assert causes["test_base"] == causes["test_derived"] == "test_kinds.Base.made_by"
    assert "from 2 causes" in project.result.stderr


VALIDATING = """
    class Form:
        def __init__(self):
            self.errors = []

        def is_valid(self):
            try:
                self.clean()
            except ValueError as error:
                self.errors.append(error)
            return not self.errors

    class Future:
        def set_exception(self, error):
            self.error = error
    """
FORMS = """
    import others

    class Form(others.Form):
        def clean(self):
            raise ValueError("bad")

    def work(future):
        try:
            int("x")
        except ValueError as error:
            future.set_exception(error)
    """
VALIDATED = """
    import unittest
    import forms, others

    class Test(unittest.TestCase):
        def test_form(self):
            self.assertFalse(forms.Form().is_valid())

        def test_future(self):
            forms.work(others.Future())
    """


def test_parameters_of_a_frame_that_an_exception_has_passed(installed):
    """It has passed through the method of the project's form, to be caught and kept by the package."""
    installed.write("site-packages/others/__init__.py", VALIDATING)
    installed.write("forms.py", FORMS)
    installed.write("test_forms.py", VALIDATED)
    tests = run_beside_packages(installed, "test_forms", check=1)
    found = {name: {(f["verdict"], f["reason"]) for f in test["findings"]} for name, test in tests.items()}
    assert found == {"test_form": {("note", "third-party")}, "test_future": {("leak", "")}}


STRANGERS = """
    import functools

    def watched(model):
        model.watcher = functools.partial(watch, model)

    class Machine:
        def add(self, model):
            setattr(model, "trigger", functools.partial(self.run, model))

        def add_state(self, model, name):
            setattr(model, f"is_{name}", functools.partial(self.run, model))

        def run(self, model): pass

    def kept(model):
        model.keeper = model

    def watch(model): pass

    class Base:
        pass
    """
MODELS = """
    import functools, unittest
    import machines

    class Order:
        pass

    class Node(machines.Base):
        pass

    class Callback(unittest.TestCase):
        def test_order(self):
            machines.Machine().add(Order())

        def test_local(self):
            class Local:
                def trigger(self): pass
            machines.Machine().add(Local())

        def test_state(self):
            machines.Machine().add_state(Order(), "open")

        def test_other_state(self):
            machines.Machine().add_state(Node(), "closed")

        def test_function(self):
            machines.watched(Order())

    class Mine(unittest.TestCase):
        def test_attribute(self):
            node = Node()
            node.callback = functools.partial(machines.watch, node)

        def test_same_name(self):
            node = Node()
            node.keeper = node

        def test_alone(self):
            node = Node()
            setattr(node, "me_and_" + "you", node)

        def test_attribute_in_c(self):
            Job()

    class Job:
        def __init__(self):
            self.args = functools.partial(print, self)
            self.call = functools.partial(print, self)
            self.args = ()
    """


def test_attributes_that_others_set(installed):
    """No class of theirs knows of the attribute: the library's functions beside the cycle do, or the project's."""
    for place in ("", "site-packages/"):  # the library's own suite, then its user's
        (installed.path / "machines.py").unlink(missing_ok=True)
        installed.write(f"{place}machines.py", STRANGERS)
        installed.write("test_models.py", MODELS)
        env = {"PYTHONPATH": str(installed.path / "site-packages")} if place else {}
        tests = installed.tests("test_models", env=env, check=1)
        found = {name: [(f["verdict"], f["cause"]) for f in test["findings"] if f["reason"] != "inherent-class"]
                 for name, test in tests.items()}
        library = "note" if place else "leak"
        assert found == {
            "test_order": [(library, "functools.partial.args[] → object.trigger")],
            "test_local": [("leak", "functools.partial.args[] → object.trigger")],
            "test_state": [(library, "functools.partial.args[] → object.…")],
            "test_other_state": [(library, "functools.partial.args[] → object.…")],
            "test_function": [(library, "functools.partial.args[] → object.watcher")],
            "test_attribute": [("leak", "functools.partial.args[] → test_models.Node.callback")],
            "test_same_name": [("leak", "test_models.Node.keeper")],
            "test_alone": [("leak", "test_models.Node.me_and_you")],
            "test_attribute_in_c": [("leak", "functools.partial.args[] → test_models.Job.call")],
        }


MADE = """
    import collections, dataclasses, enum, typing, unittest

    class Base:
        pass

    class Registry:
        def __init_subclass__(cls, **keywords):
            cls.registry = []

    class Meta(type):
        pass

    def looped(obj):
        obj.append(obj)

    def attached(obj):
        vars(obj)["me"] = obj

    class Test(unittest.TestCase):
        def test_local(self):
            class Local(Base): pass
            attached(Local())

        def test_generic(self):
            T = typing.TypeVar("T")
            class Local(Base, typing.Generic[T]): pass
            attached(Local[int]())

        def test_type(self):
            attached(type("Made", (Base,), {})())

        def test_dataclass(self):
            @dataclasses.dataclass
            class Local(Base):
                me: object = None
            attached(Local())

        def test_make_dataclass(self):
            attached(dataclasses.make_dataclass("Made", [("a", int)], bases=(Base,))(1))

        def test_metaclass(self):
            class Local(Base, metaclass=Meta): pass
            attached(Local())

        def test_list(self):
            class Local(list): pass
            looped(Local())

        def test_tuple(self):
            Pair = collections.namedtuple("Pair", "one other")
            items = []
            items.append(Pair(items, 1))

        def test_typed_tuple(self):
            Pair = typing.NamedTuple("Other", [("one", list)])
            items = []
            items.append(Pair(items))

        def test_class(self):
            class Local(Registry): pass
            Local.registry.append(Local)

        def test_other_class(self):
            class Other(Registry): pass
            Other.registry.append(Other)
"""


def test_classes_that_were_made_at_run_time_go_by_their_bases(project):
    project.write("test_made.py", MADE)
    tests = project.tests("--details", "test_made", check=1)
    found = {name: {f["cause"] for f in test["findings"]} for name, test in tests.items()}
    kept = {name: next((c for c in causes if "__mro__" not in c), "") for name, causes in found.items()}
    for name in ("local", "generic", "type", "make_dataclass", "metaclass"):
        assert kept[f"test_{name}"] == "test_made.Base.me", name
    assert kept["test_dataclass"] == "test_made.Test.test_dataclass.<locals>.Local.me"  # its own code sets it
    del found["test_dataclass"]
    assert not any("<locals>" in cause or "Made" in cause for causes in found.values() for cause in causes)
    assert found["test_class"] == found["test_other_class"] == {"class test_made.Registry.__mro__[]"}
    assert found["test_tuple"] == found["test_typed_tuple"]


AGAIN = """
    def again(error):
        raise error

    def load():
        try:
            raise KeyError
        except KeyError as error:
            again(error)
    """
CALLED_WITH_ERRORS = """
    import unittest
    import others

    class Test(unittest.TestCase):
        def test_load(self):
            try:
                others.load()
            except KeyError:
                pass
    """


def test_a_function_that_raises_its_parameter_makes_the_cycle(installed):
    """Nobody keeps the exception but the frame that it has left."""
    installed.write("site-packages/others/__init__.py", AGAIN)
    installed.write("test_raised.py", CALLED_WITH_ERRORS)
    findings = run_beside_packages(installed, "test_raised", check=0)["test_load"]["findings"]
    assert [(f["verdict"], f["reason"]) for f in findings] == [("note", "third-party")]


LOOPING = """
    import asyncio, unittest

    async def fail():
        raise ValueError

    class Test(unittest.TestCase):
        def test_loop(self):
            loop = asyncio.new_event_loop()
            try:
                loop.run_until_complete(fail())
            except ValueError:
                pass
            loop.close()
"""


def test_a_parameter_that_a_function_binds_anew_is_a_variable_of_its_own(project):
    """The loop's method replaces the coroutine by the task that it makes of it."""
    project.write("test_looping.py", LOOPING)
    findings = project.tests("test_looping")["test_loop"]["findings"]
    assert {(f["verdict"], f["reason"]) for f in findings} == {("note", "standard-library")}


NAMED_BY_DATA = """
    import types, unittest

    def build(text):
        code = (lambda self: text).__code__.replace(co_name=f"<builder:{text!r}>")
        return types.FunctionType(code, globals(), None, None, (types.CellType(text),))

    class Rule:
        def __init__(self, text):
            self.build = types.MethodType(build(text), self)

    class Test(unittest.TestCase):
        def test_method(self):
            Rule("/")

        def test_other_method(self):
            Rule("/shop/<int:number>")

        def test_function(self):
            function = build("/")
            function.me = function

        def test_other_function(self):
            function = build("/shop")
            function.me = function
"""


def test_names_that_are_made_of_data_are_in_no_cause(project):
    project.write("test_rule.py", NAMED_BY_DATA)
    tests = project.tests("--details", "test_rule", check=1)
    causes = {name: [finding["cause"] for finding in test["findings"]] for name, test in tests.items()}
    assert causes["test_method"] == causes["test_other_method"] == ["method Rule.….__self__ → test_rule.Rule.build"]
    assert causes["test_function"] == causes["test_other_function"] == ["function test_rule.….me"]


DECORATED = """
    import functools, unittest

    def traced(function):
        @functools.wraps(function)
        def call(*arguments):
            return function(*arguments)
        call.first = call
        return call

    def compiled(function):
        name = f"compiled_{id(function)}"
        exec(f"def {name}(): pass", globals())
        made = functools.wraps(function)(globals().pop(name))
        made.me = made

    class Test(unittest.TestCase):
        def test_compiled(self):
            @compiled
            def one(): pass

        def test_one(self):
            @traced
            def one(): pass

        def test_other(self):
            @traced
            def other(): pass
"""


def test_a_decorators_functions_go_by_their_code(project):
    project.write("test_decorated.py", DECORATED)
    tests = project.tests("test_decorated", check=1)
    causes = {finding["cause"] for test in tests.values() for finding in test["findings"]}
    assert causes == {"function test_decorated.call.first", "function test_decorated.….me"}
    concrete = tests["test_one"]["findings"][0]["concrete"]
    assert concrete == "function test_decorated.Test.test_one.<locals>.one.first"


TEMPLATES = """
    class Template:
        def __init__(self, name, source):
            globals = {"__name__": name}
            exec(compile(source, name, "exec"), globals)
            self.root = globals.pop("root")
            globals["template"] = self
    """
RENDERING = """
    import unittest
    from engine import Template

    class Test(unittest.TestCase):
        def test_one(self):
            Template("/templates/one.html", "def root(a): return lambda: a")

        def test_other(self):
            Template("/templates/other.html", "def root(a, b): pass")

        def test_alone(self):
            exec("def f(): pass", {"__name__": "made"})
    """


def test_code_made_at_run_time_is_nobodys(installed):
    """What a template engine has made is the engine's, and its names are data."""
    installed.write("site-packages/engine/__init__.py", TEMPLATES)
    installed.write("tests/test_pages.py", RENDERING)
    tests = run_beside_packages(installed, "--details", "tests/test_pages.py", check=0)
    findings = [finding for test in tests.values() for finding in test["findings"]]
    assert {(f["verdict"], f["reason"]) for f in findings} == {("note", "third-party"), ("note", "inherent-module")}
    assert {(f["cause"], f["owner"]) for f in findings} == {
        ("engine.Template.root → function <made at run time>.__globals__[]", "engine"),
        ("function <made at run time>.__globals__[]", "code made at run time"),
    }


CLOSED_EARLY = """
    import unittest

    async def work(items):
        return items

    def make():
        items = []
        items.append(work(items))
        items[0].close()

    class Test(unittest.TestCase):
        def test(self):
            make()
    """


@pytest.mark.skipif(not (3, 12) <= sys.version_info < (3, 14), reason="closing it lets go of its variables")
def test_a_coroutine_that_was_closed_before_it_began_is_its_modules(project):
    project.write("test_early.py", CLOSED_EARLY)
    (finding,) = project.tests("test_early", check=1)["test"]["findings"]
    assert (finding["verdict"], finding["owner"]) == ("leak", "the project")
    assert "made at run time" not in finding["cause"]


IMPERSONATING = """
    import types

    def given(function):
        \'\'\'As Hypothesis makes its functions: a module of its own, and the code says that it is the test's.\'\'\'
        module = types.ModuleType("temporary_" + function.__name__)
        exec("def outer(f):\\n    def accept(self): return f(self)\\n    return accept", module.__dict__)
        accept = module.outer(function)
        code = function.__code__
        changes = {"co_filename": code.co_filename, "co_firstlineno": code.co_firstlineno}
        accept.__code__ = accept.__code__.replace(**changes)
        accept.__name__, accept.__qualname__ = function.__name__, function.__qualname__

        def test(self):
            State(module.outer(accept))
            return accept(self)
        return test

    class State:
        def __init__(self, accept):
            cell = accept.__closure__[0]
            accept.__code__ = cell.cell_contents.__code__
            self.proxied = [accept]
            cell.cell_contents = self
    """
GIVEN = """
    import unittest
    from others import given

    class Node:
        def __init__(self):
            self.me = self

    class Test(unittest.TestCase):
        @given
        def test_given(self):
            pass

        @given
        def test_leak(self):
            Node()
    """


def test_functions_that_say_they_are_the_tests(installed):
    installed.write("site-packages/others/__init__.py", IMPERSONATING)
    installed.write("test_given.py", GIVEN)
    tests = run_beside_packages(installed, "test_given", check=1)
    found = {name: {(f["verdict"], f["owner"]) for f in test["findings"]} for name, test in tests.items()}
    assert found["test_given"] == {("note", "others")}
    assert found["test_leak"] == {("note", "others"), ("leak", "the project")}
    causes = {f["cause"] for test in tests.values() for f in test["findings"] if f["verdict"] == "note"}
    assert len(causes) == 1


DROPPED = """
    import importlib.util, os, tempfile, types, unittest

    SOURCE = "def one(): pass\\n"

    class Note(unittest.TestCase):
        def test_file(self):
            with tempfile.TemporaryDirectory() as directory:
                path = os.path.join(directory, "dropped.py")
                with open(path, "w") as file:
                    file.write(SOURCE)
                spec = importlib.util.spec_from_file_location("dropped", path)
                spec.loader.exec_module(importlib.util.module_from_spec(spec))

        def test_module(self):
            exec(compile(SOURCE, "dropped.py", "exec"), types.ModuleType("dropped").__dict__)

    class Leak(unittest.TestCase):
        def test_kept(self):
            space = types.ModuleType("dropped").__dict__
            source = SOURCE + "class Thing: pass\\nkept = Thing()\\nkept.me = kept\\n"
            exec(compile(source, "dropped.py", "exec"), space)
"""


def test_a_module_that_is_dropped(project):
    """Its functions refer to its names, and these to them: nobody can write it otherwise."""
    project.write("test_dropped.py", DROPPED)
    tests = project.tests("test_dropped", check=1)
    found = {name: {(f["verdict"], f["reason"]) for f in test["findings"]} for name, test in tests.items()}
    assert found["test_file"] == {("note", "first-import")}
    assert found["test_module"] == {("note", "inherent-module")}
    assert ("leak", "") in found["test_kept"]
    again = project.tests("--disable-rules", "inherent-module", "test_dropped", check=1)
    assert {f["verdict"] for f in again["test_module"]["findings"]} == {"leak"}


LOGGED = """
    import logging, unittest

    class Job:
        def run(self):
            try:
                int("x")
            except ValueError as error:
                self.error = error
                self.context = self
                logging.getLogger("jobs").exception("bad")

    class Test(unittest.TestCase):
        def test_note(self):
            with self.assertLogs("jobs") as caught:
                try:
                    int("x")
                except ValueError:
                    logging.getLogger("jobs").exception("bad")
            self.assertEqual(len(caught.records), 1)

        def test_leak(self):
            with self.assertLogs("jobs") as caught:
                Job().run()
            self.assertEqual(len(caught.records), 1)
"""


def test_what_assertlogs_has_caught(project):
    """The records that it keeps for a test lead to the test's own frame, by their exception."""
    project.write("test_logged.py", LOGGED)
    tests = project.tests("test_logged", check=1)
    found = {name: {(f["verdict"], f["reason"]) for f in test["findings"]} for name, test in tests.items()}
    assert found["test_note"] == {("note", "framework-scaffold")}
    assert ("leak", "") in found["test_leak"]


SHOWN = """
    import traceback, unittest

    class Report:
        def __init__(self, error):
            self.error = error
            self.text = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())

    class Test(unittest.TestCase):
        def test_note(self):
            try:
                int("x")
            except ValueError as error:
                shown = traceback.TracebackException.from_exception(error, capture_locals=True)
                self.assertIn("ValueError", "".join(shown.format()))

        def test_leak(self):
            try:
                int("x")
            except ValueError as error:
                report = Report(error)
                self.assertIn("ValueError", report.text)
"""


def test_variables_that_a_frame_keeps_as_they_were_read(project):
    """Before 3.13 the dict that f_locals has made of a frame's variables stays, with the exception that was caught; the
    function itself has let go of that."""
    project.write("test_shown.py", SHOWN)
    tests = project.tests("test_shown", check=1)
    found = {name: {(f["verdict"], f["reason"]) for f in test["findings"]} for name, test in tests.items()}
    assert found["test_note"] == (set() if sys.version_info >= (3, 13) else {("note", "standard-library")})
    assert ("leak", "") in found["test_leak"]
    edges = {f["cycle"][-1] for f in tests["test_note"]["findings"]}
    assert all(edge.endswith(".f_locals['error']") for edge in edges), edges


def test_a_new_class_is_in_an_old_baseline(project):
    project.write("test_shape.py", SHAPES)
    project.yagot("--baseline", "known.json", "--update-baseline", "test_shape.Test.test_one", check=0)
    project.yagot("--baseline", "known.json", "test_shape", check=0)


def test_a_baseline_of_concrete_causes(project):
    project.write("test_shape.py", SHAPES)
    tests = project.tests("test_shape", check=1)
    signatures = {v for test in tests.values() for f in test["findings"] for v in f["variants"]}
    leaks = {signature: {"cause": "of old", "kind": "collected", "tests": []} for signature in signatures}
    project.write("old.json", json.dumps({"version": 1, "leaks": leaks}))
    project.yagot("--baseline", "old.json", "test_shape", check=0)


def test_findings_of_one_cause_are_one():
    def finding(concrete, verdict="leak"):
        variants = (sign("collected", concrete),)
        return Finding("collected", "a", 2, {"x": 2}, 10, concrete=concrete, variants=variants, verdict=verdict)

    one, noted = merged([finding("b"), finding("c"), finding("b"), finding("d", "note")])
    assert (one.objects, one.types, one.held_bytes, one.count, len(one.variants)) == (6, {"x": 6}, 30, 3, 2)
    assert noted.verdict == "note"
    assert is_known(one, set(one.variants)) and not is_known(one, {one.variants[0]})


def test_what_a_cut_frees_of_findings_that_are_one():
    """The same cut frees the objects of all that have it."""

    def finding(concrete, line):
        cut = Cut("close", "Node", ".parent", "a.py", line, "", 2) if line else None
        return Finding("collected", "a", 2, {"x": 2}, 10, concrete=concrete, cut=cut)

    texts = [cut_text(merged([finding("b", 1), finding("c", line)])[0]) for line in (1, 2, 0)]
    assert texts == [
        ".parent of Node, a.py:1 (frees all 4 objects)",
        ".parent of Node, a.py:1 (frees 2 of 4 objects)",
        ".parent of Node, a.py:1 (frees 2 of 4 objects)",
    ]


# -- settings that match nothing ---------------------------------------------------------------------

UNMATCHED = """
    [tool.yagot]
    allow = ["no.such.*", "*.Base.*"]
    source = ["nowhere", "test_shape"]
    omit = ["no/*"]
    ignore-types = ["no.Type"]
"""


@pytest.mark.parametrize("command", [
    ["-m", "yagot", "run", "test_shape"],
    ["-m", "pytest", "-q", "--yagot", "test_shape.py"],
    ["-m", "pytest", "-q", "--yagot", "-n2", "test_shape.py"],
])  # fmt: skip
def test_settings_that_match_nothing(project, command):
    project.write("test_shape.py", SHAPES)
    project.write("pyproject.toml", UNMATCHED)
    result = project.python(*command, check=0)
    lines = (result.stdout + result.stderr).splitlines()
    lines = [line for line in lines if re.match(r"yagot: [\w-]+ '", line)]
    assert lines == [
        "yagot: source 'nowhere': no directory, and no module of this name was imported",
        "yagot: omit 'no/*': matches nothing in this run",
        "yagot: allow 'no.such.*': matches nothing in this run",
        "yagot: ignore-types 'no.Type': matches nothing in this run",
    ]


def test_what_a_c_type_keeps_by_its_address(project):
    """ctypes.cast() puts its argument into a dict of its own; a structure that points to itself is the project's."""
    project.write("test_c.py", """
        import ctypes
        import unittest

        class Node(ctypes.Structure):
            pass

        Node._fields_ = [("next", ctypes.POINTER(Node))]

        class Own:
            pass

        class Test(unittest.TestCase):
            def test_cast(self):
                ctypes.cast(ctypes.pointer(Node()), ctypes.c_void_p)
                ctypes.cast((ctypes.c_int * 3)(), ctypes.POINTER(ctypes.c_int))

            def test_next(self):
                node = Node()
                node.next = ctypes.pointer(node)

            def test_dict(self):
                own = Own()
                own.kept = {id(own): own}
        """)
    tests = project.tests("test_c", check=1)
    verdicts = {name: {finding["verdict"] for finding in test["findings"]} for name, test in tests.items()}
    assert verdicts == {"test_cast": {"note"}, "test_next": {"leak"}, "test_dict": {"leak"}}


@pytest.mark.parametrize("arguments, environment, text", [
    (["--report-onyl"], {}, "unknown option --report-onyl: did you mean --report-only?"),
    ([], {"YAGOT_JUNIT_XMLS": "x"}, "unknown setting: the variable YAGOT_JUNIT_XMLS: did you mean YAGOT_JUNIT_XML?"),
    (["--disable-rules=third-part"], {}, "did you mean third-party?"),
])  # fmt: skip
def test_misspelt_settings(project, arguments, environment, text):
    result = project.python("-m", "yagot", "run", *arguments, env=environment, check=2)
    assert result.stderr.count("\n") == 1 and text in result.stderr


def test_a_misspelt_option_of_pytest(project):
    project.write("test_x.py", "def test(): pass\n")
    result = project.python("-m", "pytest", "-q", "--yagot", "--yagot-leak-only", check=4)
    assert "unknown option --yagot-leak-only: did you mean --yagot-leaks-only?" in result.stderr
    assert "Traceback" not in result.stderr + result.stdout
    other = project.python("-m", "pytest", "-q", "--yagot-nonsense", check=4)
    assert "unrecognized arguments: --yagot-nonsense" in other.stderr
    assert "did you mean" not in other.stderr
    project.python("-m", "pytest", "-q", "--yagot", "--yagot-leaks-only", "--yagot-json=out.json", "test_x.py")


def test_a_misspelt_setting_in_a_file(project):
    project.write("pyproject.toml", "[tool.yagot]\nreport-olny = true\n")
    result = project.python("-m", "yagot", "run", check=2)
    assert "unknown setting 'report-olny' in [tool.yagot]: did you mean report-only?" in result.stderr


@pytest.mark.parametrize(
    ("text", "name"), [("tool = 3", "tool"), ("[[tool]]", "tool"), ("[tool]\nyagot = 3", "tool.yagot")]
)
def test_what_is_no_table_in_a_file(project, text, name):
    project.write("pyproject.toml", f"{text}\n")
    result = project.python("-m", "yagot", "run", check=2)
    assert result.stderr.endswith(f"pyproject.toml: [{name}] must be a table\n") and result.stderr.count("\n") == 1


PASSED_ON = """
    import pluggy

    class Spec:
        @pluggy.HookspecMarker("shop")(firstresult=True)
        def parse(self, depth):
            pass

    class Plugin:
        @pluggy.HookimplMarker("shop")
        def parse(self, depth):
            return caught(depth)

    MANAGER = pluggy.PluginManager("shop")
    MANAGER.add_hookspecs(Spec)
    MANAGER.register(Plugin())

    def caught(depth):
        if depth:
            return caught(depth - 1)
        try:
            raise ValueError("no")
        except ValueError as error:
            return error

    def order(depth):
        kept = MANAGER.hook.parse(depth=depth)
    """


def test_a_framework_in_the_middle_of_a_long_cycle(project):
    """The verdict does not depend on how many steps are shown."""
    project.write("shop.py", PASSED_ON)
    project.write("test_shop.py", """
        import unittest, shop

        class Test(unittest.TestCase):
            def test_short(self):
                shop.order(0)

            def test_long(self):
                shop.order(20)
        """)
    found = project.tests("test_shop", check=0)
    assert {name: (f["verdict"], f["reason"]) for name, test in found.items() for f in test["findings"]} == {
        "test_short": ("note", "framework-scaffold"), "test_long": ("note", "framework-scaffold")
    }  # fmt: skip
    ((long,), (short,)) = (found[name]["findings"] for name in ("test_long", "test_short"))
    assert short["left_out"] == [] and not any("pluggy" in step["module"] for step in long["steps"])
    assert any(name.startswith("pluggy.") for name in long["left_out"])
    assert "shop.caught" in long["left_out"] and long["left_out"].count("shop.caught") == 1
