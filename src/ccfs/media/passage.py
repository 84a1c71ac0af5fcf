"""A passage of a recording as a WAV of its own: 16-bit PCM, in which nothing is of the audio before or behind it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ccfs.media.codec_table import RIFF, UnknownAudio
from ccfs.media.pcm import HEADER_SIZE, frame_size, iter_samples
from ccfs.media.probe import AudioInfo
from ccfs.model.recordings.wav import MAX_DATA_BYTES, PCM, build_header

_SILENCE_SIZE = 1 << 16  # bytes yielded at once for what cannot be decoded


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """The frames [first, last) of a recording."""

    info: AudioInfo
    first: int
    last: int

    @property
    def data_size(self) -> int:
        """Bytes of its samples."""
        return (self.last - self.first) * frame_size(self.info)

    @property
    def size(self) -> int:
        """Bytes of its WAV."""
        return HEADER_SIZE + self.data_size


def cut_passage(info: AudioInfo, start_ms: int, end_ms: int | None) -> Passage:
    """Return the passage between two positions; None is the end. Raise UnknownAudio if the recording has nothing there.

    Both positions are rounded into the passage, so that not one sample outside of it is in it.
    """
    first = -(-start_ms * info.rate // 1000)
    last = info.frames if end_ms is None else min(end_ms * info.rate // 1000, info.frames)
    if not 0 <= first < last:
        raise UnknownAudio("nothing was recorded in the passage")
    passage = Passage(info=info, first=first, last=last)
    if passage.data_size > MAX_DATA_BYTES:
        raise UnknownAudio("too long for a WAV")
    return passage


def iter_passage(
    source: BinaryIO, passage: Passage, start: int, end: int, is_late: Callable[[], bool]
) -> Iterator[bytes]:
    """Yield exactly the bytes [start, end) of the passage's WAV. Parts that cannot be decoded become silence.

    Raise UnknownAudio or DeadlineExceeded.
    """
    if start < HEADER_SIZE:
        info = passage.info
        yield build_header(tag=PCM, rate=info.rate, channels=info.channels, bits=16, data_size=passage.data_size)[
            start:end
        ]
        start = HEADER_SIZE
    frame, skip = divmod(start - HEADER_SIZE, frame_size(passage.info))
    left = min(end, passage.size) - start
    if left <= 0:
        return
    for chunk in _iter_from(source, passage.info, passage.first + frame, is_late):
        data = chunk[skip : skip + left]
        skip = max(skip - len(chunk), 0)
        left -= len(data)
        if data:
            yield data
        if left <= 0:
            return
    while left > 0:
        yield bytes(min(left, _SILENCE_SIZE))
        left -= _SILENCE_SIZE


def _iter_from(source: BinaryIO, info: AudioInfo, frame: int, is_late: Callable[[], bool]) -> Iterator[bytes]:
    """Yield the samples from a frame on. Where seeking is not exact, decode from the beginning, and count."""
    if _seeks_exactly(info):
        yield from iter_samples(source, info, frame, is_late, is_strict=True)
        return
    skip = frame * frame_size(info)
    for chunk in iter_samples(source, info, 0, is_late):
        if skip < len(chunk):
            yield chunk[skip:]
        skip = max(skip - len(chunk), 0)


def _seeks_exactly(info: AudioInfo) -> bool:
    """Return whether the frame at which decoding begins is known: not for MP3 in WAV and Speex, whose times are estimated."""
    return info.blocks is not None or (info.codec is not RIFF and info.is_browser_playable)
