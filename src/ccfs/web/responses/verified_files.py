"""Whole files are sent only if their bytes are those that were stored.

A CRC-32 finds every flipped bit and every burst of up to 32 bits. isal computes it as fast as memory is read: 128 KB take some ten
microseconds, 5 MB half a millisecond. A larger file than that is not read again for a while, unless it has changed.
"""

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from ccfs.blobs.checksum import crc32
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.errors import BlobDamaged
from ccfs.model.errors import FileUnavailable

MAX_FILES: Final = 10_000  # that are remembered
VALID_SECONDS: Final = 600.0  # after which a file is read again: its disk may have lost bits since
MAX_READ_FIRST_BYTES: Final = (
    32 << 20
)  # of a file that is read before it is sent; larger ones are checked while they are sent
CHUNK_BYTES: Final = 1 << 20
_Identity = tuple[int, int, int, int, int]


def check_bytes(data: bytes, blob: BlobRef) -> None:
    """Raise FileUnavailable unless these are the blob's bytes. A blob of unknown hash has no checksum."""
    if blob.sha256 and crc32(data) != blob.crc32:
        raise FileUnavailable().about(blob.location_id, blob.key, "damaged")


class VerifiedFiles:
    """The files of which this process has read the right bytes. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: OrderedDict[_Identity, float] = OrderedDict()

    def is_verified(self, descriptor: int, blob: BlobRef) -> bool:
        """Return whether this file, unchanged, had the blob's bytes a while ago."""
        with self._lock:
            verified_at = self._files.get(_identify(descriptor, blob), float("-inf"))
        return not blob.sha256 or time.monotonic() - verified_at < VALID_SECONDS

    def verify(self, descriptor: int, blob: BlobRef) -> None:
        """Read the file; raise FileUnavailable unless it has the blob's bytes. Blocking: call it in a thread."""
        try:
            for _ in self.read(descriptor, blob):
                pass
        except BlobDamaged as error:
            raise FileUnavailable().about(blob.location_id, blob.key, "damaged") from error
        except OSError as error:
            raise FileUnavailable().about(blob.location_id, blob.key) from error

    def read(self, descriptor: int, blob: BlobRef) -> Iterator[bytes]:
        """Yield the file in chunks, the last one only if the whole file is correct. Raise BlobDamaged or OSError."""
        identity, checksum, position = _identify(descriptor, blob), 0, 0
        while position < blob.size:
            chunk = os.pread(descriptor, CHUNK_BYTES, position)
            position += len(chunk)
            checksum = crc32(chunk, checksum)
            if not chunk or (position >= blob.size and checksum != blob.crc32):
                raise BlobDamaged(blob.key)
            yield chunk
        with self._lock:
            self._files[identity] = time.monotonic()
            self._files.move_to_end(identity)
            while len(self._files) > MAX_FILES:
                self._files.popitem(last=False)


def _identify(descriptor: int, blob: BlobRef) -> _Identity:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size, blob.crc32
