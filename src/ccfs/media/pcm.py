"""Samples of a recording from any time on, as 16-bit PCM, and a WAV of them whose every byte has a known place."""

import os
from collections.abc import Callable, Iterator
from typing import BinaryIO

import av
from av.audio.frame import AudioFrame

from ccfs.media.probe import AudioInfo, BlockLayout, UnknownAudio, open_audio_stream
from ccfs.model.recordings.wav import MAX_DATA_BYTES, PCM, build_header

HEADER_SIZE = 44  # bytes of a PCM WAV's header
_PREROLL_SECONDS = 1.0  # seconds decoded and thrown away before a place: GSM, G.722 and MP3 look back
_READ_SIZE = 1 << 15  # bytes read at once
_MIN_YIELD_SIZE = 1 << 16  # bytes given at once, at least, but the last


class DeadlineExceeded(Exception):
    """The time for it is over."""


def frame_size(tape: AudioInfo) -> int:
    """Bytes of a frame."""
    return 2 * tape.channels


def wav_size(tape: AudioInfo) -> int:
    """Bytes of the whole WAV; UnknownAudio where no WAV can be so long."""
    if tape.frames * frame_size(tape) > MAX_DATA_BYTES:
        raise UnknownAudio("too long for a WAV")
    return HEADER_SIZE + tape.frames * frame_size(tape)


def iter_wav(source: BinaryIO, tape: AudioInfo, start: int, end: int, is_late: Callable[[], bool]) -> Iterator[bytes]:
    """The bytes [start, end) of the recording as a WAV: just so many. What cannot be decoded any more is silence.

    The same byte is the same sample wherever one begins, but for MP3 and Speex, whose decoders never forget quite.
    """
    if start < HEADER_SIZE:
        head = build_header(
            tag=PCM, rate=tape.rate, channels=tape.channels, bits=16, data_size=wav_size(tape) - HEADER_SIZE
        )
        yield head[start:end]
        start = HEADER_SIZE
    left = end - start
    frame, cut = divmod(start - HEADER_SIZE, frame_size(tape))
    if left <= 0:
        return
    for piece in iter_samples(source, tape, frame, is_late):
        given = piece[cut : cut + left]
        cut = max(cut - len(piece), 0)
        left -= len(given)
        yield given
        if left <= 0:
            return
    while left > 0:
        yield bytes(min(left, _MIN_YIELD_SIZE))
        left -= _MIN_YIELD_SIZE


def iter_samples(source: BinaryIO, tape: AudioInfo, frame: int, is_late: Callable[[], bool]) -> Iterator[bytes]:
    """16-bit samples, channels in turn, from a frame on, in pieces of 64 KB or more; raises UnknownAudio, TooLate.

    Where the file is broken in its midst, they end there.
    """
    gathered, begun = bytearray(), False
    try:
        for piece in _iter_decoded(source, tape, frame, is_late):
            gathered += piece
            begun = True
            if len(gathered) >= _MIN_YIELD_SIZE:
                yield bytes(gathered)
                gathered.clear()
    except UnknownAudio:
        if not begun:
            raise
    if gathered:
        yield bytes(gathered)


def _iter_decoded(source: BinaryIO, tape: AudioInfo, frame: int, is_late: Callable[[], bool]) -> Iterator[bytes]:
    """As `samples`, in pieces of any size."""
    before = max(frame - round(_PREROLL_SECONDS * tape.rate), 0)
    frames = (
        _decode_blocks(source, tape, tape.blocks, before) if tape.blocks else _decode_after_seek(source, tape, before)
    )
    skip = 0
    for position, data in frames:
        if is_late():
            raise DeadlineExceeded
        if position is not None:
            skip = max(frame - position, 0) * frame_size(tape)
        if skip < len(data):
            yield data[skip:]
        skip = max(skip - len(data), 0)


PositionedSamples = tuple[int | None, bytes]  # the first frame's number, where it is told, and samples


def _decode_blocks(source: BinaryIO, tape: AudioInfo, blocks: BlockLayout, frame: int) -> Iterator[PositionedSamples]:
    """Counted out: the demuxer says what the codec is and nothing else, for many a header lies about its byte rate."""
    first = frame // blocks.frames_per_block
    position: int | None = first * blocks.frames_per_block
    whole = max(_READ_SIZE // blocks.block_size, 1) * blocks.block_size
    with open_audio_stream(source, tape.format) as (_container, stream):
        level = _build_resampler(tape)
        at = blocks.begin + first * blocks.block_size
        while at < blocks.end:
            source.seek(at, os.SEEK_SET)
            piece = source.read(min(whole, blocks.end - at))
            if not piece:
                return
            at += len(piece)
            for found in stream.codec_context.decode(av.Packet(piece)):
                for data in level(found):
                    yield position, data
                    position = None


def _decode_after_seek(source: BinaryIO, tape: AudioInfo, frame: int) -> Iterator[PositionedSamples]:
    """As FFmpeg finds its way: in Ogg by pages, in MP3 by its frames from the begin."""
    with open_audio_stream(source, tape.format) as (container, stream):
        base, start = stream.time_base, max(stream.start_time or 0, 0)
        if frame and base:
            container.seek(start + int(frame / tape.rate / base), stream=stream, backward=True)
        level, position = _build_resampler(tape), None
        is_first = True
        for found in container.decode(stream):
            if is_first and found.pts is not None and base:
                position = round(float((found.pts - start) * base) * tape.rate)
            is_first = False
            for data in level(found):
                yield position, data
                position = None


def _build_resampler(tape: AudioInfo) -> Callable[[AudioFrame], Iterator[bytes]]:
    """What makes packed 16-bit samples of a decoded frame, in the tape's rate and channels."""
    layout = "mono" if tape.channels == 1 else "stereo"
    resampler = av.AudioResampler(format="s16", layout=layout, rate=tape.rate)

    def level(found: AudioFrame) -> Iterator[bytes]:
        if found.format.name == "s16" and found.layout.nb_channels == tape.channels and found.sample_rate == tape.rate:
            yield bytes(found.planes[0])[: found.samples * 2 * tape.channels]
            return
        found.pts = None
        for one in resampler.resample(found):
            yield bytes(one.planes[0])[: one.samples * 2 * tape.channels]

    return level
