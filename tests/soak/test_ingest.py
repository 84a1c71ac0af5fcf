"""The long runs of ingest, with their results on stdout; tests/ingest/test_kill.py has short ones, kills.py those that are killed."""

import json
from pathlib import Path

import pytest

from tests.ingest.test_kill import run_soak


def print_result(results: object, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print("\n" + json.dumps(results))


def test_an_ingest_of_a_million_lines_needs_little_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = run_soak("million_lines", tmp_path, 1_000_000, 10_000)
    print_result(results, capsys)
    assert results


def test_an_ingest_of_a_large_table_needs_little_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = run_soak("table_rows", tmp_path, 200_000)
    print_result(results, capsys)
    assert results
