"""The long run of move_kill.py on both databases; tests/workers/storage/test_mover_kill.py has a short one."""

from pathlib import Path

from tests.soak.move_kill import FILES, is_good, run


def test_no_kill_of_a_mover_loses_or_orphans_a_blob(database_url: str, tmp_path: Path, s3_url: str) -> None:
    url = "" if database_url.startswith("sqlite") else database_url
    results = run(tmp_path, s3_url, files=FILES, kills=100, seed=1, url=url)
    print(results)
    assert is_good(results), results
