"""The long run of faults.py; scripts/test has a short one (tests/nodes/test_faults.py). Its figures go to stdout (-s)."""

import json
from pathlib import Path

import pytest

from tests.soak.faults import find_violations, parse_options, run


def test_no_fault_loses_or_falsifies_anything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        found = run(tmp_path, parse_options([str(tmp_path)]))
        print(json.dumps(found))
    assert find_violations(found) == []
