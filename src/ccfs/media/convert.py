"""Convert the files that switches write into files that anyone can play.

Files are open, binary and seekable. They are read in chunks of constant size.
"""

from collections.abc import Iterator
from typing import BinaryIO

import av
from av.audio.codeccontext import AudioCodecContext

from ccfs.media import streams
from ccfs.media.codec_table import RIFF, AudioKind, Codec, Storage, UnknownAudio
from ccfs.model.recordings.wav import MAX_DATA_BYTES, build_header

_CHUNK_BYTES = 105_600  # bytes read at once, less what would be part of a frame


def check_copy(source: BinaryIO, kind: AudioKind) -> None:
    """Raise UnknownAudio if a file that is stored as a copy is not what its first bytes promise."""
    if kind.codec is RIFF:
        streams.read_wav_format(source, streams.get_size(source))
    else:
        streams.get_size(source)
        streams.check_first_frame(source, kind.codec)
    source.seek(0)


def convert_audio(source: BinaryIO, kind: AudioKind, target: BinaryIO) -> str:
    """Write what is stored of `source` to `target`. Return the extension to store it under (see `AudioKind`).

    `target` is written to from its present position. If UnknownAudio is raised, the bytes written are useless.
    """
    size = streams.get_size(source)
    match kind.codec.storage:
        case Storage.COPY:
            check_copy(source, kind)
            _copy(source, size, target)
        case Storage.WRAP:
            _write_with_header(source, kind, size, target)
        case Storage.DECODE:
            _decode(source, kind, size, target)
    return kind.extension


def _read_chunks(source: BinaryIO, size: int, frame_bytes: int = 1) -> Iterator[bytes]:
    """Yield `size` bytes in whole frames. Bytes that a switch adds meanwhile are not read."""
    step = max(_CHUNK_BYTES // frame_bytes, 1) * frame_bytes
    for begin in range(0, size, step):
        expected = min(step, size - begin)
        chunk = source.read(expected)
        if len(chunk) < expected:
            raise UnknownAudio("became shorter while it was read")
        yield chunk


def _copy(source: BinaryIO, size: int, target: BinaryIO) -> None:
    target.writelines(_read_chunks(source, size))


def _build_header(kind: AudioKind, data_size: int) -> bytes:
    if data_size > MAX_DATA_BYTES:
        raise UnknownAudio("too long for a WAV")
    codec = kind.codec
    return build_header(tag=codec.wav_tag, rate=kind.rate, channels=1, bits=codec.wav_bits, data_size=data_size)


def _write_with_header(source: BinaryIO, kind: AudioKind, size: int, target: BinaryIO) -> None:
    """Write a header, the same bytes, and the padding that RIFF requires after an odd number of them."""
    target.write(_build_header(kind, size))
    _copy(source, size, target)
    target.write(b"\0" * (size % 2))


def _decode(source: BinaryIO, kind: AudioKind, size: int, target: BinaryIO) -> None:
    """Write 16-bit PCM of a whole file. The codecs have a fixed rate, so the header is known beforehand."""
    codec = kind.codec
    whole = size - size % codec.frame_bytes
    if not whole:
        raise UnknownAudio(f"{size} bytes are less than one {codec.name} frame")
    expected = 2 * codec.count_samples(size)
    target.write(_build_header(kind, expected))
    decoder = av.CodecContext.create(codec.decoder, "r")
    assert isinstance(decoder, AudioCodecContext)
    decoder.sample_rate, decoder.layout = kind.rate, "mono"
    written = 0
    for pcm in _decode_chunks(decoder, codec, _read_chunks(source, whole, codec.frame_bytes)):
        target.write(pcm)
        written += len(pcm)
    if written != expected:
        raise UnknownAudio(f"broken {codec.name}: {written} of {expected} bytes could be decoded")


def _decode_chunks(decoder: AudioCodecContext, codec: Codec, chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        # Frames have no checksum: the decoder would turn any bytes into noise.
        if codec.frame_tag is not None and any(byte >> 4 != codec.frame_tag for byte in chunk[:: codec.frame_bytes]):
            raise UnknownAudio(f"broken {codec.name}: a frame without its signature")
        try:
            frames = decoder.decode(av.Packet(chunk))
        except av.FFmpegError as error:
            raise UnknownAudio(f"broken {codec.name}: {error.strerror}") from error
        for frame in frames:
            yield bytes(frame.planes[0])[: 2 * frame.samples]
