"""Monthly tables on both engines: no row fails for want of a part, names are unique in all months, months go whole."""

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
from ccfs.db.system import blob_moves
from ccfs.db.tenant import agent_operations, cdrs, recordings
from ccfs.model.calls import partition_month
from ccfs.model.calls.agent_operation import AgentOperation
from ccfs.model.calls.cdr import Cdr
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.recording import Recording
from tests.db import sample_rows
from tests.db.sample_rows import MINUTE, NOW
from tests.workers.callbacks.callback_node import wait_until

ODD_TIMES = [
    datetime(1, 1, 2, tzinfo=UTC),
    datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2100, 1, 1, tzinfo=UTC),
]
EDGES = [datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database of its own: months are made and go here."""
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
    """A recording whose names have that date."""
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


def test_a_row_of_any_time_finds_its_place(database: Database, app: App) -> None:
    times = [*ODD_TIMES, *EDGES, NOW]
    with database.write_transaction() as connection:
        cdrs.add(connection, app, [make_cdr(moment, number) for number, moment in enumerate(times)])
        agent_operations.add(connection, app, [make_operation(moment, number) for number, moment in enumerate(times)])
        found = cdrs.find_by_call_ids(connection, app, ["c-1"])["c-1"]
        assert sorted(row.begin for row in found) == sorted(times)
        made = list_partitions(connection, schema.cdrs)
    assert made == (set() if database.is_sqlite else {"cdrs_p202402", "cdrs_p202403", "cdrs_p202605"})


@pytest.mark.parametrize("day", ["20240115", "00000000", "20241399", "19991231", "99991231", "today", "٢٠٢٤٠١١٥"])
def test_a_recording_is_found_and_is_taken_once_whatever_date_its_name_has(
    database: Database, app: App, day: str
) -> None:
    one = make_dated_recording(day)
    with database.write_transaction() as connection:
        recordings.add(connection, app, one, NOW)
    with database.read_transaction() as connection:
        assert recordings.find_by_name(connection, app, one.file_name) == one
        assert recordings.find_by_name(connection, app, one.original_file_name) == one
        assert recordings.has_file_name(connection, app, one.file_name)
        assert recordings.has_original_name(connection, app, one.original_file_name)
    again = replace(one, call_begin=one.call_begin - timedelta(days=400))
    with pytest.raises(IntegrityError), database.write_transaction() as connection:
        recordings.add(connection, app, again, NOW)


def test_a_recording_whose_names_differ_in_their_dates_is_found_by_both(database: Database, app: App) -> None:
    one = make_dated_recording("20240115", original_file_name="X:/17/0/20190903/15470/2043295.V3")
    with database.write_transaction() as connection:
        recordings.add(connection, app, one, NOW)
        assert recordings.find_by_name(connection, app, one.original_file_name) == one
        assert recordings.find_by_name(connection, app, one.file_name) == one


def test_recordings_of_a_call_are_found_far_from_the_time_that_its_id_tells(database: Database, app: App) -> None:
    far = make_dated_recording("20240115", call_id="1602728619-5")  # of October 2020
    near = make_dated_recording("20201015", 2, call_id="1602728619-6")
    with database.write_transaction() as connection:
        for one in (far, near):
            recordings.add(connection, app, one, NOW)
        assert recordings.list_by_call(connection, app, "1602728619-5") == [far]
        assert recordings.list_by_call(connection, app, "1602728619-6") == [near]


def test_rows_of_a_call_are_looked_for_around_a_time(database: Database, app: App) -> None:
    rows = [make_cdr(NOW + days * timedelta(days=1), days + 500) for days in (-40, -30, 0, 30, 40)]
    with database.write_transaction() as connection:
        cdrs.add(connection, app, rows)
        found = cdrs.find_by_call_ids(connection, app, ["c-1"], [NOW])["c-1"]
        assert sorted(row.begin for row in found) == [row.begin for row in rows[1:-1]]


def test_months_are_made_ahead_once(database: Database) -> None:
    for _ in range(2):
        partitions.ensure_upcoming(database, NOW)
    with database.read_transaction() as connection:
        made = {table.name: list_partitions(connection, table) for table in partitions.AGE_COLUMN}
    expected = [] if database.is_sqlite else ["202605", "202606", "202607"]
    assert made == {name: {f"{name}_p{one}" for one in expected} for name in made}


def insert_rows(database: Database, app: App) -> None:
    """A row of each table in each of five months, and recordings without a date."""
    with database.write_transaction() as connection:
        for number, one in enumerate(("20240115", "20240215", "20240315", "20240415", "19980415")):
            moment = datetime.strptime(one, "%Y%m%d").replace(tzinfo=UTC)
            cdrs.add(connection, app, [make_cdr(moment, number)])
            agent_operations.add(connection, app, [make_operation(moment, number)])
            recordings.add(connection, app, make_dated_recording(one, call_begin=moment, call_end=moment + MINUTE), NOW)
            recordings.add(
                connection, app, make_dated_recording(f"x{number}", call_begin=moment, call_end=moment + MINUTE), NOW
            )


def list_remaining_months(database: Database) -> list[list[int]]:
    """The months of which rows are left, of each table."""
    with database.read_transaction() as connection:
        return [
            sorted(partition_month.month_key(row) for row in connection.execute(sa.select(table.c[moment])).scalars())
            for table, moment in partitions.AGE_COLUMN.items()
        ]


def test_months_before_the_first_kept_one_go_whole_and_no_others(database: Database, app: App) -> None:
    insert_rows(database, app)
    for table in partitions.AGE_COLUMN:
        partitions.drop_before(database, table, 202403, NOW)
    assert list_remaining_months(database) == [[202403, 202404], [202403] * 2 + [202404] * 2, [202403, 202404], []]
    with database.write_transaction() as connection:
        assert not list_partitions(connection, schema.cdrs) & {"cdrs_p202401", "cdrs_p202402"}
        due = blob_moves.claim_orphans(connection, NOW, "x", timedelta(0), 100)
        gone = {("0", f"1/rec/{day}/1") for day in ("20240115", "20240215", "19980415", "x0", "x1", "x4")}
        assert {(one.location_id, one.key) for one in due} == gone
        assert not any(blob_moves.is_referenced(connection, one) for one in due)
        recordings.add(
            connection, app, make_dated_recording("20240115", call_begin=datetime(2024, 1, 15, tzinfo=UTC)), NOW
        )
        assert [one.key for one in due if blob_moves.is_referenced(connection, one)] == [
            "1/rec/20240115/1"
        ]  # it is back
        cdrs.add(connection, app, [make_cdr(datetime(2024, 1, 15, tzinfo=UTC))])  # an old file is taken in again
    assert list_remaining_months(database)[0] == [202401, 202403, 202404]


def test_a_month_that_is_read_goes_when_the_reader_is_done(
    database: Database, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "_DETACH_LOCK_TIMEOUT", "100ms")
    insert_rows(database, app)
    with database.read_transaction() as reader:
        assert len(cdrs.find_by_call_ids(reader, app, ["c-1"])["c-1"]) == 5
        partitions.drop_before(database, schema.cdrs, 202403, NOW)
        assert len(cdrs.find_by_call_ids(reader, app, ["c-1"])["c-1"]) == 5
        with database.write_transaction() as connection:  # nobody waits for the one who waits
            cdrs.add(connection, app, [make_cdr(datetime(2024, 4, 16, tzinfo=UTC), 99)])

    def is_gone() -> bool:  # at the first try, or at a later one where the machine is busy
        partitions.drop_before(database, schema.cdrs, 202403, NOW)
        return list_remaining_months(database)[0] == [202403, 202404, 202404]

    wait_until(is_gone)


def test_a_month_that_was_detached_by_a_process_that_died_is_dropped_by_the_next(database: Database, app: App) -> None:
    insert_rows(database, app)
    if not database.is_sqlite:
        with database.write_transaction() as connection:
            connection.exec_driver_sql("ALTER TABLE recordings DETACH PARTITION recordings_p202401")
            recordings.add(connection, app, make_dated_recording("20240116"), NOW)  # a month of that name is made anew
    partitions.drop_before(database, schema.recordings, 202402, NOW)
    with database.write_transaction() as connection:
        assert list_partitions(connection, schema.recordings) & {"recordings_p202401"} == set()
        keys = {one.key for one in blob_moves.claim_orphans(connection, NOW, "x", timedelta(0), 100)}
    assert "1/rec/20240115/1" in keys
    assert min(list_remaining_months(database)[1]) == 202402
