"""Keeping months on both engines: rows go before bytes, which are strays then, and without terms all stays."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from ccfs.blobs.disk import DiskLocation
from ccfs.blobs.registry import Locations
from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.system import locations
from ccfs.db.tenant import recordings
from ccfs.model.blobs.errors import BlobNotFound
from ccfs.model.blobs.location_config import LocationConfig, LocationKind
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.recording import Recording
from ccfs.workers.maintenance.retention import RetentionJob, RetentionPolicy
from ccfs.workers.storage.mover import ORPHAN_BATCH_SIZE, ORPHAN_LEASE, BlobMover
from tests.db import sample_rows

NOW = datetime(2026, 5, 4, 8, 30, tzinfo=UTC)
APP = App(id=1, ak="AK-acme", name="acme")
DISK = LocationConfig(id="0", kind=LocationKind.DISK, root="", created_at=NOW)
DAYS = ("20260503", "20260401", "20260331", "20260228", "20240101")


@pytest.fixture
def dated_recordings(database: Database, disk: DiskLocation) -> list[Recording]:
    """A recording with its bytes of each of the days."""
    made = []
    with database.write_transaction() as connection:
        locations.add(connection, DISK)
        app = sample_rows.add_app(connection)
        for number, day in enumerate(DAYS):
            moment = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
            name = f"/0/1/record/AK/100/{day}/5/{number}.wav"
            one = sample_rows.make_recording(
                number, file_name=name, call_begin=moment, blob=disk.write(f"1/rec/{day}", [b"audio"])
            )
            recordings.add(connection, app, one, NOW)
            made.append(one)
    return made


def create_retention_job(database: Database, now: datetime = NOW, rows: int = 0, recordings: int = 0) -> RetentionJob:
    return RetentionJob(database, RetentionPolicy(row_months=rows, recording_months=recordings), lambda: now)


def delete_orphans(
    database: Database, disk: DiskLocation, now: datetime = NOW, node: str = "a", there: tuple[str, ...] = ("0",)
) -> int:
    """How many strays a node lets go, which has these locations on its disk."""
    locations = Locations(database, node, lambda place: dict.fromkeys(there, disk)[place.id])
    return BlobMover(database=database, locations=locations, now=lambda: now, grace=timedelta(0)).delete_orphans()


def list_recording_days(database: Database) -> set[str]:
    with database.read_transaction() as connection:
        return {name.split("/")[6] for name in connection.execute(sa.select(schema.recordings.c.file_name)).scalars()}


def list_stored_days(disk: DiskLocation, kept: list[Recording]) -> set[str]:
    found = set()
    for one in kept:
        try:
            found.add(one.blob.key.rpartition("/")[2] if disk.get_size(one.blob.key) else "")
        except BlobNotFound:
            continue
    return found


def test_without_terms_everything_stays(
    database: Database, disk: DiskLocation, dated_recordings: list[Recording]
) -> None:
    create_retention_job(database)()
    assert delete_orphans(database, disk) == 0
    assert list_recording_days(database) == list_stored_days(disk, dated_recordings) == set(DAYS)


def test_so_many_whole_months_stay_beside_this_one(
    database: Database, disk: DiskLocation, dated_recordings: list[Recording]
) -> None:
    create_retention_job(database, recordings=2)()
    assert list_stored_days(disk, dated_recordings) == set(DAYS)  # rows go first
    assert delete_orphans(database, disk) == 2
    assert list_recording_days(database) == list_stored_days(disk, dated_recordings) == set(DAYS[:3])
    create_retention_job(database, rows=1)()
    assert list_recording_days(database) == set(DAYS[:3])  # recordings have a term of their own


def test_it_looks_once_an_hour(database: Database, dated_recordings: list[Recording]) -> None:
    times = iter([NOW, NOW + timedelta(minutes=40)])
    step = RetentionJob(database, RetentionPolicy(recording_months=2), lambda: next(times))
    step()
    with database.write_transaction() as connection:
        recordings.add(
            connection, APP, replace(dated_recordings[-1], file_name=dated_recordings[-1].file_name + "x"), NOW
        )
    step()
    assert list_recording_days(database) == {*DAYS[:3], DAYS[-1]}


def test_bytes_of_a_recording_that_came_back_meanwhile_stay(
    database: Database, disk: DiskLocation, dated_recordings: list[Recording]
) -> None:
    create_retention_job(database, recordings=2)()
    with database.write_transaction() as connection:
        recordings.add(connection, APP, dated_recordings[-1], NOW)  # its old index was taken in again
    assert delete_orphans(database, disk) == 1
    assert list_recording_days(database) == list_stored_days(disk, dated_recordings) == {*DAYS[:3], DAYS[-1]}


def test_many_go_at_once(database: Database, disk: DiskLocation) -> None:
    count = ORPHAN_BATCH_SIZE + 10
    with database.write_transaction() as connection:
        app = sample_rows.add_app(connection)
        for number in range(count):
            name, moment = f"/0/1/record/AK/100/20240101/5/{number}.wav", datetime(2024, 1, 1, tzinfo=UTC)
            one = sample_rows.make_recording(
                number, file_name=name, call_begin=moment, blob=sample_rows.make_blob_ref(f"1/rec/{number}")
            )
            recordings.add(connection, app, one, NOW)
        locations.add(connection, DISK)
    create_retention_job(database, recordings=2)()
    assert delete_orphans(database, disk) == count


def test_bytes_that_cannot_go_are_due_again_and_hold_up_no_others(
    database: Database, disk: DiskLocation, dated_recordings: list[Recording]
) -> None:
    with database.write_transaction() as connection:
        table = schema.recordings
        lost = sa.update(table).where(table.c.file_name == dated_recordings[-1].file_name).values(location_id="9")
        connection.execute(lost)
    create_retention_job(database, recordings=2)()
    assert delete_orphans(database, disk) == 1
    assert list_stored_days(disk, dated_recordings) == {*DAYS[:3], DAYS[-1]}
    with database.write_transaction() as connection:
        locations.add(connection, replace(DISK, id="9"))
    assert delete_orphans(database, disk, there=("0", "9")) == 0  # not yet
    assert delete_orphans(database, disk, NOW + ORPHAN_LEASE, there=("0", "9")) == 1
    assert list_stored_days(disk, dated_recordings) == set(DAYS[:3])


@pytest.mark.usefixtures("dated_recordings")
def test_bytes_on_another_nodes_disk_are_left_to_it(database: Database, disk: DiskLocation) -> None:
    with database.write_transaction() as connection:
        locations.update(connection, "0", node="b")
    create_retention_job(database, recordings=1)()
    assert delete_orphans(database, disk, node="a") == 0
    assert delete_orphans(database, disk, node="b") == 3
