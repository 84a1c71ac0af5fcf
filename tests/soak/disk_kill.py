"""Kills processes in the middle of keeping bytes on a disk, then looks whether each key has whole bytes or none.

    python tests/soak/disk_kill.py FOLDER [ROUNDS [SEED]]

tests/store/test_disk.py runs a short one. Prints one JSON object of counts; ends with 1 where anything was left that must
not be. A child is forked, keeps and replaces a few keys again and again, and is killed at a random moment.
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
MAX_BYTES = 3 << 20  # bytes
MAX_SECONDS = 0.04  # seconds that a child may live
DIGEST_BYTES = 32
MAX_ROUNDS_FACTOR = 20  # times as many rounds as asked for


def make_verifiable_bytes(number: int, size: int) -> bytes:
    """Bytes that tell of themselves whether they are whole: a digest, and what it is of."""
    body = hashlib.shake_128(number.to_bytes(8)).digest(size)
    return hashlib.sha256(body).digest() + body


def is_whole(data: bytes) -> bool:
    return hashlib.sha256(data[DIGEST_BYTES:]).digest() == data[:DIGEST_BYTES]


def iter_pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), 100_000):
        yield data[start : start + 100_000]


def write_forever(folder: Path, seed: int) -> None:
    """Keep and replace until somebody ends this process."""
    chance = random.Random(seed)
    disk = DiskLocation("0", folder)
    while True:
        disk.write(
            chance.choice(KEYS),
            iter_pieces(make_verifiable_bytes(chance.getrandbits(60), chance.choice((0, 10, 300_000, MAX_BYTES)))),
        )


def kill_writer(folder: Path, chance: random.Random) -> None:
    """Start a child and kill it at a random moment of its life."""
    begun, begins = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(begins, b"!")
            write_forever(folder, chance.getrandbits(60))
        finally:
            os._exit(3)  # keep_on does not end by itself
    os.read(begun, 1)
    for end in (begun, begins):
        os.close(end)
    time.sleep(chance.uniform(0, MAX_SECONDS))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"the child ended by itself: {status}"


def inspect_disk(disk: DiskLocation, folder: Path) -> Counter[str]:
    """What the keys hold, and how many temporary files there are; anything else counts as a stray."""
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
            counts["temporary" if path.parent.name == ".tmp" else "stray"] += 1
    return counts


def run(folder: Path, rounds: int, seed: int) -> Counter[str]:
    """Counts over so many kills, and over more where a busy machine let no child come to the middle of a file.

    Every tenth round begins with an empty disk, for most first files are small.
    """
    chance = random.Random(seed)
    counts: Counter[str] = Counter()
    disk = DiskLocation("0", folder)
    for number in range(MAX_ROUNDS_FACTOR * rounds):
        if number >= rounds and counts["whole"] and counts["swept"]:
            break
        if number % 10 == 0:
            for key in KEYS:
                disk.delete(key)
        kill_writer(folder, chance)
        counts += inspect_disk(disk, folder)
        counts["swept"] += disk.delete_partial_uploads(-CHUNK_BYTES)  # of any age
    counts["left"] = inspect_disk(disk, folder)["temporary"]
    return counts


def main() -> None:
    folder, rounds, seed = Path(sys.argv[1]), *map(int, [*sys.argv[2:], "2000", "1"][:2])
    counts = run(folder, rounds, seed)
    print(json.dumps({"rounds": rounds, "seed": seed, **counts}))
    sys.exit(1 if counts["torn"] or counts["stray"] or counts["left"] else 0)


if __name__ == "__main__":
    main()
