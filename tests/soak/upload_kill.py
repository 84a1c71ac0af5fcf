"""Kills a whole server, all of its processes at once, while eight threads upload, again and again; then looks at what is left.

    python -m tests.soak.upload_kill FOLDER [KILLS [SEED [URL]]]

tests/work/ingest/test_kill.py runs a short one. Every upload that was answered must be downloadable, whole, from the next
server; no row may be without its bytes, no file be a part of one. Bytes without a row (kept, but killed before the row)
are no harm: they are counted as unreferenced. Prints one JSON object; ends with 1 where anything is not as it must be.
"""

import base64
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2

from ccfs.client import CcfsClient
from ccfs.model.recordings import wav
from tests.cli.command import ROOT
from tests.ingest.ingest_site import AK, SK, VDN_ID, IngestSite
from tests.ports import get_free_port

THREADS = 8
MAX_SECONDS = 2.0  # seconds of uploading before a kill, from the first answer on
MAX_BYTES = 400_000  # bytes


class UploadLedger:
    """What the threads sent, and what they were answered."""

    def __init__(self) -> None:
        self.sent: set[str] = set()  # SHA-256 of every body that was ever sent
        self.answered: dict[str, str] = {}  # name -> SHA-256
        self._lock = threading.Lock()

    def add_sent(self, digest: str) -> None:
        with self._lock:
            self.sent.add(digest)

    def add_answered(self, name: str, digest: str) -> None:
        with self._lock:
            self.answered[name] = digest


def make_voice_file(chance: random.Random) -> bytes:
    """A voice file like no other."""
    samples = chance.randbytes(chance.choice((10, 2_000, 50_000, MAX_BYTES)))
    return wav.build_header(tag=wav.A_LAW, rate=8000, channels=1, bits=8, data_size=len(samples)) + samples


def upload_until_killed(url: str, ledger: UploadLedger, seed: int) -> None:
    """Upload until the server is gone."""
    chance = random.Random(seed)
    with closing(CcfsClient(url, AK, SK, timeout=20)) as session:
        while True:
            data = make_voice_file(chance)
            digest = hashlib.sha256(data).hexdigest()
            ledger.add_sent(digest)
            try:
                ask = {"data": base64.b64encode(data).decode()}
                with session.call(f"ivr/uploadFile?vdnId={VDN_ID}", ask) as answer:
                    if answer.data and answer.is_success:
                        ledger.add_answered(answer.data["resultData"]["fileName"], digest)
            except httpx2.HTTPError:
                return


@contextmanager
def run_server(place: IngestSite) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A server as the leader of a process group of its own: its URL and the leader."""
    address = f"127.0.0.1:{get_free_port()}"
    command = [sys.executable, "-c", "from ccfs.cli import main; main()", "serve", "--listen", address]
    given = {**place.environment, "CCFS_LOG_REQUESTS": "false", "CCFS_WORKERS": "2", "CCFS_LOCK_FAILURES": "0"}
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), **given}
    with open(place.folder / "server.log", "ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait_until_ready(f"http://{address}/healthz", process)
        yield f"http://{address}", process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + 180
    while process.poll() is None and time.monotonic() < give_up:
        try:
            if httpx2.get(url, trust_env=False).status_code == 200:
                return
        except httpx2.HTTPError:
            time.sleep(0.05)
    raise RuntimeError("the server did not start")


def kill_during_uploads(place: IngestSite, ledger: UploadLedger, chance: random.Random) -> None:
    """Start a server, let threads upload, and kill it at a random moment."""
    with run_server(place) as (url, _):
        threads = [
            threading.Thread(target=upload_until_killed, args=(url, ledger, chance.getrandbits(60)))
            for _ in range(THREADS)
        ]
        before = len(ledger.answered)
        for thread in threads:
            thread.start()
        while len(ledger.answered) == before and any(thread.is_alive() for thread in threads):
            time.sleep(0.01)
        time.sleep(chance.uniform(0.05, MAX_SECONDS))
    for thread in threads:
        thread.join()


def count_lost(place: IngestSite, ledger: UploadLedger) -> int:
    """How many of the answered uploads the next server does not give as they were sent."""
    count = 0
    with run_server(place) as (url, _), closing(CcfsClient(url, AK, SK)) as session:
        for name, digest in ledger.answered.items():
            with session.call("ivr/downloadFile", {"filePath": name}) as answer:
                data = b"" if answer.data else b"".join(answer.iter_chunks())
            count += hashlib.sha256(data).hexdigest() != digest
    return count


def run(folder: Path, kills: int, seed: int, url: str) -> dict[str, Any]:
    """Counts over so many kills."""
    chance, ledger = random.Random(seed), UploadLedger()
    place = IngestSite(folder, url).prepare()
    for _ in range(kills):
        kill_during_uploads(place, ledger, chance)
    missing = count_lost(place, ledger)
    found = place.check_blobs()
    bodies = {name: hashlib.sha256(data).hexdigest() for name, data in place.read_files().items()}
    partial = sum(not name.startswith(".tmp/") and digest not in ledger.sent for name, digest in bodies.items())
    place.node.database.close()
    return {
        "kills": kills,
        "seed": seed,
        "sent": len(ledger.sent),
        "answered": len(ledger.answered),
        "rows": found["whole"],
        "unreferenced": found["orphans"],
        "temporary": sum(name.startswith(".tmp/") for name in bodies),
        "lost": missing,
        "torn": found["torn"],
        "absent": found["absent"],
        "partial": partial,
    }


def main() -> None:
    folder, kills, seed = Path(sys.argv[1]), *map(int, [*sys.argv[2:4], "30", "1"][:2])
    found = run(folder, kills, seed, sys.argv[4] if len(sys.argv) > 4 else "")
    print(json.dumps(found))
    sys.exit(any(found[name] for name in ("lost", "torn", "absent", "partial")))


if __name__ == "__main__":
    main()
