"""One recorded file into a location: checked, converted where the interface's clients could not play it, hashed."""

import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
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


def take(location: Location, prefix: str, path: Path) -> Sound:
    """Keep the file's bytes under a key made of the prefix and the file's identity: taken twice, it is kept once.

    Raises UnknownAudio with the reason, StillGrowing, or OSError.
    """
    with _opened(path) as file:
        before = os.fstat(file.fileno())
        kind = audio.kind_of(path.name, file.read(audio.HEAD))
        key = f"{prefix}/{_identity(path, before)}{kind.extension}"
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
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    file = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise UnknownAudio("not a plain file")
    return file


def _identity(path: Path, status: os.stat_result) -> str:
    text = f"{path.absolute()}\t{status.st_size}\t{status.st_mtime_ns}"
    return blake2b(text.encode(errors="surrogateescape"), digest_size=16).hexdigest()


def _seconds(file: BinaryIO, kind: AudioKind) -> float:
    """The sound's length; 0 where the file does not tell: that is no reason to lose it."""
    try:
        return audio.span(file, kind)
    except UnknownAudio:
        return 0.0


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    return iter(lambda: file.read(CHUNK), b"")


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
