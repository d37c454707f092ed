"""Every allocation that fails leaves a MemoryError, an incomplete look or a mended file, and no damage."""

import sys
import textwrap

import pytest
from support import FREE_THREADED

pytest.importorskip("_testcapi")

HEAD = """
    import gc, os, sys, tempfile
    import _testcapi
    from yagot import _core

    class Node:
        pass

    KEEP = []

    def garbage():
        a, b = Node(), Node()
        a.other, b.other = b, a
        b.items = [a, {"k": (a,)}, lambda: a]
        KEEP.append([[1], Node()])

    def attempt(prepare, call, clean):
        '''Lets the n-th allocation of the call fail, until it needs no more; of many, not each is tried.'''
        failed = n = 0
        while n < 1_000_000:
            n += 1 + n // 500
            state = prepare()
            error = None
            _testcapi.set_nomemory(n, n + 1)
            try:
                call(state)
            except MemoryError:
                error = True
            finally:
                _testcapi.remove_mem_hooks()
            clean(state)
            failed += error is not None
            if n > 40 and error is None and is_past(prepare, call, clean, n):
                print(n, failed)
                return
        raise SystemExit("it never ends")

    def is_past(prepare, call, clean, n):
        '''Does the call succeed when everything fails from the n-th allocation on?'''
        state = prepare()
        _testcapi.set_nomemory(n, 0)
        try:
            call(state)
            return True
        except MemoryError:
            return False
        finally:
            _testcapi.remove_mem_hooks()
            clean(state)
    """

WINDOW = """
    def prepare():
        ledger = _core.Ledger()
        ledger.begin((), 1)
        garbage()
        return ledger

    def clean(ledger):
        # whatever went wrong: the next window works
        try:
            ledger.begin((), 2)
        except RuntimeError:
            ledger.end(look=False)
            ledger.begin((), 2)
        garbage()
        seen = ledger.end(references=True)
        dicts = 2 if sys.version_info < (3, 11) else 0  # of the instances
        assert seen["garbage"] - dicts in (4, 6, 8), seen
        assert seen["findings"], seen
        ledger.forget()
        ledger.close()
        KEEP.clear()
        assert gc.get_threshold() == THRESHOLD and gc.isenabled()

    THRESHOLD = gc.get_threshold()
    """

CALLS = {
    "end": WINDOW + "attempt(prepare, lambda ledger: ledger.end(), clean)",
    "references": WINDOW + "attempt(prepare, lambda ledger: ledger.end(references=True, alive=True), clean)",
    "native": WINDOW + """
def prepare_native():
    ledger = _core.Ledger(native=True)
    ledger.begin((), 1)
    garbage()
    KEEP.append([str(n) * 3 for n in range(20)])
    return ledger

attempt(prepare_native, lambda ledger: ledger.end(references=True), clean)""",
    "native begin": WINDOW + """
def prepare_second():
    ledger = _core.Ledger(native=True)
    ledger.begin((), 1)
    garbage()
    ledger.end()
    return ledger

attempt(prepare_second, lambda ledger: ledger.begin((), 2), clean)""",
    "collect": WINDOW + "attempt(prepare, lambda ledger: gc.collect(), clean)",
    "begin": WINDOW + """
def prepare_two():
    ledger = prepare()
    ledger.end(keep=True)
    return ledger

attempt(prepare_two, lambda ledger: ledger.begin((Node(), {}), 2), clean)""",
    "late": WINDOW + """
def prepare_kept():
    ledger = prepare()
    ledger.end(keep=True)
    return ledger

attempt(prepare_kept, lambda ledger: ledger.references(), clean)""",
    "check": WINDOW + """
def prepare_late():
    ledger = prepare()
    node = Node()
    node.me = node
    KEEP.append(node)
    ledger.end()
    KEEP.clear()
    return ledger

attempt(prepare_late, lambda ledger: ledger.check(references=True), clean)""",
    "new": "attempt(lambda: None, lambda _: _core.Ledger(), lambda _: None)",
    "explain": """
def prepare():
    a, b = Node(), {}
    a.b, b["a"] = b, a
    return [a, b]

attempt(prepare, _core.explain, lambda state: state[0].__dict__.clear())""",
    "path": "attempt(lambda: KEEP.append([Node()]), lambda _: _core.path_to(KEEP[0][0]), lambda _: KEEP.clear())",
    "types": "attempt(lambda: None, lambda _: _core.count_types(), lambda _: None)",
    "write": """
def prepare():
    return tempfile.TemporaryFile()

def call(file):
    writer = _core.JUnitWriter(os.dup(file.fileno()), "n", "2024-01-01T00:00:00", "h", (("a", "b"),))
    for pending in (True, False):
        writer.write("s", "f", "c", "n\\x00" * 9, "failure", "t", "m" * 999, "\\ud800" * 999, "o", 1, pending, 3)
    writer.close()

attempt(prepare, call, lambda file: file.close())""",
    "merge": """
XML = '<testsuites a="b"><testsuite name="s" tests="99" time="1,234"><properties>' + "".join(
    ['<property name="a" value="b"/></properties>', *(
    f'<testcase classname="c" name="n{n % 5}" time="0.1"><failure>{"x" * 99}</failure></testcase>' for n in range(9)
)]) + "<system-out>o</system-out></testsuite></testsuites>"

def prepare():
    file, out, spool, table = (tempfile.TemporaryFile() for _ in range(4))
    file.write(XML.encode())
    file.seek(0)
    return file, out, spool, table

def call(files):
    merger = _core.JUnitMerger(*(os.dup(each.fileno()) for each in files[2:]))
    for _ in range(2):
        files[0].seek(0)
        merger.read(files[0].fileno(), "p")
    merger.write(files[1].fileno(), "n", 3, 0)

attempt(prepare, call, lambda files: [file.close() for file in files])""",
}


@pytest.mark.skipif(FREE_THREADED, reason="PyList_New() itself crashes there when memory runs out")
@pytest.mark.parametrize("name", CALLS)
def test_memory_runs_out(project, name):
    if name.startswith("native") and sys.version_info < (3, 14):
        pytest.skip("the tracer tells of all from 3.14 on")
    before, _, call = CALLS[name].rpartition(WINDOW)
    project.write("run.py", textwrap.dedent(HEAD) + textwrap.dedent(WINDOW if CALLS[name] != call else before) + call)
    result = project.python("-X", "faulthandler", "run.py", check=0)
    tried, failed = map(int, result.stdout.split())
    assert tried > 40
    # inside somebody else's collection the look gives up in silence
    assert failed > 0 or name == "collect"
