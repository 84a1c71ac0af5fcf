"""Kept bytes as an open file that can be searched, wherever they lie: what decoders need. Blocking: for a thread."""

import io
import os
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from ccfs.blobs.interface import Location
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.errors import BlobNotFound
from ccfs.model.errors import FileUnavailable
from ccfs.web.context import WebContext
from ccfs.web.responses.blob_checks import get_local_path, verify_file_size

_BUFFER_BYTES = 1 << 16  # bytes
_MAX_SKIP_BYTES = 1 << 18  # bytes: less than that is read over rather than asked for anew


def open_blob(here: WebContext, kept: BlobRef) -> BinaryIO:
    """The bytes, to be closed by the caller; those of a copy elsewhere where the row's own cannot be had. Raises
    Unavailable; so does reading."""
    try:
        return _open_from_location(here, kept)
    except FileUnavailable:
        copy = here.replicas.find(kept) if kept.sha256 else None
        if copy is None:
            raise
        return _open_from_location(here, copy)


def _open_from_location(here: WebContext, kept: BlobRef) -> BinaryIO:
    path = get_local_path(here, kept)
    if path is None:
        if not here.replicas.is_available(kept):
            raise FileUnavailable
        return cast(BinaryIO, io.BufferedReader(RangeReader(here.locations[kept.location_id], kept), _BUFFER_BYTES))
    verify_file_size(path, kept)
    try:
        return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    except OSError as error:
        raise FileUnavailable from error


class RangeReader(io.RawIOBase):
    """Bytes that a location gives by range, unbuffered: read on as long as the reader goes on, asked for anew when it leaps."""

    def __init__(self, location: Location, kept: BlobRef) -> None:
        self._location, self._blob = location, kept
        self._position = 0
        self._chunks: Iterator[bytes] = iter(())
        self._chunk, self._chunk_start = b"", -1  # what was fetched last, and where it begins

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
            found = self._read_at_position()
        except (BlobNotFound, OSError) as error:
            raise FileUnavailable from error
        count = min(len(found), len(buffer))
        buffer[:count] = found[:count]
        self._position += count
        return count

    def _read_at_position(self) -> memoryview:
        """What is at the place, from the chunk at hand or from those that follow, or asked for anew."""
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
