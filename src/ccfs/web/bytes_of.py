"""Kept bytes as an open file that can be searched, wherever they lie: what decoders need. Blocking: for a thread."""

import io
import os
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from ccfs.model.errors import Unavailable
from ccfs.model.recording import Kept
from ccfs.store.locations.port import Gone, Location
from ccfs.web.files import must_have_its_size, path_of
from ccfs.web.here import Here

_BUFFER = 1 << 16  # bytes
_SKIPPED = 1 << 18  # bytes: less than that is read over rather than asked for anew


def opened(here: Here, kept: Kept) -> BinaryIO:
    """The bytes, to be closed by the caller; those of a copy elsewhere where the row's own cannot be had. Raises
    Unavailable; so does reading."""
    try:
        return _opened(here, kept)
    except Unavailable:
        copy = here.elsewhere.find(kept) if kept.sha256 else None
        if copy is None:
            raise
        return _opened(here, copy)


def _opened(here: Here, kept: Kept) -> BinaryIO:
    path = path_of(here, kept)
    if path is None:
        if not here.elsewhere.can_be_had(kept):
            raise Unavailable
        return cast(BinaryIO, io.BufferedReader(FarFile(here.locations[kept.location_id], kept), _BUFFER))
    must_have_its_size(path, kept)
    try:
        return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    except OSError as error:
        raise Unavailable from error


class FarFile(io.RawIOBase):
    """Bytes that a location gives by range, unbuffered: read on as long as the reader goes on, asked for anew when it leaps."""

    def __init__(self, location: Location, kept: Kept) -> None:
        self._location, self._kept = location, kept
        self._at = 0
        self._chunks: Iterator[bytes] = iter(())
        self._chunk, self._chunks_at = b"", -1  # what was fetched last, and where it begins

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._kept.size}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self._at >= self._kept.size:
            return 0
        try:
            found = self._here_or_on()
        except (Gone, OSError) as error:
            raise Unavailable from error
        count = min(len(found), len(buffer))
        buffer[:count] = found[:count]
        self._at += count
        return count

    def _here_or_on(self) -> memoryview:
        """What is at the place, from the chunk at hand or from those that follow, or asked for anew."""
        ahead = self._at - self._chunks_at - len(self._chunk)
        if self._chunks_at < 0 or self._at < self._chunks_at or ahead > _SKIPPED:
            self._chunks, self._chunk, self._chunks_at = self._location.read(self._kept.key, self._at), b"", self._at
        while self._at >= self._chunks_at + len(self._chunk):
            self._chunks_at += len(self._chunk)
            self._chunk = next(self._chunks, b"")
            if not self._chunk:
                raise Gone(self._kept.key)
        return memoryview(self._chunk)[self._at - self._chunks_at :]
