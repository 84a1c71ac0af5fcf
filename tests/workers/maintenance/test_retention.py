"""Retention on both engines: rows are deleted first, their bytes become orphans, and without a policy all stays."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from ccfs.blobs.disk import DiskLocation
from ccfs.blobs.registry import Locations
from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.system.storage import locations
from ccfs.db.tenant import recordings
from ccfs.db.tenant.calls import channel_events, leg_links
from ccfs.db.tenant.calls.channel_events import ChannelEventsRow
from ccfs.db.tenant.calls.leg_links import LegLink
from ccfs.db.tenant.ingest import unassigned_records
from ccfs.model.blobs.errors import BlobNotFound
from ccfs.model.blobs.location_config import LocationConfig, LocationKind
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.recording import Recording
from ccfs.workers.storage.mover import ORPHAN_BATCH_SIZE, ORPHAN_LEASE, BlobMover
from tests.db import sample_rows
from tests.db.tenant.test_unassigned_records import make_record as make_unassigned_record
from tests.workers.maintenance.steered_time import retain

NOW = datetime(2026, 5, 4, 8, 30, tzinfo=UTC)
APP = App(id=1, ak="AK-acme", name="acme")
DISK = LocationConfig(id="0", kind=LocationKind.DISK, root="", created_at=NOW)
DAYS = ("20260503", "20260401", "20260331", "20260228", "20240101")


@pytest.fixture
def dated_recordings(database: Database, disk: DiskLocation) -> list[Recording]:
    """A recording with its bytes for each of the days."""
    added = []
    with database.write_transaction() as connection:
        locations.add(connection, DISK)
        app = sample_rows.add_app(connection)
        for number, day in enumerate(DAYS):
            moment = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
            name = f"/0/1/record/AK/100/{day}/5/{number}.wav"
            recording = sample_rows.make_recording(
                number, file_name=name, call_begin=moment, blob=disk.write(f"1/rec/{day}", [b"audio"])
            )
            recordings.add(connection, app, recording, NOW)
            added.append(recording)
    return added


def run_retention(database: Database, rows: int = 0, recordings: int = 0) -> None:
    """Let retention mark and delete until NOW."""
    retain(database, NOW, rows, recordings)


def delete_orphans(
    database: Database, disk: DiskLocation, now: datetime = NOW, node: str = "a", location_ids: tuple[str, ...] = ("0",)
) -> int:
    """Delete the orphans that are due for a node with these locations on its disk; return their number."""
    locations = Locations(database, node, lambda config: dict.fromkeys(location_ids, disk)[config.id])
    return BlobMover(database=database, locations=locations, now=lambda: now, grace=timedelta(0)).delete_orphans()


def list_recording_days(database: Database) -> set[str]:
    with database.read_transaction() as connection:
        return {name.split("/")[6] for name in connection.execute(sa.select(schema.recordings.c.file_name)).scalars()}


def list_stored_days(disk: DiskLocation, added: list[Recording]) -> set[str]:
    days = set()
    for recording in added:
        try:
            days.add(recording.blob.key.rpartition("/")[2] if disk.get_size(recording.blob.key) else "")
        except BlobNotFound:
            continue
    return days


def test_without_a_retention_policy_everything_stays(
    database: Database, disk: DiskLocation, dated_recordings: list[Recording]
) -> None:
    run_retention(database)
    assert delete_orphans(database, disk) == 0
    assert list_recording_days(database) == list_stored_days(disk, dated_recordings) == set(DAYS)


def test_recordings_of_the_retention_months_before_this_one_stay(
    database: Database, disk: DiskLocation, dated_recordings: list[Recording]
) -> None:
    run_retention(database, recordings=2)
    assert list_stored_days(disk, dated_recordings) == set(DAYS)  # rows are deleted first
    assert delete_orphans(database, disk) == 2
    assert list_recording_days(database) == list_stored_days(disk, dated_recordings) == set(DAYS[:3])
    run_retention(database, rows=1)
    assert list_recording_days(database) == set(DAYS[:3])  # recordings have a retention of their own


def test_channel_events_and_leg_links_go_with_the_rows_of_their_month(database: Database) -> None:
    moments = [datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC) for day in DAYS]
    with database.write_transaction() as connection:
        app = sample_rows.add_app(connection)
        rows = [
            ChannelEventsRow(switch_leg_id=day, switch_call_id=day, channel="PJSIP/1001-1", begin=moment, events="[]")
            for day, moment in zip(DAYS, moments, strict=True)
        ]
        channel_events.upsert(connection, app, "100", rows)
        leg_links.add(connection, app, "100", [LegLink("ConfBridge/900", moment, moment, "k") for moment in moments])
    run_retention(database, rows=1)
    with database.read_transaction() as connection:
        for table in (schema.channel_events, schema.leg_links):
            assert sorted(connection.execute(sa.select(table.c.begin)).scalars()) == sorted(moments[:2])


@pytest.mark.parametrize(("months", "left"), [(0, 2), (1, 1)])
def test_calls_without_a_tenant_are_deleted_with_the_rows_of_their_time(
    database: Database, months: int, left: int
) -> None:
    with database.write_transaction() as connection:
        app = sample_rows.add_app(connection)
        for number, seen_at in enumerate((NOW, NOW - timedelta(days=70))):
            unassigned_records.add(connection, app, "asterisk /a", [make_unassigned_record(number)], "r", seen_at)
    run_retention(database, rows=months)
    with database.read_transaction() as connection:
        assert len(unassigned_records.list_unlisted(connection, app, "asterisk /a", 9)) == left


def test_bytes_of_a_recording_that_was_ingested_again_meanwhile_stay(
    database: Database, disk: DiskLocation, dated_recordings: list[Recording]
) -> None:
    run_retention(database, recordings=2)
    with database.write_transaction() as connection:
        recordings.add(connection, APP, dated_recordings[-1], NOW)  # its index was ingested again
    assert delete_orphans(database, disk) == 1
    assert list_recording_days(database) == list_stored_days(disk, dated_recordings) == {*DAYS[:3], DAYS[-1]}


def test_more_orphans_than_one_batch_are_deleted_in_one_round(database: Database, disk: DiskLocation) -> None:
    count = ORPHAN_BATCH_SIZE + 10
    with database.write_transaction() as connection:
        app = sample_rows.add_app(connection)
        for number in range(count):
            name, moment = f"/0/1/record/AK/100/20240101/5/{number}.wav", datetime(2024, 1, 1, tzinfo=UTC)
            recording = sample_rows.make_recording(
                number, file_name=name, call_begin=moment, blob=sample_rows.make_blob_ref(f"1/rec/{number}")
            )
            recordings.add(connection, app, recording, NOW)
        locations.add(connection, DISK)
    run_retention(database, recordings=2)
    assert delete_orphans(database, disk) == count


def test_orphans_that_cannot_be_deleted_are_due_again_and_delay_no_others(
    database: Database, disk: DiskLocation, dated_recordings: list[Recording]
) -> None:
    with database.write_transaction() as connection:
        table = schema.recordings
        unreachable = (
            sa.update(table).where(table.c.file_name == dated_recordings[-1].file_name).values(location_id="9")
        )
        connection.execute(unreachable)
    run_retention(database, recordings=2)
    assert delete_orphans(database, disk) == 1
    assert list_stored_days(disk, dated_recordings) == {*DAYS[:3], DAYS[-1]}
    with database.write_transaction() as connection:
        locations.add(connection, replace(DISK, id="9"))
    assert delete_orphans(database, disk, location_ids=("0", "9")) == 0  # not yet
    assert delete_orphans(database, disk, NOW + ORPHAN_LEASE, location_ids=("0", "9")) == 1
    assert list_stored_days(disk, dated_recordings) == set(DAYS[:3])


@pytest.mark.usefixtures("dated_recordings")
def test_orphans_on_the_disk_of_another_node_are_deleted_by_that_node(database: Database, disk: DiskLocation) -> None:
    with database.write_transaction() as connection:
        locations.update(connection, "0", node="b")
    run_retention(database, recordings=1)
    assert delete_orphans(database, disk, node="a") == 0
    assert delete_orphans(database, disk, node="b") == 3
