"""Runs in a process with faults.c preloaded: writes every report, over and over, while one call after the other fails.

    faulty.py DIRECTORY ERROR HALF

Prints a line of JSON for each attempt: the call that failed, what the user was told, what the XML was during and after
the run, and what else was in the directory. In the last attempt nothing fails.
"""

import ctypes
import json
import os
import shutil
import sys
import xml.etree.ElementTree as ET

from yagot.config import Config
from yagot.files import UnusablePath
from yagot.model import Finding, Problem, TestInfo, TestReport
from yagot.observe.run import Run
from yagot.report.reporters import make_reporters

directory, error, half = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
faults = ctypes.CDLL(None)
faults.faults_name.restype = ctypes.c_char_p
REPORTS = {"json": "r.json", "markdown": "r.md", "html": "r.html", "junit_xml": "r.xml", "baseline": "b.json"}
OLD = {name: f"old {name}\n" for name in (*REPORTS.values(), "target.xml")}
OLD["b.json"] = '{"leaks": {}, "version": 1}\n'
LEAK = Finding(kind="collected", cause="test.Node.me", objects=1, types={"test.Node": 1}, held_bytes=10)


def reports():
    """Three suites, the last one back in the first; a leak, a long failure, and clean tests."""
    for number, module in enumerate(["a", "a", "b", "b", "a"]):
        test = TestInfo(f"{module}.T.t{number}", module, f"{module}.T", f"t{number}", f"{module}.py", number)
        if number == 1:
            yield TestReport(test, "passed", 0.1, checked=True, findings=(LEAK,))
        elif number == 2:
            yield TestReport(test, "failed", 0.1, problem=Problem("E", "no", "x" * 20_000))
        else:
            yield TestReport(test, "passed", 0.1, checked=True)


def xml():
    """What a reader sees: None if it is not well-formed, False if it is the old file."""
    with open("r.xml", "rb") as file:
        data = file.read()
    if data == b"old r.xml\n":
        return False
    try:
        root = ET.fromstring(data)
    except ET.ParseError:
        return None
    cases = list(root.iter("testcase"))
    crashed = [case.get("name") for case in cases if case.find("error[@type='yagot.Crash']") is not None]
    return {"names": [case.get("name") for case in cases], "crashed": crashed}


def attempt(call):
    shutil.rmtree(directory)
    os.mkdir(directory)
    os.chdir(directory)
    for name, text in OLD.items():
        with open(name, "w") as file:
            file.write(text)
    seen, told = [], []
    faults.faults_arm(directory.encode(), call, error, half)
    faults.faults_pause(0)
    try:
        config = Config(**REPORTS, junit_attachments="attached", update_baseline=True)
        run = Run(config, make_reporters(config, "all"))
        for report in reports():
            for step, argument in ((run.started, report.test), (run.finished, report)):
                step(argument)
                faults.faults_pause(1)
                seen.append(xml())
                faults.faults_pause(0)
        run.close()
    except UnusablePath as problem:
        told = str(problem).split("; ")
    faults.faults_pause(1)
    return {
        "call": faults.faults_name().decode(), "told": told, "seen": seen, "last": xml(),
        "others": sorted(set(os.listdir(directory)) - set(OLD)),
        "attached": sorted(os.listdir("attached")) if os.path.exists("attached") else [],
        "texts": {name: open(name).read() for name in REPORTS.values() if name != "r.xml"},
    }  # fmt: skip


number, name = 0, "none yet"
while name:
    number += 1
    found = attempt(number)
    name = found["call"]
    print(json.dumps(found), flush=True)
