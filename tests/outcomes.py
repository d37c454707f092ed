"""The outcomes of a suite, test by test, with yagot and without: ``./dev outcomes SUITE…`` runs this.

A suite is a module of unittest tests (``test.test_queue``), or the name of a package of SUITES, whose source
distribution is fetched. Each is run plain, again, and under yagot, which only reports. Tests that two plain runs do not
agree on are flaky, and left out. Prints a line for each suite, and each test whose outcome differs. What a run prints
and finds is kept in build/outcomes.

``python tests/outcomes.py --run OUT MODULE…`` runs modules under plain unittest and appends a line of JSON for each
outcome: [id, outcome]; as a plugin of pytest (``-p outcomes``) it does the same for pytest.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
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
    "starlette": Suite(["starlette", "httpx", "httpx2", "itsdangerous", "jinja2", "python-multipart", "pyyaml", "trio",
                        "anyio"], _pytest("tests", "--ignore=tests/middleware/test_opentelemetry.py")),
    "click": Suite(["click"], _pytest("tests", "-k", "not stress")),
    "tornado": Suite(["tornado"], _unittest("tornado.test.web_test", "tornado.test.ioloop_test",
                                            "tornado.test.iostream_test", "tornado.test.httpserver_test",
                                            "tornado.test.gen_test", "tornado.test.queues_test"), checked=None),
    "twisted": Suite(["twisted", "PyHamcrest"], _unittest("twisted.test.test_defer", "twisted.test.test_tcp",
                                            "twisted.test.test_task", "twisted.test.test_threads",
                                            "twisted.test.test_process", "twisted.internet.test.test_tcp"),
                     checked=None),
    "django": Suite(["django", "tblib"], ["runtests.py", "--parallel=1", "-v2", *DJANGO], "tests",
                    checked=("--settings=test_checked",)),
}  # fmt: skip


# -- recording ---------------------------------------------------------------------------------------


class Log:
    """A file to which outcomes are appended at once: a run may crash, and a test may close all descriptors, replace
    functions or return in a forked child."""

    def __init__(self, path):
        self._path, self._process = os.path.abspath(path), os.getpid()
        self._open, self._write, self._close, self._getpid = os.open, os.write, os.close, os.getpid
        self._encode = json.JSONEncoder().encode

    def append(self, test, outcome):
        if self._getpid() == self._process:
            file = self._open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            self._write(file, f"{self._encode([test, outcome])}\n".encode())
            self._close(file)


def read(path):
    """{id: outcome}: the last one for each test holds."""
    return dict(map(json.loads, path.read_text().splitlines())) if path.exists() else {}


class Recorder(unittest.TextTestResult):
    """Notes the worst outcome of each test; a leak under yagot is none."""

    log = None

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.outcomes = {}

    def note(self, test, outcome):
        if self.outcomes.get(test.id(), "passed") in ("passed", "skipped"):
            self.outcomes[test.id()] = outcome
            self.log.append(test.id(), outcome)

    def startTest(self, test):
        self.log.append(test.id(), "did not end")
        super().startTest(test)

    def addSuccess(self, test):
        self.note(test, "passed")
        super().addSuccess(test)

    def addFailure(self, test, err):
        self.note(test, "failed")
        super().addFailure(test, err)

    def addError(self, test, err):
        self.note(test, "error")
        super().addError(test, err)

    def addSkip(self, test, reason):
        self.note(getattr(test, "test_case", test), "skipped")
        super().addSkip(test, reason)

    def addExpectedFailure(self, test, err):
        self.note(test, "expected_failure")
        super().addExpectedFailure(test, err)

    def addUnexpectedSuccess(self, test):
        self.note(test, "unexpected_success")
        super().addUnexpectedSuccess(test)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.note(test, "failed" if issubclass(err[0], test.failureException) else "error")
        super().addSubTest(test, subtest, err)


def run_unittest(out, modules, checked):
    """Runs modules, and writes the outcomes. Under yagot its runner is the only difference."""
    sys.path.insert(0, os.getcwd())
    Recorder.log = Log(out)
    options = {"resultclass": Recorder, "verbosity": 0}
    if checked:
        from yagot import Checker, TextTestRunner
        from yagot.config import load
        from yagot.report.reporters import make_reporters

        config, _ = load({"report_only": True})
        runner = TextTestRunner(checker=Checker(config, make_reporters(config, "all")), **options)
    else:
        runner = unittest.TextTestRunner(**options)
    runner.run(unittest.defaultTestLoader.loadTestsFromNames(modules))


def pytest_configure(config):
    """As a plugin of pytest: holds the file from the start."""
    Recorder.log = Log(os.environ["OUTCOMES"])


def pytest_runtest_logreport(report):
    """As a plugin of pytest: the outcome of each phase."""
    if not hasattr(report, "yagot_later"):
        Recorder.log.append(f"{report.nodeid} {report.when}", report.outcome + getattr(report, "wasxfail", ""))


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


def tagged(name, python):
    """How files of a suite's run are called."""
    return f"{name}-{python_tag(python)}"


def command_of(name, python, checked, out, place):
    """The command of one run, its directory, and what it needs on its path."""
    suite = SUITES.get(name) or Suite([], _unittest(name), checked=None)
    command, path = [python, *suite.command], [str(Path(__file__).parent)]
    if name in SUITES:
        installed, source = prepare(name, python)
        path.insert(0, str(installed))
        place = source / suite.directory
        if name == "django":
            (place / "test_checked.py").write_text(
                "from test_sqlite import *\nTEST_RUNNER = 'yagot.plugins.django.LeakCheckRunner'\n"
            )
    if suite.checked is None:
        command[3:3] = [str(out), *(["--checked"] if checked else [])]
    elif checked:
        command += suite.checked
    return command, place, path


def stop(process):
    """Kills a run and what it has started, if it is still there."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def call(command, seconds, log, **options):
    """Runs a command in a session of its own; returns what it printed, and how it ended."""
    with log.open("w+", errors="replace") as file:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True, **options
        )
        try:
            ended = f"exit status {process.wait(seconds)}"
        except subprocess.TimeoutExpired:
            ended = f"still running after {seconds} s"
        finally:
            stop(process)
        file.seek(0)
        return file.read(), ended


def run(name, python, kind, seconds):
    """{id: outcome} of one run, and how it ended. *kind*: plain, again or checked."""
    base = PLACE / f"{tagged(name, python)}-{kind}"
    place, out = base.with_name(f"{base.name}-{os.getpid()}"), base.with_name(f"{base.name}.outcomes")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    out.unlink(missing_ok=True)
    command, directory, path = command_of(name, python, kind == "checked", out, place)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("YAGOT", "PYTEST_"))}
    environment |= {"OUTCOMES": str(out), "PYTHONPATH": os.pathsep.join(path)}
    if kind == "checked":
        environment |= {"YAGOT_REPORT_ONLY": "1", "YAGOT_JSON": f"{base}.json"}
    text, ended = call(command, seconds, base.with_name(f"{base.name}.log"), cwd=directory, env=environment)
    shutil.rmtree(place, ignore_errors=True)
    return read(out) or printed_outcomes(text), ended


def compare(name, python, seconds):
    """Prints a suite's line and what differs; returns whether something does."""
    plain, ended = run(name, python, "plain", seconds)
    again, ended_again = run(name, python, "again", seconds)
    checked, ended_checked = run(name, python, "checked", seconds)
    flaky = {test for test in plain.keys() | again.keys() if plain.get(test) != again.get(test)}
    different = {test for test in plain.keys() | checked.keys() if plain.get(test) != checked.get(test)} - flaky
    print(f"{tagged(name, python)}: {len(plain)} tests, {len(flaky)} flaky, {len(different)} different", flush=True)
    if len({ended, ended_again, ended_checked}) > 1 or "still" in ended or not plain:
        print(f"    {ended} without, {ended_again} again, {ended_checked} with", flush=True)
    for test in sorted(different)[:SHOWN]:
        print(f"    {test}: {plain.get(test)} without, {checked.get(test)} with", flush=True)
    if len(different) > SHOWN:
        print(f"    … and {len(different) - SHOWN} more", flush=True)
    return bool(different) or not plain


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--seconds", type=int, default=1200, help="for each run; 1200 if not given")
    parser.add_argument("--run", metavar="OUT")
    parser.add_argument("--checked", action="store_true")
    parser.add_argument("suites", nargs="*")
    options = parser.parse_args()
    if options.run is not None:
        run_unittest(options.run, options.suites, options.checked)
        return 0
    python = os.path.abspath(options.python)
    return int(sum([compare(name, python, options.seconds) for name in options.suites or SUITES]) > 0)


if __name__ == "__main__":
    sys.exit(main())
