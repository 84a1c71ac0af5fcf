"""The lives of recordings: written slowly, then left, converted, moved, replaced, or grown."""

from collections.abc import Iterator
from enum import Enum
from functools import cache
from pathlib import PurePosixPath
from random import Random

from ccfs.model.recordings import wav
from tests.ingest.ingest_site import make_wav
from tests.media.test_convert import MP3_ENCODER, encode_tone
from tests.soak.week.steps import Event, FileAction, FileStep

MAX_SECONDS = 8  # of audio; longer calls have a recording of their last seconds
HEADER_BYTES = len(wav.build_header(tag=wav.A_LAW, rate=8000, channels=1, bits=8, data_size=0))
LATER = (900.0, 7200.0)  # seconds after the call, in which a recording is converted, moved or replaced


class Fate(Enum):
    """What becomes of a recording after its call."""

    NONE = "left"
    CONVERTED = "converted"
    CONVERTED_SLOWLY = "converted, both for a while"
    MOVED = "moved"
    MOVED_AND_CONVERTED = "moved and converted"
    REPLACED = "replaced"
    GROWN = "grown"


FATES = (Fate.NONE, Fate.NONE, *Fate)


def iter_recording_events(
    random: Random, path: str, moved_path: str, begin: float, end: float, number: int
) -> Iterator[Event]:
    """Yield the events of one recording, written from `begin` to `end` of its talk."""
    seconds = max(1, min(MAX_SECONDS, int(end - begin)))
    data = make_wav(number, seconds)
    yield from _iter_growth(random, path, data, begin, end)
    yield from _iter_fate(random, FATES[random.randrange(len(FATES))], path, moved_path, data, end, number)


def _iter_growth(random: Random, path: str, data: bytes, begin: float, end: float) -> Iterator[Event]:
    """Yield the growth of a file: mostly as a switch does it, with a header that has no size until the end."""
    pieces = random.randint(2, 5)
    cuts = [HEADER_BYTES + (len(data) - HEADER_BYTES) * piece // pieces for piece in range(pieces + 1)]
    moments = [begin + (end - begin) * piece / (pieces + 1) for piece in range(pieces + 2)]
    empty = wav.build_header(tag=wav.A_LAW, rate=8000, channels=1, bits=8, data_size=0)
    is_copied = random.random() < 0.2
    first = FileAction.APPEND if is_copied else FileAction.BEGIN
    yield Event(moments[0], FileStep(path, first, data[:HEADER_BYTES] if is_copied else empty))
    for piece in range(pieces):
        part, action = data[cuts[piece] : cuts[piece + 1]], FileAction.APPEND if is_copied else FileAction.MORE
        is_last = is_copied and piece == pieces - 1
        yield Event(moments[piece + 1], FileStep(path, action, part, end if is_last else 0.0))
    if not is_copied:
        yield Event(end - random.choice((-0.5, 0.5)), FileStep(path, FileAction.END, data[:HEADER_BYTES], end))


def _iter_fate(
    random: Random, fate: Fate, path: str, moved_path: str, data: bytes, end: float, number: int
) -> Iterator[Event]:
    later = end + random.uniform(*LATER)
    seconds = (len(data) - HEADER_BYTES) / 8000
    if fate is Fate.REPLACED:
        same_length = make_wav(number + 1_000_000, int(seconds))
        yield Event(later, FileStep(path, FileAction.PUT, same_length, end + 1))
    if fate is Fate.GROWN:
        longer = make_wav(number + 2_000_000, int(seconds) + 2)
        yield Event(later, FileStep(path, FileAction.PUT, longer, end + 2))
    if fate in (Fate.MOVED, Fate.MOVED_AND_CONVERTED):
        yield Event(later, FileStep(path, FileAction.MOVE, target=moved_path))
        path, later = moved_path, later + random.uniform(*LATER)
    if fate in (Fate.CONVERTED, Fate.CONVERTED_SLOWLY, Fate.MOVED_AND_CONVERTED):
        mp3 = _encode_mp3(int(seconds), number % 8)
        target = str(PurePosixPath(path).with_suffix(".mp3"))
        yield Event(later, FileStep(target, FileAction.PUT, mp3, end))
        wait = random.uniform(*LATER) if fate is Fate.CONVERTED_SLOWLY else 0.001
        yield Event(later + wait, FileStep(path, FileAction.DELETE))


@cache
def _encode_mp3(seconds: int, variant: int) -> bytes:
    return encode_tone(MP3_ENCODER, seconds + variant / 100)
