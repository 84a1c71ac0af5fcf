"""Monthly tables on both engines: rows of any time find a partition, names are unique over all months, old months are dropped."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from ccfs.db import partitions, schema
from ccfs.db.engine import Database, open_database
from ccfs.db.migrations.runner import upgrade
from ccfs.db.system.jobs import blob_moves
from ccfs.db.tenant import recordings
from ccfs.db.tenant.calls import agent_operations, cdrs
from ccfs.model.calls import partition_month
from ccfs.model.calls.agent_operation import AgentOperation
from ccfs.model.calls.cdr import Cdr
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.recording import Recording
from tests.db import sample_rows
from tests.db.sample_rows import MINUTE, NOW
from tests.waiting import wait_until

ODD_TIMES = [
    datetime(1, 1, 2, tzinfo=UTC),
    datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2100, 1, 1, tzinfo=UTC),
]
EDGES = [datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database of the test's own, because these tests create and drop partitions."""
    database = open_database(database_url)
    upgrade(database)
    yield database
    database.close()


def make_cdr(begin: datetime, number: int = 0, call: str = "c-1") -> Cdr:
    return Cdr(account_id="100", cc_id="1", vdn_id="8", call_id=call, begin=begin, source_key=f"{number:032x}")


def make_operation(begin: datetime, number: int = 0) -> AgentOperation:
    return AgentOperation(
        id=f"{number:032x}", account_id="100", begin=begin, op_type=1, vdn_id="8", cc_id="1", agent_id="5"
    )


def make_dated_recording(day: str, number: int = 1, **more: object) -> Recording:
    """Return a recording whose names have that date."""
    names = {
        "file_name": f"/0/1/record/AK/100/{day}/5/{number}.wav",
        "original_file_name": f"Y:/8/0/{day}/5/{number}.V3",
    }
    return sample_rows.make_recording(
        number, **names | {"blob": sample_rows.make_blob_ref(f"1/rec/{day}/{number}")} | more
    )


def list_partitions(connection: Connection, table: sa.Table) -> set[str]:
    names = sa.inspect(connection).get_table_names()
    return {name for name in names if name.startswith(f"{table.name}_p")}


def test_a_row_of_any_time_finds_a_partition(database: Database, app: App) -> None:
    times = [*ODD_TIMES, *EDGES, NOW]
    with database.write_transaction() as connection:
        cdrs.add(connection, app, [make_cdr(instant, number) for number, instant in enumerate(times)])
        agent_operations.add(connection, app, [make_operation(instant, number) for number, instant in enumerate(times)])
        found = cdrs.find_by_call_ids(connection, app, ["c-1"])["c-1"]
        assert sorted(row.begin for row in found) == sorted(times)
        created = list_partitions(connection, schema.cdrs)
    assert created == (set() if database.is_sqlite else {"cdrs_p202402", "cdrs_p202403", "cdrs_p202605"})


@pytest.mark.parametrize("day", ["20240115", "00000000", "20241399", "19991231", "99991231", "today", "٢٠٢٤٠١١٥"])
def test_a_recording_of_any_date_in_its_name_is_found_and_added_once(database: Database, app: App, day: str) -> None:
    recording = make_dated_recording(day)
    with database.write_transaction() as connection:
        recordings.add(connection, app, recording, NOW)
    with database.read_transaction() as connection:
        assert recordings.find_by_name(connection, app, recording.file_name) == recording
        assert recordings.find_by_name(connection, app, recording.original_file_name) == recording
        assert recordings.has_file_name(connection, app, recording.file_name)
        assert recordings.has_original_name(connection, app, recording.original_file_name)
    again = replace(recording, call_begin=recording.call_begin - timedelta(days=400))
    with pytest.raises(IntegrityError), database.write_transaction() as connection:
        recordings.add(connection, app, again, NOW)


def test_a_recording_whose_names_differ_in_their_dates_is_found_by_both(database: Database, app: App) -> None:
    recording = make_dated_recording("20240115", original_file_name="X:/17/0/20190903/15470/2043295.V3")
    with database.write_transaction() as connection:
        recordings.add(connection, app, recording, NOW)
        assert recordings.find_by_name(connection, app, recording.original_file_name) == recording
        assert recordings.find_by_name(connection, app, recording.file_name) == recording


def test_recordings_of_a_call_are_found_far_from_the_time_in_its_id(database: Database, app: App) -> None:
    far = make_dated_recording("20240115", call_id="1602728619-5")  # of October 2020
    near = make_dated_recording("20201015", 2, call_id="1602728619-6")
    with database.write_transaction() as connection:
        for recording in (far, near):
            recordings.add(connection, app, recording, NOW)
        assert recordings.list_by_call(connection, app, "1602728619-5") == [far]
        assert recordings.list_by_call(connection, app, "1602728619-6") == [near]


def test_cdrs_of_a_call_are_found_around_a_time(database: Database, app: App) -> None:
    rows = [make_cdr(NOW + days * timedelta(days=1), days + 500) for days in (-40, -30, 0, 30, 40)]
    with database.write_transaction() as connection:
        cdrs.add(connection, app, rows)
        found = cdrs.find_by_call_ids(connection, app, ["c-1"], [NOW])["c-1"]
        assert sorted(row.begin for row in found) == [row.begin for row in rows[1:-1]]


def test_upcoming_partitions_are_created_once(database: Database) -> None:
    for _ in range(2):
        partitions.ensure_upcoming(database, NOW)
    with database.read_transaction() as connection:
        created = {table.name: list_partitions(connection, table) for table in partitions.AGE_COLUMN}
    expected = [] if database.is_sqlite else ["202605", "202606", "202607"]
    assert created == {name: {f"{name}_p{month}" for month in expected} for name in created}


def insert_rows(database: Database, app: App) -> None:
    """Add a row to each table in each of five months, and recordings without a date."""
    with database.write_transaction() as connection:
        for number, day in enumerate(("20240115", "20240215", "20240315", "20240415", "19980415")):
            instant = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
            cdrs.add(connection, app, [make_cdr(instant, number)])
            agent_operations.add(connection, app, [make_operation(instant, number)])
            recordings.add(
                connection, app, make_dated_recording(day, call_begin=instant, call_end=instant + MINUTE), NOW
            )
            recordings.add(
                connection, app, make_dated_recording(f"x{number}", call_begin=instant, call_end=instant + MINUTE), NOW
            )


def list_remaining_months(database: Database) -> list[list[int]]:
    """Return the months of the remaining rows of each table."""
    with database.read_transaction() as connection:
        return [
            sorted(partition_month.month_key(row) for row in connection.execute(sa.select(table.c[instant])).scalars())
            for table, instant in partitions.AGE_COLUMN.items()
        ]


def test_months_before_the_first_kept_one_are_dropped_and_no_others(database: Database, app: App) -> None:
    insert_rows(database, app)
    for table in partitions.AGE_COLUMN:
        partitions.drop_before(database, table, 202403, NOW)
    assert list_remaining_months(database) == [[202403, 202404], [202403] * 2 + [202404] * 2, [202403, 202404], []]
    with database.write_transaction() as connection:
        assert not list_partitions(connection, schema.cdrs) & {"cdrs_p202401", "cdrs_p202402"}
        due = blob_moves.claim_orphans(connection, NOW, "x", timedelta(0), 100)
        keys_of_dropped = {("0", f"1/rec/{day}/1") for day in ("20240115", "20240215", "19980415", "x0", "x1", "x4")}
        assert {(orphan.location_id, orphan.key) for orphan in due} == keys_of_dropped
        assert not any(blob_moves.is_referenced(connection, orphan) for orphan in due)
        recordings.add(
            connection, app, make_dated_recording("20240115", call_begin=datetime(2024, 1, 15, tzinfo=UTC)), NOW
        )
        assert [orphan.key for orphan in due if blob_moves.is_referenced(connection, orphan)] == [
            "1/rec/20240115/1"
        ]  # it is added again
        cdrs.add(connection, app, [make_cdr(datetime(2024, 1, 15, tzinfo=UTC))])  # an old file is ingested again
    assert list_remaining_months(database)[0] == [202401, 202403, 202404]


def test_a_month_in_use_is_dropped_once_its_reader_has_finished(
    database: Database, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "_DETACH_LOCK_TIMEOUT", "100ms")
    insert_rows(database, app)
    with database.read_transaction() as reader:
        assert len(cdrs.find_by_call_ids(reader, app, ["c-1"])["c-1"]) == 5
        partitions.drop_before(database, schema.cdrs, 202403, NOW)
        assert len(cdrs.find_by_call_ids(reader, app, ["c-1"])["c-1"]) == 5
        with database.write_transaction() as connection:  # writers do not wait for the detaching node
            cdrs.add(connection, app, [make_cdr(datetime(2024, 4, 16, tzinfo=UTC), 99)])

    def is_dropped() -> bool:  # at once, or at a later try on a busy machine
        partitions.drop_before(database, schema.cdrs, 202403, NOW)
        return list_remaining_months(database)[0] == [202403, 202404, 202404]

    wait_until(is_dropped)


def test_a_month_that_a_killed_process_detached_is_dropped_by_the_next(database: Database, app: App) -> None:
    insert_rows(database, app)
    if not database.is_sqlite:
        with database.write_transaction() as connection:
            connection.exec_driver_sql("ALTER TABLE recordings DETACH PARTITION recordings_p202401")
            recordings.add(connection, app, make_dated_recording("20240116"), NOW)  # creates the partition again
    partitions.drop_before(database, schema.recordings, 202402, NOW)
    with database.write_transaction() as connection:
        assert list_partitions(connection, schema.recordings) & {"recordings_p202401"} == set()
        keys = {orphan.key for orphan in blob_moves.claim_orphans(connection, NOW, "x", timedelta(0), 100)}
    assert "1/rec/20240115/1" in keys
    assert min(list_remaining_months(database)[1]) == 202402
