"""Rows of locations: adding, changing, listing, usage, disk numbers."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.system.storage import locations
from ccfs.db.tenant import recordings, voice_files
from ccfs.model.blobs.location_config import LocationConfig, LocationKind
from ccfs.model.errors import OperatorError
from ccfs.model.identity.tenancy import App
from tests.db import sample_rows
from tests.db.child_processes import run_in_processes

BUCKET_CONFIG = LocationConfig(
    id="1",
    kind=LocationKind.S3,
    root="calls",
    prefix="ccfs",
    endpoint="https://obs.example.com",
    created_at=sample_rows.NOW,
)


def test_a_location_is_read_back_as_it_was_added(database: Database) -> None:
    with database.write_transaction() as connection:
        locations.add(connection, BUCKET_CONFIG)
        locations.add(
            connection,
            replace(BUCKET_CONFIG, id="2", kind=LocationKind.DISK, root="files", node="b", is_read_only=True),
        )
    with database.read_transaction() as connection:
        configs = locations.get_all(connection)
    assert configs["1"] == BUCKET_CONFIG
    assert (configs["2"].kind, configs["2"].node, configs["2"].is_accepting_blobs) == (LocationKind.DISK, "b", False)


def test_a_location_of_a_newer_release_leaves_the_others_readable(database: Database) -> None:
    with database.write_transaction() as connection:
        locations.add(connection, BUCKET_CONFIG)
        locations.add(connection, replace(BUCKET_CONFIG, id="2"))
        connection.execute(sa.update(schema.locations).where(schema.locations.c.id == "2").values(kind="azure"))
    with database.read_transaction() as connection:
        configs = locations.get_all(connection)
    assert (configs["1"], configs["2"].kind) == (BUCKET_CONFIG, LocationKind.UNKNOWN)


def test_a_location_id_is_unique(database: Database) -> None:
    with database.write_transaction() as connection:
        locations.add(connection, BUCKET_CONFIG)
    with pytest.raises(OperatorError, match="location 1 already"), database.write_transaction() as connection:
        locations.add(connection, replace(BUCKET_CONFIG, root="other"))


def test_every_change_of_a_location_is_counted(database: Database) -> None:
    with database.write_transaction() as connection:
        assert locations.CHANGE_COUNTER.get(connection) == 0
        locations.add(connection, BUCKET_CONFIG)
        locations.update(connection, "1", is_draining=True)
        assert locations.CHANGE_COUNTER.get(connection) == 2
        assert not locations.get_all(connection)["1"].is_accepting_blobs


def test_a_location_without_a_row_cannot_be_changed(database: Database) -> None:
    with pytest.raises(OperatorError, match="no location 9"), database.write_transaction() as connection:
        locations.update(connection, "9", is_draining=True)


def test_the_usage_of_each_location_is_counted_over_all_apps(database: Database, app: App, other_app: App) -> None:
    recording = sample_rows.make_recording(1)
    with database.write_transaction() as connection:
        recordings.add(connection, app, recording, sample_rows.NOW)
        recordings.add(
            connection,
            other_app,
            replace(recording, blob=replace(recording.blob, location_id="1", size=7)),
            sample_rows.NOW,
        )
        voice_files.add(connection, app, sample_rows.make_voice_file())
    with database.read_transaction() as connection:
        assert locations.get_usage(connection) == {
            "0": locations.LocationUsage(files=2, size=10 << 30),
            "1": locations.LocationUsage(files=1, size=7),
        }


def test_nodes_that_claim_disks_at_once_get_different_numbers(url: str) -> None:
    assert sorted(run_in_processes(8, "claim_disk", url)) == [*"01234567"]
