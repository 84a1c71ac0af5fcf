"""The interface that every location implements, and helpers of the implementations."""

import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Protocol

from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.errors import InvalidKey

CHUNK_BYTES = 1 << 20  # bytes moved at a time
_KEY_PATTERN = re.compile(r"[0-9a-z][0-9a-z_-]*(?:/[0-9a-z][0-9a-z_-]*)*(?:\.[0-9a-z]{1,8})?\Z")


class Location(Protocol):
    """Stores bytes under keys that we generate, never under a name from outside.

    Every method may raise LocationUnreachable, in bounded time. Disks raise other kinds of OSError, too.
    """

    location_id: str

    def write(self, key: str, chunks: Iterable[bytes]) -> BlobRef:
        """Store the bytes, all or none. They are durable when this returns. A second write of a key replaces the bytes."""
        ...

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Return the bytes [start, end) in chunks of at most CHUNK_BYTES. Raises BlobNotFound before the first chunk."""
        ...

    def get_size(self, key: str) -> int:
        """Return the number of bytes under the key. Raises BlobNotFound."""
        ...

    def delete(self, key: str) -> None:
        """Delete the bytes. A missing key is no error."""
        ...

    def get_path(self, key: str) -> str | None:
        """Return the file that contains the bytes, for a web server that sends files itself; None without a file."""
        ...

    def delete_partial_uploads(self, older_than_seconds: float) -> int:
        """Delete incomplete uploads of killed processes. Return how many."""
        ...


def check_key(key: str) -> str:
    """Return the key. Raises InvalidKey unless it has the shape of the keys that we generate."""
    if not _KEY_PATTERN.match(key) or len(key) > 255:
        raise InvalidKey(key)
    return key


class HashingReader:
    """Counts and hashes bytes on their way into a location."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._crc32 = 0
        self.size = 0  # bytes so far

    def iter_chunks(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the chunks, and count and hash them."""
        for chunk in chunks:
            self._sha256.update(chunk)
            self._crc32 = zlib.crc32(chunk, self._crc32)
            self.size += len(chunk)
            yield chunk

    def build_blob_ref(self, location_id: str, key: str) -> BlobRef:
        """Return the reference to the bytes that were read so far."""
        sha256 = self._sha256.hexdigest()
        return BlobRef(location_id=location_id, key=key, size=self.size, sha256=sha256, crc32=self._crc32)
