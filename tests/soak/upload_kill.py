"""Kills a server with all its processes, repeatedly, while eight threads upload voice files.

    python -m tests.soak.upload_kill FOLDER [KILLS [SEED [URL]]]

Every accepted upload must download completely from the next server. No row may lack its blob, and no file may be incomplete. Blobs
without a row, written just before a kill, are counted as unreferenced; none may be left when their
reservations are over. Prints one JSON object. Exits with 1 if a condition is violated. tests/ingest/test_kill.py runs a short version.
"""

import base64
import hashlib
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2

from ccfs.api.voice_files import UPLOAD_LEASE
from ccfs.client import CcfsClient
from ccfs.model.recordings import wav
from ccfs.server.node import utc_now
from ccfs.workers.storage.mover import BlobMover
from tests.cli.command import ROOT
from tests.ingest.ingest_site import AK, SK, VDN_ID, IngestSite
from tests.ports import get_free_port
from tests.server.forked_processes import ForkedProcess

THREADS = 8
MAX_SECONDS = 1.0  # from the first response to the kill
MAX_BYTES = 400_000


class UploadLedger:
    """Uploads that the threads sent, and those that the server accepted."""

    def __init__(self) -> None:
        self.sent: set[str] = set()  # SHA-256 of every body sent
        self.answered: dict[str, str] = {}  # name -> SHA-256
        self._lock = threading.Lock()

    def add_sent(self, digest: str) -> None:
        with self._lock:
            self.sent.add(digest)

    def add_answered(self, name: str, digest: str) -> None:
        with self._lock:
            self.answered[name] = digest


def make_voice_file(generator: random.Random) -> bytes:
    """Return a random voice file."""
    samples = generator.randbytes(generator.choice((10, 2_000, 50_000, MAX_BYTES)))
    return wav.build_header(tag=wav.A_LAW, rate=8000, channels=1, bits=8, data_size=len(samples)) + samples


def upload_until_killed(url: str, ledger: UploadLedger, seed: int) -> None:
    """Upload until the server is killed."""
    generator = random.Random(seed)
    with closing(CcfsClient(url, AK, SK, timeout=20)) as client:
        while True:
            data = make_voice_file(generator)
            digest = hashlib.sha256(data).hexdigest()
            ledger.add_sent(digest)
            try:
                body = {"data": base64.b64encode(data).decode()}
                with client.call(f"ivr/uploadFile?vdnId={VDN_ID}", body) as response:
                    if response.data and response.is_success:
                        ledger.add_answered(response.data["resultData"]["fileName"], digest)
            except httpx2.HTTPError:
                return


@contextmanager
def run_server(site: IngestSite) -> Iterator[tuple[str, ForkedProcess]]:
    """Run a server in a new process group; yield its URL and the leading process. Kill the group at the end."""
    address = f"127.0.0.1:{get_free_port()}"
    settings = {**site.environment, "CCFS_LOG_REQUESTS": "false", "CCFS_WORKERS": "2", "CCFS_LOCK_FAILURES": "0"}
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), **settings}
    program, arguments = "from ccfs.cli import main; main()", ["serve", "--listen", address]
    process = ForkedProcess(program, arguments, environment, site.folder / "server.log")
    try:
        _wait_until_ready(f"http://{address}/healthz", process)
        yield f"http://{address}", process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_until_ready(url: str, process: ForkedProcess) -> None:
    deadline = time.monotonic() + 180
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx2.get(url, trust_env=False).status_code == 200:
                return
        except httpx2.HTTPError:
            time.sleep(0.05)
    raise RuntimeError("the server did not start")


def kill_during_uploads(site: IngestSite, ledger: UploadLedger, generator: random.Random) -> None:
    """Start a server, let threads upload, and kill it at a random moment."""
    with run_server(site) as (url, _):
        threads = [
            threading.Thread(target=upload_until_killed, args=(url, ledger, generator.getrandbits(60)))
            for _ in range(THREADS)
        ]
        before = len(ledger.answered)
        for thread in threads:
            thread.start()
        while len(ledger.answered) == before and any(thread.is_alive() for thread in threads):
            time.sleep(0.01)
        time.sleep(generator.uniform(0.05, MAX_SECONDS))
    for thread in threads:
        thread.join()


def count_lost(site: IngestSite, ledger: UploadLedger) -> int:
    """Count accepted uploads that the next server does not return as sent."""
    count = 0
    with run_server(site) as (url, _), closing(CcfsClient(url, AK, SK)) as client:
        for name, digest in ledger.answered.items():
            with client.call("ivr/downloadFile", {"filePath": name}) as response:
                data = b"" if response.data else b"".join(response.iter_chunks())
            count += hashlib.sha256(data).hexdigest() != digest
    return count


def delete_reserved_keys(site: IngestSite) -> None:
    """Delete what killed uploads left, as a worker does when their reservations are over."""
    now = utc_now() + UPLOAD_LEASE + timedelta(minutes=1)
    mover = BlobMover(database=site.node.database, locations=site.node.locations, now=lambda: now, grace=timedelta(0))
    mover.delete_orphans()


def run(folder: Path, kills: int, seed: int, url: str) -> dict[str, Any]:
    """Return counts over so many kills."""
    generator, ledger = random.Random(seed), UploadLedger()
    site = IngestSite(folder, url).prepare()
    for _ in range(kills):
        kill_during_uploads(site, ledger, generator)
    lost = count_lost(site, ledger)
    unreferenced = site.check_blobs()["orphans"]
    delete_reserved_keys(site)
    blobs = site.check_blobs()
    bodies = {name: hashlib.sha256(data).hexdigest() for name, data in site.read_files().items()}
    partial = sum(not name.startswith(".tmp/") and digest not in ledger.sent for name, digest in bodies.items())
    site.node.database.close()
    return {
        "kills": kills,
        "seed": seed,
        "sent": len(ledger.sent),
        "answered": len(ledger.answered),
        "rows": blobs["whole"],
        "unreferenced": unreferenced,
        "temporary": sum(name.startswith(".tmp/") for name in bodies),
        "lost": lost,
        "torn": blobs["torn"],
        "absent": blobs["absent"],
        "partial": partial,
        "orphaned": blobs["orphans"],
    }


def main() -> None:
    folder, kills, seed = Path(sys.argv[1]), *map(int, [*sys.argv[2:4], "30", "1"][:2])
    results = run(folder, kills, seed, sys.argv[4] if len(sys.argv) > 4 else "")
    print(json.dumps(results))
    sys.exit(any(results[name] for name in ("lost", "torn", "absent", "partial", "orphaned")))


if __name__ == "__main__":
    main()
