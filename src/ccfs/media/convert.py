"""Convert the files that switches write into files that anyone can play.

Files are open, binary and seekable. They are read in chunks of constant size.
"""

from collections.abc import Iterator
from typing import BinaryIO

import av
from av.audio.codeccontext import AudioCodecContext

from ccfs.media import streams
from ccfs.media.codec_table import RIFF, AudioKind, Codec, Storage, UnknownAudio
from ccfs.model.recordings.wav import MAX_DATA_BYTES, InvalidWav, WavFormat, build_header, read_format, repair_header

NO_AUDIO = "no audio"  # the reason of a header without samples, which a switch writes before a call is answered

_CHUNK_BYTES = 105_600  # bytes read at once, less what would be part of a frame


def check_copy(source: BinaryIO, kind: AudioKind) -> bytes:
    """Return the bytes that replace the beginning of a file that is stored as a copy: a WAV's header with wrong sizes.

    Raise UnknownAudio if the file is not what its first bytes promise, or has no audio.
    """
    size, header = streams.get_size(source), b""
    if kind.codec is RIFF:
        wav = streams.read_wav_format(source, size)
        if not wav.data_size:
            raise UnknownAudio(NO_AUDIO)
        if wav.is_open_ended or wav.is_truncated or wav.is_rf64:
            header = _repair_header(source, wav, size)
    else:
        streams.check_first_frame(source, kind.codec)
    source.seek(0)
    return header


def _repair_header(source: BinaryIO, wav: WavFormat, size: int) -> bytes:
    """Return a right header; b"" where the file is too long for one."""
    if size - 8 > MAX_DATA_BYTES:
        return b""
    return repair_header(source.read(wav.data_offset), wav, size)


def has_unset_size(head: bytes, size: int) -> bool:
    """Return whether a file of `size` bytes is a WAV whose header has no size yet: it is being written, or never was closed."""
    try:
        wav = read_format(head, size)
    except InvalidWav:
        return False
    return wav.is_open_ended


def convert_audio(source: BinaryIO, kind: AudioKind, target: BinaryIO) -> str:
    """Write what is stored of `source` to `target`. Return the extension to store it under (see `AudioKind`).

    `target` is written to from its present position. If UnknownAudio is raised, the bytes written are useless.
    """
    size = streams.get_size(source)
    match kind.codec.storage:
        case Storage.COPY:
            header = check_copy(source, kind)
            target.write(header)
            source.seek(len(header))
            _copy(source, size - len(header), target)
        case Storage.WRAP:
            _write_with_header(source, kind, size, target)
        case Storage.DECODE:
            _decode(source, kind, size, target)
        case Storage.REMUX:
            _remux(source, kind.codec, target)
    return kind.extension


def _read_chunks(source: BinaryIO, size: int, frame_bytes: int = 1) -> Iterator[bytes]:
    """Yield `size` bytes in complete frames. Bytes that a switch adds in the meantime are not read."""
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


def _remux(source: BinaryIO, codec: Codec, target: BinaryIO) -> None:
    """Write the packets of the first audio stream into the other container."""
    count = 0
    with streams.open_audio_stream(source, codec) as (container, stream):
        if stream.codec_context.codec.canonical_name not in codec.browser_codecs:
            raise UnknownAudio(f"{stream.codec_context.codec.canonical_name} in a {codec.name} file is not supported")
        with av.open(target, "w", format=codec.stored_format) as muxer:
            copy = muxer.add_stream_from_template(stream)
            for packet in container.demux(stream):
                if packet.size and packet.dts is not None:
                    packet.stream = copy
                    muxer.mux(packet)
                    count += 1
    if not count:
        raise UnknownAudio(NO_AUDIO)


def _decode(source: BinaryIO, kind: AudioKind, size: int, target: BinaryIO) -> None:
    """Write 16-bit PCM of a whole file. The codecs have a fixed rate, so the header is known in advance."""
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
