"""The long run of export_kill.py on both databases; tests/workers/exports/test_export_kill.py has a short one."""

from pathlib import Path

from tests.soak.export_kill import is_good, parse_options, run


def test_no_kill_loses_or_damages_an_export(database_url: str, tmp_path: Path) -> None:
    url = "" if database_url.startswith("sqlite") else database_url
    results = run(tmp_path, parse_options(["--url", url]))
    print(results)
    assert is_good(results), results
    assert results["answered"] >= 10_000
    assert results["kills"] >= 60
