"""Call statistics of a million CDR rows, 30 days of an account with 10,000 calls a day, on both databases.

    scripts/bench call_statistics

Prints the time of aggregating the rows once, and the time of reading 30 days from the aggregates, compared with one GROUP BY over
the CDR rows.
"""

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import sqlalchemy as sa

from ccfs.db import schema
from ccfs.db.engine import Database, open_database
from ccfs.db.migrations.runner import upgrade
from ccfs.db.system import tenants
from ccfs.db.tenant.calls import cdrs
from ccfs.db.tenant.calls.statistics import call_statistics
from ccfs.model.calls.cdr import LAST_LEG, Cdr, DeviceType
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App
from ccfs.workers.maintenance.statistics import update_call_statistics
from tests import servers

DAYS, CALLS_PER_DAY, MAX_LEGS = 30, 10_000, 3
BEGIN = datetime(2026, 3, 10, tzinfo=UTC)
WINDOW = TimeWindow(begin=BEGIN, end=BEGIN + timedelta(days=DAYS))


def make_call(random: Random, number: int) -> list[Cdr]:
    """Return a call of three legs: a queue, a ringing phone, and in nine of ten calls an answering agent."""
    begin = BEGIN + timedelta(days=DAYS) * number / (DAYS * CALLS_PER_DAY)
    wait_time, is_answered = timedelta(seconds=random.expovariate(1 / 30)), random.random() < 0.9
    legs = []
    for leg_index in range(MAX_LEGS):
        has_talk = is_answered and leg_index == MAX_LEGS - 1
        wait_end = begin + wait_time
        legs.append(
            Cdr(
                account_id="100",
                cc_id="1",
                vdn_id="8",
                call_id=f"{int(begin.timestamp())}-{number}",
                call_id_num=LAST_LEG if leg_index == MAX_LEGS - 1 else leg_index + 1,
                begin=begin + timedelta(seconds=leg_index),
                wait_begin=begin,
                wait_end=wait_end,
                call_begin=wait_end if has_talk else None,
                call_end=wait_end + timedelta(seconds=random.randint(10, 400)) if has_talk else None,
                device_type=DeviceType.AGENT if leg_index else DeviceType.QUEUE,
                agent_id=str(number % 80) if leg_index else "",
                switch_call_id=str(number),
                switch_leg_id=str(number),
                source_key=f"{number:031x}{leg_index}",
            )
        )
    return legs


def insert_calls(database: Database) -> App:
    """Insert 900,000 CDR rows of a new app."""
    random, call_count = Random(7), DAYS * CALLS_PER_DAY
    with database.write_transaction() as connection:
        app = tenants.add_app(connection, "large", "large", BEGIN)
    for start in range(0, call_count, 5000):
        rows = [leg for number in range(start, start + 5000) for leg in make_call(random, number)]
        with database.write_transaction() as connection:
            cdrs.add(connection, app, rows)
    if not database.is_sqlite:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE cdrs")
    return app


def query_cdrs(database: Database, app: App) -> Any:
    """Count calls, answered calls and talk seconds per hour by a GROUP BY over the CDRs, without wait times."""
    leg = schema.cdrs.c
    hour = (
        sa.cast(sa.func.min(sa.type_coerce(leg.begin, sa.BigInteger)) / 3_600_000_000, sa.BigInteger)
        if database.is_sqlite
        else sa.func.date_trunc("hour", sa.func.min(leg.begin))
    )
    mine = (leg.app == app.id) & (leg.account_id == "100") & (leg.begin >= WINDOW.begin) & (leg.begin < WINDOW.end)
    calls = sa.select(hour.label("hour"), sa.func.sum(leg.talk_seconds).label("talk")).where(mine).group_by(leg.call_id)
    call = calls.subquery().c
    is_answered = sa.case((call.talk > 0, 1), else_=0)
    statement = sa.select(call.hour, sa.func.count(), sa.func.sum(is_answered), sa.func.sum(call.talk))
    with database.read_transaction() as connection:
        return connection.execute(statement.group_by(call.hour)).all()


def query_statistics(database: Database, app: App) -> Any:
    """Read the aggregates of the period."""
    with database.read_transaction() as connection:
        return call_statistics.load_statistics(connection, app, "100", WINDOW)


def measure_median_seconds(action: Callable[[], Any], times: int = 5) -> float:
    """Return the median of several runs in seconds."""
    seconds = []
    for _ in range(times):
        begin = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - begin)
    return sorted(seconds)[times // 2]


def run(url: str) -> None:
    """Fill a database, aggregate, and measure reading."""
    database = open_database(url)
    upgrade(database)
    app = insert_calls(database)
    begin, rounds = time.perf_counter(), 0
    while update_call_statistics(database):
        rounds += 1
    seconds = time.perf_counter() - begin
    counts, stale_count = query_statistics(database, app)
    total = sum(statistics.calls for directions in counts.values() for statistics in directions.values())
    assert (total, stale_count) == (DAYS * CALLS_PER_DAY, 0)
    engine = "SQLite" if database.is_sqlite else "PostgreSQL"
    rows, per_bucket = DAYS * CALLS_PER_DAY * MAX_LEGS, seconds / len(counts) * 1000
    print(f"{engine}: aggregating {rows:,} rows once took {seconds:.1f} s, {per_bucket:.1f} ms per 15 minutes of calls")
    read_ms = measure_median_seconds(lambda: query_statistics(database, app)) * 1000
    group_by_ms = measure_median_seconds(lambda: query_cdrs(database, app)) * 1000
    print(f"{engine}: reading {DAYS} days took {read_ms:.0f} ms from the aggregates, {group_by_ms:.0f} ms by GROUP BY")
    database.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        run(f"sqlite:///{Path(folder) / 'ccfs.db'}")
    with servers.run_postgres() as server, servers.create_database(server) as database_url:
        run(database_url)
