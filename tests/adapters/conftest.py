"""The suite that every framework runs, and what is expected of it."""

import json

import pytest
from leaky_suite import LEAKING, SUITE, verdicts


@pytest.fixture
def suite(project):
    project.write("test_all.py", SUITE)
    return project


@pytest.fixture
def expected(suite):
    """What `yagot run` says."""
    suite.yagot("--json", "expected.json", "test_all", check=1)
    found = verdicts(json.loads((suite.path / "expected.json").read_text()))
    assert {name for name, (_, findings) in found.items() if any(f[0] == "leak" for f in findings)} == LEAKING
    return found
