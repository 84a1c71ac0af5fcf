"""The long run of ingest_week.py, with its results on stdout; tests/ingest/files/test_week.py has a short one."""

from pathlib import Path

import pytest

from tests.ingest.test_kill import run_soak
from tests.soak.test_ingest import print_result

SECONDS, CALLS = 900, 4000


def test_a_week_of_growing_and_rotating_files_is_ingested_like_in_one_pass(
    tmp_path: Path, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    url = database_url if database_url.startswith("postgresql") else ""
    results = run_soak("ingest_week", tmp_path, SECONDS, CALLS, 1, url)
    print_result(results, capsys)
    assert results["differences"] == results["late"] == {}
    assert results["kills"] > 300
    assert all(results["rotated"].values())
