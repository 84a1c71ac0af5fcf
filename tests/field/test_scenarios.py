"""Simulated calls of every switch: what is stored of them is what happened, as far as the files tell."""

import shutil
from pathlib import Path
from random import Random
from typing import Any

import pytest

from ccfs.db import schema
from tests.field.scenarios.catalogue import SCENARIOS
from tests.field.scenarios.compare import FACTS
from tests.field.scenarios.measure import measure_switch, prepare_site, write_calls
from tests.field.scenarios.switches import SWITCHES, SimulatedSwitch
from tests.field.scenarios.untold import UNTOLD
from tests.ingest.ingest_site import IngestSite

_CALLS = len(SCENARIOS)  # of each switch: each scenario once
_BY_NAME = {switch.name: switch for switch in SWITCHES}


def _get_name(value: SimulatedSwitch) -> str:
    return value.name


@pytest.mark.parametrize("switch", SWITCHES, ids=_get_name)
def test_what_the_files_tell_is_stored_as_it_was(switch: SimulatedSwitch, tmp_path: Path) -> None:
    result = measure_switch(switch, tmp_path, _CALLS, seed=1)
    assert result.examples == []
    assert result.calls >= len(switch.scenarios)


@pytest.mark.parametrize("name", ["freeswitch-json", "fusionpbx-a-legs"])
def test_the_order_of_documents_makes_no_difference(name: str, tmp_path: Path) -> None:
    switch = _BY_NAME[name]
    at_once, in_pieces = (prepare_site(switch, tmp_path / name) for name in ("at_once", "in_pieces"))
    for site in (at_once, in_pieces):
        _, files = write_calls(switch, site.switch_folder, _CALLS, seed=2)
    at_once.run_ingest(files.switch, *_point_at(at_once, files.arguments), CCFS_SETTLE_SECONDS="0")
    _ingest_in_pieces(in_pieces, files.arguments, Random(name))
    assert _read_cdrs(in_pieces) == _read_cdrs(at_once)
    assert _read_recordings(in_pieces) == _read_recordings(at_once)


def test_a_queue_log_that_is_read_later_makes_no_difference(tmp_path: Path) -> None:
    switch = _BY_NAME["freepbx"]
    at_once, later = (prepare_site(switch, tmp_path / name) for name in ("at_once", "later"))
    for site in (at_once, later):
        _, files = write_calls(switch, site.switch_folder, _CALLS, seed=2)
    site_runs = ((at_once, 4), (later, 2), (later, 4))
    for site, count in site_runs:
        site.run_ingest(files.switch, *_point_at(site, files.arguments)[:count], CCFS_SETTLE_SECONDS="0")
    assert _read_cdrs(later) == _read_cdrs(at_once)


def test_every_claim_is_of_a_known_switch_scenario_and_fact() -> None:
    for untold in UNTOLD:
        assert set(untold.facts.split()) <= set(FACTS)
        for prefix in untold.scenarios.split():
            assert any(name.startswith(prefix) for name in SCENARIOS), prefix
        for prefix in untold.switches.split():
            assert any(switch.name.startswith(prefix) for switch in SWITCHES), prefix


def _point_at(site: IngestSite, arguments: list[object]) -> list[object]:
    """Return the arguments of `ccfs ingest` with the files of the site."""
    return [site.switch_folder / each.name if isinstance(each, Path) else each for each in arguments]


def _ingest_in_pieces(site: IngestSite, arguments: list[object], random: Random) -> None:
    """Ingest the documents in random order, in three runs, and the recordings in the last."""
    documents = sorted((site.switch_folder / "cdr").iterdir())
    random.shuffle(documents)
    stash = site.folder / "later"
    stash.mkdir()
    for path in documents:
        shutil.move(path, stash)
    site.recordings_folder.rename(stash / "monitor")
    site.recordings_folder.mkdir()
    for piece in range(3):
        for path in documents[piece::3]:
            shutil.move(stash / path.name, path)
        if piece == 2:
            site.recordings_folder.rmdir()
            (stash / "monitor").rename(site.recordings_folder)
        site.run_ingest("freeswitch", *_point_at(site, arguments), CCFS_SETTLE_SECONDS="0")


def _read_cdrs(site: IngestSite) -> list[Any]:
    return site.read_rows(schema.cdrs, *(column.name for column in schema.cdrs.columns if column.name != "app"))


def _read_recordings(site: IngestSite) -> list[Any]:
    columns = ("call_id", "agent_id", "source_name", "call_type")
    return sorted(site.read_rows(schema.recordings, *columns))
