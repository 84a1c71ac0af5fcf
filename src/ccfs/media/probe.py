"""Probe an audio file: duration, channels, whether browsers play it. Decode nothing.

The file's own first bytes decide its kind, never FFmpeg's guess.
"""

import os
from dataclasses import dataclass
from typing import BinaryIO

from ccfs.media import streams
from ccfs.media.codec_table import RIFF, AudioKind, Codec, Storage, UnknownAudio
from ccfs.media.detect import HEAD_BYTES, detect_kind
from ccfs.model.recordings.wav import A_LAW, GSM, IEEE_FLOAT, MU_LAW, PCM, WavFormat

_MS_ADPCM, _IMA_ADPCM, _G722 = 0x0002, 0x0011, 0x028F


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockLayout:
    """Audio in blocks of one size, each of the same number of frames: the place of a time can be computed."""

    begin: int  # of the first block in the file
    end: int
    block_size: int  # bytes
    frames_per_block: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioInfo:
    """The audio of a recording. A frame is one sample of each channel."""

    codec: Codec  # of the stored file
    rate: int  # frames per second
    channels: int  # as decoded: more than two are mixed down to two
    frames: int
    is_browser_playable: bool  # whether Chromium and Firefox play the stored file
    blocks: BlockLayout | None  # None: a time must be searched for in the file

    @property
    def content_type(self) -> str:
        """Content type of the stored file."""
        return self.codec.content_type

    @property
    def duration_seconds(self) -> float:
        """Duration of the recording."""
        return self.frames / self.rate


def measure_duration(source: BinaryIO | str | os.PathLike[str], kind: AudioKind) -> float:
    """Return the seconds of audio in an open file or the file at a path. Raise UnknownAudio where they are unknown."""
    if isinstance(source, str | os.PathLike):
        with open(source, "rb") as file:
            return measure_duration(file, kind)
    size = streams.get_size(source)
    if kind.codec.storage not in (Storage.COPY, Storage.REMUX):
        return kind.codec.count_samples(size) / kind.rate
    if kind.codec is not RIFF:
        return streams.sum_packet_durations(source, kind.codec)
    duration = streams.read_wav_format(source, size).duration
    if duration is None:
        raise UnknownAudio("a WAV of unknown length")
    return duration


def probe_audio(source: BinaryIO, size: int, *, exactly: bool = False) -> AudioInfo:
    """Probe an open, seekable file of `size` bytes. Raise UnknownAudio.

    The duration of an MP3 is what its header says, or an estimate from its bit rate, unless `exactly` asks for its packets
    to be counted.
    """
    source.seek(0)
    head = source.read(HEAD_BYTES)
    kind = detect_kind("recording.mp3", head)  # a stored file that begins neither with RIFF nor with Ogg is an MP3
    if kind.codec is RIFF and (info := _probe_wav_blocks(source, size)):
        return info
    return _probe_with_ffmpeg(source, kind, exactly=exactly)


def _probe_wav_blocks(source: BinaryIO, size: int) -> AudioInfo | None:
    """Probe a WAV whose codec has blocks of one size. Return None for other WAVs."""
    wav = streams.read_wav_format(source, size)
    block_size, frames_per_block = _get_block_size(wav)
    if not block_size or frames_per_block < 1:
        return None
    _check_sample_rate(wav.rate)
    blocks = wav.data_size // block_size
    end = wav.data_offset + blocks * block_size
    return AudioInfo(
        codec=RIFF,
        rate=wav.rate,
        channels=min(wav.channels, 2),
        frames=blocks * frames_per_block,
        is_browser_playable=_is_browser_playable(wav),
        blocks=BlockLayout(begin=wav.data_offset, end=end, block_size=block_size, frames_per_block=frames_per_block),
    )


def _get_block_size(wav: WavFormat) -> tuple[int, int]:
    """Return bytes and frames of a block; 0, 0 where unknown. The header's block size counts where the codec has none."""
    channels, align = wav.channels, wav.block_align
    match wav.tag:
        case tag if tag in (PCM, IEEE_FLOAT, A_LAW, MU_LAW):
            return (wav.bits + 7) // 8 * channels, 1
        case tag if tag == GSM and channels == 1:
            return 65, 320
        case tag if tag == _G722 and channels == 1:
            return 1, 2
        case tag if tag == _IMA_ADPCM and wav.bits == 4 and align > 4 * channels:
            return align, (align - 4 * channels) * 2 // channels + 1
        case tag if tag == _MS_ADPCM and wav.bits == 4 and align > 7 * channels:
            return align, (align - 7 * channels) * 2 // channels + 2
    return 0, 0


def _check_sample_rate(rate: int) -> None:
    if not 1000 <= rate <= 768_000:
        raise UnknownAudio(f"{rate} samples per second")


def _is_browser_playable(wav: WavFormat) -> bool:
    """Return whether a WAV is G.711 or PCM with correct sizes. Browsers stop or wait if the header's length is wrong."""
    is_plain = wav.tag in (A_LAW, MU_LAW) or (wav.tag == PCM and wav.bits in (8, 16, 24))
    return is_plain and wav.channels <= 2 and not wav.is_open_ended and not wav.is_truncated


def _probe_with_ffmpeg(source: BinaryIO, kind: AudioKind, *, exactly: bool) -> AudioInfo:
    with streams.open_audio_stream(source, kind.codec) as (_container, stream):
        context = stream.codec_context
        rate, channels, name = context.sample_rate, context.channels, context.codec.canonical_name
        seconds = float((stream.duration or 0) * (stream.time_base or 0))
    if not channels:
        raise UnknownAudio(f"no audio in this {kind.codec.name}")
    _check_sample_rate(rate)
    if kind.codec is not RIFF and (exactly or seconds <= 0):
        seconds = measure_duration(source, kind)
    return AudioInfo(
        codec=kind.codec,
        rate=rate,
        channels=min(channels, 2),
        frames=round(seconds * rate),
        is_browser_playable=name in kind.codec.browser_codecs,
        blocks=None,
    )
