"""The long run of export_kill.py on both engines; scripts/test has a short one (tests/work/test_export_kill.py)."""

from pathlib import Path

from tests.soak.export_kill import is_good, parse_options, run


def test_no_kill_loses_or_tears_anything(database_url: str, tmp_path: Path) -> None:
    url = "" if database_url.startswith("sqlite") else database_url
    found = run(tmp_path, parse_options(["--url", url]))
    print(found)
    assert is_good(found), found
    assert found["answered"] >= 10_000
    assert found["kills"] >= 60
