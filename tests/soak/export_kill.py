"""Kills one of two nodes, all of its processes at once, again and again while exports are asked for, made and announced.

    python -m tests.soak.export_kill FOLDER [--exports N] [--kills N] [--seed N] [--url URL]

tests/work/test_export_kill.py runs a short one. Both nodes have one database and one data folder. Every request that was
answered must be announced at least once and always with the same webhook-id; what is announced must download, whole, from
either node; no zip may lie about that no row names. One callback in ten is refused by the receiver, and so comes again.
Prints one JSON object; ends with 1 where anything is not as it must be.
"""

import argparse
import io
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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

ROWS = 500  # recordings that each export is of
REQUESTER_THREADS = 4
DOWNLOAD_THREADS = 8
BEGIN = datetime(2026, 5, 4, tzinfo=UTC)
REQUEST_FIELDS = {"beginTime": "2026-05-04 00:00:00", "endTime": "2026-05-06 23:59:59", "dataType": "call_record"}
NODE_PROGRAM = (  # leases of seconds, so that what a dead node held is due again while the run lasts
    "from datetime import timedelta; from ccfs.workers.callbacks import worker as callbacks;"
    "from ccfs.workers.exports import worker as exports;"
    "exports.LEASE, exports.LEASE_RENEWAL_SECONDS, callbacks.LEASE = timedelta(seconds=2), 0.4, timedelta(seconds=3);"
    "from ccfs.cli import main; main()"
)


class CallbackHandler(BaseHTTPRequestHandler):
    """The receiver: writes down each callback before it answers; refuses one in ten."""

    protocol_version = "HTTP/1.1"
    journal: Path

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        line = json.dumps([self.headers["webhook-id"], body["msgBody"]["responseId"], body["msgBody"]["billFileName"]])
        with open(self.journal, "a") as book:
            book.write(line + "\n")
        refused = random.random() < 0.1
        answer = b'{"resultCode":"1"}' if refused else b'{"resultCode":"0"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing to say."""


def serve_callbacks(book: Path, port: int) -> None:
    """Hear callbacks for ever: a process of its own."""
    CallbackHandler.journal = book
    CallbackHandler.timeout = 30
    server = ThreadingHTTPServer(("127.0.0.1", port), CallbackHandler)
    server.daemon_threads = True
    server.serve_forever()


class NodeProcesses:
    """Two nodes on one database and one folder, each on a port of its own."""

    def __init__(self, place: IngestSite) -> None:
        self._site = place
        self.ports = [get_free_port(), get_free_port()]
        self._processes = [self._start(port) for port in self.ports]

    def _start(self, port: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", NODE_PROGRAM, "serve", "--listen", f"127.0.0.1:{port}"]
        given = {"CCFS_LOG_REQUESTS": "false", "CCFS_LOCK_FAILURES": "0", "CCFS_CALLBACK_RETRY_SECONDS": "1"}
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), **self._site.environment, **given}
        with open(self._site.folder / "server.log", "ab") as log:
            return subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)

    def kill(self, number: int) -> None:
        """All processes of a node at once; then it is started anew."""
        os.killpg(self._processes[number].pid, signal.SIGKILL)
        self._processes[number].wait()
        self._processes[number] = self._start(self.ports[number])

    def wait_for_both(self) -> None:
        """Both answer."""
        give_up = time.monotonic() + 180
        for port in self.ports:
            while time.monotonic() < give_up:
                with suppress(httpx2.HTTPError):
                    if httpx2.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).status_code == 200:
                        break
                time.sleep(0.05)

    def close(self) -> None:
        """As an operator does it."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def request_exports(nodes: NodeProcesses, url: str, wanted: int, answered: list[str], pause: float) -> None:
    """Ask, of whichever node answers, until so many were answered."""
    chance = random.Random(pause)
    while len(answered) < wanted:
        with suppress(httpx2.HTTPError), closing(open_session(nodes, chance.randrange(2))) as one:
            while len(answered) < wanted:
                with one.call("queryBillData", {**REQUEST_FIELDS, "callBackURL": url}) as answer:
                    if answer.data and answer.is_success:
                        answered.append(answer.data["resultData"]["responseId"])
                time.sleep(chance.uniform(0, 2 * pause))
        time.sleep(0.05)


def open_session(nodes: NodeProcesses, number: int) -> CcfsClient:
    return CcfsClient(f"http://127.0.0.1:{nodes.ports[number]}", AK, SK, timeout=20)


def prepare_exports(place: IngestSite, port: int) -> str:
    """Recordings to export, and a prefix to announce to: the callBackURL."""
    prefix = f"http://127.0.0.1:{port}/"
    with place.node.database.write_transaction() as connection:
        app = tenants.get_app_by_ak(connection, AK)
        tenants.bind_callback(connection, app, prefix)
        for number in range(ROWS):
            one = make_recording(number, account_id=ACCOUNT_ID, call_begin=BEGIN + timedelta(minutes=number))
            recordings.add(connection, app, one, BEGIN)
    return prefix + "cb"


def count_states(place: IngestSite) -> dict[str, int]:
    """How many exports and deliveries are due, and how many came to a bad end."""
    with place.node.database.read_transaction() as connection:
        found: dict[str, int] = defaultdict(int)
        for table in (schema.exports, schema.deliveries):
            for state, count in connection.execute(sa.select(table.c.state, sa.func.count()).group_by(table.c.state)):
                found[state] += count
    return found


def request_and_kill(
    nodes: NodeProcesses, place: IngestSite, url: str, options: argparse.Namespace
) -> tuple[list[str], int]:
    """Ask and kill until all is asked, killed and announced: what was answered, and the kills."""
    chance, answered, kills = random.Random(options.seed), list[str](), 0
    pause = (
        options.kills * (options.longest / 2 + 2) / options.exports * REQUESTER_THREADS
    )  # so that they ask to the last kill
    arguments = (nodes, url, options.exports, answered, pause)
    askers = [threading.Thread(target=request_exports, args=arguments, daemon=True) for _ in range(REQUESTER_THREADS)]
    for one in askers:
        one.start()
    give_up = time.monotonic() + 300 + options.exports
    while any(one.is_alive() for one in askers) or count_states(place)["due"] or kills < options.kills:
        if time.monotonic() > give_up:
            break
        nodes.wait_for_both()
        time.sleep(chance.uniform(0.1, options.longest))
        if kills < options.kills:
            nodes.kill(chance.randrange(2))
            kills += 1
    return answered, kills


@contextmanager
def run_callback_receiver(book: Path) -> Iterator[int]:
    """A receiver in a process of its own: its port."""
    book.touch()
    port = get_free_port()
    process = multiprocessing.get_context("spawn").Process(target=serve_callbacks, args=(book, port), daemon=True)
    process.start()
    try:
        yield port
    finally:
        process.kill()
        process.join()


def count_broken_zips(nodes: NodeProcesses, names: set[str]) -> int:
    """How many of the announced files do not come whole, each from one of the nodes; over several connections at once."""

    def broken(part: int) -> int:
        with closing(open_session(nodes, part % 2)) as one:
            return sum(
                not is_complete_zip(download_export(one, name)) for name in sorted(names)[part::DOWNLOAD_THREADS]
            )

    with ThreadPoolExecutor(DOWNLOAD_THREADS) as pool:
        return sum(pool.map(broken, range(DOWNLOAD_THREADS)))


def download_export(one: CcfsClient, name: str) -> bytes:
    with one.call("downloadBillFile", {"billFileName": name}) as answer:
        return b"" if answer.data else b"".join(answer.iter_chunks())


def is_complete_zip(data: bytes) -> bool:
    with suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(data)) as archive:
        lines = {name.split("_")[1]: archive.read(name).count(b"\n") for name in archive.namelist()}
        return archive.testzip() is None and lines == {"call": 1, "record": ROWS + 1}
    return False


def count_orphans(place: IngestSite) -> int:
    """Zips that no row names."""
    with place.node.database.read_transaction() as connection:
        keys = set(connection.execute(sa.select(schema.exports.c.key)).scalars())
    files = place.folder / "data" / "files"
    return sum(str(path.relative_to(files)) not in keys for path in files.glob("*/exports/*/*.zip"))


def run(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Figures over a whole run."""
    place, began = IngestSite(folder, options.url).prepare(), time.monotonic()
    with run_callback_receiver(folder / "book") as port:
        url = prepare_exports(place, port)
        nodes = NodeProcesses(place)
        try:
            answered, kills = request_and_kill(nodes, place, url, options)
            nodes.wait_for_both()
            heard = [json.loads(line) for line in (folder / "book").read_text().splitlines()]
            ids: dict[str, set[str]] = defaultdict(set)
            for webhook, response, _ in heard:
                ids[response].add(webhook)
            seconds = time.monotonic() - began
            broken = count_broken_zips(nodes, {name for _, _, name in heard})
        finally:
            nodes.close()
    ends = count_states(place)
    found = {
        "database": "postgresql" if options.url else "sqlite",
        "kills": kills,
        "seconds": round(seconds),
        "answered": len(answered),
        "callbacks": len(heard),
        "repeated": len(heard) - len(ids),
        "lost": len(set(answered) - ids.keys()),
        "with several ids": sum(len(several) > 1 for several in ids.values()),
        "broken": broken,
        "strays": count_orphans(place),
        "undone": ends["due"] + ends["failed"] + ends["dead"],
        "temporary": len(list((folder / "data" / "files" / ".tmp").iterdir())),
    }
    place.node.database.close()
    return found


def is_good(found: dict[str, Any]) -> bool:
    """Whether nothing is lost, torn, doubled under another id, or left about."""
    return not any(found[name] for name in ("lost", "with several ids", "broken", "strays", "undone"))


def parse_options(arguments: list[str]) -> argparse.Namespace:
    """The options of a run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exports", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--longest", type=float, default=6.0, metavar="SECONDS", help="between two kills")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--url", default="", help="of a PostgreSQL database; else SQLite in the folder")
    parser.add_argument("folder", type=Path, nargs="?")
    return parser.parse_args(arguments)


def main() -> None:
    options = parse_options(sys.argv[1:])
    found = run(options.folder, options)
    print(json.dumps(found))
    sys.exit(not is_good(found))


if __name__ == "__main__":
    main()
