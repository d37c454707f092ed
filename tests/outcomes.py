"""The outcome of each test under plain unittest: prints {"id": outcome} as JSON."""

import json
import os
import sys
import unittest


class Recorder(unittest.TestResult):
    """Notes the worst outcome of each test."""

    def __init__(self):
        super().__init__()
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


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    recorder = Recorder()
    unittest.defaultTestLoader.loadTestsFromNames(sys.argv[1:]).run(recorder)
    print("\n" + json.dumps(recorder.outcomes))
