"""The outcomes of a suite, test by test, with yagot and without: ``./dev outcomes SUITE…`` runs this.

A suite is a module of unittest tests (``test.test_queue``), or the name of a package of SUITES, whose source
distribution is fetched. Each is run plain, again, and under yagot, which only reports. Tests that two plain runs do not
agree on are flaky, and left out. Prints a line for each suite, and each test whose outcome differs.

``python tests/outcomes.py --run OUT MODULE…`` runs modules under plain unittest and writes {id: outcome};
as a plugin of pytest (``-p outcomes``) it does the same for pytest.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tarfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "build" / "outcomes"
SHOWN = 20


class Suite:
    """How a package's own suite is run: *needs* are installed beside it, *command* is run in *directory*."""

    def __init__(self, needs, command, directory="", checked=("--yagot", "--yagot-report-only")):
        self.needs, self.command, self.directory, self.checked = needs, command, directory, checked


def _pytest(*arguments):
    plugins = ["no:randomly", "no:asyncio", "no:run-parallel", "no:rerunfailures", "no:cacheprovider", "outcomes"]
    options = [option for name in plugins for option in ("-p", name)]
    return ["-m", "pytest", "-q", *options, "-o", "addopts=", "-o", "xfail_strict=false", *arguments]


def _unittest(*modules):
    return [__file__, "--run", *modules]


DJANGO = ["apps", "auth_tests", "cache", "dispatch", "forms_tests", "signals", "template_tests", "test_client",
          "test_runner", "urlpatterns_reverse", "utils_tests", "view_tests"]  # fmt: skip

SUITES = {
    "requests": Suite(["requests", "pytest-httpbin", "pytest-mock", "trustme", "PySocks"], _pytest("tests")),
    "urllib3": Suite(["urllib3", "trustme", "cryptography", "PySocks", "httpx", "quart", "quart-trio", "trio",
                      "hypercorn", "pytest-timeout"], _pytest("test", "--ignore=test/with_dummyserver")),
    "httpx": Suite(["httpx", "trio", "uvicorn", "trustme", "chardet", "h2", "brotli", "zstandard", "socksio"],
                   _pytest("tests")),
    "starlette": Suite(["starlette", "httpx", "itsdangerous", "jinja2", "python-multipart", "pyyaml", "trio",
                        "anyio"], _pytest("tests")),
    "click": Suite(["click"], _pytest("tests")),
    "tornado": Suite(["tornado"], _unittest("tornado.test.web_test", "tornado.test.ioloop_test",
                                            "tornado.test.iostream_test", "tornado.test.httpserver_test",
                                            "tornado.test.gen_test", "tornado.test.queues_test"), checked=None),
    "twisted": Suite(["twisted"], _unittest("twisted.test.test_defer", "twisted.test.test_tcp",
                                            "twisted.test.test_task", "twisted.test.test_threads",
                                            "twisted.test.test_process", "twisted.internet.test.test_tcp"),
                     checked=None),
    "django": Suite(["django", "tblib"], ["runtests.py", "--parallel=1", "-v2", *DJANGO], "tests",
                    checked=("--settings=test_checked",)),
}  # fmt: skip


# -- recording ---------------------------------------------------------------------------------------


class Recorder(unittest.TextTestResult):
    """Notes the worst outcome of each test; a leak under yagot is none."""

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.outcomes = {}

    def note(self, test, outcome):
        if self.outcomes.get(test.id(), "passed") in ("passed", "skipped"):
            self.outcomes[test.id()] = outcome

    def addSuccess(self, test):
        self.outcomes.setdefault(test.id(), "passed")

    def addFailure(self, test, err):
        self.note(test, "failed")

    def addError(self, test, err):
        self.note(test, "error")

    def addSkip(self, test, reason):
        self.note(getattr(test, "test_case", test), "skipped")

    def addExpectedFailure(self, test, err):
        self.note(test, "expected_failure")

    def addUnexpectedSuccess(self, test):
        self.note(test, "unexpected_success")

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.note(test, "failed" if issubclass(err[0], test.failureException) else "error")


def run_unittest(out, modules, checked):
    """Runs modules, and writes the outcomes. Under yagot its runner is the only difference."""
    sys.path.insert(0, os.getcwd())
    options = {"resultclass": Recorder, "verbosity": 0}
    if checked:
        from yagot import Checker, Config, TextTestRunner

        runner = TextTestRunner(checker=Checker(Config(report_only=True)), **options)
    else:
        runner = unittest.TextTestRunner(**options)
    result = runner.run(unittest.defaultTestLoader.loadTestsFromNames(modules))
    Path(out).write_text(json.dumps(result.outcomes))


def pytest_runtest_logreport(report):
    """As a plugin of pytest: the outcome of each phase."""
    if not hasattr(report, "yagot_later"):
        OUTCOMES.setdefault(report.nodeid, {})[report.when] = report.outcome + getattr(report, "wasxfail", "")


def pytest_sessionfinish():
    """As a plugin of pytest: writes them."""
    Path(os.environ["OUTCOMES"]).write_text(json.dumps(OUTCOMES))


OUTCOMES = {}


# -- comparing ---------------------------------------------------------------------------------------


def prepare(name, python):
    """Fetches the source distribution of a package, and installs what its suite needs; returns where it lies."""
    place = PLACE / f"{name}-{python_tag(python)}"
    installed, sources = place / "installed", place / "source"
    if not sources.exists():
        pip = [python, "-m", "pip", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "--target", installed, *SUITES[name].needs], check=True)
        subprocess.run([*pip, "download", "--no-deps", "--no-binary", name, "-d", place,
                        f"{name}=={version_of(installed, name)}"], check=True)  # fmt: skip
        with tarfile.open(next(iter(place.glob("*.tar.gz")))) as archive:
            archive.extractall(sources, filter="data")
    return installed, next(path for path in sources.iterdir() if path.is_dir())


def version_of(installed, name):
    """The version that was installed."""
    (info,) = installed.glob(f"{name}-*.dist-info")
    return info.name.removesuffix(".dist-info").partition("-")[2]


def python_tag(python):
    code = "import sys; print('{}.{}.{}'.format(*sys.version_info))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def printed_outcomes(text):
    """As unittest prints them with -v."""
    pattern = r"^(\w+ \([\w.]+\))(?:\n.*)? \.\.\. (ok|FAIL|ERROR|skipped|expected failure|unexpected success)"
    return dict(re.findall(pattern, text, re.M))


def run(name, python, checked):
    """{id: outcome} of one run."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("YAGOT", "PYTEST_"))}
    PLACE.mkdir(parents=True, exist_ok=True)
    out = PLACE / f"outcomes-{os.getpid()}.json"  # several may run at once
    out.unlink(missing_ok=True)
    environment["OUTCOMES"] = str(out)
    suite = SUITES.get(name) or Suite([], _unittest(name), checked=None)
    command, directory, path = list(suite.command), PLACE, [str(Path(__file__).parent)]
    if name in SUITES:
        installed, source = prepare(name, python)
        path.insert(0, str(installed))
        directory = source / suite.directory
        if name == "django":
            (directory / "test_checked.py").write_text(
                "from test_sqlite import *\nTEST_RUNNER = 'yagot.plugins.django.LeakCheckRunner'\n"
            )
            environment["YAGOT_REPORT_ONLY"] = "1" if checked else ""
    if suite.checked is None:
        command[2:2] = [str(out), *(["--checked"] if checked else [])]
    elif checked:
        command += suite.checked
    environment["PYTHONPATH"] = os.pathsep.join(path)
    result = subprocess.run(
        [python, *command], cwd=directory, env=environment, capture_output=True, text=True, errors="replace",
        stdin=subprocess.DEVNULL, timeout=3600,
    )  # fmt: skip
    if out.exists():
        return json.loads(out.read_text())
    found = printed_outcomes(result.stderr)
    if not found:
        print(result.stdout[-2000:] + result.stderr[-2000:], f"exit status {result.returncode}", file=sys.stderr)
    return found


def compare(name, python):
    """Prints a suite's line and what differs; returns whether something does."""
    plain, again, checked = run(name, python, False), run(name, python, False), run(name, python, True)
    flaky = {test for test in plain.keys() | again.keys() if plain.get(test) != again.get(test)}
    different = {test for test in plain.keys() | checked.keys() if plain.get(test) != checked.get(test)} - flaky
    print(f"{name}: {len(plain)} tests, {len(flaky)} flaky, {len(different)} different", flush=True)
    for test in sorted(different)[:SHOWN]:
        print(f"    {test}: {plain.get(test)} without, {checked.get(test)} with", flush=True)
    if len(different) > SHOWN:
        print(f"    … and {len(different) - SHOWN} more", flush=True)
    return bool(different) or not plain


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--run", metavar="OUT")
    parser.add_argument("--checked", action="store_true")
    parser.add_argument("suites", nargs="*")
    options = parser.parse_args()
    if options.run is not None:
        run_unittest(options.run, options.suites, options.checked)
        return 0
    return int(sum([compare(name, options.python) for name in options.suites or SUITES]) > 0)


if __name__ == "__main__":
    sys.exit(main())
