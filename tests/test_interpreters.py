"""Subinterpreters: each has a checker of its own."""

import sys
import textwrap

import pytest

if sys.version_info >= (3, 13):
    import _interpreters as interpreters
else:
    interpreters = pytest.importorskip("_xxsubinterpreters")

CODE = """
    import gc
    from yagot import _core

    ledger = _core.Ledger()
    for number in (1, 2):
        ledger.begin((), number)
        items = []
        items.append(items)
        del items
        seen = ledger.end(references=True)
        assert seen["garbage"] == 1, seen
        assert [finding["types"] for finding in seen["findings"]] == [{"list": 1}], seen
        ledger.forget()
    assert ledger.check(references=True) == []
    ledger.close()
    assert not gc.callbacks
    """


def run(number):
    """Runs the code in an interpreter; what it complains of."""
    failed = interpreters.run_string(number, textwrap.dedent(CODE))
    return getattr(failed, "formatted", failed)


def test_windows_in_two_interpreters():
    exec(textwrap.dedent(CODE).replace("assert not gc.callbacks", ""), {})
    first, second = interpreters.create(), interpreters.create()
    try:
        for number in (first, second, first):
            assert run(number) is None
    finally:
        interpreters.destroy(first)
        interpreters.destroy(second)
    exec(textwrap.dedent(CODE).replace("assert not gc.callbacks", ""), {})
