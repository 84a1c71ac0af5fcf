"""A recording in another form, as it is being made: WAV, MP3, Opus. Memory does not grow with its length."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from io import RawIOBase
from typing import Any, BinaryIO

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from ccfs.media import pcm
from ccfs.media.probe import AudioInfo

_SAMPLE_RATES = {
    "libmp3lame": (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000),
    "libopus": (8000, 12000, 16000, 24000, 48000),
}


class OutputFormat(StrEnum):
    """What a recording can be had as."""

    WAV = "wav"
    MP3 = "mp3"
    OPUS = "opus"

    @property
    def content_type(self) -> str:
        """Of such a file."""
        return {OutputFormat.WAV: "audio/wav", OutputFormat.MP3: "audio/mpeg", OutputFormat.OPUS: "audio/ogg"}[self]


def output_size(tape: AudioInfo, form: OutputFormat) -> int | None:
    """Bytes of the recording in that form; None where only making it tells."""
    return pcm.wav_size(tape) if form is OutputFormat.WAV else None


def encode_audio(source: BinaryIO, tape: AudioInfo, form: OutputFormat, is_late: Callable[[], bool]) -> Iterator[bytes]:
    """The whole recording in that form, piece by piece; raises UnknownAudio, TooLate."""
    match form:
        case OutputFormat.WAV:
            return pcm.iter_wav(source, tape, 0, pcm.wav_size(tape), is_late)
        case OutputFormat.MP3:  # a tag of the length would have to be written into the begin, which is gone by then
            bits = (32_000 if tape.rate <= 16_000 else 64_000) * tape.channels
            return _encode_with(source, tape, "mp3", "libmp3lame", bits, is_late)
        case OutputFormat.OPUS:
            return _encode_with(source, tape, "ogg", "libopus", 24_000 * tape.channels, is_late)


class _MuxBuffer(RawIOBase):
    """Takes what a muxer writes until it is fetched."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._written += data
        return len(data)

    def drain(self) -> bytes:
        taken = bytes(self._written)
        self._written.clear()
        return taken


def _encode_with(
    source: BinaryIO, tape: AudioInfo, container: str, codec: str, bits: int, is_late: Callable[[], bool]
) -> Iterator[bytes]:
    tray = _MuxBuffer()
    options = {"write_xing": "0"} if container == "mp3" else {}
    effort = {"compression_level": "7"} if codec == "libmp3lame" else {}  # half the work, and speech sounds the same
    rate = next((one for one in _SAMPLE_RATES[codec] if one >= tape.rate), 48_000)
    with av.open(tray, "w", format=container, options=options) as target:
        stream = target.add_stream(codec, rate=rate, layout="mono" if tape.channels == 1 else "stereo")
        assert isinstance(stream, AudioStream)
        stream.bit_rate = bits
        stream.codec_context.options = effort
        for frame in _iter_frames(source, tape, is_late):
            target.mux(stream.encode(frame))
            if piece := tray.drain():
                yield piece
        target.mux(stream.encode(None))
    if piece := tray.drain():
        yield piece


def _iter_frames(source: BinaryIO, tape: AudioInfo, is_late: Callable[[], bool]) -> Iterator[AudioFrame]:
    """The samples as frames; the encoder brings them into its own rate and sizes."""
    position = 0
    for piece in pcm.iter_samples(source, tape, 0, is_late):
        frame = AudioFrame(
            format="s16", layout="mono" if tape.channels == 1 else "stereo", samples=len(piece) // pcm.frame_size(tape)
        )
        frame.sample_rate, frame.pts = tape.rate, position
        frame.planes[0].update(piece)
        position += frame.samples
        yield frame
