"""The long run of move_kill.py on both engines; scripts/test has a short one (tests/work/test_move_kill.py)."""

from pathlib import Path

from tests.soak.move_kill import FILES, is_good, run


def test_no_kill_loses_bytes_or_leaves_them_about(database_url: str, tmp_path: Path, s3_url: str) -> None:
    url = "" if database_url.startswith("sqlite") else database_url
    found = run(tmp_path, s3_url, files=FILES, kills=100, seed=1, url=url)
    print(found)
    assert is_good(found), found
