"""Workers of bulk downloads that are killed at random moments. scripts/soak runs longer."""

from pathlib import Path

from tests.ingest.test_kill import run_soak


def test_bulk_downloads_survive_workers_that_are_killed(database_url: str, tmp_path: Path) -> None:
    url = [] if database_url.startswith("sqlite") else ["--url", database_url]
    results = run_soak("bulk_kill", tmp_path / "site", "--kills", 3, "--seed", 7, *url)
    assert results["kills"] == 3
    assert results["done"] > 0
