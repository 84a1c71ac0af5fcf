"""The long run of many_calls.py; tests/field/test_scenarios.py has a short one."""

from pathlib import Path

import pytest

from tests.ingest.test_kill import run_soak
from tests.soak.test_ingest import print_result


def test_a_hundred_thousand_calls_are_stored_as_they_were(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = run_soak("many_calls", tmp_path, "--calls", 100_000)
    print_result(results, capsys)
    assert results
