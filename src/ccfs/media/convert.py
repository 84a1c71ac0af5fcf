"""Recordings as switches leave them, told apart and brought into files that anyone can play.

Works on open binary files, in pieces of constant size; opens nothing but the path given to `span`. No database, no clock.

What "without loss" means here:
  WAV, MP3, Ogg        copied, byte by byte.
  A-law, mu-law, sln   headerless samples: a WAV header is put before them; the samples are the same bytes.
  GSM 06.10, G.722     need a decoder, which few players have: decoded to 16-bit PCM, every sample that the codec
                       defines, nothing resampled or levelled. The way back is not exact: the original's hash is kept
                       beside the recording to tell what the switch left.
"""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.container import InputContainer

from ccfs.model.recordings.wav import (
    A_LAW,
    MAX_DATA_BYTES,
    MU_LAW,
    PCM,
    InvalidWav,
    WavFormat,
    build_header,
    read_format,
)

HEAD_BYTES = 65_536  # bytes of a file's beginning that are enough for kind_of and for a WAV's header
_CHUNK_BYTES = 33 * 3200  # bytes read at once; whole GSM frames
_MAX_PACKET_SECONDS = 10.0  # seconds; FLAC's reach 8 in Ogg, all other codecs' are far below one
_GSM_FRAME_BYTES, _GSM_FRAME_SAMPLES = 33, 160


class UnknownAudio(ValueError):
    """Not audio that ccfs can keep: of no known kind, empty or broken. The text is the reason that an operator sees."""


class Coding(StrEnum):
    """How a file holds its sound."""

    RIFF = "riff"  # a WAV, whatever is inside
    MP3 = "mp3"
    OGG = "ogg"
    A_LAW = "alaw"
    MU_LAW = "ulaw"
    LINEAR = "sln"  # 16-bit signed little-endian samples
    GSM = "gsm"  # GSM 06.10 full rate, frames of 33 bytes
    G722 = "g722"  # at 64 kbit/s


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioKind:
    """One of the codings, and what a headerless file cannot say itself."""

    coding: Coding
    rate: int = 0  # samples per second; 0: the file says it itself

    @property
    def extension(self) -> str:
        """What `into_wav` makes of it: ".wav", ".mp3" or ".ogg"."""
        return f".{self.coding}" if self.coding in (Coding.MP3, Coding.OGG) else ".wav"

    @property
    def is_copied(self) -> bool:
        """Whether what is stored is the file itself, so that `check` is enough and `into_wav` only copies."""
        return self.coding in (Coding.RIFF, Coding.MP3, Coding.OGG)


# Asterisk's names, lower-case: formats/format_*.c, "exts".
_HEADERLESS = {
    **dict.fromkeys(("alaw", "al", "alw"), AudioKind(coding=Coding.A_LAW, rate=8000)),
    **dict.fromkeys(("pcm", "ulaw", "ul", "mu", "ulw"), AudioKind(coding=Coding.MU_LAW, rate=8000)),
    **dict.fromkeys(("sln", "sln8", "raw"), AudioKind(coding=Coding.LINEAR, rate=8000)),
    **{f"sln{k}": AudioKind(coding=Coding.LINEAR, rate=k * 1000) for k in (12, 16, 24, 32, 48, 96, 192)},
    "sln44": AudioKind(coding=Coding.LINEAR, rate=44100),
    "gsm": AudioKind(coding=Coding.GSM, rate=8000),
    "g722": AudioKind(coding=Coding.G722, rate=16000),
}
_RIFF, _MP3, _OGG = (AudioKind(coding=coding) for coding in (Coding.RIFF, Coding.MP3, Coding.OGG))
_SELF_DESCRIBING = {
    **dict.fromkeys(("wav", "wav49", "wav16", "v3"), "RIFF/WAVE"),
    **dict.fromkeys(("ogg", "opus"), "Ogg"),
}


def detect_kind(name: str, head: bytes) -> AudioKind:
    """What a file is, by its first bytes, and where these say nothing, by its name. Raises UnknownAudio.

    MPEG's bare frame sync is not looked for in files of a headerless kind: quiet mu-law begins with the same bytes.
    """
    if not head:
        raise UnknownAudio("empty")
    extension = os.path.splitext(name)[1][1:].lower()
    if found := _detect_by_magic(head):
        return found
    if extension in _HEADERLESS:
        return _HEADERLESS[extension]
    if extension == "mp3" or _is_mpeg_frame(head):
        return _MP3
    if extension in _SELF_DESCRIBING:
        raise UnknownAudio(f"named .{extension}, but has no {_SELF_DESCRIBING[extension]} header")
    raise UnknownAudio(f"no known audio: extension {extension!r}, first bytes {head[:4].hex()}")


def check(source: BinaryIO, kind: AudioKind) -> None:
    """Whether a file that is copied as it is is what it seems; raises UnknownAudio. `source` must be seekable."""
    if kind.coding == Coding.RIFF:
        _read_wav_format(source, _get_size(source))
    elif kind.is_copied:
        _check_first_frame(source, kind)


def convert_audio(source: BinaryIO, kind: AudioKind, target: BinaryIO) -> str:
    """Writes what is to be stored of `source` to `target`; the extension to store it under (see `AudioKind`).

    `source` is read from its beginning and must be seekable; `target` is only written to, from where it stands. What has
    been written when UnknownAudio is raised is worth nothing.
    """
    size = _get_size(source)
    match kind.coding:
        case Coding.RIFF | Coding.MP3 | Coding.OGG:
            check(source, kind)
            _copy(source, size, target)
        case Coding.GSM | Coding.G722:
            _decode(source, kind, size, target)
        case _:
            _write_with_header(source, kind, size, target)
    return kind.extension


def measure_duration(source: BinaryIO | str | os.PathLike[str], kind: AudioKind) -> float:
    """Seconds of audio in an open file or the file at a path. Raises UnknownAudio where that cannot be known."""
    if isinstance(source, str | os.PathLike):
        with open(source, "rb") as file:
            return measure_duration(file, kind)
    size = _get_size(source)
    match kind.coding:
        case Coding.RIFF:
            duration = _read_wav_format(source, size).duration
            if duration is None:
                raise UnknownAudio("a WAV of unknown length")
            return duration
        case Coding.MP3 | Coding.OGG:
            return _sum_packet_durations(source, kind)
        case _:
            return _count_samples(kind, size) / kind.rate


def _detect_by_magic(head: bytes) -> AudioKind | None:
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return _RIFF
    if head[:4] == b"OggS":
        return _OGG
    # "ID3", a version and a size: bytes below 255 and below 128.
    is_id3 = head[:3] == b"ID3" and len(head) >= 10 and max(head[3:5]) < 255 and max(head[6:10]) < 128
    return _MP3 if is_id3 else None


def _is_mpeg_frame(head: bytes) -> bool:
    """Eleven bits of sync, layer III, and neither a bit rate nor a sample rate that MPEG forbids."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return False
    return head[1] & 0x18 != 0x08 and head[2] >> 4 not in (0, 15) and head[2] & 0x0C != 0x0C


def _get_size(source: BinaryIO) -> int:
    """The file's size; it is left at its beginning. Raises UnknownAudio if it is empty."""
    size = source.seek(0, os.SEEK_END)
    source.seek(0)
    if not size:
        raise UnknownAudio("empty")
    return size


def _count_samples(kind: AudioKind, size: int) -> int:
    """Samples per channel in `size` bytes of a headerless kind; a frame or sample that is cut does not count."""
    match kind.coding:
        case Coding.GSM:
            return size // _GSM_FRAME_BYTES * _GSM_FRAME_SAMPLES
        case Coding.G722:
            return size * 2
        case Coding.LINEAR:
            return size // 2
        case _:
            return size


def _read_chunks(source: BinaryIO, size: int) -> Iterator[bytes]:
    """`size` bytes from where `source` stands: what a switch adds meanwhile is left alone."""
    for begin in range(0, size, _CHUNK_BYTES):
        wanted = min(_CHUNK_BYTES, size - begin)
        piece = source.read(wanted)
        if len(piece) < wanted:
            raise UnknownAudio("became shorter while it was read")
        yield piece


def _copy(source: BinaryIO, size: int, target: BinaryIO) -> None:
    target.writelines(_read_chunks(source, size))


def _read_wav_format(source: BinaryIO, size: int) -> WavFormat:
    """The format of a WAV; `source` is left at its beginning."""
    try:
        return read_format(source.read(HEAD_BYTES), size)
    except InvalidWav as error:
        raise UnknownAudio(f"not a WAV: {error}") from error
    finally:
        source.seek(0)


def _build_header(kind: AudioKind, data_size: int) -> bytes:
    if data_size > MAX_DATA_BYTES:
        raise UnknownAudio("too long for a WAV")
    tag, bits = {Coding.A_LAW: (A_LAW, 8), Coding.MU_LAW: (MU_LAW, 8)}.get(kind.coding, (PCM, 16))
    return build_header(tag=tag, rate=kind.rate, channels=1, bits=bits, data_size=data_size)


def _write_with_header(source: BinaryIO, kind: AudioKind, size: int, target: BinaryIO) -> None:
    """A header, the same bytes, and the padding that RIFF wants after an odd number of them."""
    target.write(_build_header(kind, size))
    _copy(source, size, target)
    target.write(b"\0" * (size % 2))


def _decode(source: BinaryIO, kind: AudioKind, size: int, target: BinaryIO) -> None:
    """16-bit PCM of a whole GSM or G.722 file. Both codecs have a fixed rate, so the header is known beforehand."""
    whole = size - size % _GSM_FRAME_BYTES if kind.coding is Coding.GSM else size
    if not whole:
        raise UnknownAudio(f"{size} bytes are less than one GSM frame")
    expected = 2 * _count_samples(kind, size)
    target.write(_build_header(kind, expected))
    decoder = av.CodecContext.create("gsm" if kind.coding is Coding.GSM else "adpcm_g722", "r")
    decoder.sample_rate, decoder.layout = kind.rate, "mono"
    written = 0
    for pcm in _decode_chunks(decoder, _read_chunks(source, whole)):
        target.write(pcm)
        written += len(pcm)
    if written != expected:
        raise UnknownAudio(f"broken {kind.coding}: {written} of {expected} bytes could be decoded")


def _decode_chunks(decoder: AudioCodecContext, pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        # The decoder would make noise of anything; every true GSM frame begins with the four bits 1101.
        if decoder.name == Coding.GSM and any(byte >> 4 != 0xD for byte in piece[::_GSM_FRAME_BYTES]):
            raise UnknownAudio("broken gsm: a frame without its signature")
        try:
            frames = decoder.decode(av.Packet(piece))
        except av.FFmpegError as error:
            raise UnknownAudio(f"broken {decoder.name}: {error.strerror}") from error
        for frame in frames:
            yield bytes(frame.planes[0])[: 2 * frame.samples]


@contextmanager
def _open_audio_stream(source: BinaryIO, kind: AudioKind) -> Iterator[tuple[InputContainer, AudioStream]]:
    """An MP3 or Ogg file's first audio stream; whatever goes wrong within is UnknownAudio."""
    try:
        with av.open(source, "r", format=kind.coding.value, metadata_errors="replace") as container:
            stream = next(iter(container.streams.audio), None)
            if stream is None or stream.codec_context is None:  # none where FFmpeg knows no such codec
                raise UnknownAudio(f"no audio in this {kind.coding}")
            yield container, stream
    except av.FFmpegError as error:
        raise UnknownAudio(f"broken {kind.coding}: {error.strerror}") from error


def _check_first_frame(source: BinaryIO, kind: AudioKind) -> None:
    """Raises UnknownAudio unless the file's first frame can be decoded; `source` is left at its beginning."""
    with _open_audio_stream(source, kind) as (container, stream):
        if next(container.decode(stream), None) is None:
            raise UnknownAudio(f"no audio in this {kind.coding}")
    source.seek(0)


def _sum_packet_durations(source: BinaryIO, kind: AudioKind) -> float:
    """Seconds of the packets that are there, whatever the file's header promises; nothing is decoded."""
    with _open_audio_stream(source, kind) as (container, stream):
        lengths = (float((packet.duration or 0) * (stream.time_base or 0)) for packet in container.demux(stream))
        # FFmpeg gives the last packet of a short Ogg, or of one with a page in the wrong place, a length of days.
        return math.fsum(length for length in lengths if 0 < length < _MAX_PACKET_SECONDS)
