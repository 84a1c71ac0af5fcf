"""Kills movers at random moments while two of them move files between a disk and a bucket.

    python -m tests.soak.move_kill FOLDER S3_URL [--files N] [--kills N] [--seed N] [--url URL]

Each round starts two mover processes with short leases and almost no grace period, and kills one or both at a random moment. After
each round every row must reference a complete blob. At the end, after the leases have expired, no orphaned blob may exist. Prints one
JSON object. Exits with 1 if a condition is violated. tests/workers/storage/test_mover_kill.py runs a short version.
"""

import argparse
import hashlib
import json
import os
import random
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from ccfs import settings
from ccfs.cli import main as ccfs
from ccfs.db.system.storage import locations
from ccfs.db.tenant import recordings
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.recording import Recording
from ccfs.server.node import Node
from ccfs.workers.storage import mover
from tests.blobs import s3_locations
from tests.db import sample_rows
from tests.servers import S3_KEYS
from tests.soak.children import END_SECONDS, Begin, Child

LEASE_SECONDS = 1.5
MAX_SECONDS = 2.5  # from the start of a round to its kills
FILES = 30  # 60 MB per round: the tests' S3 service has 5 GB and frees deleted space late
FILE_SIZES = (0, 10, 60_000, 900_000, 9 << 20)  # the last one is a multipart upload


def move_files(begin: Begin, environment: dict[str, str], source: str, target: str) -> None:
    """Run `ccfs location move` with short leases. Runs in a child."""
    os.environ.update(environment)
    mover.COPY_LEASE = mover.ORPHAN_LEASE = timedelta(seconds=LEASE_SECONDS)
    mover.BATCH_SIZE = 4
    sys.argv = ["ccfs", "location", "move", "--from", source, "--to", target, "--json"]
    begin()
    ccfs()


class MoverSetup:
    """A node with a disk "0", a bucket "1" and recordings."""

    def __init__(self, folder: Path, s3_url: str, url: str) -> None:
        ak, sk = S3_KEYS
        options: dict[str, Any] = {"database_url": url, "s3_access_key": ak, "s3_secret_key": sk}
        options |= {"move_grace_seconds": 0, "obs_url_seconds": 1}
        self.folder, self.bucket = folder, s3_locations.make_location_config(s3_url)
        self.node = Node(settings.load_settings({}, data=folder, **options))
        self.environment = {f"CCFS_{name.upper()}": str(value) for name, value in options.items()}
        self.environment["CCFS_DATA"] = str(folder)
        with self.node.database.write_transaction() as connection:
            locations.add(connection, self.bucket)
            self.app: App = sample_rows.add_app(connection)

    def add_recordings(self, count: int, generator: random.Random) -> None:
        """Add so many recordings on the disk."""
        for number in range(count):
            recording = sample_rows.make_recording(number)
            data = hashlib.shake_128(number.to_bytes(8)).digest(generator.choice(FILE_SIZES))
            blob = self.node.disk.write(recording.blob.key, [data])
            with self.node.database.write_transaction() as connection:
                recordings.add(connection, self.app, replace(recording, blob=blob), sample_rows.NOW)

    def start_mover(self, source: str, target: str) -> Child:
        """Start a mover."""
        return Child(self.folder / "movers.log", move_files, self.environment, source, target, has_threads=True)

    def find_broken_keys(self) -> list[str]:
        """Return keys of rows whose blob is missing or incomplete."""
        with self.node.database.read_transaction() as connection:
            rows = recordings.list_newest(connection, self.app, 1_000_000)
        return [row.blob.key for row in rows if not self._is_intact(row)]

    def count_not_moved(self) -> int:
        """Count recordings that are not in the bucket."""
        with self.node.database.read_transaction() as connection:
            rows = recordings.list_newest(connection, self.app, 1_000_000)
        return sum(row.blob.location_id != "1" for row in rows)

    def count_orphans(self) -> int:
        """Count blobs that no row references."""
        with self.node.database.read_transaction() as connection:
            rows = recordings.list_newest(connection, self.app, 1_000_000)
        referenced = {(row.blob.location_id, row.blob.key) for row in rows}
        files = self.folder / "files"
        on_disk = {path.relative_to(files).as_posix() for path in files.rglob("*") if path.is_file()}
        stored = {("0", key) for key in on_disk if not key.startswith(".tmp/")}
        return len((stored | {("1", key) for key in s3_locations.list_keys(self.bucket)}) - referenced)

    def _is_intact(self, recording: Recording) -> bool:
        try:
            data = b"".join(self.node.locations[recording.blob.location_id].read(recording.blob.key))
        except Exception:  # noqa: BLE001  any error means that the blob is unreadable
            return False
        return hashlib.sha256(data).hexdigest() == recording.blob.sha256


def run(folder: Path, s3_url: str, files: int, kills: int, seed: int, url: str = "") -> dict[str, Any]:
    """Return the results of a run."""
    generator = random.Random(seed)
    setup = MoverSetup(folder, s3_url, url)
    setup.add_recordings(files, generator)
    directions, killed, broken, moved = [("0", "1"), ("1", "0")], 0, 0, 0
    while killed < kills:
        source, target = directions[generator.random() < 0.5]
        before = setup.count_not_moved()
        movers = [setup.start_mover(source, target), setup.start_mover(source, target)]
        seconds = generator.uniform(0, MAX_SECONDS)
        for child in movers[: generator.choice((1, 1, 2))]:
            killed += child.kill_after(seconds)
        for child in movers:
            child.kill_after(END_SECONDS)
        broken += len(setup.find_broken_keys())
        moved += abs(setup.count_not_moved() - before)
    for _ in range(10):  # the rest is moved and deleted after the leases have expired
        time.sleep(LEASE_SECONDS)
        setup.start_mover("0", "1").wait()
        if not (setup.count_not_moved() or setup.count_orphans()):
            break
    result: dict[str, Any] = {
        "files": files,
        "kills": killed,
        "moved": moved,
        "broken": broken + len(setup.find_broken_keys()),
    }
    result |= {"not_moved": setup.count_not_moved(), "orphans": setup.count_orphans()}
    setup.node.database.close()
    return result


def is_good(results: dict[str, Any]) -> bool:
    """Whether every blob is complete, moved and referenced."""
    return not (results["broken"] or results["not_moved"] or results["orphans"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("s3_url")
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--url", default="")
    options = parser.parse_args()
    results = run(options.folder, options.s3_url, options.files, options.kills, options.seed, options.url)
    print(json.dumps(results))
    sys.exit(0 if is_good(results) else 1)


if __name__ == "__main__":
    main()
