"""Store one audio file: check it, convert it if clients of the interface could not play it, hash it."""

import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b, sha256
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from ccfs.blobs.interface import CHUNK_BYTES, Location
from ccfs.media import convert
from ccfs.media.codec_table import RIFF, AudioKind, Storage, UnknownAudio
from ccfs.media.detect import HEAD_BYTES, detect_kind
from ccfs.media.probe import measure_duration, probe_audio
from ccfs.model.blobs.blob_ref import BlobRef


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAudio:
    """A file after it was written to its location."""

    blob: BlobRef
    source_sha256: str
    extension: str  # ".wav", ".mp3", ".ogg"
    seconds: float


class StillGrowing(Exception):
    """The file changed while it was read."""


class UnreadableAudio(UnknownAudio):
    """The file cannot be read at the moment; another run may succeed."""


def store_audio_file(location: Location, prefix: str, path: Path, name: str = "") -> StoredAudio:
    """Store the file under a key made of the prefix, the file's day, and a digest of file and `name`.

    A file that is ingested twice is therefore stored once, and no two names share bytes. Raise UnknownAudio with the
    reason, UnreadableAudio, StillGrowing or FileNotFoundError. OSError comes from the location.
    """
    with _open_file(path) as file:
        before = os.fstat(file.fileno())
        kind = detect_kind(path.name, _read_bytes(file, HEAD_BYTES))
        file.seek(0)
        key = f"{prefix}/{_build_key(path, before, name)}{kind.extension}"
        if kind.is_copied:
            header = convert.check_copy(file, kind)
            blob = location.write(key, _iter_with_header(file, header))
            source_sha256 = _hash(file) if header else blob.sha256
        else:
            source_sha256 = _hash(file)
            blob = _convert(location, key, file, kind)
        after = os.fstat(file.fileno())
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            location.delete(key)
            raise StillGrowing
        seconds = _measure_seconds(file, kind)
    return StoredAudio(blob=blob, source_sha256=source_sha256, extension=kind.extension, seconds=seconds)


def inspect_audio_file(location: Location, prefix: str, path: Path, name: str = "") -> StoredAudio:
    """Check a file like `store_audio_file`, without writing it and without reading all of it. Raise the same errors.

    A digest of the file's size, beginning and end replaces its hashes. Only the beginning of formats that need decoding
    is decoded. The duration of an MP3 is taken from its header.
    """
    with _open_file(path) as file:
        status = os.fstat(file.fileno())
        head = _read_bytes(file, HEAD_BYTES)
        kind = detect_kind(path.name, head)
        file.seek(max(0, status.st_size - HEAD_BYTES))
        digest = sha256(b"%d\n%b%b" % (status.st_size, head, _read_bytes(file, HEAD_BYTES))).hexdigest()
        file.seek(0)
        _check_beginning(file, kind, head, status.st_size)
        seconds = _estimate_seconds(file, kind, status.st_size)
    key = f"{prefix}/{_build_key(path, status, name)}{kind.extension}"
    blob = BlobRef(location_id=location.location_id, key=key, size=status.st_size, sha256=digest, crc32=0)
    return StoredAudio(blob=blob, source_sha256=digest, extension=kind.extension, seconds=seconds)


def _check_beginning(file: BinaryIO, kind: AudioKind, head: bytes, size: int) -> None:
    """Raise UnknownAudio if the beginning of the file cannot be decoded as its kind requires."""
    match kind.codec.storage:
        case Storage.COPY:
            convert.check_copy(file, kind)
        case Storage.REMUX:
            with tempfile.TemporaryFile() as converted:
                convert.convert_audio(file, kind, converted)
        case Storage.DECODE | Storage.WRAP:
            is_whole = size <= len(head)
            beginning = head if is_whole else head[: len(head) // kind.codec.frame_bytes * kind.codec.frame_bytes]
            convert.convert_audio(BytesIO(beginning), kind, BytesIO())


def _estimate_seconds(file: BinaryIO, kind: AudioKind, size: int) -> float:
    if kind.codec is RIFF or kind.codec.storage is not Storage.COPY:
        return _measure_seconds(file, kind)
    try:
        return probe_audio(file, size).duration_seconds
    except UnknownAudio:
        return 0.0


def measure_file(path: Path) -> float:
    """Return the duration of an audio file in seconds; 0 if it is unknown."""
    try:
        with _open_file(path) as file:
            kind = detect_kind(path.name, _read_bytes(file, HEAD_BYTES))
            return _measure_seconds(file, kind)
    except (UnknownAudio, OSError):
        return 0.0


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file. Raise UnknownAudio for a pipe, device or link, FileNotFoundError."""
    with _open_file(path) as file:
        return _hash(file)


def _open_file(path: Path) -> BinaryIO:
    """Open a plain file. Raise UnknownAudio for a pipe or device, UnreadableAudio for a link."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnreadableAudio(f"cannot be read: {error.strerror}") from None
    file = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise UnknownAudio("not a plain file")
    return file


def _build_key(path: Path, status: os.stat_result, name: str) -> str:
    text = f"{path.absolute()}\t{status.st_size}\t{status.st_mtime_ns}\t{name}"
    identity = blake2b(text.encode(errors="surrogateescape"), digest_size=16).hexdigest()
    written = min(max(status.st_mtime, 0), 4e9)  # a time stamp may be anything
    return f"{datetime.fromtimestamp(written, UTC):%Y%m%d}/{identity}"


def _measure_seconds(file: BinaryIO, kind: AudioKind) -> float:
    """Return the duration; 0 if it is unknown, which is no reason to reject the recording."""
    try:
        return measure_duration(file, kind)
    except UnknownAudio:
        return 0.0


def _read_bytes(file: BinaryIO, size: int) -> bytes:
    try:
        return file.read(size)
    except OSError as error:  # an error of the source; one of the location must not be caught
        raise UnreadableAudio(f"cannot be read: {error.strerror}") from None


def _iter_chunks(file: BinaryIO) -> Iterator[bytes]:
    """Yield the file's bytes from its current position, the beginning unless the caller moves it."""
    file.seek(0)
    return iter(lambda: _read_bytes(file, CHUNK_BYTES), b"")


def _iter_with_header(file: BinaryIO, header: bytes) -> Iterator[bytes]:
    """Yield the file's bytes, with `header` replacing the same number of bytes at the beginning."""
    chunks = _iter_chunks(file)
    if not header:
        return chunks
    file.seek(len(header))
    return chain((header,), chunks)


def _hash(file: BinaryIO) -> str:
    digest = sha256()
    for chunk in _iter_chunks(file):
        digest.update(chunk)
    return digest.hexdigest()


def _convert(location: Location, key: str, file: BinaryIO, kind: AudioKind) -> BlobRef:
    """Convert through a temporary file, because a WAV's header holds its length."""
    with tempfile.TemporaryFile() as converted:
        convert.convert_audio(file, kind, converted)
        return location.write(key, _iter_chunks(converted))
