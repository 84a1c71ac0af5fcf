"""Kills one of two nodes with all its processes, repeatedly, while clients request exports.

    python -m tests.soak.export_kill FOLDER [--exports N] [--kills N] [--seed N] [--url URL]

Both nodes share a database and a data folder. Every accepted query must be announced at least once and always with the same
webhook-id. Every announced file must download completely from either node. No zip may exist that no row references. The receiver
rejects one callback in ten, so that it is retried. Prints one JSON object. Exits with 1 if a condition is violated.
tests/workers/exports/test_export_kill.py runs a short version.
"""

import argparse
import io
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import sqlalchemy as sa

from ccfs.client import CcfsClient
from ccfs.db import schema
from ccfs.db.system import tenants
from ccfs.db.tenant import recordings
from tests.cli.command import ROOT
from tests.db.sample_rows import make_recording
from tests.ingest.ingest_site import ACCOUNT_ID, AK, SK, IngestSite
from tests.ports import get_free_port
from tests.server.forked_processes import ForkedProcess
from tests.soak.callback_journal import run_callback_receiver

ROWS = 500  # recordings in each export
REQUESTER_THREADS = 4
DOWNLOAD_THREADS = 8
BEGIN = datetime(2026, 5, 4, tzinfo=UTC)
REQUEST_FIELDS = {"beginTime": "2026-05-04 00:00:00", "endTime": "2026-05-06 23:59:59", "dataType": "call_record"}
NODE_PROGRAM = (  # short leases, so that jobs of a killed node are due again during the run
    "from datetime import timedelta; from ccfs.workers.callbacks import worker as callbacks;"
    "from ccfs.workers.exports import worker as exports;"
    "exports.LEASE, exports.LEASE_RENEWAL_SECONDS, callbacks.LEASE = timedelta(seconds=2), 0.4, timedelta(seconds=3);"
    "from ccfs.cli import main; main()"
)


class NodeProcesses:
    """Two nodes on one database and one folder, each on its own port."""

    def __init__(self, site: IngestSite) -> None:
        self._site = site
        self.ports = [get_free_port(), get_free_port()]
        self._processes = [self._start(port) for port in self.ports]

    def _start(self, port: int) -> ForkedProcess:
        settings = {"CCFS_LOG_REQUESTS": "false", "CCFS_LOCK_FAILURES": "0", "CCFS_CALLBACK_RETRY_SECONDS": "1"}
        settings["CCFS_SHARED_DATA"] = "true"
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "src"),
            **self._site.environment,
            **settings,
        }
        arguments = ["serve", "--listen", f"127.0.0.1:{port}"]
        return ForkedProcess(NODE_PROGRAM, arguments, environment, self._site.folder / "server.log")

    def kill(self, number: int) -> None:
        """Kill all processes of a node at once, then start it again."""
        os.killpg(self._processes[number].pid, signal.SIGKILL)
        self._processes[number].wait()
        self._processes[number] = self._start(self.ports[number])

    def wait_for_both(self) -> None:
        """Wait until both nodes respond."""
        deadline = time.monotonic() + 180
        for port in self.ports:
            while time.monotonic() < deadline:
                with suppress(httpx2.HTTPError):
                    if httpx2.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).status_code == 200:
                        break
                time.sleep(0.05)

    def close(self) -> None:
        """Stop the nodes by SIGTERM."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def request_exports(nodes: NodeProcesses, url: str, target_count: int, answered: list[str], pause: float) -> None:
    """Send queries to either node until so many were accepted."""
    generator = random.Random(pause)
    while len(answered) < target_count:
        with suppress(httpx2.HTTPError), closing(open_session(nodes, generator.randrange(2))) as client:
            while len(answered) < target_count:
                with client.call("queryBillData", {**REQUEST_FIELDS, "callBackURL": url}) as response:
                    if response.data and response.is_success:
                        answered.append(response.data["resultData"]["responseId"])
                time.sleep(generator.uniform(0, 2 * pause))
        time.sleep(0.05)


def open_session(nodes: NodeProcesses, number: int) -> CcfsClient:
    return CcfsClient(f"http://127.0.0.1:{nodes.ports[number]}", AK, SK, timeout=20)


def prepare_exports(site: IngestSite, port: int) -> str:
    """Add recordings and a callback prefix. Return the callBackURL."""
    prefix = f"http://127.0.0.1:{port}/"
    with site.node.database.write_transaction() as connection:
        app = tenants.get_app_by_ak(connection, AK)
        tenants.bind_callback(connection, app, prefix)
        for number in range(ROWS):
            recording = make_recording(number, account_id=ACCOUNT_ID, call_begin=BEGIN + timedelta(minutes=number))
            recordings.add(connection, app, recording, BEGIN)
    return prefix + "cb"


def count_states(site: IngestSite) -> dict[str, int]:
    """Count exports and deliveries by state."""
    with site.node.database.read_transaction() as connection:
        counts: dict[str, int] = defaultdict(int)
        for table in (schema.exports, schema.deliveries):
            for state, count in connection.execute(sa.select(table.c.state, sa.func.count()).group_by(table.c.state)):
                counts[state] += count
    return counts


def request_and_kill(
    nodes: NodeProcesses, site: IngestSite, url: str, options: argparse.Namespace
) -> tuple[list[str], int]:
    """Send queries and kill nodes until all exports are announced. Return the accepted responseIds and the kills."""
    generator, answered, kills = random.Random(options.seed), list[str](), 0
    between_kills = options.longest / 2 + 2
    pause = options.kills * between_kills / options.exports * REQUESTER_THREADS  # queries continue until the last kill
    arguments = (nodes, url, options.exports, answered, pause)
    threads = [threading.Thread(target=request_exports, args=arguments, daemon=True) for _ in range(REQUESTER_THREADS)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 300 + options.exports
    while any(thread.is_alive() for thread in threads) or count_states(site)["due"] or kills < options.kills:
        if time.monotonic() > deadline:
            break
        nodes.wait_for_both()
        time.sleep(generator.uniform(0.1, options.longest))
        if kills < options.kills:
            nodes.kill(generator.randrange(2))
            kills += 1
    return answered, kills


def count_broken_zips(nodes: NodeProcesses, names: set[str]) -> int:
    """Count announced files that do not download completely, each from one of the nodes, over several connections."""

    def count_broken(part: int) -> int:
        own_names = sorted(names)[part::DOWNLOAD_THREADS]
        with closing(open_session(nodes, part % 2)) as client:
            return sum(not is_complete_zip(download_export(client, name)) for name in own_names)

    with ThreadPoolExecutor(DOWNLOAD_THREADS) as pool:
        return sum(pool.map(count_broken, range(DOWNLOAD_THREADS)))


def download_export(client: CcfsClient, name: str) -> bytes:
    with client.call("downloadBillFile", {"billFileName": name}) as response:
        return b"" if response.data else b"".join(response.iter_chunks())


def is_complete_zip(data: bytes) -> bool:
    with suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(data)) as archive:
        lines = {name.split("_")[1]: archive.read(name).count(b"\n") for name in archive.namelist()}
        return archive.testzip() is None and lines == {"call": 1, "record": ROWS + 1}
    return False


def count_orphans(site: IngestSite) -> int:
    """Count zips that no row references."""
    with site.node.database.read_transaction() as connection:
        keys = set(connection.execute(sa.select(schema.exports.c.key)).scalars())
    files = site.folder / "data" / "files"
    return sum(str(path.relative_to(files)) not in keys for path in files.glob("*/exports/*/*.zip"))


def run(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return the results of a run."""
    site, began = IngestSite(folder, options.url).prepare(), time.monotonic()
    with run_callback_receiver(folder / "journal") as port:
        url = prepare_exports(site, port)
        nodes = NodeProcesses(site)
        try:
            answered, kills = request_and_kill(nodes, site, url, options)
            nodes.wait_for_both()
            callbacks = [json.loads(line) for line in (folder / "journal").read_text().splitlines()]
            ids: dict[str, set[str]] = defaultdict(set)
            for webhook_id, response_id, _ in callbacks:
                ids[response_id].add(webhook_id)
            seconds = time.monotonic() - began
            broken = count_broken_zips(nodes, {name for _, _, name in callbacks})
        finally:
            nodes.close()
    states = count_states(site)
    results = {
        "database": "postgresql" if options.url else "sqlite",
        "kills": kills,
        "seconds": round(seconds),
        "answered": len(answered),
        "callbacks": len(callbacks),
        "announced": len(ids),
        "repeated": len(callbacks) - len(ids),
        "lost": len(set(answered) - ids.keys()),
        "with_several_ids": sum(len(webhook_ids) > 1 for webhook_ids in ids.values()),
        "incomplete_zips": broken,
        "orphaned_zips": count_orphans(site),
        "unfinished": states["due"] + states["failed"] + states["dead"],
        "temporary": len(list((folder / "data" / "files" / ".tmp").iterdir())),
    }
    site.node.database.close()
    return results


def is_good(results: dict[str, Any]) -> bool:
    """Whether no export was lost, incomplete, announced under two ids, orphaned or unfinished."""
    violations = ("lost", "with_several_ids", "incomplete_zips", "orphaned_zips", "unfinished")
    return not any(results[name] for name in violations)


def parse_options(arguments: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exports", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--longest", type=float, default=6.0, metavar="SECONDS", help="maximum time between two kills")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--url", default="", help="URL of a PostgreSQL database; default: SQLite in the folder")
    parser.add_argument("folder", type=Path, nargs="?")
    return parser.parse_args(arguments)


def main() -> None:
    options = parse_options(sys.argv[1:])
    results = run(options.folder, options)
    print(json.dumps(results))
    sys.exit(not is_good(results))


if __name__ == "__main__":
    main()
