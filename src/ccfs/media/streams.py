"""Audio streams of files that have a header, opened with FFmpeg."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import av
from av.audio.stream import AudioStream
from av.container import InputContainer

from ccfs.media.codec_table import Codec, UnknownAudio
from ccfs.media.detect import HEAD_BYTES
from ccfs.model.recordings.wav import InvalidWav, WavFormat, read_format

_MAX_PACKET_SECONDS = 10.0  # seconds; FLAC's reach 8 in Ogg, all other codecs' are far below one


@contextmanager
def open_audio_stream(source: BinaryIO, codec: Codec) -> Iterator[tuple[InputContainer, AudioStream]]:
    """Open a file's first audio stream. Raise UnknownAudio for every failure within the block.

    The format is always given, because FFmpeg's detection could open files other than this one.
    """
    source.seek(0)
    try:
        with av.open(source, "r", format=codec.name, metadata_errors="replace") as container:
            stream = next(iter(container.streams.audio), None)
            if stream is None or stream.codec_context is None:  # none where FFmpeg knows no such codec
                raise UnknownAudio(f"no audio in this {codec.name}")
            yield container, stream
    except UnknownAudio:
        raise
    except av.FFmpegError as error:
        raise UnknownAudio(f"broken {codec.name}: {error.strerror}") from error
    except ValueError as error:
        raise UnknownAudio(f"broken {codec.name}: {error}") from error


def check_first_frame(source: BinaryIO, codec: Codec) -> None:
    """Raise UnknownAudio unless the file's first frame can be decoded."""
    with open_audio_stream(source, codec) as (container, stream):
        if next(container.decode(stream), None) is None:
            raise UnknownAudio(f"no audio in this {codec.name}")


def sum_packet_durations(source: BinaryIO, codec: Codec) -> float:
    """Return the total duration of the packets in the file in seconds, whatever its header says. Nothing is decoded."""
    with open_audio_stream(source, codec) as (container, stream):
        durations = (float((packet.duration or 0) * (stream.time_base or 0)) for packet in container.demux(stream))
        # FFmpeg gives the last packet of a short Ogg, or of one with a page in the wrong place, a length of days.
        return math.fsum(duration for duration in durations if 0 < duration < _MAX_PACKET_SECONDS)


def get_size(source: BinaryIO) -> int:
    """Return the file's size and rewind it. Raise UnknownAudio if it is empty."""
    size = source.seek(0, os.SEEK_END)
    source.seek(0)
    if not size:
        raise UnknownAudio("empty")
    return size


def read_wav_format(source: BinaryIO, size: int) -> WavFormat:
    """Return the format of a WAV of `size` bytes and rewind the file. Raise UnknownAudio."""
    source.seek(0)
    try:
        return read_format(source.read(HEAD_BYTES), size)
    except InvalidWav as error:
        raise UnknownAudio(f"not a WAV: {error}") from error
    finally:
        source.seek(0)
