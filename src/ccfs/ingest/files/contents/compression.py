"""Open a source file, decompressed if logrotate compressed it: gzip, bzip2, xz and zstd are recognised by their first bytes.

A compressed file is decompressed into a temporary file, because reading needs positions. The work is limited, so that a
small file can neither fill the disk nor take a long time.
"""

import bz2
import gzip
import lzma
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import zstandard

from ccfs.ingest.files.contents.damage import DamagedFile, catch_damage

MIN_UNPACKED_LIMIT, MAX_UNPACKED_LIMIT = 80 << 20, 16 << 30  # bytes that any file, and that no file, may decompress to
# Decompressed to compressed size. Logs reach some 40; those of a switch that makes the same call every minute reach 84.
MAX_RATIO = 300
_CHUNK_BYTES = 1 << 16  # read1: what was decompressed before the damage is not lost
_ZSTD_INPUT_BYTES = 1 << 10  # a kilobyte may become 32 MB
_ZSTD_WINDOW_BYTES = 1 << 27  # as zstd's own default limit


@dataclass(frozen=True, slots=True)
class OpenedSource:
    """A source file, or what could be decompressed of it."""

    file: BinaryIO
    version: tuple[int, int]  # size and modification time in ns of the file on disk when it was opened
    damage: str = ""  # why it ends early; "" if it is complete
    is_packed: bool = False


@contextmanager
def open_source(path: Path) -> Iterator[OpenedSource]:
    """Open a source file for reading. Raise OSError if it cannot be opened."""
    with open(path, "rb") as file:
        # Nothing is buffered: lines that are read later would be those of a file that was emptied meanwhile.
        read_chunks, version = _find_format(os.pread(file.fileno(), 6, 0)), _get_version(file)
        if read_chunks is None:
            yield OpenedSource(file, version)
            return
        limit = compute_unpacked_limit(version[0])
        with tempfile.TemporaryFile() as unpacked:
            damage = _unpack(file, read_chunks, unpacked, limit)
            unpacked.seek(0)
            yield OpenedSource(unpacked, version, damage, is_packed=True)


@contextmanager
def open_if_present(path: Path) -> Iterator[OpenedSource | None]:
    """Open a source file for reading; yield None if there is none. Raise OSError if it cannot be opened."""
    with ExitStack() as stack:
        try:
            source = stack.enter_context(open_source(path))
        except FileNotFoundError:
            source = None
        yield source


def read_first_bytes(path: Path, size: int) -> tuple[bytes, tuple[int, int]]:
    """Return the first `size` decompressed bytes of a source file and its version; fewer bytes if it is damaged.

    Raise OSError if it cannot be opened.
    """
    with open(path, "rb") as file:
        read_chunks, version = _find_format(file.read(6)), _get_version(file)
        file.seek(0)
        if read_chunks is None:
            return file.read(size), version
        data = b""
        with suppress(DamagedFile), catch_damage():
            for chunk in read_chunks(file):
                data += chunk
                if len(data) >= size:
                    break
        return data[:size], version


def _get_version(file: BinaryIO) -> tuple[int, int]:
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def is_compressed(path: Path) -> bool:
    """Return whether the file is in a format that `open_source` decompresses."""
    with open(path, "rb") as file:
        return _find_format(file.read(6)) is not None


def read_beginning(path: Path, size: int) -> bytes:
    """Return the first bytes of a file, decompressed; fewer where it is damaged. Raise OSError if it cannot be opened."""
    with open(path, "rb") as file:
        read_chunks = _find_format(file.read(6))
        file.seek(0)
        if read_chunks is None:
            return file.read(size)
        data = b""
        try:
            with catch_damage():
                for chunk in read_chunks(file):
                    data += chunk
                    if len(data) >= size:
                        break
        except DamagedFile:
            pass
        return data[:size]


def compute_unpacked_limit(packed_size: int) -> int:
    """Return the bytes that a file of `packed_size` may decompress to."""
    return min(max(MIN_UNPACKED_LIMIT, MAX_RATIO * packed_size), MAX_UNPACKED_LIMIT)


def describe_excess(limit: int) -> str:
    """Return why a file is not read beyond the limit."""
    return f"decompresses to more than {limit >> 20} MB; the rest is not read"


_ChunkReader = Callable[[BinaryIO], Iterator[bytes]]


def _unpack(file: BinaryIO, read_chunks: _ChunkReader, target: BinaryIO, limit: int) -> str:
    """Write the decompressed bytes, at most `limit`. Return why they end early, else ""."""
    size = 0
    try:
        with catch_damage():
            for chunk in read_chunks(file):
                size += len(chunk)
                target.write(chunk[: max(0, len(chunk) - max(0, size - limit))])
                if size > limit:
                    return describe_excess(limit)
    except DamagedFile as error:
        return f"is damaged after {size} decompressed bytes; the rest is not read: {error}"
    return ""


def _find_format(first_bytes: bytes) -> _ChunkReader | None:
    return next((reader for magic, reader in _READERS.items() if first_bytes.startswith(magic)), None)


def _read_gzip(file: BinaryIO) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=file) as unpacked:
        yield from iter(lambda: unpacked.read1(_CHUNK_BYTES), b"")


def _read_bzip2(file: BinaryIO) -> Iterator[bytes]:
    with bz2.BZ2File(file) as unpacked:
        yield from iter(lambda: unpacked.read1(_CHUNK_BYTES), b"")


def _read_xz(file: BinaryIO) -> Iterator[bytes]:
    with lzma.LZMAFile(file) as unpacked:
        yield from iter(lambda: unpacked.read1(_CHUNK_BYTES), b"")


def _read_zstd(file: BinaryIO) -> Iterator[bytes]:
    frame = None
    while data := file.read(_ZSTD_INPUT_BYTES):
        while data:
            frame = frame or zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES).decompressobj()
            yield frame.decompress(data)
            data = frame.unused_data if frame.eof else b""
            frame = None if frame.eof else frame
    if frame is not None:
        raise EOFError("the compressed data end early")


_READERS: dict[bytes, _ChunkReader] = {
    b"\x1f\x8b": _read_gzip,
    b"BZh": _read_bzip2,
    b"\xfd7zXZ\0": _read_xz,
    b"\x28\xb5\x2f\xfd": _read_zstd,
}
