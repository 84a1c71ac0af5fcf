"""A recording's waveform: the loudest sample of each stretch of time, per channel. Bytes from 0 to 255."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ccfs.media.pcm import iter_samples
from ccfs.media.probe import AudioInfo

MAX_PEAKS = 3000  # levels of a channel: more than a screen has columns
_PEAKS_PER_SECOND = 50  # at which they are taken before they are brought down to MOST


@dataclass(frozen=True, slots=True, kw_only=True)
class Waveform:
    """What is drawn."""

    milliseconds: int  # how long the recording lasts
    peaks: tuple[bytes, ...]  # one for each channel; none: it could not be read


def compute_peaks(source: BinaryIO, tape: AudioInfo, is_late: Callable[[], bool]) -> Waveform:
    """The waveform of a whole recording, in memory that does not grow with it but for 100 bytes a second.

    Raises UnknownAudio, TooLate.
    """
    step = max(tape.rate // _PEAKS_PER_SECOND, 1)
    found = [
        _block_peaks(block, step) for block in _iter_blocks(iter_samples(source, tape, 0, is_late), step, tape.channels)
    ]
    frames = sum(len(one) for one in found)
    if not frames:
        return Waveform(milliseconds=0, peaks=())
    levels = _reduce_peaks(np.concatenate(found))
    scaled = (levels.astype(np.int64) * 255 // 32768).astype(np.uint8)
    return Waveform(
        milliseconds=round(tape.duration_seconds * 1000),
        peaks=tuple(scaled.T[n].tobytes() for n in range(tape.channels)),
    )


def _iter_blocks(pieces: Iterator[bytes], step: int, channels: int) -> Iterator[NDArray[np.int16]]:
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


def _block_peaks(block: NDArray[np.int16], step: int) -> NDArray[np.int32]:
    """A row for each step."""
    starts = np.arange(0, len(block), step)
    return np.maximum(
        np.maximum.reduceat(block, starts, axis=0).astype(np.int32),
        -np.minimum.reduceat(block, starts, axis=0).astype(np.int32),
    ).clip(0, 32768)


def _reduce_peaks(levels: NDArray[np.int32]) -> NDArray[np.int32]:
    """At most MOST rows, evenly."""
    if len(levels) <= MAX_PEAKS:
        return levels
    starts = np.arange(MAX_PEAKS) * len(levels) // MAX_PEAKS
    return np.maximum.reduceat(levels, starts, axis=0)
