"""What the pictures cost with a million CDR rows: 30 days of an account with 10,000 calls a day, on both engines.

Each figure beside its rival: the same answer asked of the rows themselves at once, as one GROUP BY. No server is started but
PostgreSQL; nothing is drawn.
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
from ccfs.db.tenant import call_statistics, cdrs
from ccfs.model.calls.cdr import LAST_LEG, Cdr, DeviceType
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App
from ccfs.workers.maintenance.statistics import update_call_statistics
from tests import servers

DAYS, CALLS_PER_DAY, MAX_LEGS = 30, 10_000, 3
BEGIN = datetime(2026, 3, 10, tzinfo=UTC)
WINDOW = TimeWindow(begin=BEGIN, end=BEGIN + timedelta(days=DAYS))


def make_call(random: Random, number: int) -> list[Cdr]:
    """A queue, a phone that rings, and mostly somebody who answers."""
    begin = BEGIN + timedelta(days=DAYS) * number / (DAYS * CALLS_PER_DAY)
    waits, is_answered = timedelta(seconds=random.expovariate(1 / 30)), random.random() < 0.9
    legs = []
    for place in range(MAX_LEGS):
        talks = is_answered and place == MAX_LEGS - 1
        until = begin + waits
        legs.append(
            Cdr(
                account_id="100",
                cc_id="1",
                vdn_id="8",
                call_id=f"{int(begin.timestamp())}-{number}",
                call_id_num=LAST_LEG if place == MAX_LEGS - 1 else place + 1,
                begin=begin + timedelta(seconds=place),
                wait_begin=begin,
                wait_end=until,
                call_begin=until if talks else None,
                call_end=until + timedelta(seconds=random.randint(10, 400)) if talks else None,
                device_type=DeviceType.AGENT if place else DeviceType.QUEUE,
                agent_id=str(number % 80) if place else "",
                switch_call_id=str(number),
                switch_leg_id=str(number),
                source_key=f"{number:031x}{place}",
            )
        )
    return legs


def insert_calls(database: Database) -> App:
    """A million rows, less some."""
    random, upto = Random(7), DAYS * CALLS_PER_DAY
    with database.write_transaction() as connection:
        app = tenants.add_app(connection, "large", "large", BEGIN)
    for start in range(0, upto, 5000):
        rows = [leg for number in range(start, start + 5000) for leg in make_call(random, number)]
        with database.write_transaction() as connection:
            cdrs.add(connection, app, rows)
    if not database.is_sqlite:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE cdrs")
    return app


def query_cdrs(database: Database, app: App) -> Any:
    """Calls, answered ones and talk by hour, of the rows themselves; without any waits."""
    leg = schema.cdrs.c
    hour = (
        sa.cast(sa.func.min(sa.type_coerce(leg.begin, sa.BigInteger)) / 3_600_000_000, sa.BigInteger)
        if database.is_sqlite
        else sa.func.date_trunc("hour", sa.func.min(leg.begin))
    )
    mine = (leg.app == app.id) & (leg.account_id == "100") & (leg.begin >= WINDOW.begin) & (leg.begin < WINDOW.end)
    calls = sa.select(hour.label("hour"), sa.func.sum(leg.talk_seconds).label("talk")).where(mine).group_by(leg.call_id)
    one = calls.subquery().c
    asked = sa.select(
        one.hour, sa.func.count(), sa.func.sum(sa.case((one.talk > 0, 1), else_=0)), sa.func.sum(one.talk)
    )
    with database.read_transaction() as connection:
        return connection.execute(asked.group_by(one.hour)).all()


def query_statistics(database: Database, app: App) -> Any:
    """All that a picture needs."""
    with database.read_transaction() as connection:
        return call_statistics.load_statistics(connection, app, "100", WINDOW)


def measure_median_seconds(action: Callable[[], Any], times: int = 5) -> float:
    """The median of some runs, in seconds."""
    took = []
    for _ in range(times):
        begin = time.perf_counter()
        action()
        took.append(time.perf_counter() - begin)
    return sorted(took)[times // 2]


def run(url: str) -> None:
    """Fill a database, count, read."""
    database = open_database(url)
    upgrade(database)
    app = insert_calls(database)
    begin, rounds = time.perf_counter(), 0
    while update_call_statistics(database):
        rounds += 1
    took = time.perf_counter() - begin
    counts, old = query_statistics(database, app)
    whole = sum(one.calls for ways in counts.values() for one in ways.values())
    assert (whole, old) == (DAYS * CALLS_PER_DAY, 0)
    kind = "SQLite" if database.is_sqlite else "PostgreSQL"
    print(
        f"{kind}: counting {DAYS * CALLS_PER_DAY * MAX_LEGS:,} rows once {took:.1f} s, a quarter {took / len(counts) * 1000:.1f} ms"
    )
    print(
        f"{kind}: 30 days by counts {measure_median_seconds(lambda: query_statistics(database, app)) * 1000:.0f} ms, ",
        end="",
    )
    print(f"by the rows {measure_median_seconds(lambda: query_cdrs(database, app)) * 1000:.0f} ms")
    database.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        run(f"sqlite:///{Path(folder) / 'ccfs.db'}")
    with servers.run_postgres() as server, servers.create_database(server) as fresh:
        run(fresh)
