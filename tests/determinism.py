"""The findings of a suite, run after run: ``./dev determinism SUITE…`` runs this.

Each suite is a module for ``yagot run`` (``test.test_asyncio``); with ``--command``, all arguments are one command, of
whatever framework, that is told by a variable to write its findings. Prints how many findings the runs agree on, and
those that only some runs have. A finding is its test, kind, cause, verdict and number of objects. If the tests
themselves went differently, by their outcomes, this is said, too: then the suite differs, not only yagot.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

SHOWN = 40
BUSY = "while True: [{} for _ in range(1000)]"


def run(command, directory):
    """The report of one run, as JSON; None if there is none."""
    out = Path(directory) / "findings.json"
    out.unlink(missing_ok=True)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("YAGOT")}
    environment |= {"YAGOT_JSON": str(out), "YAGOT_REPORT_ONLY": "1"}
    result = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
    )
    if out.exists():
        return json.loads(out.read_text())
    print(result.stdout[-2000:] + result.stderr[-2000:], f"exit status {result.returncode}", file=sys.stderr)
    return None


def findings(report):
    """{(test, kind, cause, verdict, objects): how many}."""
    return Counter(
        (test["id"], item["kind"], item["cause"], item["verdict"], item["objects"])
        for test in report["tests"]
        for item in test["findings"]
    )


def outcomes(report):
    """{test: its outcome and whether all of it was seen}."""
    return {test["id"]: (test["outcome"], test["incomplete"]) for test in report["tests"] if test["checked"]}


def differences(reports):
    """[(finding, in how many runs, how the tests of these runs went otherwise)] of what not all runs have."""
    found = [findings(report) for report in reports]
    went = [outcomes(report) for report in reports]
    every = {item for run in found for item in run}
    result = []
    for item in sorted(every):
        numbers = [run[item] for run in found]
        if len(set(numbers)) > 1:
            ways = Counter(str(run.get(item[0], "not checked")) for run in went)
            result.append((item, sum(map(bool, numbers)), dict(ways) if len(ways) > 1 else {}))
    return result


def compare(name, command, times):
    """Prints a suite's line and what differs; returns whether something does."""
    with tempfile.TemporaryDirectory() as directory:
        reports = [run(command, directory) for _ in range(times)]
    if None in reports:
        return True
    different = differences(reports)
    tests = {len(report["tests"]) for report in reports}
    common = sum(min(findings(report)[item] for report in reports) for item in findings(reports[0]))
    print(f"{name}: {'/'.join(map(str, sorted(tests)))} tests, {times} runs, {common} findings in all of them, "
          f"{len(different)} in some", flush=True)  # fmt: skip
    for item, number, ways in different[:SHOWN]:
        test, kind, cause, verdict, objects = item
        print(f"    {number} of {times}: {test}: {kind}, {verdict}, {objects} objects: {cause}", flush=True)
        if ways:
            print(f"        the test itself: {ways}", flush=True)
    if len(different) > SHOWN:
        print(f"    … and {len(different) - SHOWN} more", flush=True)
    return bool(different)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--times", type=int, default=30)
    parser.add_argument("--busy", type=int, default=0, metavar="N", help="beside N processes that compute all the time")
    parser.add_argument("--command", action="store_true", help="the arguments are one command")
    parser.add_argument("suites", nargs="+", metavar="SUITE")
    options = parser.parse_args()
    suites = options.suites
    if options.command:
        commands = {" ".join(suites): suites}
    else:
        commands = {name: [options.python, "-m", "yagot", "run", name] for name in suites}
    busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(options.busy)]
    try:
        return int(sum([compare(name, command, options.times) for name, command in commands.items()]) > 0)
    finally:
        for process in busy:
            process.kill()


if __name__ == "__main__":
    sys.exit(main())
