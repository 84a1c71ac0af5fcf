"""Headers of WAV files: reading, writing, and the check of uploads.

A WAV is "RIFF", a size, "WAVE", then chunks: four letters, a little-endian size, that many bytes and, where the size is
odd, one byte of padding. "fmt " describes the samples, "data" contains them. Recorders that are still running, or that
were killed, leave the sizes as 0, as those of the header alone, or as 0xFFFFFFFF: then the audio extends to the end of the
file. RF64 has 0xFFFFFFFF in their place, and the sizes in its first chunk, "ds64".
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

PCM, IEEE_FLOAT, A_LAW, MU_LAW, GSM, EXTENSIBLE = 0x0001, 0x0003, 0x0006, 0x0007, 0x0031, 0xFFFE

MAX_DATA_BYTES = 0xFFFF_FF00  # of audio: the RIFF size has 32 bits and counts the header, too

_UNSET_SIZE = 0xFFFF_FFFF
_MAX_CHUNKS = 1000  # real files have a handful before their audio
_SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")  # follows the tag in an extensible format's GUID
_SAMPLE_SIZED_TAGS = (PCM, IEEE_FLOAT, A_LAW, MU_LAW)  # tags whose samples all have `bits` bits
_UPLOAD_TAGS = (PCM, A_LAW, MU_LAW)


class InvalidWav(ValueError):
    """The bytes are not a WAV, or not one of the required format; the text is the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WavFormat:
    """Format of a WAV, and position of its audio."""

    tag: int  # format tag; that of the sub-format in place of EXTENSIBLE
    channels: int  # at least 1
    rate: int  # samples per second and channel, at least 1
    byte_rate: int  # bytes per second, by the header
    block_align: int  # bytes of one block, by the header
    bits: int  # per sample; 0 for some compressed formats
    data_offset: int  # of the audio in the file
    data_size: int  # bytes of audio in the file
    is_open_ended: bool = False  # the header has no size
    is_truncated: bool = False  # the header promises more audio than the file has
    is_rf64: bool = False

    @property
    def duration(self) -> float | None:
        """Seconds of audio; None if the header does not determine them."""
        if self.tag in _SAMPLE_SIZED_TAGS and (frame := self.channels * ((self.bits + 7) // 8)):
            return self.data_size // frame / self.rate
        return self.data_size / self.byte_rate if self.byte_rate else None


def read_format(head: bytes, total_size: int) -> WavFormat:
    """Return the format of a file of `total_size` bytes that begins with `head`. Raise InvalidWav and no other error.

    `head` must include the data chunk's own header; 64 KB exceed all that recorders are known to write before it.
    """
    if len(head) < 12 or head[:4] not in (b"RIFF", b"RF64") or head[8:12] != b"WAVE":
        raise InvalidWav("no RIFF/WAVE header")
    total_size = max(total_size, len(head))
    fmt, long_size = None, 0
    for name, begin, size in _iter_chunks(head):
        if name == b"ds64" and size >= 16:
            long_size = int.from_bytes(head[begin + 8 : begin + 16], "little")
        elif name == b"fmt ":
            fmt = head[begin : begin + size]
            if len(fmt) < size:
                raise InvalidWav("truncated: nothing after a part of its fmt chunk")
        elif name == b"data":
            if fmt is None:
                raise InvalidWav("no fmt chunk before the data chunk")
            size = long_size if size == _UNSET_SIZE and long_size else size
            return _build_format(fmt, begin, *_audio_extent(head, begin, size, total_size), is_rf64=head[:4] == b"RF64")
    raise InvalidWav("no data chunk" if fmt is not None else "no fmt chunk")


def build_header(*, tag: int, rate: int, channels: int, bits: int, data_size: int) -> bytes:
    """Return the 44 bytes (PCM) or 58 bytes (A-law, mu-law: with a fact chunk) before `data_size` bytes of audio.

    If `data_size` is odd, one byte of padding must follow the audio; the RIFF size counts it. Raise ValueError for
    other tags, for 0 channels and for more audio than MAX_DATA_BYTES.
    """
    if tag not in _UPLOAD_TAGS or channels * bits < 8:
        raise ValueError(f"cannot write a header for format tag {tag:#06x}, {channels} channels of {bits} bits")
    if not 0 <= data_size <= MAX_DATA_BYTES:
        raise ValueError(f"{data_size} bytes of audio do not fit into a WAV")
    block = channels * bits // 8
    fmt = struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits)
    chunks = b"WAVE" + _build_chunk(b"fmt ", fmt if tag == PCM else fmt + b"\0\0")
    if tag != PCM:
        chunks += _build_chunk(b"fact", struct.pack("<I", data_size // block))
    chunks += struct.pack("<4sI", b"data", data_size)
    return struct.pack("<4sI", b"RIFF", len(chunks) + data_size + data_size % 2) + chunks


def repair_header(head: bytes, wav: WavFormat, total_size: int) -> bytes:
    """Return the bytes before the audio of a file of `total_size` bytes, with the sizes that its length determines.

    RF64 becomes RIFF, so `wav.data_size` must be at most MAX_DATA_BYTES. Every byte keeps its offset.
    """
    fixed = bytearray(head[: wav.data_offset])
    fixed[:8] = struct.pack("<4sI", b"RIFF", total_size - 8)
    fixed[-4:] = struct.pack("<I", wav.data_size)
    for name, begin, size in _iter_chunks(bytes(fixed)):
        if name == b"ds64":
            fixed[begin - 8 : begin - 4] = b"JUNK"
        elif name == b"fact" and size >= 4 and wav.duration is not None:
            fixed[begin : begin + 4] = struct.pack("<I", min(round(wav.duration * wav.rate), _UNSET_SIZE))
    return bytes(fixed)


def check_upload(data: bytes) -> WavFormat:
    """Return the format of an uploaded voice file; InvalidWav unless it is 8-bit 8 kHz mono PCM, A-law or mu-law with a sample."""
    wav = read_format(data, len(data))
    if wav.tag not in _UPLOAD_TAGS:
        raise InvalidWav(f"format tag {wav.tag:#06x} is not PCM, A-law or mu-law")
    if wav.channels != 1:
        raise InvalidWav(f"{wav.channels} channels, not mono")
    if wav.rate != 8000:
        raise InvalidWav(f"{wav.rate} Hz, not 8000 Hz")
    if wav.bits != 8:
        raise InvalidWav(f"{wav.bits} bits per sample, not 8")
    if not wav.data_size:
        raise InvalidWav("no audio after the header")
    return wav


def _build_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack("<4sI", name, len(body)) + body


def _iter_chunks(head: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name, start of the body and declared size of every chunk whose own header is within `head`."""
    offset = 12
    for _ in range(_MAX_CHUNKS):
        if offset + 8 > len(head):
            return
        name, size = struct.unpack_from("<4sI", head, offset)
        yield name, offset + 8, size
        offset += 8 + size + size % 2
    raise InvalidWav(f"no audio within the first {_MAX_CHUNKS} chunks")


def _audio_extent(head: bytes, begin: int, declared: int, total_size: int) -> tuple[int, bool, bool]:
    """Return the bytes of audio, whether the header leaves the size open, and whether it declares more than the file has."""
    available = total_size - begin
    riff_size = int.from_bytes(head[4:8], "little")
    # A header written before the first sample has size 0: of the audio, while the file ends there or before (libsndfile
    # leaves 8, Asterisk 0).
    is_unset = declared == 0 and (riff_size == _UNSET_SIZE or riff_size + 8 <= begin)
    if declared == _UNSET_SIZE or is_unset:
        return available, available > 0, False
    return min(declared, available), False, declared > available


def _build_format(
    fmt: bytes, data_offset: int, data_size: int, is_open_ended: bool, is_truncated: bool, *, is_rf64: bool
) -> WavFormat:
    if len(fmt) < 14:
        raise InvalidWav(f"a fmt chunk of {len(fmt)} bytes is too short")
    tag, channels, rate, byte_rate, block_align = struct.unpack_from("<HHIIH", fmt)
    if channels == 0 or rate == 0:
        raise InvalidWav("the fmt chunk names no channel" if channels == 0 else "the fmt chunk names no sample rate")
    return WavFormat(
        tag=_parse_subformat(fmt) if tag == EXTENSIBLE else tag,
        channels=channels,
        rate=rate,
        byte_rate=byte_rate,
        block_align=block_align,
        bits=int.from_bytes(fmt[14:16], "little"),
        data_offset=data_offset,
        data_size=data_size,
        is_open_ended=is_open_ended,
        is_truncated=is_truncated,
        is_rf64=is_rf64,
    )


def _parse_subformat(fmt: bytes) -> int:
    """Return the tag of an extensible format's sub-format; EXTENSIBLE itself if its GUID belongs to no tag."""
    if len(fmt) < 40:
        raise InvalidWav("an extensible fmt chunk without its sub-format")
    return int.from_bytes(fmt[24:26], "little") if fmt[26:40] == _SUBFORMAT_TAIL else EXTENSIBLE
