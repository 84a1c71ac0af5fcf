"""Rows of locations: added once, changed, listed, and what the rows say that each holds."""

from dataclasses import replace

import pytest

from ccfs.model.errors import Misuse
from ccfs.model.place import Place, PlaceKind
from ccfs.model.tenancy import App
from ccfs.store import places, recordings, voice_files
from ccfs.store.db import Database
from tests.store import given
from tests.store.child import together

BUCKET = Place(
    id="1", kind=PlaceKind.S3, at="calls", prefix="ccfs", endpoint="https://obs.example.com", created_at=given.NOW
)


def test_a_location_is_read_as_it_was_added(database: Database) -> None:
    with database.writing() as connection:
        places.add(connection, BUCKET)
        places.add(connection, replace(BUCKET, id="2", kind=PlaceKind.DISK, at="files", node="b", is_read_only=True))
    with database.reading() as connection:
        found = places.places(connection)
    assert found["1"] == BUCKET
    assert (found["2"].kind, found["2"].node, found["2"].takes_new) == (PlaceKind.DISK, "b", False)


def test_an_id_is_given_once(database: Database) -> None:
    with database.writing() as connection:
        places.add(connection, BUCKET)
    with pytest.raises(Misuse, match="location 1 already"), database.writing() as connection:
        places.add(connection, replace(BUCKET, at="other"))


def test_a_change_is_seen_by_its_number(database: Database) -> None:
    with database.writing() as connection:
        assert places.change_number(connection) == 0
        places.add(connection, BUCKET)
        places.change(connection, "1", is_draining=True)
        assert places.change_number(connection) == 2
        assert not places.places(connection)["1"].takes_new


def test_a_location_without_a_row_cannot_be_changed(database: Database) -> None:
    with pytest.raises(Misuse, match="no location 9"), database.writing() as connection:
        places.change(connection, "9", is_draining=True)


def test_what_each_location_holds_is_counted_over_all_apps(database: Database, app: App, other: App) -> None:
    one = given.recording(1)
    with database.writing() as connection:
        recordings.add(connection, app, one, given.NOW)
        recordings.add(connection, other, replace(one, kept=replace(one.kept, location_id="1", size=7)), given.NOW)
        voice_files.add(connection, app, given.voice_file())
    with database.reading() as connection:
        assert places.held(connection) == {
            "0": places.Held(files=2, size=10 << 30),
            "1": places.Held(files=1, size=7),
        }


def test_nodes_that_claim_disks_at_once_get_a_number_each(url: str) -> None:
    assert sorted(together(8, "claim_disk", url)) == [*"01234567"]
