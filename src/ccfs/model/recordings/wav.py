"""WAV files as far as ccfs must know them: the header read, written and judged. Bytes in; no I/O, no decoding.

A WAV is "RIFF", a size, "WAVE", then chunks: four letters, a little-endian size, that many bytes and, where the size is
odd, one byte of padding. "fmt " says what the samples are, "data" holds them. Recorders that are still at work, or were
stopped hard, leave the sizes as 0 or 0xFFFFFFFF: then the audio goes on to the end of the file.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

PCM, IEEE_FLOAT, A_LAW, MU_LAW, GSM, EXTENSIBLE = 0x0001, 0x0003, 0x0006, 0x0007, 0x0031, 0xFFFE

MAX_DATA_BYTES = (
    0xFFFF_FF00  # bytes of audio that a header's 32 bits can name, the header itself being counted with them
)

_UNSET_SIZE = 0xFFFF_FFFF
_MAX_CHUNKS = 1000  # real files have a handful before their audio
_SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")  # follows the tag in an extensible format's GUID
_SAMPLE_SIZED_TAGS = (PCM, IEEE_FLOAT, A_LAW, MU_LAW)  # tags whose samples all take `bits`
_UPLOAD_TAGS = (PCM, A_LAW, MU_LAW)


class InvalidWav(ValueError):
    """Bytes that are not a WAV, or not the WAV asked for; the text is the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WavFormat:
    """What a WAV's header says, and where its audio lies."""

    tag: int  # format tag; an extensible format's own is put in place of EXTENSIBLE
    channels: int  # at least 1
    rate: int  # samples per second and channel, at least 1
    byte_rate: int  # bytes per second, as the header claims
    block_align: int  # bytes that belong together, as the header claims
    bits: int  # per sample; 0 for some compressed formats
    data_offset: int  # where the audio begins in the file
    data_size: int  # bytes of audio that the file has
    is_open_ended: bool = False  # the header left the size open
    is_truncated: bool = False  # the header promises more audio than the file has

    @property
    def duration(self) -> float | None:
        """Seconds of audio; None where the header does not let one know."""
        if self.tag in _SAMPLE_SIZED_TAGS and (frame := self.channels * ((self.bits + 7) // 8)):
            return self.data_size // frame / self.rate
        return self.data_size / self.byte_rate if self.byte_rate else None


def read_format(head: bytes, total_size: int) -> WavFormat:
    """The format of a file of `total_size` bytes that begins with `head`. Raises NotWav and nothing else.

    `head` must reach the data chunk's own header; 64 KB hold all that recorders are known to put before it.
    """
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        raise InvalidWav("no RIFF/WAVE header")
    total_size = max(total_size, len(head))
    fmt = None
    for name, begin, size in _iter_chunks(head):
        if name == b"fmt ":
            fmt = head[begin : begin + size]
            if len(fmt) < size:
                raise InvalidWav("truncated: nothing after a part of its fmt chunk")
        elif name == b"data":
            if fmt is None:
                raise InvalidWav("no fmt chunk before the data chunk")
            return _build_format(fmt, begin, *_audio_extent(head, begin, size, total_size))
    raise InvalidWav("no data chunk" if fmt is not None else "no fmt chunk")


def build_header(*, tag: int, rate: int, channels: int, bits: int, data_size: int) -> bytes:
    """The 44 bytes (PCM) or 58 bytes (A-law, mu-law: with a fact chunk) to be followed by `data_size` bytes of audio.

    If `data_size` is odd, one byte of padding must follow the audio; the RIFF size counts it. Raises ValueError for
    other tags, for no channel and for more audio than MAX_DATA.
    """
    if tag not in _UPLOAD_TAGS or channels * bits < 8:
        raise ValueError(f"no header is made for format tag {tag:#06x}, {channels} channels of {bits} bits")
    if not 0 <= data_size <= MAX_DATA_BYTES:
        raise ValueError(f"{data_size} bytes of audio do not fit into a WAV")
    block = channels * bits // 8
    fmt = struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits)
    chunks = b"WAVE" + _build_chunk(b"fmt ", fmt if tag == PCM else fmt + b"\0\0")
    if tag != PCM:
        chunks += _build_chunk(b"fact", struct.pack("<I", data_size // block))
    chunks += struct.pack("<4sI", b"data", data_size)
    return struct.pack("<4sI", b"RIFF", len(chunks) + data_size + data_size % 2) + chunks


def check_upload(data: bytes) -> WavFormat:
    """The format of an uploaded voice file; NotWav unless it is 8-bit 8 kHz mono PCM, A-law or mu-law with a sample."""
    found = read_format(data, len(data))
    if found.tag not in _UPLOAD_TAGS:
        raise InvalidWav(f"format tag {found.tag:#06x} is not PCM, A-law or mu-law")
    if found.channels != 1:
        raise InvalidWav(f"{found.channels} channels, not mono")
    if found.rate != 8000:
        raise InvalidWav(f"{found.rate} Hz, not 8000 Hz")
    if found.bits != 8:
        raise InvalidWav(f"{found.bits} bits per sample, not 8")
    if not found.data_size:
        raise InvalidWav("no audio after the header")
    return found


def _build_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack("<4sI", name, len(body)) + body


def _iter_chunks(head: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, begin of the body and declared size of every chunk whose own header lies within `head`."""
    at = 12
    for _ in range(_MAX_CHUNKS):
        if at + 8 > len(head):
            return
        name, size = struct.unpack_from("<4sI", head, at)
        yield name, at + 8, size
        at += 8 + size + size % 2
    raise InvalidWav(f"no audio within the first {_MAX_CHUNKS} chunks")


def _audio_extent(head: bytes, begin: int, declared: int, total_size: int) -> tuple[int, bool, bool]:
    """How many bytes of audio there are, whether the header left it open, whether it promised more."""
    there = total_size - begin
    riff_size = int.from_bytes(head[4:8], "little")
    # A header written before the first sample says 0: of the whole, or of the audio while the whole ends right there.
    unset = declared == 0 and (riff_size in (0, _UNSET_SIZE) or riff_size + 8 == begin)
    if declared == _UNSET_SIZE or unset:
        return there, there > 0, False
    return min(declared, there), False, declared > there


def _build_format(fmt: bytes, data_offset: int, data_size: int, open_ended: bool, cut: bool) -> WavFormat:
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
        is_open_ended=open_ended,
        is_truncated=cut,
    )


def _parse_subformat(fmt: bytes) -> int:
    """The tag that an extensible format stands for; EXTENSIBLE itself where its GUID is of no tag."""
    if len(fmt) < 40:
        raise InvalidWav("an extensible fmt chunk without its sub-format")
    return int.from_bytes(fmt[24:26], "little") if fmt[26:40] == _SUBFORMAT_TAIL else EXTENSIBLE
