"""Encode a recording as WAV, MP3 or Opus, chunk by chunk. Memory does not grow with its duration."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from io import RawIOBase
from typing import Any, BinaryIO

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from ccfs.media import codec_table, pcm
from ccfs.media.codec_table import Codec
from ccfs.media.probe import AudioInfo


class OutputFormat(StrEnum):
    """Formats in which a recording can be downloaded."""

    WAV = "wav"
    MP3 = "mp3"
    OPUS = "opus"

    @property
    def content_type(self) -> str:
        """Content type of a file in this format."""
        return _ENCODERS[self].codec.content_type


@dataclass(frozen=True, slots=True, kw_only=True)
class _Encoder:
    codec: Codec  # of the file that is written
    name: str = ""  # FFmpeg's encoder; "": none is needed
    sample_rates: tuple[int, ...] = ()  # rates that it can encode
    get_bit_rate: Callable[[AudioInfo], int] = lambda _info: 0
    muxer_options: tuple[tuple[str, str], ...] = ()
    encoder_options: tuple[tuple[str, str], ...] = ()


_ENCODERS = {
    OutputFormat.WAV: _Encoder(codec=codec_table.RIFF),
    OutputFormat.MP3: _Encoder(
        codec=codec_table.MP3,
        name="libmp3lame",
        sample_rates=(8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000),
        get_bit_rate=lambda info: (32_000 if info.rate <= 16_000 else 64_000) * info.channels,
        muxer_options=(
            ("write_xing", "0"),
        ),  # a tag with the length would go into the beginning, which is sent by then
        encoder_options=(("compression_level", "7"),),  # half the work, and speech sounds the same
    ),
    OutputFormat.OPUS: _Encoder(
        codec=codec_table.OGG,
        name="libopus",
        sample_rates=(8000, 12000, 16000, 24000, 48000),
        get_bit_rate=lambda info: 24_000 * info.channels,
    ),
}


def output_size(info: AudioInfo, output: OutputFormat) -> int | None:
    """Return the bytes of the recording in that format, or None if only encoding can determine it."""
    return pcm.wav_size(info) if output is OutputFormat.WAV else None


def encode_audio(
    source: BinaryIO, info: AudioInfo, output: OutputFormat, is_late: Callable[[], bool]
) -> Iterator[bytes]:
    """Yield the whole recording in that format. Raise UnknownAudio, or DeadlineExceeded once `is_late`."""
    if output is OutputFormat.WAV:
        return pcm.iter_wav(source, info, 0, pcm.wav_size(info), is_late)
    return _encode_with(_ENCODERS[output], source, info, is_late)


class _MuxBuffer(RawIOBase):
    """Bytes that a muxer has written, until they are read."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._written += data
        return len(data)

    def drain(self) -> bytes:
        data = bytes(self._written)
        self._written.clear()
        return data


def _encode_with(encoder: _Encoder, source: BinaryIO, info: AudioInfo, is_late: Callable[[], bool]) -> Iterator[bytes]:
    buffer = _MuxBuffer()
    rate = next((rate for rate in encoder.sample_rates if rate >= info.rate), 48_000)
    with av.open(buffer, "w", format=encoder.codec.name, options=dict(encoder.muxer_options)) as target:
        stream = target.add_stream(encoder.name, rate=rate, layout=_get_channel_layout(info))
        assert isinstance(stream, AudioStream)
        stream.bit_rate = encoder.get_bit_rate(info)
        stream.codec_context.options = dict(encoder.encoder_options)
        for frame in _iter_frames(source, info, is_late):
            target.mux(stream.encode(frame))
            if chunk := buffer.drain():
                yield chunk
        target.mux(stream.encode(None))
    if chunk := buffer.drain():
        yield chunk


def _get_channel_layout(info: AudioInfo) -> str:
    return "mono" if info.channels == 1 else "stereo"


def _iter_frames(source: BinaryIO, info: AudioInfo, is_late: Callable[[], bool]) -> Iterator[AudioFrame]:
    """Yield the samples as frames. The encoder resamples and resizes them."""
    position = 0
    for chunk in pcm.iter_samples(source, info, 0, is_late):
        frame = AudioFrame(format="s16", layout=_get_channel_layout(info), samples=len(chunk) // pcm.frame_size(info))
        frame.sample_rate, frame.pts = info.rate, position
        frame.planes[0].update(chunk)
        position += frame.samples
        yield frame
