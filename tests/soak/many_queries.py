"""All queries of tests/db/large_table_queries.py on a million rows in one month: query plans and times on both databases.

    python -m tests.soak.many_queries [ROWS [URL]]

Prints one JSON object per database: the microseconds of each query including its rollback, median and 95th percentile, warm, and the
plans that scan a whole table. Exits with 1 if there are any.
"""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any

from ccfs.db.engine import Database, open_database
from ccfs.db.migrations.runner import upgrade
from ccfs.model.identity.tenancy import App
from tests import databases, servers
from tests.db.large_table_queries import QUERIES, QueryAction, explain_queries, reads_too_much
from tests.db.large_tables import create_filled_app

ROUNDS = 200


def measure_times(database: Database, app: App, action: QueryAction) -> list[int]:
    """Return median and 95th percentile in microseconds, without the first tenth of the rounds."""
    times = []
    for _ in range(ROUNDS):
        with database.engine.connect() as connection:
            begin = time.perf_counter()
            action(connection, app)
            connection.rollback()
            times.append((time.perf_counter() - begin) * 1e6)
    cuts = quantiles(times[ROUNDS // 10 :], n=20)
    return [round(cuts[9]), round(cuts[18])]


def run(url: str, rows: int) -> dict[str, Any]:
    """Return the results of one database, which must be empty."""
    database = open_database(url)
    upgrade(database)
    began = time.monotonic()
    app = create_filled_app(database, rows)
    seconds = round(time.monotonic() - began)
    plans = {name: explain_queries(database, app, action) for name, action in QUERIES.items()}
    scans = {name: [step for step in plan if reads_too_much(name, step)] for name, plan in plans.items()}
    times = {name: measure_times(database, app, action) for name, action in QUERIES.items()}
    database.close()
    scans = {name: steps for name, steps in scans.items() if steps}
    return {"rows": rows, "filled_in_seconds": seconds, "p50_p95_us": times, "scans": scans}


@contextmanager
def _create_databases(server: str) -> Iterator[dict[str, str]]:
    with TemporaryDirectory() as folder, databases.create_database(server) as url:
        yield {"sqlite": f"sqlite:///{Path(folder, 'ccfs.db')}", "postgresql": url}


def run_both_engines(rows: int, server: str) -> Iterator[dict[str, Any]]:
    """Yield the results of SQLite, then of PostgreSQL on that server."""
    with _create_databases(server) as urls:
        for engine, url in urls.items():
            yield {"engine": engine, **run(url, rows)}


def main() -> None:
    rows, has_scans = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, False
    with ExitStack() as stack:
        server = sys.argv[2] if len(sys.argv) > 2 else stack.enter_context(servers.run_postgres())
        for results in run_both_engines(rows, server):
            print(json.dumps(results), flush=True)
            has_scans |= bool(results["scans"])
    sys.exit(has_scans)


if __name__ == "__main__":
    main()
