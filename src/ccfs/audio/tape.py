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

from ccfs.model.wav import A_LAW, GSM, IEEE_FLOAT, MU_LAW, PCM, NotWav, WavFormat, read_format
from ccfs.switches.audio import HEAD, AudioKind, Coding, UnknownAudio, kind_of, span

__all__ = ["Blocks", "Tape", "UnknownAudio", "look", "opened"]  # the error is this storey's, too

_MS_ADPCM, _IMA_ADPCM, _G722 = 0x0002, 0x0011, 0x028F
_PLAYED_OGG = {"opus", "vorbis", "flac"}
_FORMATS = {Coding.RIFF: "wav", Coding.MP3: "mp3", Coding.OGG: "ogg"}  # FFmpeg's names
_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg", "ogg": "audio/ogg"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """Sound in blocks of one size, each of so many frames: a time's place in the file is then a matter of counting."""

    begin: int  # of the first block in the file
    end: int
    size: int  # bytes
    frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tape:
    """A recording as sound. A frame is one sample of each channel."""

    format: str  # "wav", "mp3", "ogg"
    rate: int  # frames per second
    channels: int  # as they are given: more than two are brought down to two
    frames: int
    is_played: bool  # whether Chromium and Firefox play the file as it is
    blocks: Blocks | None  # None: the file must be searched for a time

    @property
    def content_type(self) -> str:
        """Of the file as it is."""
        return _TYPES[self.format]

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.frames / self.rate


def look(source: BinaryIO, size: int, *, exactly: bool = False) -> Tape:
    """What an open, seekable file of `size` bytes is; raises UnknownAudio.

    An MP3 is as long as it says, or as its bit rate lets one think, unless its packets shall be counted `exactly`.
    """
    source.seek(0)
    head = source.read(HEAD)
    source.seek(0)
    kind = kind_of("recording.mp3", head)  # what neither RIFF nor Ogg begins is MP3, or nothing that was taken in
    if kind.coding is Coding.RIFF and (tape := _blocks_of_wav(head, size)):
        return tape
    return _by_ffmpeg(source, kind, exactly=exactly)


@contextmanager
def opened(source: BinaryIO, form: str) -> Iterator[tuple[InputContainer, AudioStream]]:
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


def _blocks_of_wav(head: bytes, size: int) -> Tape | None:
    """A WAV whose coding has blocks of one size; None for others."""
    try:
        found = read_format(head, size)
    except NotWav as error:
        raise UnknownAudio(f"not a WAV: {error}") from error
    block, frames = _block(found)
    if not block or frames < 1:
        return None
    _must_be_a_rate(found.rate)
    end = found.data_offset + found.data_size // block * block
    return Tape(
        format="wav",
        rate=found.rate,
        channels=min(found.channels, 2),
        frames=(end - found.data_offset) // block * frames,
        is_played=_is_played(found),
        blocks=Blocks(begin=found.data_offset, end=end, size=block, frames=frames),
    )


def _block(found: WavFormat) -> tuple[int, int]:
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


def _must_be_a_rate(rate: int) -> None:
    if not 1000 <= rate <= 768_000:
        raise UnknownAudio(f"{rate} samples per second")


def _is_played(found: WavFormat) -> bool:
    """G.711 and PCM of whole sizes; a header that says less or more than there is makes browsers stop or wait."""
    plain = found.tag in (A_LAW, MU_LAW) or (found.tag == PCM and found.bits in (8, 16, 24))
    return plain and found.channels <= 2 and not found.open_ended and not found.cut


def _by_ffmpeg(source: BinaryIO, kind: AudioKind, *, exactly: bool) -> Tape:
    form = _FORMATS[kind.coding]
    with opened(source, form) as (_container, stream):
        codec = stream.codec_context
        rate, channels, name = codec.sample_rate, codec.channels, codec.codec.canonical_name
        seconds = float((stream.duration or 0) * (stream.time_base or 0))
    if not channels:
        raise UnknownAudio(f"no audio in this {form}")
    _must_be_a_rate(rate)
    if form != "wav" and (exactly or seconds <= 0):
        source.seek(0)
        seconds = span(source, kind)
    return Tape(
        format=form,
        rate=rate,
        channels=min(channels, 2),
        frames=round(seconds * rate),
        is_played=form == "mp3" or name in _PLAYED_OGG,
        blocks=None,
    )
