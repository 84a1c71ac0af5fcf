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

from ccfs.model.recording import Kept
from ccfs.store.locations.port import CHUNK, Location
from ccfs.switches import audio
from ccfs.switches.audio import AudioKind, UnknownAudio


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """A file that is in its location now."""

    kept: Kept
    source_sha256: str
    extension: str  # ".wav", ".mp3", ".ogg"
    seconds: float


class StillGrowing(Exception):
    """The file changed while it was read."""


class Unreadable(UnknownAudio):
    """The file cannot be read at the moment; another run may be luckier."""


def take(location: Location, prefix: str, path: Path, name: str = "") -> Sound:
    """Keep the file's bytes under a key made of the prefix, the day it was written, and the identity of the file and of
    the `name` it is kept for: taken twice, it is kept once, and no two names share bytes.

    Raises UnknownAudio with the reason, Unreadable, StillGrowing, or FileNotFoundError; OSError is the location's.
    """
    with _opened(path) as file:
        before = os.fstat(file.fileno())
        kind = audio.kind_of(path.name, _read(file, audio.HEAD))
        file.seek(0)
        key = f"{prefix}/{_key(path, before, name)}{kind.extension}"
        if kind.is_copied:
            audio.check(file, kind)
            kept = location.keep(key, _chunks(file))
            source_sha256 = kept.sha256
        else:
            source_sha256 = _hash(file)
            kept = _convert(location, key, file, kind)
        after = os.fstat(file.fileno())
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            location.remove(key)
            raise StillGrowing
        seconds = _seconds(file, kind)
    return Sound(kept=kept, source_sha256=source_sha256, extension=kind.extension, seconds=seconds)


def _opened(path: Path) -> BinaryIO:
    """The file, if it is one: no link, pipe or device."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror}") from None
    file = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise UnknownAudio("not a plain file")
    return file


def _key(path: Path, status: os.stat_result, name: str) -> str:
    text = f"{path.absolute()}\t{status.st_size}\t{status.st_mtime_ns}\t{name}"
    identity = blake2b(text.encode(errors="surrogateescape"), digest_size=16).hexdigest()
    written = min(max(status.st_mtime, 0), 4e9)  # a time stamp may be anything
    return f"{datetime.fromtimestamp(written, UTC):%Y%m%d}/{identity}"


def _seconds(file: BinaryIO, kind: AudioKind) -> float:
    """The sound's length; 0 where the file does not tell: that is no reason to lose it."""
    try:
        return audio.span(file, kind)
    except UnknownAudio:
        return 0.0


def _read(file: BinaryIO, size: int) -> bytes:
    try:
        return file.read(size)
    except OSError as error:  # the file's disk is broken; the location's would be another matter
        raise Unreadable(f"cannot be read: {error.strerror}") from None


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    return iter(lambda: _read(file, CHUNK), b"")


def _hash(file: BinaryIO) -> str:
    digest = sha256()
    for chunk in _chunks(file):
        digest.update(chunk)
    return digest.hexdigest()


def _convert(location: Location, key: str, file: BinaryIO, kind: AudioKind) -> Kept:
    """The WAV goes through a file without a name: its length must be known before its first byte is."""
    with tempfile.TemporaryFile() as wav:
        audio.into_wav(file, kind, wav)
        return location.keep(key, _chunks(wav))
