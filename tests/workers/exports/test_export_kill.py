"""Two nodes that are killed at random moments while they make and announce exports. The long run is scripts/soak's."""

from pathlib import Path

from tests.soak.export_kill import is_good, parse_options, run

SHORT_RUN = ["--exports", "40", "--kills", "2", "--longest", "1.5", "--seed", "7"]


def test_exports_survive_nodes_that_are_killed(database_url: str, tmp_path: Path) -> None:
    url = "" if database_url.startswith("sqlite") else database_url
    found = run(tmp_path, parse_options([*SHORT_RUN, "--url", url]))
    print(found)
    assert is_good(found), found
    assert found["answered"] >= 40
    assert found["kills"] == 2
