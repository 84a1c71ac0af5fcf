"""Read a member of a zip with a limit on its decompressed size."""

import io
from collections.abc import Sequence
from typing import IO

from ccfs.ingest.files.contents.compression import compute_unpacked_limit, describe_excess
from ccfs.ingest.files.contents.damage import UnreadRest

_BUFFER_BYTES = 1 << 16


class UnpackedBytes:
    """Counts the bytes decompressed from a file of `packed_size` bytes.

    A whole zip may decompress to `factor` times as much as a single member of its size, so that one bad member does not
    block the others.
    """

    def __init__(self, packed_size: int, factor: int = 1) -> None:
        self._limit = factor * compute_unpacked_limit(packed_size)
        self._left = self._limit

    def add(self, count: int) -> None:
        """Count bytes. Raise UnreadRest beyond the limit."""
        self._left -= count
        if self.is_exceeded:
            raise UnreadRest(describe_excess(self._limit))

    @property
    def is_exceeded(self) -> bool:
        """Whether more was decompressed than is allowed."""
        return self._left < 0


class _LimitedRawReader(io.RawIOBase):
    def __init__(self, file: IO[bytes], counters: Sequence[UnpackedBytes]) -> None:
        self._file, self._counters = file, counters

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview[int]") -> int:  # type: ignore[override]
        data = self._file.read(len(buffer))
        for counter in self._counters:
            counter.add(len(data))
        buffer[: len(data)] = data
        return len(data)


def open_limited(file: IO[bytes], counters: Sequence[UnpackedBytes]) -> io.BufferedReader:
    """Return a reader of an open file. Reading beyond the limit of a counter raises UnreadRest."""
    return io.BufferedReader(_LimitedRawReader(file, counters), _BUFFER_BYTES)
