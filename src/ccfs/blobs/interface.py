"""The port that every location implements: the fewest methods that work, and its errors. No implementation here."""

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
    """A place that keeps bytes under keys that we make; never under a name from outside.

    Every method may raise Unreachable, in bounded time: the location is away. Disks raise other kinds of OSError, too.
    """

    location_id: str

    def write(self, key: str, chunks: Iterable[bytes]) -> BlobRef:
        """Keep the bytes whole or not at all; they are safe when this returns. The same key again replaces them."""
        ...

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes [start, end) in chunks of at most CHUNK; raises Gone before the first one."""
        ...

    def get_size(self, key: str) -> int:
        """How many bytes are kept under the key; raises Gone."""
        ...

    def delete(self, key: str) -> None:
        """Let the bytes go; nothing happens if they are gone."""
        ...

    def get_path(self, key: str) -> str | None:
        """The file that holds the bytes, for a server that sends files itself; None where there is no file."""
        ...

    def delete_partial_uploads(self, older_than_seconds: float) -> int:
        """Let go what killed processes left half-written; how many pieces."""
        ...


def check_key(key: str) -> str:
    """The key itself; raises BadKey unless it has the shape of the keys that we make."""
    if not _KEY_PATTERN.match(key) or len(key) > 255:
        raise InvalidKey(key)
    return key


class HashingReader:
    """Counts and hashes bytes on their way into a location."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._crc = 0
        self.size = 0  # bytes so far

    def iter_chunks(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The chunks again, counted."""
        for chunk in chunks:
            self._hash.update(chunk)
            self._crc = zlib.crc32(chunk, self._crc)
            self.size += len(chunk)
            yield chunk

    def build_blob_ref(self, location_id: str, key: str) -> BlobRef:
        """What went through."""
        return BlobRef(location_id=location_id, key=key, size=self.size, sha256=self._hash.hexdigest(), crc32=self._crc)
