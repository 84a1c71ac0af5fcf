"""Waveform of a recording: the peak of each interval, per channel, as bytes from 0 to 255."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ccfs.media.pcm import iter_samples
from ccfs.media.probe import AudioInfo

MAX_PEAKS = 3000  # peaks of a channel: more than a screen has columns
_PEAKS_PER_SECOND = 50  # computed first, then reduced to MAX_PEAKS


@dataclass(frozen=True, slots=True, kw_only=True)
class Waveform:
    """Peaks of a recording."""

    milliseconds: int  # duration of the recording
    peaks: tuple[bytes, ...]  # one per channel; empty if the recording could not be read


def compute_peaks(source: BinaryIO, info: AudioInfo, is_late: Callable[[], bool]) -> Waveform:
    """Compute the waveform of a whole recording. Memory grows by 100 bytes a second of it.

    Raise UnknownAudio or DeadlineExceeded.
    """
    step = max(info.rate // _PEAKS_PER_SECOND, 1)
    samples = iter_samples(source, info, 0, is_late)
    parts = [_block_peaks(block, step) for block in _iter_blocks(samples, step, info.channels)]
    if not any(len(part) for part in parts):
        return Waveform(milliseconds=0, peaks=())
    peaks = _reduce_peaks(np.concatenate(parts))
    scaled = (peaks.astype(np.int64) * 255 // 32768).astype(np.uint8)
    return Waveform(
        milliseconds=round(info.duration_seconds * 1000),
        peaks=tuple(scaled.T[channel].tobytes() for channel in range(info.channels)),
    )


def _iter_blocks(chunks: Iterator[bytes], step: int, channels: int) -> Iterator[NDArray[np.int16]]:
    """Yield samples as rows of channels, whole steps at a time; the last block may be shorter."""
    size, left = step * channels * 2, b""
    for chunk in chunks:
        data = left + chunk
        whole = len(data) // size * size
        left = data[whole:]
        if whole:
            yield np.frombuffer(data[:whole], "<i2").reshape(-1, channels)
    if last := len(left) // (2 * channels) * 2 * channels:
        yield np.frombuffer(left[:last], "<i2").reshape(-1, channels)


def _block_peaks(block: NDArray[np.int16], step: int) -> NDArray[np.int32]:
    """Return a row of peaks for each step."""
    starts = np.arange(0, len(block), step)
    return np.maximum(
        np.maximum.reduceat(block, starts, axis=0).astype(np.int32),
        -np.minimum.reduceat(block, starts, axis=0).astype(np.int32),
    ).clip(0, 32768)


def _reduce_peaks(peaks: NDArray[np.int32]) -> NDArray[np.int32]:
    """Reduce evenly to at most MAX_PEAKS rows."""
    if len(peaks) <= MAX_PEAKS:
        return peaks
    starts = np.arange(MAX_PEAKS) * len(peaks) // MAX_PEAKS
    return np.maximum.reduceat(peaks, starts, axis=0)
