"""A recording's waveform: the loudest sample of each stretch of time, per channel. Bytes from 0 to 255."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ccfs.audio.pcm import samples
from ccfs.audio.tape import Tape

MOST = 3000  # levels of a channel: more than a screen has columns
_PER_SECOND = 50  # at which they are taken before they are brought down to MOST


@dataclass(frozen=True, slots=True, kw_only=True)
class Waveform:
    """What is drawn."""

    milliseconds: int  # how long the recording lasts
    levels: tuple[bytes, ...]  # one for each channel; none: it could not be read


def draw(source: BinaryIO, tape: Tape, is_late: Callable[[], bool]) -> Waveform:
    """The waveform of a whole recording, in memory that does not grow with it but for 100 bytes a second.

    Raises UnknownAudio, TooLate.
    """
    step = max(tape.rate // _PER_SECOND, 1)
    found = [_loudest(block, step) for block in _blocks(samples(source, tape, 0, is_late), step, tape.channels)]
    frames = sum(len(one) for one in found)
    if not frames:
        return Waveform(milliseconds=0, levels=())
    levels = _fewer(np.concatenate(found))
    scaled = (levels.astype(np.int64) * 255 // 32768).astype(np.uint8)
    return Waveform(
        milliseconds=round(tape.seconds * 1000), levels=tuple(scaled.T[n].tobytes() for n in range(tape.channels))
    )


def _blocks(pieces: Iterator[bytes], step: int, channels: int) -> Iterator[NDArray[np.int16]]:
    """Samples as rows of channels, whole steps at a time; the last may be shorter."""
    size, left = step * channels * 2, b""
    for piece in pieces:
        data = left + piece
        whole = len(data) // size * size
        left = data[whole:]
        if whole:
            yield np.frombuffer(data[:whole], "<i2").reshape(-1, channels)
    if last := len(left) // (2 * channels) * 2 * channels:
        yield np.frombuffer(left[:last], "<i2").reshape(-1, channels)


def _loudest(block: NDArray[np.int16], step: int) -> NDArray[np.int32]:
    """A row for each step."""
    starts = np.arange(0, len(block), step)
    return np.maximum(
        np.maximum.reduceat(block, starts, axis=0).astype(np.int32),
        -np.minimum.reduceat(block, starts, axis=0).astype(np.int32),
    ).clip(0, 32768)


def _fewer(levels: NDArray[np.int32]) -> NDArray[np.int32]:
    """At most MOST rows, evenly."""
    if len(levels) <= MOST:
        return levels
    starts = np.arange(MOST) * len(levels) // MOST
    return np.maximum.reduceat(levels, starts, axis=0)
