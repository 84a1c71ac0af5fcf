"""Decode a recording from any point in time: as 16-bit PCM, and as a WAV in which the offset of every byte is known."""

import os
from collections.abc import Callable, Iterator
from typing import BinaryIO

import av
from av.audio.frame import AudioFrame

from ccfs.media.codec_table import UnknownAudio
from ccfs.media.probe import AudioInfo, BlockLayout
from ccfs.media.streams import open_audio_stream
from ccfs.model.recordings.wav import MAX_DATA_BYTES, PCM, build_header

HEADER_SIZE = 44  # bytes of a PCM WAV's header
_PREROLL_SECONDS = 1.0  # seconds decoded and dropped before a position: GSM, G.722 and MP3 depend on what was before
_MAX_GAP_SECONDS = 10  # seconds of silence for what a seek left out
_READ_SIZE = 1 << 15  # bytes read at once
_MIN_YIELD_SIZE = 1 << 16  # bytes yielded at once, at least, except at the end

PositionedSamples = tuple[int | None, bytes]  # number of the first frame, where it is known, and samples


class DeadlineExceeded(Exception):
    """Decoding took too long."""


def frame_size(info: AudioInfo) -> int:
    """Return the bytes of a frame."""
    return 2 * info.channels


def wav_size(info: AudioInfo) -> int:
    """Return the size of the whole WAV in bytes. Raise UnknownAudio if it exceeds what a WAV can hold."""
    if info.frames * frame_size(info) > MAX_DATA_BYTES:
        raise UnknownAudio("too long for a WAV")
    return HEADER_SIZE + info.frames * frame_size(info)


def iter_wav(source: BinaryIO, info: AudioInfo, start: int, end: int, is_late: Callable[[], bool]) -> Iterator[bytes]:
    """Yield exactly the bytes [start, end) of the recording as a WAV. Parts that cannot be decoded become silence.

    A byte has the same sample wherever decoding begins, except in MP3 and Speex, whose decoders depend on everything
    before.
    """
    if start < HEADER_SIZE:
        header = build_header(
            tag=PCM, rate=info.rate, channels=info.channels, bits=16, data_size=wav_size(info) - HEADER_SIZE
        )
        yield header[start:end]
        start = HEADER_SIZE
    left = end - start
    frame, skip = divmod(start - HEADER_SIZE, frame_size(info))
    if left <= 0:
        return
    for chunk in iter_samples(source, info, frame, is_late):
        data = chunk[skip : skip + left]
        skip = max(skip - len(chunk), 0)
        left -= len(data)
        yield data
        if left <= 0:
            return
    while left > 0:
        yield bytes(min(left, _MIN_YIELD_SIZE))
        left -= _MIN_YIELD_SIZE


def iter_samples(
    source: BinaryIO, info: AudioInfo, frame: int, is_late: Callable[[], bool], *, is_strict: bool = False
) -> Iterator[bytes]:
    """Yield 16-bit samples, interleaved by channel, starting at a frame, in chunks of 64 KB or more.

    Raise UnknownAudio or DeadlineExceeded. If the file is damaged in the middle, the samples end there. If `is_strict`, a
    seek that ends behind the frame gives silence up to there, and one that ends nobody knows where raises UnknownAudio.
    """
    buffer, has_samples = bytearray(), False
    try:
        for chunk in _iter_decoded(source, info, frame, is_late, is_strict=is_strict):
            buffer += chunk
            has_samples = True
            if len(buffer) >= _MIN_YIELD_SIZE:
                yield bytes(buffer)
                buffer.clear()
    except UnknownAudio:
        if not has_samples:
            raise
    if buffer:
        yield bytes(buffer)


def _iter_decoded(
    source: BinaryIO, info: AudioInfo, frame: int, is_late: Callable[[], bool], *, is_strict: bool
) -> Iterator[bytes]:
    """Yield the samples of `iter_samples` in chunks of any size."""
    first = max(frame - round(_PREROLL_SECONDS * info.rate), 0)
    decoded = (
        _decode_blocks(source, info, info.blocks, first) if info.blocks else _decode_after_seek(source, info, first)
    )
    skip = 0
    is_known = frame == 0
    for position, data in decoded:
        if is_late():
            raise DeadlineExceeded
        if position is not None:
            skip = max(frame - position, 0) * frame_size(info)
            if is_strict and not is_known and position > frame:
                yield _build_gap(position - frame, info)
            is_known = True
        if is_strict and not is_known:
            raise UnknownAudio("a seek that ended at an unknown time")
        if skip < len(data):
            yield data[skip:]
        skip = max(skip - len(data), 0)


def _build_gap(frames: int, info: AudioInfo) -> bytes:
    """Return silence for what a seek left out. Raise UnknownAudio if that is more than a moment."""
    if frames > _MAX_GAP_SECONDS * info.rate:
        raise UnknownAudio("a seek that ended much later")
    return bytes(frames * frame_size(info))


def _decode_blocks(source: BinaryIO, info: AudioInfo, blocks: BlockLayout, frame: int) -> Iterator[PositionedSamples]:
    """Seek by computation. The demuxer only provides the codec, because many headers have a wrong byte rate."""
    first = frame // blocks.frames_per_block
    position: int | None = first * blocks.frames_per_block
    read_size = max(_READ_SIZE // blocks.block_size, 1) * blocks.block_size
    with open_audio_stream(source, info.codec) as (_container, stream):
        resample = _build_resampler(info)
        offset = blocks.begin + first * blocks.block_size
        while offset < blocks.end:
            source.seek(offset, os.SEEK_SET)
            chunk = source.read(min(read_size, blocks.end - offset))
            if not chunk:
                return
            offset += len(chunk)
            for decoded in stream.codec_context.decode(av.Packet(chunk)):
                for data in resample(decoded):
                    yield position, data
                    position = None


def _decode_after_seek(source: BinaryIO, info: AudioInfo, frame: int) -> Iterator[PositionedSamples]:
    """Seek with FFmpeg: in Ogg by pages, in MP3 by frames from the beginning."""
    with open_audio_stream(source, info.codec) as (container, stream):
        time_base, start = stream.time_base, max(stream.start_time or 0, 0)
        if frame and time_base:
            container.seek(start + int(frame / info.rate / time_base), stream=stream, backward=True)
        resample, position = _build_resampler(info), None
        is_first = True
        for decoded in container.decode(stream):
            if is_first and decoded.pts is not None and time_base:
                position = round(float((decoded.pts - start) * time_base) * info.rate)
            is_first = False
            for data in resample(decoded):
                yield position, data
                position = None


def _build_resampler(info: AudioInfo) -> Callable[[AudioFrame], Iterator[bytes]]:
    """Return a function from a decoded frame to packed 16-bit samples in the rate and channels of `info`."""
    layout = "mono" if info.channels == 1 else "stereo"
    resampler = av.AudioResampler(format="s16", layout=layout, rate=info.rate)

    def resample(frame: AudioFrame) -> Iterator[bytes]:
        if frame.format.name == "s16" and frame.layout.nb_channels == info.channels and frame.sample_rate == info.rate:
            yield bytes(frame.planes[0])[: frame.samples * 2 * info.channels]
            return
        frame.pts = None
        for resampled in resampler.resample(frame):
            yield bytes(resampled.planes[0])[: resampled.samples * 2 * info.channels]

    return resample
