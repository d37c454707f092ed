"""The baseline: leaks that a project knows of and has not fixed yet.

A JSON file, one entry a signature, sorted, so that it merges well. Kept by signature: a test that is moved or renamed
keeps its entry.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from yagot import __builtins__ as __builtins__
from yagot.config import Config, ConfigError
from yagot.files import Output, readable, text_of
from yagot.model import TestReport
from yagot.report.wording import plural

VERSION = 1


def read(path: str) -> dict[str, dict[str, object]]:
    """The entries of a baseline by signature; none if there is no file. Raises ConfigError."""
    try:
        data = json.loads(text_of(path))
        entries = data["leaks"] if data["version"] == VERSION else None
    except FileNotFoundError:
        return {}
    except IsADirectoryError:
        raise ConfigError(f"{readable(path)}: a directory, not a baseline") from None
    except OSError as error:
        raise ConfigError(f"{readable(path)}: not a baseline of yagot ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(f"{readable(path)}: not a baseline of yagot ({error or type(error).__name__})") from None
    if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
        raise ConfigError(f"{readable(path)}: not a baseline of this version of yagot")
    return entries


class Baseline:
    """A reporter that compares a run with the baseline, and renews it if asked to."""

    def __init__(self, config: Config) -> None:
        """Raises ConfigError, and UnusablePath if it is to be renewed and cannot be."""
        assert config.baseline is not None
        self._path = config.baseline
        self._update = config.update_baseline
        self._known = read(config.baseline)
        self._missing = not Path(config.baseline).exists()
        self._written = False
        self.output = Output(config.baseline) if self._update else None
        self._ran: set[str] = set()
        self._seen: dict[str, tuple[dict[str, object], set[str]]] = {}
        """By signatures: what the baseline has of them, and the tests."""
        self._new = 0

    def started(self, test: object) -> None:
        """Nothing to do before a test's end."""

    def finished(self, report: TestReport, fails: bool) -> None:
        """Notes the leaks of a test."""
        if report.checked:
            self._ran.add(report.test.id)
        for finding in report.findings:
            if finding.verdict not in ("leak", "known"):
                continue
            signature = finding.signature
            self._new += signature not in self._known and signature not in self._seen
            _, tests = self._seen.setdefault(signature, ({"cause": finding.cause, "kind": finding.kind}, set()))
            tests.add(report.test.id)

    def _fixed(self) -> list[str]:
        """Known leaks whose tests all ran, and that none of them has any more."""
        return [
            signature
            for signature, entry in self._known.items()
            if signature not in self._seen
            and entry.get("tests")
            and self._ran.issuperset(entry["tests"])  # type: ignore[arg-type]
        ]

    def lines(self) -> Iterator[str]:
        """New, known and fixed leaks in a few lines."""
        fixed = self._fixed()
        known = len(self._seen.keys() & self._known.keys())
        path = readable(self._path)
        yield (
            f"yagot: baseline {path}: {plural(self._new, 'new cause')}, {known:,} known, {len(fixed):,} fixed"
            + (" (updated)" if self._written else "")
        )
        if self._missing and not self._update:
            yield f"yagot: there is no file {path} yet: --update-baseline writes it"
        for signature in fixed:
            yield f"yagot: fixed: {signature} {self._known[signature].get('cause')}"

    def close(self) -> None:
        """Writes the renewed baseline, if that was asked for. Raises UnusablePath."""
        if self.output is None:
            return
        fixed = set(self._fixed())
        entries = {signature: entry for signature, entry in self._known.items() if signature not in fixed}
        for signature, (entry, tests) in self._seen.items():
            old = entries.get(signature, {}).get("tests", [])
            assert isinstance(old, list)
            kept = [test for test in old if test not in self._ran]
            entries[signature] = {**entry, "tests": sorted({*kept, *tests})}
        data = {"version": VERSION, "leaks": dict(sorted(entries.items()))}
        self.output.write(json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
        self._written = True
