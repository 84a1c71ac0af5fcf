"""Stored bytes as an open file that can be sought in, wherever they are: what decoders need. Blocking: call it in a thread."""

import io
import os
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, BinaryIO, Protocol, cast

from ccfs.blobs.interface import Location
from ccfs.blobs.replicas import Replicas, try_with_replica
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.errors import BlobNotFound
from ccfs.model.errors import FileUnavailable

_BUFFER_BYTES = 1 << 16
_MAX_SKIP_BYTES = 1 << 18  # bytes: less than that is read over, more is requested by a new range


class BlobSource(Protocol):
    """Locations and replicas: a web context, or a node."""

    @property
    def locations(self) -> Mapping[str, Location]: ...
    @property
    def replicas(self) -> Replicas: ...


def open_blob(context: BlobSource, blob: BlobRef) -> BinaryIO:
    """Return the bytes as a file, those of a replica if the row's own are unavailable; the caller closes it.

    Raise FileUnavailable; reading the file raises it, too.
    """
    try:
        return try_with_replica(blob, partial(_open_from_location, context), context.replicas.find)
    except (BlobNotFound, KeyError, OSError) as error:
        raise FileUnavailable from error


def _open_from_location(context: BlobSource, blob: BlobRef) -> BinaryIO:
    location = context.locations[blob.location_id]
    path = location.get_path(blob.key)
    if not context.replicas.is_available(blob):
        raise BlobNotFound(blob.key)
    if path is None:
        return cast(BinaryIO, io.BufferedReader(RangeReader(location, blob), _BUFFER_BYTES))
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")


class RangeReader(io.RawIOBase):
    """Bytes that a location serves by range, unbuffered. It reads on sequentially, and requests a new range after a jump."""

    def __init__(self, location: Location, blob: BlobRef) -> None:
        self._location, self._blob = location, blob
        self._position = 0
        self._chunks: Iterator[bytes] = iter(())
        self._chunk, self._chunk_start = b"", -1  # the last chunk, and its offset

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._blob.size}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def readinto(self, buffer: Any) -> int:
        if self._position >= self._blob.size:
            return 0
        try:
            data = self._read_at_position()
        except (BlobNotFound, OSError) as error:
            raise FileUnavailable from error
        count = min(len(data), len(buffer))
        buffer[:count] = data[:count]
        self._position += count
        return count

    def _read_at_position(self) -> memoryview:
        """Return what begins at the position: from the last chunk, from those that follow, or from a new range."""
        ahead = self._position - self._chunk_start - len(self._chunk)
        if self._chunk_start < 0 or self._position < self._chunk_start or ahead > _MAX_SKIP_BYTES:
            self._chunks, self._chunk, self._chunk_start = (
                self._location.read(self._blob.key, self._position),
                b"",
                self._position,
            )
        while self._position >= self._chunk_start + len(self._chunk):
            self._chunk_start += len(self._chunk)
            self._chunk = next(self._chunks, b"")
            if not self._chunk:
                raise BlobNotFound(self._blob.key)
        return memoryview(self._chunk)[self._position - self._chunk_start :]
