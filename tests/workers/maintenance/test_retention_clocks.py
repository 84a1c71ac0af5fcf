"""Retention believes no single clock: it marks first, deletes a day later, a month an hour, and nothing while clocks disagree."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.system import clock_times
from ccfs.db.system.console import audit
from ccfs.db.system.storage import retention_marks
from ccfs.db.tenant import recordings
from ccfs.model.identity.audit import AuditAction, AuditEntry, AuditQuery
from tests.db import sample_rows
from tests.workers.maintenance.steered_time import HOUR, MARKED, SteeredTime

NOW = datetime(2026, 5, 4, 8, 30, tzinfo=UTC)
YEAR = timedelta(days=365)
MONTHS = (202401, 202402, 202603, 202605)  # of the recordings; with a retention of two months, the first two expire


@pytest.fixture
def time(database: Database) -> SteeredTime:
    """The clock, which has been right so far; and a recording of each month."""
    with database.write_transaction() as connection:
        app = sample_rows.add_app(connection)
        for month in MONTHS:
            begin = datetime(month // 100, month % 100, 2, tzinfo=UTC)
            name = f"/0/1/record/AK/100/{begin:%Y%m%d}/5/1.wav"
            recordings.add(connection, app, sample_rows.make_recording(month, file_name=name, call_begin=begin), begin)
    time = SteeredTime(NOW)
    time.create_guard(database).check()
    return time


def list_months(database: Database) -> list[int]:
    with database.read_transaction() as connection:
        begins = connection.execute(sa.select(schema.recordings.c.call_begin)).scalars()
        return sorted(begin.year * 100 + begin.month for begin in begins)


def list_marks(database: Database) -> list[int]:
    with database.read_transaction() as connection:
        marks = retention_marks.list_marks(connection)
    return [mark.month for mark in marks if mark.table == "recordings"]


def list_audited(database: Database) -> list[AuditEntry]:
    with database.read_transaction() as connection:
        query = AuditQuery(begin=NOW - YEAR, end=NOW + 2 * YEAR)
        return [entry for _, entry in reversed(audit.list_entries(connection, query))]


def test_a_month_is_marked_first_and_deleted_a_day_later(database: Database, time: SteeredTime) -> None:
    job = time.create_job(database, recordings=2)
    job.run()
    assert list_marks(database) == [202401, 202402]
    time.run_on(timedelta(hours=23))
    job.run()
    assert list_months(database) == list(MONTHS)
    time.run_on(2 * HOUR)
    job.run()
    assert list_months(database) == [202402, 202603, 202605]


def test_a_month_of_the_past_is_deleted_an_hour_however_often_servers_start(
    database: Database, time: SteeredTime
) -> None:
    time.create_job(database, recordings=2).run()
    time.run_on_with_server(database, MARKED)
    for _ in range(3):
        time.create_job(database, recordings=2).run()
    assert list_months(database) == [202402, 202603, 202605]
    time.run_on(HOUR)
    time.create_job(database, recordings=2).run()
    assert list_months(database) == [202603, 202605]


def test_what_will_be_deleted_is_logged_and_audited_first(database: Database, time: SteeredTime) -> None:
    job = time.create_job(database, recordings=2)
    with capture_logs() as lines:
        job.run()
    marked = [line for line in lines if line["action"] == "retention_marked" and line["table"] == "recordings"]
    assert [(line["month"], line["rows"], line["bytes"], line["oldest"]) for line in marked] == [
        (202401, 1, 5 << 30, "2024-01-02T00:00:00+00:00"),
        (202402, 1, 5 << 30, "2024-02-02T00:00:00+00:00"),
    ]
    assert [entry.action for entry in list_audited(database)] == [AuditAction.RETENTION_MARKED] * 2
    assert list_audited(database)[0].target.startswith("2024-01; recordings: 1 rows, 5368709120 bytes, 2024-01-02")
    time.run_on(MARKED)
    with capture_logs() as lines:
        job.run()
    assert [line["month"] for line in lines if line["action"] == "retention_deleted"] == [202401]
    assert list_audited(database)[-1].action is AuditAction.RETENTION_DELETED


@pytest.mark.parametrize("years", [1, 10, -1])
def test_a_clock_that_is_wrong_at_the_start_deletes_and_marks_nothing(
    database: Database, time: SteeredTime, years: int
) -> None:
    time.wall += years * YEAR
    job = time.create_job(database, recordings=2)
    with capture_logs() as lines:
        for _ in range(20):
            job.run()
            time.run_on(HOUR)
    assert (list_months(database), list_marks(database)) == (list(MONTHS), [])
    reports = [line for line in lines if line["action"] == "clocks_disagree"]
    assert len(reports) == 20
    assert "this machine's clock is at" in reports[0]["clocks"]
    time.wall -= years * YEAR
    job.run()
    assert list_marks(database) == [202401, 202402]


def test_a_clock_that_jumps_ahead_while_months_are_marked_deletes_none(database: Database, time: SteeredTime) -> None:
    job = time.create_job(database, recordings=2)
    job.run()
    time.wall += YEAR
    for _ in range(3):
        job.run()
        time.run_on(HOUR)
    assert list_months(database) == list(MONTHS)


def test_marks_whose_reason_is_gone_are_lifted(database: Database, time: SteeredTime) -> None:
    time.create_job(database, recordings=2).run()
    time.run_on_with_server(database, MARKED)
    with capture_logs() as lines:
        time.create_job(database, recordings=28).run()  # up to 202401
    assert list_marks(database) == []
    assert [line["month"] for line in lines if line["action"] == "retention_lifted"] == [202401, 202402]
    time.create_job(database, recordings=2).run()  # a new mark has a day of its own
    assert list_months(database) == list(MONTHS)


def test_marks_of_a_later_time_are_lifted_when_the_clock_was_set_back(database: Database, time: SteeredTime) -> None:
    time.create_job(database, recordings=2).run()
    time.wall, time.server = time.wall - timedelta(hours=20), time.server - timedelta(hours=20)
    job = time.create_job(database, recordings=2)
    job.run()
    time.run_on(timedelta(hours=23))
    job.run()
    assert list_months(database) == list(MONTHS)
    time.run_on(2 * HOUR)
    job.run()
    assert list_months(database) == list(MONTHS[1:])


def test_a_server_that_was_off_for_days_catches_up_as_fast_as_time_passes(
    database: Database, time: SteeredTime
) -> None:
    time.wall, time.server = time.wall + timedelta(days=3), time.server + timedelta(days=3)
    guard = time.create_guard(database)
    hours = 0
    while guard.get_safe_now() is None:
        time.run_on(HOUR)
        hours += 1
    assert hours == 49  # then it is a day behind, which is near enough
    time.wall += 10 * YEAR
    assert guard.get_safe_now() is None


def test_rows_of_a_later_time_than_the_clock_keep_retention_from_deleting(
    database: Database, time: SteeredTime
) -> None:
    with database.write_transaction() as connection:
        entry = AuditEntry(logged_at=NOW + YEAR, actor="ann", action=AuditAction.LOGGED_IN)
        audit.add(connection, entry)
    guard = time.create_guard(database)
    assert guard.get_safe_now() is None
    assert "the newest row at 2027-05-04" in guard.disagreement


def test_an_operator_can_accept_the_clock(database: Database, time: SteeredTime) -> None:
    with database.write_transaction() as connection:
        audit.add(connection, AuditEntry(logged_at=NOW + 2 * YEAR, actor="ann", action=AuditAction.LOGGED_IN))
    time.wall += YEAR
    guard = time.create_guard(database)
    is_postgresql = not database.is_sqlite
    assert guard.get_safe_now() is None
    with database.write_transaction() as connection:
        clock_times.accept(connection, clock_times.read_clocks(connection, time.now(), None))
    assert (guard.get_safe_now() is None) == is_postgresql  # whose clock is right: it is not this machine's to accept


def test_two_servers_on_one_database_do_not_count_time_twice(database: Database, time: SteeredTime) -> None:
    time.wall, time.server = time.wall + timedelta(days=3), time.server + timedelta(days=3)
    guards = [time.create_guard(database) for _ in range(2)]
    for _ in range(24):
        for guard in guards:
            guard.check()
        time.run_on(HOUR)
    with database.read_transaction() as connection:
        history = clock_times.read_clocks(connection, time.now(), None).history
    assert history is not None
    assert time.now() - history >= timedelta(days=2)
