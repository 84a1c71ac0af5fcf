"""Callbacks to a fast receiver: deliveries/s of one callback worker on SQLite and PostgreSQL, and the cost of waiting rows.

    scripts/bench deliveries [--json] [--count N] [--waiting N] [--rounds N] [--rivals PYTHON]

The receiver is a process on the same cores that responds at once on keep-alive connections. Idle cost is the time of one query
for due rows while N rows for 100 receivers are due tomorrow. `--rivals` is the Python of a venv with dbos and procrastinate (see
_job_queue_rivals.py), whose workers then send the same number of requests to the same receiver.
"""

import argparse
import json
import multiprocessing
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import _callback_receiver
import _servers as servers
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests/ is not an installed package

from ccfs import logs, settings
from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.system import tenants
from ccfs.db.system.jobs import callback_jobs
from ccfs.db.tenant import exports
from ccfs.model.exports.delivery import Lane
from ccfs.model.exports.export import Export, ExportFilter, ExportKind
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App
from ccfs.server import worker_process
from ccfs.server.node import Node
from tests.servers import create_database, run_postgres

TARGET_RATES = {"sqlite": 300, "postgresql": 1000}
NOW = datetime.now(UTC)
BODY = b'{"request":{"version":"2.0"},"msgBody":{"responseId":"%s","billFileName":"20261122_%s.zip"}}' % (
    b"0" * 32,
    b"0" * 32,
)


@contextmanager
def run_receiver() -> Iterator[int]:
    """Run a receiver in a process; yield its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        process = multiprocessing.get_context("fork").Process(
            target=_callback_receiver.serve_forever, args=(listener,), daemon=True
        )
        process.start()
        try:
            yield listener.getsockname()[1]
        finally:
            process.kill()
            process.join()


def prepare_node(url: str, folder: Path, port: int) -> tuple[Node, App]:
    """Return a node, and an app with a key, a bound prefix and the one export of all deliveries."""
    node = Node(settings.load_settings({}, data=folder, database_url=url))
    with node.database.write_transaction() as connection:
        app = tenants.add_app(connection, "bench", "BENCH", NOW)
        tenants.add_key(connection, app, app.ak, "s" * 32, node.secret_box, NOW)
        tenants.bind_callback(connection, app, f"http://127.0.0.1:{port}/")
        exports.add(
            connection,
            app,
            Export(
                response_id="0" * 32,
                kind=ExportKind.BILL,
                tables=("call",),
                window=TimeWindow(begin=NOW, end=NOW),
                filter=ExportFilter(),
                callback_url="http://127.0.0.1/",
                requested_on=NOW.date(),
                requested_at=NOW,
            ),
        )
    return node, app


def insert_deliveries(database: Database, app: App, count: int, urls: list[str], due_at: datetime) -> None:
    """Replace all deliveries by `count` new ones, to each URL in turn."""
    common = {"app": app.id, "export": "0" * 32, "body": BODY, "state": "due", "lease": "", "claims": 0, "attempts": 0}
    with database.write_transaction() as connection:
        connection.execute(sa.delete(schema.delivery_attempts))
        connection.execute(sa.delete(schema.deliveries))
        rows = [
            {**common, "id": f"{number:032x}", "url": url, **_build_receiver_columns(app, url)}
            for number, url in ((number, urls[number % len(urls)]) for number in range(count))
        ]
        if rows:
            connection.execute(sa.insert(schema.deliveries).values(due_at=due_at, created_at=NOW), rows)


def _build_receiver_columns(app: App, url: str) -> dict[str, str]:
    receiver = url.rpartition("/")[0]
    return {"receiver": receiver, "lane": Lane(receiver, app.id).format()}


def measure_delivery_rate(node: Node, app: App, port: int, count: int) -> float:
    """Return deliveries/s from the start of the worker until the last result is stored."""
    insert_deliveries(node.database, app, count, [f"http://127.0.0.1:{port}/cb"], NOW)
    heartbeat = worker_process.build_heartbeat(node, "")
    heartbeat.register()
    callback_worker = worker_process.build_callback_worker(node, heartbeat)
    began = time.perf_counter()
    callback_worker.start()
    while _has_due_deliveries(node.database):
        time.sleep(0.05)
    seconds = time.perf_counter() - began
    callback_worker.stop(5)
    return count / seconds


def _has_due_deliveries(database: Database) -> bool:
    with database.read_transaction() as connection:
        due = sa.select(schema.deliveries.c.id).where(schema.deliveries.c.state == sa.literal_column("'due'"))
        return connection.execute(due.limit(1)).first() is not None


def measure_idle_ms(database: Database, app: App, waiting: int) -> float:
    """Return the milliseconds of one query for due rows while `waiting` rows are not yet due."""
    urls = [f"http://receiver-{number}.example/cb" for number in range(100)]
    insert_deliveries(database, app, waiting, urls, NOW + timedelta(days=1))
    times = []
    for _ in range(200):
        began = time.perf_counter()
        with database.read_transaction() as connection:
            assert callback_jobs.list_due_lanes(connection, NOW) == []
        times.append(time.perf_counter() - began)
    return median(times) * 1000


def measure(options: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    rows = []
    with run_postgres() as server, create_database(server) as postgres_url, run_receiver() as port:
        for engine, url in (("sqlite", f"sqlite:///{folder}/ccfs.db"), ("postgresql", postgres_url)):
            node, app = prepare_node(url, folder / engine, port)
            speeds = []
            for _ in range(options.rounds):
                speeds.append(measure_delivery_rate(node, app, port, options.count))
                idle_ms = measure_idle_ms(node.database, app, 0)
            full_idle_ms = measure_idle_ms(node.database, app, options.waiting)
            rows.append(
                {
                    "program": f"ccfs, {engine}",
                    "deliveries/s": round(median(speeds)),
                    "target": TARGET_RATES[engine],
                    "idle query, ms": round(idle_ms, 2),
                    f"with {options.waiting} waiting rows": round(full_idle_ms, 2),
                }
            )
            node.database.close()
        if options.rivals:
            rows += [{**dict.fromkeys(rows[0], ""), **row} for row in measure_rivals(options, server, folder, port)]
    if not options.rivals:
        print("DBOS and procrastinate are not measured: pass a Python with both packages as --rivals", file=sys.stderr)
    return rows


def measure_rivals(options: argparse.Namespace, server: str, folder: Path, port: int) -> list[dict[str, Any]]:
    """Measure the workers of rivals with the same number of requests to the same receiver, each in its own database."""
    rows = []
    for rival in ("dbos", "dbos-sqlite", "procrastinate"):
        with create_database(server) as url:
            database_url = f"sqlite:///{folder}/dbos.db" if rival == "dbos-sqlite" else url
            command = [
                options.rivals,
                str(Path(__file__).with_name("_job_queue_rivals.py")),
                rival,
                database_url,
                str(port),
            ]
            process = subprocess.run([*command, str(options.count)], capture_output=True, text=True, check=False)
        speed = json.loads(process.stdout.splitlines()[-1]) if process.returncode == 0 else None
        if speed is None:
            print(f"{rival} failed:\n{process.stderr[-2000:]}", file=sys.stderr)
        rows.append({"program": rival, "deliveries/s": speed and round(speed)})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--waiting", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rivals", metavar="PYTHON", help="Python of a venv with dbos and procrastinate")
    options = parser.parse_args()
    logs.configure_logging()
    with tempfile.TemporaryDirectory() as folder, open(Path(folder, "log"), "w") as log:
        sys.stderr, original_stderr = log, sys.stderr
        logs.configure_logging()  # log as in production, but to a file
        try:
            rows = measure(options, Path(folder))
        finally:
            sys.stderr = original_stderr
    servers.report("callbacks to a fast receiver", rows, options.json)


if __name__ == "__main__":
    main()
