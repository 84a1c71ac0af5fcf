"""Two movers that are killed at random moments. scripts/soak runs longer."""

from pathlib import Path

from tests.soak.move_kill import is_good, run


def test_moves_survive_movers_that_are_killed(database_url: str, tmp_path: Path, s3_url: str) -> None:
    url = "" if database_url.startswith("sqlite") else database_url
    results = run(tmp_path, s3_url, files=12, kills=2, seed=5, url=url)
    print(results)
    assert is_good(results), results
    assert results["kills"] >= 2
