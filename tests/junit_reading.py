"""An independent reader of JUnit XML, for the tests of yagot merge: ElementTree, and the documentation's rules.

What is directly below a suite and is a result of no test case is read as the case that Jenkins makes of it.
"""

import re
import xml.etree.ElementTree as ET
from collections import Counter

RESULTS = ("error", "failure", "skipped")
SKIPPED = {"skipped", "ignored", "notrun", "disabled", "suppressed"}
COUNTERS = {"tests", "failures", "errors", "skipped", "disabled", "time", "assertions"}


def local(name):
    return name.rpartition("}")[2]


def attributes(element, without=()):
    return frozenset((name, value) for name, value in element.attrib.items() if name not in without)


def outcome(case):
    """The worst result, and the message and text of the first of that kind."""
    for kind in RESULTS:
        for child in case:
            if local(child.tag) == kind:
                return kind, child.get("message"), child.text or ""
    status = {case.get("status", "").lower(), case.get("result", "").lower()}
    return ("skipped" if status & SKIPPED else "passed"), None, ""


def inside(element):
    """All that is below an element, as a value; white space between elements does not count."""
    return tuple(
        (local(child.tag), attributes(child), (child.text or "").strip(), inside(child)) for child in element
    )


class Report:
    """What is in a file: cases, and the rest, as multisets."""

    def __init__(self, path):
        root = ET.parse(path).getroot()
        self.root = root
        self.cases, self.rest, self.suites = Counter(), Counter(), []
        if local(root.tag) == "testsuite":
            self._suite(root, ())
        else:
            loose = (root.get("name") or "tests",)
            for child in root:
                self._child(child, (), loose)

    def _suite(self, suite, path):
        path = (*path, suite.get("name", "tests"))
        self.suites.append((path, attributes(suite, COUNTERS | {"name"}), suite))
        for child in suite:
            self._child(child, path, path)

    def _child(self, child, path, of_cases):
        tag = local(child.tag)
        if tag == "testsuite":
            self._suite(child, path)
        elif tag == "testcase":
            self.cases[(
                of_cases, child.get("classname"), child.get("name"), *outcome(child),
                attributes(child, {"classname", "name", "time"}), inside(child),
            )] += 1  # fmt: skip
        elif tag in RESULTS:
            name = "<init>" if tag == "error" else "<suite>"
            one = (tag, attributes(child), (child.text or "").strip(), inside(child))
            found = (tag, child.get("message"), child.text or "")
            self.cases[(of_cases, of_cases[-1], name, *found, frozenset(), (one,))] += 1
        elif tag == "properties":
            for each in child:
                self.rest[(path, "property", attributes(each), each.text or "")] = 1
        else:
            self.rest[(path, tag, attributes(child), (child.text or "").strip())] += 1

    def short(self):
        """(suite path, class, name, outcome, message) of each case."""
        return Counter(key[:5] for key in self.cases.elements())

    def counters(self):
        """Of each suite and the root: path, and its counters as numbers."""
        found = [((), self.root)] if local(self.root.tag) != "testsuite" else []
        found += [(path, suite) for path, _, suite in self.suites]
        return [
            (path, {name: int(e.get(name)) for name in COUNTERS - {"time"} if re.fullmatch(r"\d+", e.get(name, ""))}, e)
            for path, e in found
        ]


def recount(element):
    """The counters of a suite as its cases have them, with those of the suites in it."""
    cases = [outcome(case)[0] for case in element.iter() if local(case.tag) == "testcase"]
    of_suites = [
        local(child.tag) for suite in element.iter() if local(suite.tag) in ("testsuite", "testsuites", "testrun")
        for child in suite if local(child.tag) in RESULTS
    ]  # fmt: skip
    found = Counter(cases + of_suites)
    return {
        "tests": sum(found.values()),
        "failures": found["failure"],
        "errors": found["error"],
        "skipped": found["skipped"],
    }
