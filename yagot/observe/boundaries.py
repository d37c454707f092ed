"""Boundaries: where a class, a module or the run ends, all objects are looked at.

What outlives its test is not its garbage yet; a cache that is emptied or a tearDownClass can make it garbage later.
The core remembers which test each survivor was born in, so the report names that test, and where the object became
garbage.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Sequence

from yagot import __builtins__ as __builtins__
from yagot import _core
from yagot.config import Config
from yagot.judge.rules import Rule
from yagot.model import AFTER, BEFORE, LATER, Finding, TestInfo, changed
from yagot.observe.budget import LookBudget
from yagot.observe.release import Ledger
from yagot.originals import dataclasses

OBJECTS = {"module": (1 << 17, 16), "class": (1 << 20, 64), "test": (1 << 20, 64)}
"""How many may be looked at for free, and more for each test. A look takes up to half a microsecond for each object:
that is a few hundredths of what short tests take. Who asks for more looks than there are by default pays for them."""

PARTS: dict[str, tuple[str, ...]] = {
    "test": ("id",), "class": ("module", "classname"), "module": ("module",), "session": (),
}  # fmt: skip
"""What differs between two tests if something ends between them."""

Judged = tuple[TestInfo, Sequence[Rule], bool]
"""A test with its rules, and whether it was noisy: see yagot.observe.references."""


def _place(test: TestInfo, at: str) -> str:
    return {"test": f"test {test.id}", "class": f"class {test.classname}", "module": f"module {test.module}"}[at]


def _named(test: TestInfo, when: str) -> TestInfo:
    """A name for what was made around a test."""
    return dataclasses.replace(test, id=test.id + when, name=test.name + when, line=None)


class Boundaries:
    """Knows the tests by their numbers, and when to look."""

    def __init__(self, ledger: Ledger, config: Config, endless: bool = False) -> None:
        """*endless*: nobody knows when the run is over."""
        self._endless = endless
        self._ledger = ledger
        self.at = config.check_at if _core.GENERATIONS else "never"
        # by the numbers of the tests: a tuple for each would be one more object for every collection
        self._tests: list[TestInfo] = []
        self._rules: dict[int, Sequence[Rule]] = {}
        self._noisy: set[int] = set()
        self._previous: TestInfo | None = None
        self._place = operator.attrgetter(*PARTS.get(self.at) or ("__class__",))  # which is the same for all tests
        self._budget = LookBudget(ledger, *OBJECTS.get(self.at, (0, 0)))

    def start(self) -> None:
        """The tests are collected."""
        if self.at in OBJECTS:
            self._budget.expect(self._ledger.tracked)

    def begin(self, test: TestInfo) -> int:
        """The number of a test that begins."""
        self._previous = test
        self._budget.add_test()
        self._tests.append(test)
        self._noisy.add(self.number)
        return self.number

    @property
    def number(self) -> int:
        """The number of the last test that has begun."""
        return len(self._tests)

    def end(self, rules: Sequence[Rule], noisy: bool) -> None:
        """A test is through: its rules hold for what it leaves to later."""
        if rules:
            self._rules[self.number] = rules
        if not noisy:
            self._noisy.discard(self.number)

    def due(self, following: TestInfo | None) -> bool:
        """Does something end between the last test and the *following* one? What is too dear now is looked at at the
        next boundary; the end of the run (None) is always looked at."""
        previous = self._previous
        if previous is None or self.at == "never":
            return False
        if following is None:
            return True
        return bool(self._place(previous) != self._place(following)) and self._budget.is_left

    def look(self, following: TestInfo | None) -> list[tuple[Judged, list[Finding]]]:
        """What has become garbage, by the test that made it. References that nobody holds are reported at the end of
        the run: until then somebody may turn out to hold them."""
        previous, self._previous = self._previous, None
        assert previous is not None
        self._budget.begin()
        found = self._ledger.check(references=self._ledger.waiting > 0, report=following is None or self._endless)
        self._budget.end()
        ended = "the run" if following is None or self.at == "session" else _place(previous, self.at)
        by_window: dict[tuple[int, str], list[Finding]] = defaultdict(list)
        for item in found:
            finding = self._ledger.causes.finding(item)
            if finding.kind == "collected":
                made = "it outlived its test" if item["origin"] == "test" else "it was made outside of tests"
                finding = changed(finding, why=f"{made}, and was garbage by the end of {ended}")
            if item["origin"] != "import":  # nobody's: an import leaves them once
                by_window[item["window"], item["origin"]].append(finding)
        return [
            (self._who(window, origin, previous, following), findings)
            for (window, origin), findings in sorted(by_window.items())
        ]

    def _who(self, window: int, origin: str, previous: TestInfo, following: TestInfo | None) -> Judged:
        """The test with its rules; for what was made between tests, a name that says so."""
        test = self._tests[window - 1] if window <= self.number else following
        if test is None:  # made after the last test
            return _named(previous, AFTER), (), True
        if origin == "test":
            later = dataclasses.replace(_named(test, LATER), line=test.line)
            return later, self._rules.get(window, ()), window in self._noisy
        return _named(test, BEFORE), (), True
