"""What a kept recording is as sound: how long, how many channels, whether browsers play it as it is. Nothing is decoded.

The kind is told by the file's own first bytes, never by FFmpeg's guess: that could open more than the file it is given.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import av
from av.audio.stream import AudioStream
from av.container import InputContainer

from ccfs.media.convert import HEAD_BYTES, AudioKind, Coding, UnknownAudio, detect_kind, measure_duration
from ccfs.model.recordings.wav import A_LAW, GSM, IEEE_FLOAT, MU_LAW, PCM, InvalidWav, WavFormat, read_format

__all__ = [
    "AudioInfo",
    "BlockLayout",
    "UnknownAudio",
    "open_audio_stream",
    "probe_audio",
]  # the error is this storey's, too

_MS_ADPCM, _IMA_ADPCM, _G722 = 0x0002, 0x0011, 0x028F
_PLAYABLE_OGG_CODECS = {"opus", "vorbis", "flac"}
_FFMPEG_FORMATS = {Coding.RIFF: "wav", Coding.MP3: "mp3", Coding.OGG: "ogg"}  # FFmpeg's names
_CONTENT_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg", "ogg": "audio/ogg"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockLayout:
    """Sound in blocks of one size, each of so many frames: a time's place in the file is then a matter of counting."""

    begin: int  # of the first block in the file
    end: int
    block_size: int  # bytes
    frames_per_block: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioInfo:
    """A recording as sound. A frame is one sample of each channel."""

    format: str  # "wav", "mp3", "ogg"
    rate: int  # frames per second
    channels: int  # as they are given: more than two are brought down to two
    frames: int
    is_browser_playable: bool  # whether Chromium and Firefox play the file as it is
    blocks: BlockLayout | None  # None: the file must be searched for a time

    @property
    def content_type(self) -> str:
        """Of the file as it is."""
        return _CONTENT_TYPES[self.format]

    @property
    def duration_seconds(self) -> float:
        """How long it lasts."""
        return self.frames / self.rate


def probe_audio(source: BinaryIO, size: int, *, exactly: bool = False) -> AudioInfo:
    """What an open, seekable file of `size` bytes is; raises UnknownAudio.

    An MP3 is as long as it says, or as its bit rate lets one think, unless its packets shall be counted `exactly`.
    """
    source.seek(0)
    head = source.read(HEAD_BYTES)
    source.seek(0)
    kind = detect_kind("recording.mp3", head)  # what neither RIFF nor Ogg begins is MP3, or nothing that was taken in
    if kind.coding is Coding.RIFF and (tape := _probe_wav_blocks(head, size)):
        return tape
    return _probe_with_ffmpeg(source, kind, exactly=exactly)


@contextmanager
def open_audio_stream(source: BinaryIO, form: str) -> Iterator[tuple[InputContainer, AudioStream]]:
    """A file's first audio stream, in one of the three formats; whatever goes wrong within is UnknownAudio."""
    source.seek(0)
    try:
        with av.open(source, "r", format=form, metadata_errors="replace") as container:
            stream = next(iter(container.streams.audio), None)
            if stream is None or stream.codec_context is None:  # none where FFmpeg knows no such codec
                raise UnknownAudio(f"no audio in this {form}")
            yield container, stream
    except (av.FFmpegError, ValueError) as error:
        raise UnknownAudio(f"broken {form}: {error}") from error


def _probe_wav_blocks(head: bytes, size: int) -> AudioInfo | None:
    """A WAV whose coding has blocks of one size; None for others."""
    try:
        found = read_format(head, size)
    except InvalidWav as error:
        raise UnknownAudio(f"not a WAV: {error}") from error
    block, frames = _get_block_size(found)
    if not block or frames < 1:
        return None
    _check_sample_rate(found.rate)
    end = found.data_offset + found.data_size // block * block
    return AudioInfo(
        format="wav",
        rate=found.rate,
        channels=min(found.channels, 2),
        frames=(end - found.data_offset) // block * frames,
        is_browser_playable=_is_browser_playable(found),
        blocks=BlockLayout(begin=found.data_offset, end=end, block_size=block, frames_per_block=frames),
    )


def _get_block_size(found: WavFormat) -> tuple[int, int]:
    """Bytes and frames of a block; 0, 0 where that is not known. Block sizes in headers are believed where nothing else tells."""
    channels, align = found.channels, found.block_align
    match found.tag:
        case t if t in (PCM, IEEE_FLOAT, A_LAW, MU_LAW):
            return (found.bits + 7) // 8 * channels, 1
        case t if t == GSM and channels == 1:
            return 65, 320
        case t if t == _G722 and channels == 1:
            return 1, 2
        case t if t == _IMA_ADPCM and found.bits == 4 and align > 4 * channels:
            return align, (align - 4 * channels) * 2 // channels + 1
        case t if t == _MS_ADPCM and found.bits == 4 and align > 7 * channels:
            return align, (align - 7 * channels) * 2 // channels + 2
    return 0, 0


def _check_sample_rate(rate: int) -> None:
    if not 1000 <= rate <= 768_000:
        raise UnknownAudio(f"{rate} samples per second")


def _is_browser_playable(found: WavFormat) -> bool:
    """G.711 and PCM of whole sizes; a header that says less or more than there is makes browsers stop or wait."""
    plain = found.tag in (A_LAW, MU_LAW) or (found.tag == PCM and found.bits in (8, 16, 24))
    return plain and found.channels <= 2 and not found.is_open_ended and not found.is_truncated


def _probe_with_ffmpeg(source: BinaryIO, kind: AudioKind, *, exactly: bool) -> AudioInfo:
    form = _FFMPEG_FORMATS[kind.coding]
    with open_audio_stream(source, form) as (_container, stream):
        codec = stream.codec_context
        rate, channels, name = codec.sample_rate, codec.channels, codec.codec.canonical_name
        seconds = float((stream.duration or 0) * (stream.time_base or 0))
    if not channels:
        raise UnknownAudio(f"no audio in this {form}")
    _check_sample_rate(rate)
    if form != "wav" and (exactly or seconds <= 0):
        source.seek(0)
        seconds = measure_duration(source, kind)
    return AudioInfo(
        format=form,
        rate=rate,
        channels=min(channels, 2),
        frames=round(seconds * rate),
        is_browser_playable=form == "mp3" or name in _PLAYABLE_OGG_CODECS,
        blocks=None,
    )
