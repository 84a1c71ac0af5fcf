"""Bulk ingest into PostgreSQL against `psql \\copy` of the same rows into the same table: ratios of rows/s.

    scripts/bench intake [--json] [--rows N] [--rounds N]

Two benchmarks in one: "the store's writing" is `store.cdrs.add` of rows that are in memory, in transactions of 2,000 as
ingest has them; "whole ingest" is `ccfs ingest asterisk` of a CDR file with the same rows: it parses, looks up what is
there, awaits recordings. The rival, \\copy of a CSV, is one transaction and looks nothing up. Each round runs all in
turn, each into a table that was emptied just before. PostgreSQL runs with fsync on.
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
from ingest import build_cdr_line

from ccfs.db import partitions, schema
from ccfs.db.engine import Database, open_database
from ccfs.db.migrations.runner import upgrade
from ccfs.db.tenant import cdrs
from ccfs.model.calls.cdr import Cdr
from ccfs.model.calls.partition_month import month_key
from ccfs.model.identity.tenancy import App

ROOT = Path(__file__).parents[1]
CCFS = str(Path(sys.executable).parent / "ccfs")
APP = App(id=1, ak="BENCH", name="bench")
BATCH = 2000  # rows of a transaction, as ingest has them
ACCOUNT_OPTIONS = ["--app", "BENCH", "--account", "b", "--vdn", "1"]


def run_command(url: str, data: Path, *arguments: str) -> float:
    """Seconds of a ccfs command."""
    environment = {**os.environ, "CCFS_DATABASE_URL": url, "CCFS_SETTLE_SECONDS": "0"}
    begin = time.perf_counter()
    subprocess.run([CCFS, *arguments, "--data", str(data)], check=True, capture_output=True, env=environment)
    return time.perf_counter() - begin


def delete_rows(database: Database) -> None:
    """No row of calls or cursors, and nothing left to clean up."""
    with database.write_transaction() as connection:
        connection.exec_driver_sql("TRUNCATE cdrs, source_cursors, awaited_recordings")
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM cdrs")
        connection.exec_driver_sql("CHECKPOINT")


def measure_ingest(database: Database, url: str, source: Path, data: Path) -> float:
    """Seconds of an ingest of the file."""
    delete_rows(database)
    return run_command(url, data, "ingest", "asterisk", *ACCOUNT_OPTIONS, "--cdr", str(source))


def load_ingested_rows(database: Database) -> list[Cdr]:
    """The rows that the ingest made, in its order."""
    with database.read_transaction() as connection:
        calls = schema.cdrs.c.call_id
        names = connection.execute(schema.cdrs.select().with_only_columns(calls).distinct()).scalars().all()
        found: list[Cdr] = []
        for start in range(0, len(names), 5000):
            found += [
                row for some in cdrs.find_by_call_ids(connection, APP, names[start:][:5000]).values() for row in some
            ]
    return sorted(found, key=lambda row: (row.begin, row.source_key))


def measure_bulk_insert(database: Database, rows: Sequence[Cdr]) -> float:
    """Seconds of the store's writing."""
    delete_rows(database)
    begin = time.perf_counter()
    for start in range(0, len(rows), BATCH):
        with database.write_transaction() as connection:
            cdrs.add(connection, APP, rows[start:][:BATCH])
    return time.perf_counter() - begin


def measure_psql_copy(database: Database, url: str, csv: Path) -> float:
    """Seconds of psql's \\copy."""
    delete_rows(database)
    names = ", ".join(f'"{column.name}"' for column in schema.cdrs.c)
    copy = f"\\copy cdrs ({names}) from '{csv}' csv"
    begin = time.perf_counter()
    subprocess.run(["psql", url.replace("+psycopg", ""), "-qc", copy], check=True, capture_output=True)
    return time.perf_counter() - begin


def unload_csv(url: str, csv: Path) -> None:
    """The rows of the table as a CSV, in the order of their time."""
    names = ", ".join(f'"{column.name}"' for column in schema.cdrs.c)
    copy = f"\\copy (select {names} from cdrs order by begin, line_key) to '{csv}' csv force quote *"
    subprocess.run(["psql", url.replace("+psycopg", ""), "-qc", copy], check=True, capture_output=True)


@contextmanager
def create_test_database(work: Path) -> Iterator[tuple[Database, str]]:
    """A fresh database with an account, on a server that syncs."""
    sys.path.append(str(ROOT))
    from tests import servers as started

    safe = tuple(one for one in started.FAST_OPTIONS if not one.startswith(("fsync", "synchronous", "full_page")))
    started.FAST_OPTIONS = (*safe, "max_wal_size=4GB", "shared_buffers=512MB")  # type: ignore[assignment]
    with started.run_postgres() as server, started.create_database(server) as url:
        database = open_database(url)
        upgrade(database)
        run_command(url, work, "app", "add", "bench", "--ak", "BENCH")
        run_command(url, work, "account", "add", *ACCOUNT_OPTIONS, "--zone", "UTC")
        yield database, url
        database.close()


def measure_all(rows: int, rounds: int, work: Path) -> list[dict[str, Any]]:
    chance = random.Random(1)
    source, csv = work / "Master.csv", work / "rows.csv"
    with open(source, "w") as file:
        file.writelines(build_cdr_line(number, chance) for number in range(rows))
    times: dict[str, list[float]] = {"psql": [], "store": [], "whole": []}
    with create_test_database(work) as (database, url):
        measure_ingest(database, url, source, work)
        made = load_ingested_rows(database)
        assert len(made) == rows
        unload_csv(url, csv)
        with database.write_transaction() as connection:
            partitions.ensure(connection, schema.cdrs, {month_key(row.begin) for row in made})
        for _ in range(rounds):
            times["psql"].append(measure_psql_copy(database, url, csv))
            times["store"].append(measure_bulk_insert(database, made))
            times["whole"].append(measure_ingest(database, url, source, work))
    return [
        build_row("the store's writing : psql \\copy", rows, times["store"], times["psql"]),
        build_row("whole ingest, parsing and all : psql \\copy", rows, times["whole"], times["psql"]),
    ]


def build_row(what: str, rows: int, own: list[float], theirs: list[float]) -> dict[str, Any]:
    """The rival's seconds over ours: a ratio of speeds."""
    ratio = servers.compare_pairs(theirs, own)
    return {
        "what": what,
        "speed ccfs:rival": ratio["median"],
        "min": ratio["min"],
        "max": ratio["max"],
        "krows/s": round(rows / min(own) / 1e3, 1),
        "rival krows/s": round(rows / min(theirs) / 1e3, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure_all(options.rows, options.rounds, Path(folder))
        servers.report(f"intake of {options.rows} CDRs into PostgreSQL", rows, options.json)


if __name__ == "__main__":
    main()
