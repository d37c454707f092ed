"""What five consumers of JUnit XML take from a report, after their sources and documentation.

Each function returns a list of cases as the consumer would show them: dicts with suite, name, status, text, and what
else it reads. They are as forgetful as the consumers: Jenkins ignores types, GitLab reads the message only where
there is no text, Azure and dorny take the first failure.
"""

import re

from lxml import etree


def _cases(path):
    for suite in etree.parse(str(path)).getroot().iter("testsuite"):
        for case in suite.findall("testcase"):
            yield suite, case


def _status(case, words):
    for tag, word in words:
        if case.find(tag) is not None:
            return word, case.find(tag)
    return "passed", None


def jenkins(path):
    """Jenkins' junit plugin: the first error, else the first failure; type, file and line are ignored."""
    shown = []
    for suite, case in _cases(path):
        status, result = _status(case, [("error", "failed"), ("failure", "failed"), ("skipped", "skipped")])
        name = suite.get("name")
        shown.append({
            "suite": f"{suite.get('package')}.{name}" if suite.get("package") else name,
            "class": case.get("classname"),
            "name": case.get("name"),
            "status": status,
            "message": None if result is None else result.get("message"),
            "text": None if result is None else result.text,
            "attachments": re.findall(r"^\[\[ATTACHMENT\|(.*?)\]\]$", case.findtext("system-out") or "", re.M),
        })  # fmt: skip
    return shown


def gitlab(path):
    """GitLab: two outputs in a failing case lose the report; the message only where there is no text; duplicates are
    dropped; the first attachment, whose path ends at a bracket or a bar."""
    shown, seen = [], set()
    for _, case in _cases(path):
        status, result = _status(case, [("failure", "failed"), ("error", "error"), ("skipped", "skipped")])
        if result is not None and len(case.findall("system-out")) > 1:
            return []
        key = (case.get("classname"), case.get("name"))
        if key in seen:
            continue
        seen.add(key)
        attached = re.search(r"\[\[ATTACHMENT\|(?P<url>[^\[\]|]+?)\]\]", case.findtext("system-out") or "")
        shown.append({
            "class": key[0],
            "name": key[1],
            "status": status,
            "text": None if result is None else (result.text or result.get("message")),
            "attachment": attached and attached["url"],
        })  # fmt: skip
    return shown


def azure(path):
    """Azure DevOps: names of 512 characters at most; the first failure only; the type is ignored."""
    shown = []
    for _, case in _cases(path):
        status, result = _status(case, [("failure", "Failed"), ("error", "Failed"), ("skipped", "NotExecuted")])
        shown.append({
            "name": case.get("name")[:512],
            "storage": case.get("classname"),
            "status": status,
            "message": None if result is None else result.get("message"),
            "stack": None if result is None else result.text,
            "output": case.findtext("system-out"),
        })  # fmt: skip
    return shown


def dorny(path):
    """GitHub, dorny/test-reporter: a suite must have a name; the first failure as ``type: message``."""
    shown = []
    for suite, case in _cases(path):
        if not suite.get("name"):
            raise ValueError("a suite without a name")
        result = next((child for child in case if child.tag in ("failure", "error")), None)
        line = None
        if result is not None:
            line = ": ".join(filter(None, (result.get("type"), result.get("message"))))
        skipped = case.find("skipped") is not None
        status = "failed" if result is not None else "skipped" if skipped else "success"
        shown.append({"suite": suite.get("name"), "name": case.get("name"), "status": status, "line": line})
    return shown


def mikepenz(path):
    """GitHub, mikepenz/action-junit-report: all failures; the file of the case or suite; the line from the case, else
    from ``path:NN`` in the text."""
    shown = []
    for suite, case in _cases(path):
        file = case.get("file") or suite.get("file")
        for result in (*case.findall("failure"), *case.findall("error")):
            text = result.text or ""
            line = case.get("line")
            if line is None and file is not None:
                found = re.search(rf" [^:\s]*{re.escape(file.rsplit('/', 1)[-1])}:(\d+)", text)
                line = found and found[1]
            shown.append({"file": file, "line": line and int(line), "title": case.get("name"), "text": text})
    return shown
