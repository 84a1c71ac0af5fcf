"""Every question of tests/store/questions.py, of a million rows in one month: its plan, and how long it takes, on both engines.

    python -m tests.soak.many_questions [ROWS [URL]]

Prints a JSON object for each engine: the microseconds of each question, half of the time and 95 of 100 times at most, warm
and with its rollback, and the plans that read a table from end to end. Ends with 1 if there are any.
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
from tests import servers
from tests.db.large_table_queries import QUERIES, QueryAction, explain_queries, reads_too_much
from tests.db.large_tables import create_filled_app

ROUNDS = 200


def measure_times(database: Database, app: App, action: QueryAction) -> list[int]:
    """Median and 95th percentile in microseconds; the first tenth of the rounds does not count."""
    found = []
    for _ in range(ROUNDS):
        with database.engine.connect() as connection:
            begin = time.perf_counter()
            action(connection, app)
            connection.rollback()
            found.append((time.perf_counter() - begin) * 1e6)
    cuts = quantiles(found[ROUNDS // 10 :], n=20)
    return [round(cuts[9]), round(cuts[18])]


def run(url: str, rows: int) -> dict[str, Any]:
    """The figures of one engine, in an empty database."""
    database = open_database(url)
    upgrade(database)
    begun = time.monotonic()
    app = create_filled_app(database, rows)
    filled = round(time.monotonic() - begun)
    plans = {what: explain_queries(database, app, action) for what, action in QUERIES.items()}
    scans = {what: [plan for plan in found if reads_too_much(what, plan)] for what, found in plans.items()}
    figures = {what: measure_times(database, app, action) for what, action in QUERIES.items()}
    database.close()
    scans = {what: found for what, found in scans.items() if found}
    return {"rows": rows, "filled_in_seconds": filled, "p50_p95_us": figures, "scans": scans}


@contextmanager
def _create_databases(server: str) -> Iterator[dict[str, str]]:
    with TemporaryDirectory() as folder, servers.create_database(server) as url:
        yield {"sqlite": f"sqlite:///{Path(folder, 'ccfs.db')}", "postgresql": url}


def run_both_engines(rows: int, server: str) -> Iterator[dict[str, Any]]:
    """The figures of each engine as soon as there are any, on that PostgreSQL."""
    with _create_databases(server) as urls:
        for name, url in urls.items():
            yield {"engine": name, **run(url, rows)}


def main() -> None:
    rows, is_bad = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, False
    with ExitStack() as stack:
        server = sys.argv[2] if len(sys.argv) > 2 else stack.enter_context(servers.run_postgres())
        for found in run_both_engines(rows, server):
            print(json.dumps(found), flush=True)
            is_bad |= bool(found["scans"])
    sys.exit(is_bad)


if __name__ == "__main__":
    main()
