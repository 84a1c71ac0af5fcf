"""Kills movers at random moments while they move files to and fro between a disk and a bucket, two side by side.

    python -m tests.soak.move_kill FOLDER S3_URL [--files N] [--kills N] [--seed N] [--url URL]

tests/work/test_move_kill.py runs a short one. Each round starts two movers (processes of their own, short leases, next to no grace)
and kills one at a random moment; the other ends by itself, and sometimes is killed, too. After each round every row must
name bytes that are whole; at the end, once the leases are over, no bytes may lie about that no row names. Prints one JSON
object; ends with 1 where anything is not as it must be.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from ccfs import settings
from ccfs.db.system import locations
from ccfs.db.tenant import recordings
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.recording import Recording
from ccfs.server.node import Node
from tests.blobs import s3_locations
from tests.cli.command import ROOT
from tests.db import sample_rows
from tests.servers import S3_KEYS

LEASE_SECONDS = 1.5  # seconds
FILES = 30  # 60 MB a round: the tests' S3 service has room for 5 GB, and what is deleted there comes back late
FILE_SIZES = (0, 10, 60_000, 900_000, 9 << 20)  # the last one in parts
MOVER_PROGRAM = (
    "import sys; from datetime import timedelta; from ccfs.workers.storage import mover;"
    f"mover.COPY_LEASE = mover.ORPHAN_LEASE = timedelta(seconds={LEASE_SECONDS}); mover.BATCH_SIZE = 4;"
    "from ccfs.cli import main; main()"
)


class MoverSetup:
    """A node with a disk "0" and a bucket "1", and recordings whose bytes tell what they are."""

    def __init__(self, folder: Path, s3_url: str, url: str) -> None:
        ak, sk = S3_KEYS
        given_: dict[str, Any] = {"database_url": url, "s3_access_key": ak, "s3_secret_key": sk}
        given_ |= {"move_grace_seconds": 0, "obs_url_seconds": 1}
        self.folder, self.bucket = folder, s3_locations.make_location_config(s3_url)
        self.node = Node(settings.load_settings({}, data=folder, **given_))
        self.environment = {f"CCFS_{name.upper()}": str(value) for name, value in given_.items()}
        self.environment |= {"CCFS_DATA": str(folder), "PYTHONPATH": str(ROOT / "src"), "PATH": os.environ["PATH"]}
        with self.node.database.write_transaction() as connection:
            locations.add(connection, self.bucket)
            self.app: App = sample_rows.add_app(connection)

    def add_recordings(self, count: int, chance: random.Random) -> None:
        """So many recordings on the disk."""
        for number in range(count):
            one = sample_rows.make_recording(number)
            data = hashlib.shake_128(number.to_bytes(8)).digest(chance.choice(FILE_SIZES))
            kept = self.node.disk.write(one.blob.key, [data])
            with self.node.database.write_transaction() as connection:
                recordings.add(connection, self.app, replace(one, blob=kept), sample_rows.NOW)

    def start_mover(self, source: str, target: str) -> subprocess.Popen[bytes]:
        """A mover."""
        command = [sys.executable, "-c", MOVER_PROGRAM, "location", "move", "--from", source, "--to", target, "--json"]
        with open(self.folder / "movers.log", "ab") as log:
            return subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)

    def find_broken_keys(self) -> list[str]:
        """Keys of rows whose bytes are not whole where the row says."""
        with self.node.database.read_transaction() as connection:
            rows = recordings.list_newest(connection, self.app, 1_000_000)
        return [one.blob.key for one in rows if not self._is_intact(one)]

    def count_not_moved(self) -> int:
        """How many recordings are not in the bucket."""
        with self.node.database.read_transaction() as connection:
            rows = recordings.list_newest(connection, self.app, 1_000_000)
        return sum(one.blob.location_id != "1" for one in rows)

    def count_orphans(self) -> int:
        """How many bytes there are that no row names."""
        with self.node.database.read_transaction() as connection:
            rows = recordings.list_newest(connection, self.app, 1_000_000)
        named = {(one.blob.location_id, one.blob.key) for one in rows}
        files = self.folder / "files"
        on_disk = {path.relative_to(files).as_posix() for path in files.rglob("*") if path.is_file()}
        found = {("0", key) for key in on_disk if not key.startswith(".tmp/")}
        return len((found | {("1", key) for key in s3_locations.list_keys(self.bucket)}) - named)

    def _is_intact(self, one: Recording) -> bool:
        try:
            data = b"".join(self.node.locations[one.blob.location_id].read(one.blob.key))
        except Exception:  # noqa: BLE001  of whatever kind: they are not to be had
            return False
        return hashlib.sha256(data).hexdigest() == one.blob.sha256


def run(folder: Path, s3_url: str, files: int, kills: int, seed: int, url: str = "") -> dict[str, Any]:
    """What was found."""
    chance = random.Random(seed)
    yard = MoverSetup(folder, s3_url, url)
    yard.add_recordings(files, chance)
    ways, killed, wrong = [("0", "1"), ("1", "0")], 0, 0
    while killed < kills:
        source, target = ways[chance.random() < 0.5]
        movers = [yard.start_mover(source, target), yard.start_mover(source, target)]
        time.sleep(chance.uniform(0.3, 5))
        for mover in movers[: chance.choice((1, 1, 2))]:
            killed += mover.poll() is None
            mover.send_signal(signal.SIGKILL)
        for mover in movers:
            mover.wait(120)
        wrong += len(yard.find_broken_keys())
    for _ in range(10):  # what is left is done once the leases are over, and swept
        time.sleep(LEASE_SECONDS)
        yard.start_mover("0", "1").wait(300)
        if not (yard.count_not_moved() or yard.count_orphans()):
            break
    result: dict[str, Any] = {"files": files, "kills": killed, "wrong": wrong + len(yard.find_broken_keys())}
    result |= {"not_moved": yard.count_not_moved(), "lying_about": yard.count_orphans()}
    yard.node.database.close()
    return result


def is_good(found: dict[str, Any]) -> bool:
    """Whether nothing was lost, and nothing is left."""
    return not (found["wrong"] or found["not_moved"] or found["lying_about"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("s3_url")
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--url", default="")
    options = parser.parse_args()
    found = run(options.folder, options.s3_url, options.files, options.kills, options.seed, options.url)
    print(json.dumps(found))
    sys.exit(0 if is_good(found) else 1)


if __name__ == "__main__":
    main()
