"""Two nodes that are killed at random moments while they generate exports and send callbacks. scripts/soak runs longer."""

from pathlib import Path

from tests.soak.export_kill import is_good, parse_options, run

SHORT_RUN = ["--exports", "40", "--kills", "2", "--longest", "1.5", "--seed", "7"]


def test_exports_survive_nodes_that_are_killed(database_url: str, tmp_path: Path) -> None:
    url = "" if database_url.startswith("sqlite") else database_url
    results = run(tmp_path, parse_options([*SHORT_RUN, "--url", url]))
    print(results)
    assert is_good(results), results
    assert results["answered"] >= 40
    assert results["kills"] == 2
