"""Movers that are killed at random moments, two side by side. The long run is scripts/soak's."""

from pathlib import Path

from tests.soak.move_kill import is_good, run


def test_moves_survive_movers_that_are_killed(database_url: str, tmp_path: Path, s3_url: str) -> None:
    url = "" if database_url.startswith("sqlite") else database_url
    found = run(tmp_path, s3_url, files=12, kills=2, seed=5, url=url)
    print(found)
    assert is_good(found), found
    assert found["kills"] >= 2
