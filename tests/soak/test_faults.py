"""The long run of faults.py, with its results on stdout; tests/nodes/test_faults.py has a short one."""

import json
from pathlib import Path

import pytest

from tests.soak.faults import find_violations, parse_options, run


def test_no_fault_loses_or_corrupts_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        results = run(tmp_path, parse_options([str(tmp_path)]))
        print(json.dumps(results))
    assert find_violations(results) == []
