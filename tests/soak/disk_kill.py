"""Kills processes that write blobs to a disk location, then checks that each key has complete bytes or none.

    python tests/soak/disk_kill.py FOLDER [ROUNDS [SEED]]

Each round forks a child that writes and replaces a few keys, and kills it at a random moment. Prints one JSON object of counts. Exits
with 1 if a blob is incomplete, or files are left that should not be. tests/blobs/test_disk.py runs a short version.
"""

import hashlib
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ccfs.blobs.disk import DiskLocation
from ccfs.blobs.interface import CHUNK_BYTES
from ccfs.model.blobs.errors import BlobNotFound

KEYS = ("a", "7/rec/20260504/one.wav", "7/rec/20260504/two.wav", "7/rec/20260505/one.wav")
MAX_BYTES = 3 << 20
MAX_SECONDS = 0.04  # lifetime of a child
DIGEST_BYTES = 32
MAX_ROUNDS_FACTOR = 20  # maximum rounds as a multiple of the requested ones


def make_verifiable_bytes(number: int, size: int) -> bytes:
    """Return a digest and the bytes that it covers, so that completeness can be verified."""
    body = hashlib.shake_128(number.to_bytes(8)).digest(size)
    return hashlib.sha256(body).digest() + body


def is_whole(data: bytes) -> bool:
    return hashlib.sha256(data[DIGEST_BYTES:]).digest() == data[:DIGEST_BYTES]


def iter_pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), 100_000):
        yield data[start : start + 100_000]


def write_forever(folder: Path, seed: int) -> None:
    """Write and replace keys until this process is killed."""
    generator = random.Random(seed)
    disk = DiskLocation("0", folder)
    while True:
        disk.write(
            generator.choice(KEYS),
            iter_pieces(
                make_verifiable_bytes(generator.getrandbits(60), generator.choice((0, 10, 300_000, MAX_BYTES)))
            ),
        )


def kill_writer(folder: Path, generator: random.Random) -> None:
    """Start a child and kill it at a random moment."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write_end, b"!")
            write_forever(folder, generator.getrandbits(60))
        finally:
            os._exit(3)  # write_forever does not return
    os.read(read_end, 1)
    for end in (read_end, write_end):
        os.close(end)
    time.sleep(generator.uniform(0, MAX_SECONDS))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"the child exited by itself: {status}"


def inspect_disk(disk: DiskLocation, folder: Path) -> Counter[str]:
    """Count keys by state, temporary files, and unexpected files."""
    counts: Counter[str] = Counter()
    for key in KEYS:
        try:
            data = b"".join(disk.read(key))
        except BlobNotFound:
            counts["absent"] += 1
        else:
            counts["whole" if is_whole(data) and disk.get_size(key) == len(data) else "torn"] += 1
    for path in folder.rglob("*"):
        if path.is_file() and path.relative_to(folder).as_posix() not in KEYS:
            counts["temporary" if path.parent.name == ".tmp" else "unexpected"] += 1
    return counts


def run(folder: Path, rounds: int, seed: int) -> Counter[str]:
    """Return counts over so many kills, and more if no child was killed during a write, as on a busy machine.

    Every tenth round starts with an empty disk, because most first files are small.
    """
    generator = random.Random(seed)
    counts: Counter[str] = Counter()
    disk = DiskLocation("0", folder)
    for number in range(MAX_ROUNDS_FACTOR * rounds):
        if number >= rounds and counts["whole"] and counts["partial_uploads_deleted"]:
            break
        if number % 10 == 0:
            for key in KEYS:
                disk.delete(key)
        kill_writer(folder, generator)
        counts += inspect_disk(disk, folder)
        counts["partial_uploads_deleted"] += disk.delete_partial_uploads(-CHUNK_BYTES)  # of any age
    counts["temporary_left"] = inspect_disk(disk, folder)["temporary"]
    return counts


def main() -> None:
    folder, rounds, seed = Path(sys.argv[1]), *map(int, [*sys.argv[2:], "2000", "1"][:2])
    counts = run(folder, rounds, seed)
    print(json.dumps({"rounds": rounds, "seed": seed, **counts}))
    sys.exit(1 if counts["torn"] or counts["unexpected"] or counts["temporary_left"] else 0)


if __name__ == "__main__":
    main()
