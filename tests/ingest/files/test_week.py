"""A week of files that grow and rotate, with watches that are killed, equals one pass. scripts/soak has the long run."""

from pathlib import Path

from tests.ingest.test_kill import run_soak

SECONDS, CALLS = 8, 60


def test_a_week_of_growing_and_rotating_files_is_ingested_like_in_one_pass(tmp_path: Path, database_url: str) -> None:
    url = database_url if database_url.startswith("postgresql") else ""
    results = run_soak("ingest_week", tmp_path, SECONDS, CALLS, 1, url)
    assert results["differences"] == results["late"] == {}
    assert results["failures"] == 0
    assert results["kills"] >= 3
    assert sum(results["rotated"].values()) > 5
