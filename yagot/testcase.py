"""unittest: a test case that checks itself, under any runner."""

from __future__ import annotations

import contextlib
import functools
import traceback
import unittest
import unittest.util
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from yagot import __builtins__ as __builtins__
from yagot.config import load, switched_off
from yagot.errors import say
from yagot.files import UnusablePath, file_of_module
from yagot.judge.rules import rules_of
from yagot.model import Problem, TestInfo, TestReport
from yagot.observe.checker import Checker
from yagot.observe.references import Again
from yagot.originals import io
from yagot.places import relative
from yagot.report.descriptions import LeakError
from yagot.restored import restored

__unittest = True  # hides these frames from unittest's tracebacks

MOST_WRAPPERS = 100
restored.add(unittest.case, unittest.result, unittest.runner, unittest.util)

_Error = tuple[type[BaseException], BaseException, Any]


class Proxy:
    """Stands for another object: whatever is not its own is the other's."""

    __slots__ = ("__weakref__", "_target")
    _own: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls) -> None:
        cls._own = cls._own.union(cls.__dict__.get("__slots__", ()))

    def __init__(self, target: Any) -> None:
        object.__setattr__(self, "_target", target)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._own:
            object.__setattr__(self, name, value)
        else:
            setattr(self._target, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._target, name)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self._target)


def problem_of(error: Any) -> Problem:
    """An exception as plain text: that of sys.exc_info(), or what a framework has instead, as trial its Failure."""
    if not isinstance(error, tuple):
        kind = getattr(error, "type", None) or type(error)
        text = error.getTraceback() if hasattr(error, "getTraceback") else str(error)
        return Problem(getattr(kind, "__qualname__", str(kind)), (text.strip() or "failed").splitlines()[-1], text)
    with restored:
        lines = traceback.format_exception(*error)
    return Problem(error[0].__qualname__, lines[-1].strip(), "".join(lines))


def _text_in(details: Mapping[str, Any]) -> str:
    """What testtools gives instead of an error or a reason: named texts, and attachments of other types."""
    return "\n".join(content.as_text() for content in details.values() if content.content_type.type == "text")


def _problem_in(details: Mapping[str, Any]) -> Problem:
    text = _text_in(details)
    last = (text.strip() or "failed").splitlines()[-1]
    return Problem(last.partition(":")[0], last, text)


class _Noted:
    """What a result has been told of one test. The test itself must not be kept here: it is to be released."""

    __slots__ = ("outcome", "problem", "stopped", "success")

    def __init__(self) -> None:
        self.outcome: str | None = None
        self.problem: Problem | None = None
        self.stopped = False
        self.success: tuple[tuple[Any, ...], dict[str, Any]] | None = None
        """What addSuccess() was called with besides the test, once it was."""

    def add_success(self, result: Any, test: unittest.TestCase) -> None:
        """Tells the result what was held back; as testtools does, without details if the result takes none."""
        if self.success is None:
            return
        more, details = self.success
        if more or details:
            with contextlib.suppress(TypeError):
                result.addSuccess(test, *more, **details)
                return
        result.addSuccess(test)


class DeferredResult(Proxy):
    """A result for one test: notes the outcome, and holds success and stop back until the window is closed."""

    __slots__ = ("noted",)
    noted: _Noted

    def __init__(self, target: Any) -> None:
        object.__setattr__(self, "_target", target)
        object.__setattr__(self, "noted", _Noted())

    def _note(self, outcome: str, problem: Problem | None = None) -> None:
        noted = self.noted
        if noted.outcome in (None, "passed", "skipped"):  # the first bad news counts
            noted.outcome, noted.problem = outcome, problem

    def addSuccess(self, test: unittest.TestCase, *more: Any, **details: Any) -> None:
        noted = self.noted
        noted.success = more, details
        if noted.outcome is None:
            noted.outcome = "passed"

    # Frameworks pass more than unittest does, or other things: trial more arguments, testtools details instead of an
    # error or a reason. The result is called as this one is.

    def _note_error(self, outcome: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> None:
        err = arguments[1] if len(arguments) > 1 else keywords.get("err")
        details = keywords.get("details")
        problem = None
        with contextlib.suppress(Exception):  # it may be anything
            problem = problem_of(err) if err is not None or not details else _problem_in(details)
        self._note(outcome, problem)

    def addFailure(self, *arguments: Any, **keywords: Any) -> None:
        self._note_error("failed", arguments, keywords)
        self._target.addFailure(*arguments, **keywords)

    def addError(self, *arguments: Any, **keywords: Any) -> None:
        self._note_error("error", arguments, keywords)
        self._target.addError(*arguments, **keywords)

    def addSkip(self, *arguments: Any, **keywords: Any) -> None:
        reason = arguments[1] if len(arguments) > 1 else keywords.get("reason")
        with contextlib.suppress(Exception):
            reason = _text_in(keywords["details"]) if reason is None else reason
        self._note("skipped", Problem("skipped", str(reason)))
        self._target.addSkip(*arguments, **keywords)

    # unittest does without what a result lacks, and pynose's lacks these: then it reports an expected failure as a
    # success, and an unexpected success as a failure. It only asks when there is something to report.

    def _asked_for(self, name: str, outcome: str) -> Any:
        try:
            return getattr(self._target, name)
        except AttributeError:
            self._note(outcome)
            raise

    @property
    def addExpectedFailure(self) -> Callable[..., None]:
        forward = self._asked_for("addExpectedFailure", "expected_failure")

        def add(*arguments: Any, **keywords: Any) -> None:
            self._note_error("expected_failure", arguments, keywords)
            forward(*arguments, **keywords)

        return add

    @property
    def addUnexpectedSuccess(self) -> Callable[..., None]:
        forward = self._asked_for("addUnexpectedSuccess", "unexpected_success")

        def add(*arguments: Any, **keywords: Any) -> None:
            self._note("unexpected_success")
            forward(*arguments, **keywords)

        return add

    @property
    def addSubTest(self) -> Callable[[unittest.TestCase, unittest.TestCase, _Error | None], None]:
        forward = self._target.addSubTest

        def add(test: unittest.TestCase, subtest: unittest.TestCase, err: _Error | None) -> None:
            if err is not None:
                self._note("failed" if issubclass(err[0], test.failureException) else "error", problem_of(err))
            forward(test, subtest, err)

        return add

    def stopTest(self, test: unittest.TestCase) -> None:
        self.noted.stopped = True


def _unwrapped(function: Any) -> Any:
    """What functools.wraps() was given, as inspect.unwrap() finds it; a test may have replaced that."""
    for _ in range(MOST_WRAPPERS):
        inner = getattr(function, "__wrapped__", None)
        if inner is None:
            break
        function = inner
    return function


def source_of(function: Any, cls: type) -> tuple[str | None, int | None]:
    """The file of a test's class and, if the test was defined there, its line."""
    file = file_of_module(cls.__module__)
    code = getattr(_unwrapped(function), "__code__", None)
    if not file:
        return None, None
    return relative(file), code.co_firstlineno if code is not None and code.co_filename == file else None


def info_of(test: Any) -> TestInfo:
    """Names of a unittest test; also of things that only behave like one."""
    cls = test.__class__
    identity = str(test.id()) if hasattr(test, "id") else repr(test)
    method = getattr(test, "_testMethodName", None)
    if method is None or not identity.endswith(f".{method}"):
        classname, _, name = identity.rpartition(".")
        return TestInfo(identity, cls.__module__, classname or identity, name or identity)
    file, line = source_of(getattr(cls, method, None), cls)
    return TestInfo(identity, cls.__module__, identity[: -len(method) - 1], method, file, line)


def _printing(result: Any) -> Any:
    """The result that prints the failures itself, as unittest's does, if there is one behind proxies."""
    while issubclass(type(result), Proxy):
        result = result._target
    found = (each for each in (result, getattr(result, "result", None)) if isinstance(each, unittest.TextTestResult))
    return next(found, None)


def _print_list(result: Any, repeated: dict[int, str], flavour: str, errors: Any) -> None:
    """What printErrorList() does, but a line each of leaks whose causes are described in other tests."""
    target = result()
    lines = repeated if errors is target.failures else {}
    rest = [error for number, error in enumerate(errors) if number not in lines]
    type(target).printErrorList(target, flavour, rest)
    for number, text in lines.items():
        target.stream.writeln(f"{flavour}: {errors[number][0]}: {text}")


def in_a_line(error: LeakError) -> str:
    """All that an error says which describes no cause."""
    return ": ".join(line.strip() for line in str(error).splitlines())


def _add_leak(result: Any, test: Any, error: LeakError) -> None:
    """Adds a leak to the result as any failure."""
    printing = _printing(result) if error.repeats else None
    before = len(printing.failures) if printing is not None else 0
    _add_failure(result, test, error)
    if printing is not None and len(printing.failures) == before + 1:
        repeated = getattr(printing, "yagot_repeated", None)
        if repeated is None:
            repeated = printing.yagot_repeated = {}
            printing.printErrorList = functools.partial(_print_list, weakref.ref(printing), repeated)
        repeated[before] = in_a_line(error)


def _call_if_exists(result: Any, name: str) -> None:
    """Calls a method that not all results have."""
    getattr(result, name, lambda: None)()


def _add_failure(result: Any, test: Any, error: LeakError) -> None:
    """With a traceback, which some results insist on. pytest shows its last function, with its arguments. A result that
    buffers output insists on its own streams, which a test may have replaced, and which are not there after it."""
    __tracebackhide__ = True
    _call_if_exists(result, "_setupStdout")

    def leaked() -> None:
        raise error

    try:
        leaked()
    except LeakError:
        with restored:
            result.addFailure(test, (LeakError, error, error.__traceback__))
    error.__traceback__ = None  # it is in a cycle with this frame


class LateTest:
    """Stands in results for what is reported after its test was over, as setUpClass does in unittest's."""

    failureException = None

    def __init__(self, report: TestReport) -> None:
        self._id = report.test.id
        self._module = report.test.module
        self._text = f"{report.test.name} ({report.test.classname})"

    def id(self) -> str:
        return self._id

    def shortDescription(self) -> None:
        return None

    def countTestCases(self) -> int:
        return 0

    def address(self) -> tuple[None, str, None]:
        """Where it is, as nose names places."""
        return None, self._module, None

    def __call__(self, result: Any) -> None:
        """Nothing to run; nose insists that tests can be called."""

    def __str__(self) -> str:
        return self._text


def report_late(result: Any, checker: Checker, following: TestInfo | None = None) -> None:
    """Looks at the boundary before the *following* test, if there is one, and adds leaks to the result."""
    for report in checker.boundary(following):
        if checker.run.fails(report):
            _add_leak(result, LateTest(report), checker.error(report))
            _call_if_exists(result, "_restoreStdout")


@contextlib.contextmanager
def ended(checker: Checker) -> Iterator[None]:
    """Around a whole run: if an exception ends it, nobody else writes the reports; after Ctrl-C frameworks go on."""
    try:
        yield
    except KeyboardInterrupt as error:
        checker.broke_off(error)
        raise
    except BaseException as error:
        checker.broke_off(error)
        try:
            checker.finish()
        except UnusablePath as unusable:
            say(unusable)
        raise


def again_of(test: Any) -> Again | None:
    """Runs the like of a test in a fresh instance; None if it cannot be made."""
    method = getattr(test, "_testMethodName", None)
    if method is None:
        return None
    cls, test_id = type(test), test.id()

    def again(begin: Callable[[tuple[object, ...]], None]) -> str | None:
        try:
            fresh = cls(method)
            if fresh.id() != test_id:
                return None  # made of more than its method's name: a doctest
        except Exception:
            return None
        begin((fresh,))
        deferred = DeferredResult(unittest.TestResult())
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            fresh(deferred)
        return deferred.noted.outcome or "passed"

    return again


def run_checked(checker: Checker, test: Any, result: Any, run: Callable[[Any], Any], late: Any = None) -> Any:
    """Runs a test inside a window. Its leak is its failure, reported after its whole teardown; what earlier tests have
    left goes to the result *late*, where the test's own accepts nothing but this test."""
    deferred = DeferredResult(result)
    noted = deferred.noted
    info = info_of(test)
    report_late(result if late is None else late, checker, info)
    try:
        checker.begin(info, (test,))
        returned = run(deferred)
        method = getattr(test.__class__, getattr(test, "_testMethodName", ""), None)
        report = checker.end(
            noted.outcome or "passed",
            noted.problem,
            rules=rules_of(method, test.__class__),
            again=again_of(test) if checker.runs_again else None,
        )
    except BaseException:
        checker.abort()
        if noted.stopped:
            result.stopTest(test)
        raise
    if checker.run.fails(report):
        _add_leak(result, test, checker.error(report))
    else:
        noted.add_success(result, test)
    if noted.stopped:
        result.stopTest(test)
    return returned


_default: list[Checker] = []


def default_checker() -> Checker:
    """The checker of test cases that no runner of yagot's runs."""
    if not _default:
        _default.append(Checker(load()[0], endless=True))
    return _default[0]


class LeakCheckMixin:
    """Makes a unittest test case fail when it leaves garbage behind. Comes first among the bases:

    >>> class TestTree(LeakCheckMixin, unittest.IsolatedAsyncioTestCase):
    ...     pass
    """

    yagot_checker: Checker | None = None
    """The checker to use; default: one for the whole process."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        order = cls.__mro__
        if unittest.TestCase in order[: order.index(LeakCheckMixin)]:  # its run() comes first, and calls no other
            name = f"{cls.__module__}.{cls.__qualname__}"
            warnings.warn(f"tests of {name} are not checked: LeakCheckMixin must come first", stacklevel=2)

    def run(self, result: Any = None) -> Any:
        checker = self.yagot_checker or default_checker()
        run = super().run  # type: ignore[misc]
        if Checker.watching or switched_off():
            return run(result)
        if result is not None:
            return run_checked(checker, self, result, run)
        result = self.defaultTestResult()  # type: ignore[attr-defined]
        start, stop = getattr(result, "startTestRun", None), getattr(result, "stopTestRun", None)
        if start is not None:
            start()
        try:
            run_checked(checker, self, result, run)
        finally:
            if stop is not None:
                stop()
        return result


class TestCase(LeakCheckMixin, unittest.TestCase):
    """unittest.TestCase with leak checks."""
