"""Advice that works to the letter: a table of leaks (tests/leaks), each with the advice that is expected and the patch
that applies it.

An entry begins with ``### name | kind``, the kind of the cut or ``none``. Lines that begin with ``- `` are only in the
program before, ``+ `` only after the advice was applied. Entries without such lines are patched by the snippet itself,
put in the place of the line that the report names. Published leaks begin with a comment on how they were mended.
Of those in projects.txt each printed line is in the patch.
"""

import json
import re
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from support import FREE_THREADED

from yagot.report.wording import describe
from yagot.values import from_json

HERE = Path(__file__).parent / "leaks"
HEAD = "import unittest\nimport weakref\n"
NAMED = ("local", "argument", "served", "method", "captured", "cache", "weak", "close")
"""Kinds whose reference is set in the line that the report names, or in the snippet."""
LITERAL = ("local", "exception", "argument", "served", "cache")
AT_LEAST = 0.85
FRESH = {"PYTHONDONTWRITEBYTECODE": "1"}
"""The files are written anew within a second."""


@dataclass
class Leak:
    """An entry of the table."""

    name: str
    kind: str
    lines: list[str]

    @property
    def by_hand(self):
        return any(line.startswith(("- ", "+ ")) for line in self.lines)

    @property
    def before(self):
        lines = [line for line in self.lines if not line.startswith("+ ")]
        return HEAD + "".join(f"{line.removeprefix('- ')}\n" for line in lines)

    def after(self, cut):
        """The program with the advice applied."""
        if self.by_hand:
            lines = [line for line in self.lines if not line.startswith("- ")]
            return HEAD + "".join(f"{line.removeprefix('+ ')}\n" for line in lines)
        lines, head = self.before.splitlines(), ""
        cuts = [cut] if cut["also"] is None or not cut["also"]["snippet"] else [cut, cut["also"]]
        for cut in sorted(cuts, key=lambda cut: -cut["line"]):
            old = lines[cut["line"] - 1]
            indent = old[: len(old) - len(old.lstrip())]
            new = [indent + line for line in cut["snippet"].splitlines()]
            imports = [line.strip() for line in new if line.strip().startswith("import ")]
            new = [line for line in new if line.strip() not in imports]
            if around := re.search(r"\.\.\.  # lines? (?:\d+ to )?(\d+), as (?:they are|it is)\n", cut["snippet"]):
                first, last = cut["line"], int(around[1])
                inside = [f"    {line}" for line in lines[first - 1 : last]]
                lines[first - 1 : last] = [f"{indent}try:", *inside, new[-1]]
                continue
            replaced = len(new) - 1 if cut["kind"] == "served" else len(new) - 2 if new[0].endswith("try:") else 1
            lines[cut["line"] - 1 : cut["line"] - 1 + replaced] = new
            head += "".join(f"{line}\n" for line in imports)
        return head + "\n".join(lines) + "\n"


def read():
    leaks = []
    for path in sorted(HERE.glob("*.txt")):
        for entry in re.split(r"^### ", path.read_text(encoding="utf-8"), flags=re.M)[1:]:
            head, *lines = entry.rstrip().splitlines()
            name, _, kind = head.partition(" | ")
            leaks.append(Leak(f"{path.stem}_{name}", kind, lines))
    return leaks


LEAKS = {leak.name: leak for leak in read()}


def write(project, sources):
    for name, source in sources.items():
        compile(source, name, "exec")
        (project.path / f"test_{name}.py").write_text(source, encoding="utf-8")


def run(project, sources):
    """The tests of all programs, by the program's name."""
    write(project, sources)
    (project.path / "out.json").unlink(missing_ok=True)
    project.yagot("--json", "out.json", *(f"test_{name}" for name in sources), env=FRESH)
    tests = {name: [] for name in sources}
    for test in json.loads((project.path / "out.json").read_text(encoding="utf-8"))["tests"]:
        tests[test["module"].removeprefix("test_")].append(test)
    return tests


def leaks_of(tests):
    return [finding for test in tests for finding in test["findings"] if finding["verdict"] == "leak"]


def passed(tests):
    """Did the program's test pass, leaks left aside?"""
    return [test["outcome"] for test in tests if "[" not in test["name"]] == ["passed"]


def first_cut(tests):
    return next((finding["cut"] for finding in leaks_of(tests)), None)


def shown(leak, cut):
    """The line that the report names, and the snippet."""
    return leak.before.splitlines()[cut["line"] - 1] + cut["snippet"]


@pytest.fixture(scope="module")
def found(module_project):
    """The tests of each program before."""
    return run(module_project, {name: leak.before for name, leak in LEAKS.items()})


@pytest.fixture(scope="module")
def mended(found, module_project):
    """The tests of the programs with the advice applied."""
    sources = {}
    for name, leak in LEAKS.items():
        cut = first_cut(found[name])
        if leak.by_hand or (cut is not None and cut["kind"] in LITERAL):
            sources[name] = leak.after(cut)
    return run(module_project, sources)


pytestmark = pytest.mark.skipif(FREE_THREADED, reason="free-threaded builds defer the reference counts of functions")


@pytest.mark.parametrize("name", LEAKS)
def test_the_advice_works(found, mended, name):
    leak, cut = LEAKS[name], first_cut(found[name])
    assert passed(found[name]) and leaks_of(found[name])
    assert cut is None or cut["file"]
    assert (cut["kind"] if cut is not None else "none") == leak.kind, cut
    if cut is not None and cut["kind"] in NAMED and cut["file"].startswith("test_"):
        reference = re.search(r"\w+", re.sub("^(local|variable) ", "", cut["reference"]))[0]
        assert reference in shown(leak, cut) or cut["snippet"].splitlines()[0] in leak.after(cut)
    if cut is not None and cut["snippet"].startswith("def ") and cut["kind"] == "function":
        assert all(line.partition("  # ")[0] in leak.after(cut) for line in cut["snippet"].splitlines())
    if name.startswith("projects_") and leak.by_hand and cut is not None:
        texts = [text for each in (cut, cut["also"] or cut) for text in (*each["snippet"].splitlines(), each["call"])]
        assert [t for t in texts if t.partition("  # ")[0] not in leak.after(cut)] == []
    texts = [*cut["snippet"].splitlines(), cut["call"]] if cut is not None else []
    cleanups = [text.partition("  # ")[0] for text in texts if "addCleanup(" in text]
    assert not any(text in leak.before for text in cleanups), "it is there already"
    assert passed(mended[name])
    assert [finding["cause"] for finding in leaks_of(mended[name])] == []


def test_a_finding_takes_a_dozen_lines(found):
    longest = {
        name: max(len(list(describe(finding))) for finding in from_json(test).findings)
        for name, tests in found.items()
        for test in tests
        if test["findings"]
    }
    assert {name: count for name, count in longest.items() if count > 12} == {}


GARBAGE = """
    import gc, json, sys
    from yagot import _core
    from yagot.explain import advice
    from yagot.model import from_core

    sys.path.insert(0, ".")
    ledger = _core.Ledger()
    found = {}
    for name in json.load(open("names.json")):
        module = __import__(name)
        ledger.begin()
        test = module.Test("test")
        test.setUp()
        test.test()
        del test
        found[name] = [from_core(finding) for finding in ledger.end()["findings"]]
    ledger.close()
    gc.collect()
    gc.disable()
    left = {}
    for _ in range(2):                      # the first round imports
        advice._known.clear()
        advice._of_all.clear()
        for name, findings in found.items():
            advice.advised(findings, None)
            left[name] = gc.collect()
    print(json.dumps([name for name, count in left.items() if count]))
"""


def test_seeking_advice_leaves_no_garbage(module_project):
    """It would be taken for the next test's."""
    module_project.write("garbage.py", GARBAGE)
    write(module_project, {name: leak.before for name, leak in LEAKS.items()})
    module_project.write("names.json", json.dumps([f"test_{name}" for name in LEAKS]))
    result = module_project.python("garbage.py", check=0, env=FRESH)
    assert json.loads(result.stdout.splitlines()[-1]) == []


COUNTED = """
    import sys
    from yagot.__main__ import main
    from yagot.explain import advice

    choose, count = advice._choose, []
    advice._choose = lambda cycle: count.append(cycle) or choose(cycle)
    main(["run", "--json", "run.json", *sys.argv[1:]])
    print(len(count))
"""

TREE = """
    class Node:
        def __init__(self, parent=None):
            self.parent = parent
            self.children = []
            if parent is not None:
                parent.children.append(self)
"""

VARIANTS = """
    import unittest
    import tree

    class T(unittest.TestCase):
        def test_0(self):
            class A(tree.Node):
                pass
            tree.Node(A())

        def test_1(self):
            class B(tree.Node):
                pass
            tree.Node(B())

        def test_2(self):
            class C(tree.Node):
                pass
            C(C())
"""


def test_advice_is_sought_once_for_all_variants_of_a_cause(project):
    """But for those that have nothing of what it names."""
    project.write("tree.py", TREE)
    project.write("test_variants.py", VARIANTS)
    project.write("count.py", COUNTED)
    result = project.python("count.py", "test_variants", check=0, env=FRESH)
    assert result.stdout.splitlines()[-1] == "2", result.stdout
    data = json.loads((project.path / "run.json").read_text())
    found = [finding for test in data["tests"] for finding in test["findings"] if finding["verdict"] == "leak"]
    assert len({finding["concrete"] for finding in found}) == len(found) == 3
    assert len({finding["cause"] for finding in found}) == 1
    assert [finding["cut"]["object"].rpartition(".")[2] for finding in found] == ["Node", "Node", "C"]
    assert {(finding["cut"]["file"], finding["cut"]["line"]) for finding in found} == {("tree.py", 7)}


def test_most_leaks_get_advice():
    assert len(LEAKS) >= 60
    assert sum(leak.kind != "none" for leak in LEAKS.values()) / len(LEAKS) >= AT_LEAST


def test_how_published_leaks_were_mended_is_known():
    mended = [leak.lines[0] for leak in LEAKS.values() if leak.name.startswith("published_")]
    assert all(line.startswith("# Upstream: ") for line in mended)
    known = [line for line in mended if re.search("the same reference|another reference", line)]
    same = [line for line in known if "the same reference" in line]
    assert len(same) > 2 * (len(known) - len(same)) and len(known) >= 25


PLAIN = """
    import unittest

    class TestPlain(unittest.TestCase):
        def test_a(self):
            first = []
            first.append(first)

        def test_b(self):
            second = []
            second.append(second)
"""


@pytest.mark.parametrize("command", [["-m", "yagot", "run"], ["-m", "pytest", "-q", "--yagot"]])
def test_no_test_gets_the_advice_for_another_tests_code(project, command):
    project.write("test_plain.py", PLAIN)
    option = "--yagot-json" if "pytest" in command else "--json"
    project.python(*command, option, "yagot.json", "test_plain" + (".py" if "pytest" in command else ""), check=1)
    cuts = {test["name"]: [f["cut"] for f in test["findings"]] for test in project.saved().values()}
    assert [cut["snippet"] for cut in cuts["test_a"]] == ["first.clear()"]
    assert cuts["test_b"] == [None]


KEYED = """
    import unittest

    def listed(whole):
        items = []
        if whole:
            items.append(items)
        return items

    class TestKeyed(unittest.TestCase):
        def test(self):
            key = "me too"
            names = {}
            names[key] = names
            self.assertEqual(len(names) + len(listed(False)), 1)
"""


def test_advice_for_a_dict_is_not_that_for_a_list(project):
    project.write("test_keyed.py", KEYED)
    project.yagot("--json", "yagot.json", "test_keyed", check=1)
    cut = first_cut(project.saved().values())
    assert (cut["object"], cut["line"], cut["snippet"]) == ("dict", 14, "names.clear()")


RUNNER = """
    import sys

    class Result:
        def __init__(self, error, exc_info):
            self.error = error
            self.exc_info = exc_info

    def invoke(function):
        error = exc_info = None
        try:
            function()
        except Exception as exc:
            error = exc
            exc_info = sys.exc_info()
        return Result(error, exc_info)
"""
USER = """
    import runner

    class Job:
        def run(self):
            result = runner.invoke(lambda: 1 / 0)
            assert result.error
"""


def test_the_project_cuts_what_is_its_own(project):
    """The package keeps its own frame by two more variables: nobody edits its files, and the rest is no leak."""
    project.write("site-packages/runner.py", RUNNER)
    program = project.write("user.py", USER)
    project.write("test_user.py", """
        import unittest, user

        class Test(unittest.TestCase):
            def test(self):
                user.Job().run()
    """)
    env = {**FRESH, "PYTHONPATH": str(project.path / "site-packages")}
    counted = ("--disable-rules", "framework-scaffold")
    result = project.yagot(*counted, "--json", "yagot.json", "test_user", env=env, check=1)
    [cut] = [finding["cut"] for finding in leaks_of(project.saved().values())]
    assert (cut["file"], cut["line"], cut["frees"], cut["also"]) == ("user.py", 7, 0, None)
    assert "(leaves a cycle that is not the project's)" in result.stderr
    assert "that is not the project's (frame runner.invoke)" in result.stderr
    lines = program.read_text(encoding="utf-8").splitlines()
    lines[cut["line"] - 1 :] = [f"        {line}" for line in cut["snippet"].splitlines()]
    program.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert "no leaks in 1 test" in project.yagot(*counted, "test_user", env=env).stderr


LIBRARY = """
def invoke(function):
    error = None
    try:
        function()
    except ZeroDivisionError as failure:
        error = failure
    return str(error)
"""
ZIPPED = """
    import sys, unittest

    sys.path.insert(0, "library.zip")
    import library

    class Test(unittest.TestCase):
        def test(self):
            assert library.invoke(lambda: 1 / 0) == "division by zero"
            {then}
"""
DAMAGE = "open('library.zip', 'r+b').write(b'no archive any more')"


@pytest.mark.parametrize("then", ["", DAMAGE])
def test_sources_in_archives_are_read(project, then):
    with zipfile.ZipFile(project.path / "library.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("library.py", LIBRARY)
    project.write("test_zipped.py", ZIPPED.format(then=then))
    project.yagot("--json", "yagot.json", "test_zipped", check=1)
    [cut] = [finding["cut"] for finding in leaks_of(project.saved().values())]
    if then:
        assert cut is None
    else:
        assert cut["file"].replace("\\", "/") == "library.zip/library.py"
        assert (cut["line"], cut["snippet"]) == (8, "try: return str(error)\nfinally: error = None")


SET_TWICE = """
    import functools, unittest

    class Service:
        def __init__(self):
            self.callback = self.handle

        def handle(self):
            pass

    class Test(unittest.TestCase):
        def test(self):
            service = Service()
            service.callback = functools.partial(print, service)
"""


def test_the_line_is_that_which_sets_what_leaks(project):
    project.write("test_twice.py", SET_TWICE)
    project.yagot("--json", "yagot.json", "test_twice", check=1)
    cut = first_cut(project.saved().values())
    assert (cut["reference"], cut["file"], cut["line"]) == (".callback", "test_twice.py", 14)


SET_BY_TESTS = """
    import unittest

    class Shop:
        def __init__(self):
            self.best = None

    class Test(unittest.TestCase):
        def test_first(self):
            shop = Shop()
            shop.best = shop

        def test_second(self):
            self.assertTrue(True)
            other = Shop()
            other.best = other
"""


def test_what_is_to_be_edited_in_a_test_is_not_said_of_others(project):
    project.write("test_set.py", SET_BY_TESTS)
    project.yagot("--json", "yagot.json", "test_set", check=1)
    tests = project.saved()
    (first,), (second,) = ([f["cut"] for f in test["findings"]] for test in tests.values())
    assert (first["reference"], first["line"]) == (second["reference"], 11) == (".best", 11)
    assert first["snippet"] == "shop.best = shop\nself.addCleanup(setattr, shop, 'best', None)"
    assert (second["file"], second["line"], second["snippet"]) == ("", 0, "")
    advice = [finding["advice"] for test in tests.values() for finding in test["findings"]]
    assert advice[1] == f"{advice[0]} (as advised for test_set.Test.test_first)"


HELD = """
    import unittest

    class Pricing:
        def __init__(self, order):
            self.order = order

    class Order:
        def __init__(self):
            self.pricing = Pricing(self)

    class Test(unittest.TestCase):
        def test(self):
            {}
"""


@pytest.mark.parametrize(
    "code, holder",
    [("order = Order(); order.pricing", "variable 'order' of test()"),
     ("self.order = Order()", "`self.order`, set in test(),"),
     ("[len(repr(each)) for each in [id(Order())]]", "")],
)  # fmt: skip
def test_who_holds_the_object_is_named_or_nothing_is_said(project, code, holder):
    project.write("test_held.py", HELD.format(code))
    project.yagot("--json", "yagot.json", "test_held", check=1)
    (advice,) = [finding["advice"] for finding in leaks_of(project.saved().values())]
    assert "something else" not in advice
    assert advice.endswith(f": {holder} holds the Order" if holder else "read through a property")


PYTEST_STYLE = """
    import pytest

    class Pump:
        def __init__(self, parts):
            self.parts = {part: self for part in parts}

    def pump_of(*parts):
        return Pump(parts)

    @pytest.fixture
    def pump():
        return pump_of("a")

    def test_fixture(pump):
        assert pump.parts

    def test_variable():
        mine = pump_of("a")
        if mine.parts:
            assert mine.parts["a"] is mine
        assert True
"""


@pytest.mark.parametrize(
    "test, call",
    [("test_fixture", 'pump = pump_of("a"); yield pump; pump.close()  # instead of line 13'),
     ("test_variable", "mine.close()  # after line 21")],
)  # fmt: skip
def test_a_test_in_pytests_style_closes_after_the_last_use(project, test, call):
    project.write("test_style.py", PYTEST_STYLE)
    options = ["-q", "--yagot", "--yagot-json", "yagot.json"]
    project.python("-m", "pytest", *options, f"test_style.py::{test}", check=1)
    cut = first_cut(project.saved().values())
    assert (cut["kind"], cut["call"]) == ("close", call)


SHOP = """
    class Hub:
        def __init__(self, shop):
            self.shop = shop

    class Shop:
        def __init__(self):
            self.hub = Hub(self)

    class Cart:
        shop = None
        def __init__(self, shop=None):
            self.fill(shop)
        def fill(self, shop):
            self.shop = shop
        def total(self):
            return 3 if self.shop.hub.shop is self.shop else 0
"""
SHOPPING = """
    from shop import Cart, Shop

    def test_given():
        shop = Shop()
        cart = Cart(shop)
        assert cart.total() == 3
        assert cart

    def test_taken():
        cart = Cart()
        shop = Shop()
        cart.fill(shop)
        with open("/dev/null"):
            assert cart.total() == 3

    def test_deleted():
        shop = Shop()
        assert shop.hub
        del shop

    def test_deleted_before_the_last_use():
        shop = Shop()
        cart = Cart(shop)
        del shop
        assert cart.total() == 3

    def test_bound_again():
        shop = Shop()
        assert shop.hub
        shop = Shop()

    def test_used_after_the_loop():
        carts = []
        for _ in range(2):
            shop = Shop()
            carts.append(Cart(shop))
        assert [cart.total() for cart in carts] == [3, 3]
"""


@pytest.mark.parametrize(
    "test, line",
    [("given", 8), ("taken", 15), ("deleted", 19), ("deleted_before_the_last_use", 0), ("bound_again", 0),
     ("used_after_the_loop", 0)],
)  # fmt: skip
def test_what_may_lead_to_an_object_is_used_before_it_is_closed(project, test, line):
    """Nor is it closed by a variable that has lost it."""
    project.write("shop.py", SHOP)
    project.write("test_shopping.py", SHOPPING)
    options = ["-q", "--yagot", "--yagot-json", "yagot.json"]
    project.python("-m", "pytest", *options, f"test_shopping.py::test_{test}", check=1)
    cut = first_cut(project.saved().values())
    call = f"shop.close()  # test_shopping.py, after line {line}" if line else ""
    assert (cut["kind"], cut["call"]) == ("close", call)


REPLACED = """
    class Client:
        def get(self):
            return 1
        def fail(self):
            raise KeyError

    class Cache:
        def __init__(self, client):
            self.client = client
        def load(self):
            return self.client.get()

    def test_replaced():
        client = Client()
        client.get = client.fail
        cache = Cache(client)
        try:
            assert cache.load() is None
        except KeyError:
            pass
"""


def test_what_a_test_has_replaced_is_put_back_when_nothing_uses_it(project):
    project.write("test_replaced.py", REPLACED)
    project.python("-m", "pytest", "-q", "--yagot", "--yagot-json", "yagot.json", "test_replaced.py", check=1)
    assert first_cut(project.saved().values())["snippet"] == "del client.get  # after line 21"


SAME_NAME = """
    import unittest

    class Node:
        def first(self):
            self.me = self

    class Node:
        def second(self):
            self.me = self

    class Test(unittest.TestCase):
        def test_second(self):
            node = Node()
            node.second()

        def test_made(self):
            node = type("Node", (), {})()
            node.me = node
            self.node = None
"""


def test_of_several_classes_of_one_name_the_one_that_leaks_is_changed(project):
    project.write("test_same.py", SAME_NAME)
    project.yagot("--json", "yagot.json", "test_same.Test.test_second", check=1)
    assert first_cut(project.saved().values())["line"] == 10


@pytest.mark.skipif(sys.version_info < (3, 13), reason="a class does not say where its statement begins")
def test_a_class_that_a_call_has_made_is_not_the_one_of_its_name(project):
    project.write("test_same.py", SAME_NAME)
    project.yagot("--json", "yagot.json", "test_same.Test.test_made", check=1)
    cut = first_cut(project.saved().values())
    assert cut is None or ("class Node" not in cut["snippet"] and cut["line"] not in range(4, 12)), cut


GIVEN_TO_THE_BASE = """
    import unittest

    class References:
        def __init__(self, repository):
            self.repository = repository

    class Base:
        def __init__(self, references):
            self.references = references

        def attach(self, references):
            self.references = references

    class InMemory(Base):
        def __init__(self):
            references = References(self)
            {give}

    class Test(unittest.TestCase):
        def test(self):
            repository = InMemory()
            self.assertTrue(repository.references)
"""


@pytest.mark.parametrize(
    "give", ["Base.__init__(self, references)", "super().__init__(references=references)", "self.attach(references)"]
)
def test_nothing_gets_weak_because_a_variable_holds_it_until_it_is_given(project, give):
    """When the constructor returns, nothing else holds the object."""
    project.write("test_given.py", GIVEN_TO_THE_BASE.format(give=give))
    project.yagot("--json", "yagot.json", "test_given", check=1)
    cut = first_cut(project.saved().values())
    assert not (cut["kind"] == "weak" and cut["reference"] == ".references"), cut


PANEL = """
    class Panel:
        def __init__(self, emitter):
            self.emitter = emitter
            emitter.on(self.refresh)

        def refresh(self):
            pass
"""
FAKE = """
    import unittest
    from panel import Panel

    class FakeEmitter:
        def __init__(self):
            self.handlers = []

        def on(self, handler):
            self.handlers.append(handler)

    class Test(unittest.TestCase):
        def test(self):
            emitter = FakeEmitter()
            panel = Panel(emitter)
            self.assertEqual(len(emitter.handlers), 1)
"""


def test_nothing_gets_weak_because_a_test_holds_what_stands_for_it(project):
    """Nobody may hold the real one."""
    project.write("panel.py", PANEL)
    project.write("test_fake.py", FAKE)
    project.yagot("--json", "yagot.json", "test_fake", check=1)
    cut = first_cut(project.saved().values())
    assert (cut["kind"], cut["object"], cut["reference"]) == ("close", "Panel", ".emitter")
