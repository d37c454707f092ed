"""What advice reads of source files (yagot/explain/source.py)."""

import ast
import gc
import os
import weakref
from pathlib import Path

import pytest

from yagot.explain import source as module
from yagot.explain.attributes import own_setters, setters
from yagot.explain.source import Source

LIBRARY = sorted(path for path in Path(os.__file__).parent.rglob("[a-m]*.py") if "/test" not in str(path))


def shown(node):
    return ast.dump(node, include_attributes=True)


def test_a_file_in_pieces_is_the_same_file():
    classes = whole = 0
    for path in LIBRARY:
        if "site-packages" in str(path):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        try:
            statements = ast.parse(text).body
        except SyntaxError:
            continue
        source = Source(str(path), text)
        for node in statements:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                classes += isinstance(node, ast.ClassDef)
                line = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                if isinstance(node, ast.ClassDef):
                    found = source.class_(node.name)
                    node = next(n for n in statements if isinstance(n, ast.ClassDef) and n.name == node.name)
                else:
                    found = source.function(line, node.name)
                assert shown(found) == shown(node), f"{path}: {node.name}"
        whole += "statements" in source.__dict__
        assert list(map(shown, source.statements)) == list(map(shown, statements)), path
    assert classes > 500
    assert whole < len(LIBRARY) / 20


@pytest.mark.parametrize(
    "text",
    [
        "class Odd:\n    text = '''\nclass Even:\n'''\n\nclass Odd: pass\n",
        "if 1:\n    class Odd:\n        pass\n",
        "@f(1,\n2)\nclass Odd:\n    pass\n",
        "class Odd:\n    a = '''\nb'''\n    def method(self):\n        pass\n",
        "class Odd(\n    object,\n):\n    a = 1\n# aside\n    b = 2\n",
        "class Odd:\n    a = (\n1,\n)\n    b = 2\n",
        "class Odd:\n    text = '''\n\nclass Even:\n    pass\n'''\n",
        "try:\n    import x\nexcept ImportError:\n    class Odd:\n        pass\n",
    ],
)
def test_where_lines_mislead_the_whole_file_is_parsed(text):
    source = Source(os.__file__, text)
    found = source.class_("Odd")
    expected = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef) and node.name == "Odd"]
    assert (found and shown(found)) == (shown(expected[0]) if expected else None)


def test_what_is_no_python_has_no_classes():
    source = Source(os.__file__, "class Odd:\n  ?\n")
    assert source.class_("Odd") is None
    assert source.functions == []


SETTING = [
    "self.x = value",
    "other, self.x = 1, value",
    "(other, (self.x, rest)) = given()",
    "first, *self.x = given()",
    "self.x: object = value",
    "self.x += value",
    "other = self.x = value",
    "for self.x in given(): pass",
    "for number, self.x in given(): pass",
    "with given() as self.x: pass",
    "with given() as other, given() as (self.x, rest): pass",
    'setattr(self, "x", value)',
    'object.__setattr__(self, "x", value)',
    'self.__dict__["x"] = value',
    "def inner(): self.x = value",
    "if (other := value): self.x = other",
]


@pytest.mark.parametrize("statement", SETTING)
def test_every_way_to_set_an_attribute(statement):
    lines = ["class C:", "    def m(self, value):", "        self.y = 1", f"        {statement}", "        self.z = 2"]
    source = Source("m.py", "\n".join(lines))
    cls = source.class_("C")
    assert [place.line for place in own_setters(source, cls, "x", item=False)] == [4]
    assert [place.line for place in setters(source, "x", item=False)] == [4]


NOT_SETTING = ['setattr(other, "y", value)', 'self.__dict__["y"] = value', "x = value", "self.x()"]


@pytest.mark.parametrize("statement", NOT_SETTING)
def test_what_sets_no_attribute(statement):
    source = Source("m.py", f"class C:\n    def m(self, value):\n        {statement}\n")
    assert list(setters(source, "x", item=False)) == []


def test_files_are_kept_up_to_a_size(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_KEPT", 200)
    monkeypatch.setattr(module, "_files", {})
    paths = [str(tmp_path / f"{name}.py") for name in "abc"]
    for path in paths:
        text = f"def {Path(path).stem}():\n    a.attribute = {'1 + ' * 3}1\n\nclass C:\n    def m(self): self.x = 1\n"
        Path(path).write_text(text)
    first = module.read(paths[0])
    assert module.read(paths[0]) is first and module.read(paths[1]) is not None
    second = weakref.ref(module.read(paths[1]))
    setters(second(), "attribute", item=False)
    cls = weakref.ref(second().class_("C"))
    assert module.read(paths[0]) is first  # asked for last, and now the second one goes
    module.read(paths[2])
    assert second() is None and cls() is None
    assert [*module._files] == [paths[0], paths[2]]
    Path(paths[2]).write_text("x = 1\n" * 100)
    module._files.pop(paths[2])
    assert module.read(paths[2]) is not None and [*module._files] == [paths[2]]  # larger than all that is kept
    assert module.read(paths[0]) is not first


def test_an_answer_goes_with_the_node_that_it_is_of(tmp_path):
    path = tmp_path / "a.py"
    path.write_text("def f():\n    return g(1)\n")
    read = Source(str(path), path.read_text())
    ((_, function),) = read.functions
    nodes = module.nodes_of(function)
    assert module.nodes_of(function) is nodes and module.nodes_of(function, nested=True) is not nodes
    assert not gc.is_tracked(vars(function)["answers"]) and not gc.is_tracked(nodes)
    assert ast.unparse(function) == path.read_text().strip()


def test_a_file_goes_though_another_that_stays_was_asked_with_it(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_KEPT", 200)

    @module.remembered
    def functions(source, *others):
        return [function for each in (source, *others) for _, function in each.functions]

    for name in ("stays", "goes", "more"):
        (tmp_path / f"{name}.py").write_text("def f(): pass\n" + "#" * 70)
    stays, goes = module.read(str(tmp_path / "stays.py")), module.read(str(tmp_path / "goes.py"))
    assert len(functions(stays, goes)) == len(functions(goes, stays)) == 2
    gone = weakref.ref(goes)
    del goes
    module.read(str(tmp_path / "stays.py"))
    module.read(str(tmp_path / "more.py"))
    assert gone() is None and module.read(str(tmp_path / "stays.py")) is stays
