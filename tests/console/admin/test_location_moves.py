"""Moving files between locations on the page: the question, the progress, and removing the location afterwards."""

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from ccfs.db.system.storage import locations
from ccfs.model.blobs.location_config import LocationConfig, LocationKind
from tests.console.call_centre_data import CallCentreData
from tests.console.conftest import SignIn
from tests.console.console_client import ConsoleClient, extract_text
from tests.media import audio_samples
from tests.server.ccfs_server import CcfsServer
from tests.waiting import wait_until

PAGE: Final = "/console/cluster/moves"
_IDS = itertools.count(901)  # the server is that of all tests


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoDisks:
    """An operator, and the ids of two disks, of which the first has a recording."""

    olga: ConsoleClient
    old: str
    new: str
    new_folder: Path


@pytest.fixture
def two_disks(signed_in: SignIn, console_server: CcfsServer, call_centre: CallCentreData, tmp_path: Path) -> TwoDisks:
    """Two locations of their own."""
    node, old, new = console_server.node, str(next(_IDS)), str(next(_IDS))
    recording = audio_samples.add_audio_recording(
        node, call_centre.acme, "acme-account", f"moved-{old}", audio_samples.make_gsm_wav(2)
    )
    data = b"".join(node.locations[recording.blob.location_id].read(recording.blob.key))
    with node.database.write_transaction() as connection:
        connection.exec_driver_sql("UPDATE nodes SET heartbeat_at = 0 WHERE id = 'live-node'")  # of other tests
        for name in (old, new):
            (tmp_path / name).mkdir()
            root = str(tmp_path / name)
            config = LocationConfig(id=name, kind=LocationKind.DISK, root=root, created_at=datetime.now(UTC))
            locations.add(connection, config)
        where = f"key = '{recording.blob.key}'"
        connection.exec_driver_sql(f"UPDATE recordings SET location_id = '{old}' WHERE {where}")
    node.locations[old].write(recording.blob.key, [data])
    return TwoDisks(olga=signed_in("olga"), old=old, new=new, new_folder=tmp_path / new)


def test_files_are_moved_after_a_question_and_the_empty_location_is_removed(
    two_disks: TwoDisks, console_server: CcfsServer
) -> None:
    olga, old, new = two_disks.olga, two_disks.old, two_disks.new
    cluster = "/console/cluster/location"
    move = {"source": old, "target": new, "days": ""}
    for wrong in ({"source": "x"}, {"target": old}, {"days": "-1"}, {"days": "9" * 40}):
        assert olga.post(PAGE, **move | wrong).status == 400, wrong
    wait_until(lambda: olga.post(PAGE, **move, confirmed="").status == 200)  # the nodes have tried the new locations
    question = extract_text(olga.post(PAGE, **move, confirmed=""))
    assert f"Move files from location {old} to location {new}?" in question
    assert f"Location {old} is not draining" in question
    assert olga.post(cluster, location=old, state="draining").status == 303
    in_use = extract_text(olga.post(f"{cluster}/remove", location=old))
    assert "This location is still in use: recordings 1." in in_use, in_use
    assert olga.post(PAGE, **move).status == 303
    wait_until(lambda: "1 of 1 files" in olga.get_text(PAGE) and " done " in olga.get_text(PAGE))
    [file] = [path for path in two_disks.new_folder.rglob("*") if path.is_file()]
    assert file.read_bytes()[:4] == b"RIFF"
    assert "files to be deleted 1" in extract_text(olga.post(f"{cluster}/remove", location=old))
    with console_server.node.database.write_transaction() as connection:  # as if the grace period were over
        connection.exec_driver_sql(f"DELETE FROM orphaned_blobs WHERE location_id = '{old}'")
    assert olga.post(f"{cluster}/remove", location=old).status == 303
    assert f"Started moving files between locations {old} → {new}" in olga.get_text("/console/audit?action=changes")


def test_a_move_is_paused_resumed_and_stopped(two_disks: TwoDisks, console_server: CcfsServer) -> None:
    olga, old, new = two_disks.olga, two_disks.old, two_disks.new
    with (
        console_server.node.database.write_transaction() as connection
    ):  # another node's, so that nobody carries it out
        connection.exec_driver_sql(f"UPDATE locations SET node = 'dead-node-2' WHERE id IN ('{old}', '{new}')")
        connection.exec_driver_sql("UPDATE change_counters SET value = value + 1 WHERE name = 'locations'")
    move = {"source": old, "target": new, "days": "0"}
    assert olga.post(PAGE, **move).status == 303
    assert "Another move of these locations has not ended" in extract_text(olga.post(PAGE, **move))
    wait_until(lambda: "Waiting for node dead-node-2" in olga.get_text(PAGE))
    state = {"move": olga.get(PAGE).body.decode().partition('name="move" value="')[2].partition('"')[0]}
    assert olga.post(f"{PAGE}/state", **state, state="gone").status == 404
    assert olga.post(f"{PAGE}/state", move="x", state="paused").status == 400
    assert olga.post(f"{PAGE}/state", **state, state="paused").status == 303
    assert "paused" in olga.get_text(PAGE)
    assert olga.post(f"{PAGE}/state", **state, state="paused").status == 400
    assert olga.post(f"{PAGE}/state", **state, state="due").status == 303
    question = extract_text(olga.post(f"{PAGE}/state", **state, state="stopped", confirmed=""))
    assert f"Stop the move from location {old} to location {new}?" in question
    assert olga.post(f"{PAGE}/state", **state, state="stopped").status == 303
    assert olga.post(f"{PAGE}/state", **state, state="due").status == 400
    audited = olga.get_text("/console/audit?action=changes")
    for text in ("Paused a move", "Resumed a move", "Stopped a move"):
        assert f"{text} between locations {old} → {new}" in audited
