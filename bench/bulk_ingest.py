"""Bulk ingest of CDRs into PostgreSQL, compared with `psql \\copy` of the same rows into the same table: ratios of rows/s.

    scripts/bench bulk_ingest [--json] [--rows N] [--rounds N]

"bulk insert" is `db.tenant.cdrs.add` of rows in memory, in transactions of 2,000 rows like those of ingest. "whole ingest" is
`ccfs ingest asterisk` of a CDR file with these rows: it also parses, looks up known rows and records expected recordings. The
rival, \\copy of a CSV, is one transaction without look-ups. Each round runs all three in turn, each into an empty table.
PostgreSQL runs with fsync on.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import _servers as servers
import sqlalchemy as sa
from ingest import build_cdr_line

from ccfs.db import partitions, schema
from ccfs.db.engine import Database, open_database
from ccfs.db.migrations.runner import upgrade
from ccfs.db.tenant.calls import cdrs
from ccfs.model.calls.cdr import Cdr
from ccfs.model.calls.partition_month import month_key
from ccfs.model.identity.tenancy import App

ROOT = Path(__file__).parents[1]
CCFS = str(Path(sys.executable).parent / "ccfs")
APP = App(id=1, ak="BENCH", name="bench")
BATCH = 2000  # rows per transaction, as in ingest
ACCOUNT_OPTIONS = ["--app", "BENCH", "--account", "b", "--vdn", "1"]


def run_command(url: str, data: Path, *arguments: str) -> float:
    """Run a ccfs command and return its seconds."""
    environment = {**os.environ, "CCFS_DATABASE_URL": url, "CCFS_SETTLE_SECONDS": "0"}
    begin = time.perf_counter()
    subprocess.run([CCFS, *arguments, "--data", str(data)], check=True, capture_output=True, env=environment)
    return time.perf_counter() - begin


def delete_rows(database: Database) -> None:
    """Delete all CDRs and cursors, and vacuum."""
    with database.write_transaction() as connection:
        connection.exec_driver_sql("TRUNCATE cdrs, source_cursors, expected_recordings")
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM cdrs")
        connection.exec_driver_sql("CHECKPOINT")


def measure_ingest(database: Database, url: str, source: Path, data: Path) -> float:
    """Return the seconds of an ingest of the file."""
    delete_rows(database)
    return run_command(url, data, "ingest", "asterisk", *ACCOUNT_OPTIONS, "--cdr", str(source))


def load_ingested_rows(database: Database) -> list[Cdr]:
    """Return the ingested rows in their order."""
    with database.read_transaction() as connection:
        call_ids = connection.execute(sa.select(schema.cdrs.c.call_id).distinct()).scalars().all()
        rows: list[Cdr] = []
        for start in range(0, len(call_ids), 5000):
            by_call = cdrs.find_by_call_ids(connection, APP, call_ids[start:][:5000])
            rows += [row for legs in by_call.values() for row in legs]
    return sorted(rows, key=lambda row: (row.begin, row.source_key))


def measure_bulk_insert(database: Database, rows: Sequence[Cdr]) -> float:
    """Return the seconds of a bulk insert of the rows."""
    delete_rows(database)
    begin = time.perf_counter()
    for start in range(0, len(rows), BATCH):
        with database.write_transaction() as connection:
            cdrs.add(connection, APP, rows[start:][:BATCH])
    return time.perf_counter() - begin


def measure_psql_copy(database: Database, url: str, csv: Path) -> float:
    """Return the seconds of psql's \\copy."""
    delete_rows(database)
    names = ", ".join(f'"{column.name}"' for column in schema.cdrs.c)
    copy = f"\\copy cdrs ({names}) from '{csv}' csv"
    begin = time.perf_counter()
    subprocess.run(["psql", url.replace("+psycopg", ""), "-qc", copy], check=True, capture_output=True)
    return time.perf_counter() - begin


def unload_csv(url: str, csv: Path) -> None:
    """Export the rows of the table to a CSV in the order of time."""
    names = ", ".join(f'"{column.name}"' for column in schema.cdrs.c)
    copy = f"\\copy (select {names} from cdrs order by begin, source_key) to '{csv}' csv force quote *"
    subprocess.run(["psql", url.replace("+psycopg", ""), "-qc", copy], check=True, capture_output=True)


@contextmanager
def create_test_database(work: Path) -> Iterator[tuple[Database, str]]:
    """Yield a new database with an account, on a server with fsync on."""
    sys.path.append(str(ROOT))
    from tests import servers as test_servers

    unsafe = ("fsync", "synchronous", "full_page")
    safe = tuple(option for option in test_servers.FAST_OPTIONS if not option.startswith(unsafe))
    test_servers.FAST_OPTIONS = (*safe, "max_wal_size=4GB", "shared_buffers=512MB")  # type: ignore[assignment]
    with test_servers.run_postgres() as server, test_servers.create_database(server) as url:
        database = open_database(url)
        upgrade(database)
        run_command(url, work, "app", "add", "bench", "--ak", "BENCH")
        run_command(url, work, "account", "add", *ACCOUNT_OPTIONS, "--zone", "UTC")
        yield database, url
        database.close()


def measure_all(rows: int, rounds: int, work: Path) -> list[dict[str, Any]]:
    generator = random.Random(1)
    source, csv = work / "Master.csv", work / "rows.csv"
    with open(source, "w") as file:
        file.writelines(build_cdr_line(number, generator) for number in range(rows))
    times: dict[str, list[float]] = {"psql": [], "bulk insert": [], "whole ingest": []}
    with create_test_database(work) as (database, url):
        measure_ingest(database, url, source, work)
        ingested = load_ingested_rows(database)
        assert len(ingested) == rows
        unload_csv(url, csv)
        with database.write_transaction() as connection:
            partitions.ensure(connection, schema.cdrs, {month_key(row.begin) for row in ingested})
        for _ in range(rounds):
            times["psql"].append(measure_psql_copy(database, url, csv))
            times["bulk insert"].append(measure_bulk_insert(database, ingested))
            times["whole ingest"].append(measure_ingest(database, url, source, work))
    return [
        build_row("bulk insert : psql \\copy", rows, times["bulk insert"], times["psql"]),
        build_row("whole ingest : psql \\copy", rows, times["whole ingest"], times["psql"]),
    ]


def build_row(measurement: str, rows: int, own: list[float], rival: list[float]) -> dict[str, Any]:
    """Return a row with the ratio of speeds: the rival's seconds over ours."""
    ratio = servers.compare_pairs(rival, own)
    return {
        "measurement": measurement,
        "speed ccfs:rival": ratio["median"],
        "min": ratio["min"],
        "max": ratio["max"],
        "krows/s": round(rows / min(own) / 1e3, 1),
        "rival krows/s": round(rows / min(rival) / 1e3, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure_all(options.rows, options.rounds, Path(folder))
        servers.report(f"bulk ingest of {options.rows} CDRs into PostgreSQL", rows, options.json)


if __name__ == "__main__":
    main()
