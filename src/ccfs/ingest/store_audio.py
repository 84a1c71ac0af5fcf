"""One recorded file into a location: checked, converted where the interface's clients could not play it, hashed."""

import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b, sha256
from pathlib import Path
from typing import BinaryIO

from ccfs.blobs.interface import CHUNK_BYTES, Location
from ccfs.media import convert
from ccfs.media.codec_table import AudioKind, UnknownAudio
from ccfs.media.detect import HEAD_BYTES, detect_kind
from ccfs.media.probe import measure_duration
from ccfs.model.blobs.blob_ref import BlobRef


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAudio:
    """A file that is in its location now."""

    blob: BlobRef
    source_sha256: str
    extension: str  # ".wav", ".mp3", ".ogg"
    seconds: float


class StillGrowing(Exception):
    """The file changed while it was read."""


class UnreadableAudio(UnknownAudio):
    """The file cannot be read at the moment; another run may be luckier."""


def store_audio_file(location: Location, prefix: str, path: Path, name: str = "") -> StoredAudio:
    """Keep the file's bytes under a key made of the prefix, the day it was written, and the identity of the file and of
    the `name` it is kept for: taken twice, it is kept once, and no two names share bytes.

    Raises UnknownAudio with the reason, Unreadable, StillGrowing, or FileNotFoundError; OSError is the location's.
    """
    with _open_file(path) as file:
        before = os.fstat(file.fileno())
        kind = detect_kind(path.name, _read_bytes(file, HEAD_BYTES))
        file.seek(0)
        key = f"{prefix}/{_build_key(path, before, name)}{kind.extension}"
        if kind.is_copied:
            convert.check_copy(file, kind)
            kept = location.write(key, _iter_chunks(file))
            source_sha256 = kept.sha256
        else:
            source_sha256 = _hash(file)
            kept = _convert(location, key, file, kind)
        after = os.fstat(file.fileno())
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            location.delete(key)
            raise StillGrowing
        seconds = _measure_seconds(file, kind)
    return StoredAudio(blob=kept, source_sha256=source_sha256, extension=kind.extension, seconds=seconds)


def _open_file(path: Path) -> BinaryIO:
    """The file, if it is one: no link, pipe or device."""
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
    """The sound's length; 0 where the file does not tell: that is no reason to lose it."""
    try:
        return measure_duration(file, kind)
    except UnknownAudio:
        return 0.0


def _read_bytes(file: BinaryIO, size: int) -> bytes:
    try:
        return file.read(size)
    except OSError as error:  # the file's disk is broken; the location's would be another matter
        raise UnreadableAudio(f"cannot be read: {error.strerror}") from None


def _iter_chunks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    return iter(lambda: _read_bytes(file, CHUNK_BYTES), b"")


def _hash(file: BinaryIO) -> str:
    digest = sha256()
    for chunk in _iter_chunks(file):
        digest.update(chunk)
    return digest.hexdigest()


def _convert(location: Location, key: str, file: BinaryIO, kind: AudioKind) -> BlobRef:
    """The WAV goes through a file without a name: its length must be known before its first byte is."""
    with tempfile.TemporaryFile() as wav:
        convert.convert_audio(file, kind, wav)
        return location.write(key, _iter_chunks(wav))
