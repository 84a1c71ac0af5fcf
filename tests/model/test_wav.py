"""WAV headers of real recorders, of ccfs, and of an attacker."""

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccfs.model.recordings.wav import (
    A_LAW,
    EXTENSIBLE,
    GSM,
    MAX_DATA_BYTES,
    MU_LAW,
    PCM,
    InvalidWav,
    build_header,
    check_upload,
    read_format,
)

# Written by sox: A-law with a fact chunk, 8 samples; GSM in its Microsoft form ("WAV49"), 320 samples; 24-bit extensible.
SOX_A_LAW = bytes.fromhex(
    "524946463a00000057415645666d74201200000006000100401f0000401f0000010008000000"
    "666163740400000008000000"
    "6461746108000000ff8bb9a6a3a3a6bb"
)
SOX_GSM_HEAD = bytes.fromhex(
    "524946467600000057415645666d74201400000031000100401f000059060000410000000200400166616374040000004001000064617461"
    "42000000"
)
SOX_EXTENSIBLE_HEAD = bytes.fromhex(
    "524946466000000057415645666d742028000000feff0100401f0000c05d00000300180016001800040000000100000000001000800000aa"
    "00389b716661637404000000080000006461746118000000"
)
# Written into a pipe, where the length cannot be known: by sox, and by ffmpeg with a LIST chunk of 26 bytes.
SOX_PIPED_HEAD = bytes.fromhex(
    "5249464624f0ff7f57415645666d74201000000001000100401f0000803e0000020010006461746100f0ff7f"
)
FFMPEG_PIPED = bytes.fromhex(
    "52494646ffffffff57415645666d74201000000001000100401f0000803e0000020010004c4953541a000000494e464f495346540e000000"
    "4c61766635392e32372e3130300064617461ffffffff5003801e0039004e005a005a"
)
# Asterisk's format_wav writes this before the first sample, and leaves it when it is killed.
ASTERISK_LIVE_HEAD = b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16) + b"data\0\0\0\0"

UPLOAD = build_header(tag=A_LAW, rate=8000, channels=1, bits=8, data_size=4) + b"\xd5" * 4


def build_fmt_chunk(tag: int = PCM, channels: int = 1, rate: int = 8000, bits: int = 8) -> bytes:
    block = channels * bits // 8
    return b"fmt " + struct.pack("<IHHIIHH", 16, tag, channels, rate, rate * block, block, bits)


def build_riff(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def test_an_a_law_file_is_described() -> None:
    wav_format = read_format(SOX_A_LAW, len(SOX_A_LAW))
    assert (wav_format.tag, wav_format.channels, wav_format.rate, wav_format.bits, wav_format.block_align) == (
        A_LAW,
        1,
        8000,
        8,
        1,
    )
    assert SOX_A_LAW[wav_format.data_offset :] == bytes.fromhex("ff8bb9a6a3a3a6bb")
    assert (wav_format.data_size, wav_format.duration, wav_format.is_open_ended, wav_format.is_truncated) == (
        8,
        0.001,
        False,
        False,
    )


def test_the_duration_of_gsm_follows_from_the_byte_rate() -> None:
    wav_format = read_format(SOX_GSM_HEAD, len(SOX_GSM_HEAD) + 66)
    assert (wav_format.tag, wav_format.bits, wav_format.block_align, wav_format.data_size) == (GSM, 0, 65, 66)
    assert wav_format.duration == pytest.approx(0.04, abs=0.001)


def test_an_extensible_format_is_its_sub_format() -> None:
    wav_format = read_format(SOX_EXTENSIBLE_HEAD, len(SOX_EXTENSIBLE_HEAD) + 24)
    assert (wav_format.tag, wav_format.bits, wav_format.data_size, wav_format.duration) == (PCM, 24, 24, 0.001)


def test_an_extensible_format_of_a_foreign_guid_stays_extensible() -> None:
    foreign = SOX_EXTENSIBLE_HEAD.replace(bytes.fromhex("00aa00389b71"), bytes.fromhex("00aa00389b72"))
    assert read_format(foreign, len(foreign) + 24).tag == EXTENSIBLE


@pytest.mark.parametrize(
    ("head", "offset"), [(FFMPEG_PIPED[:78], 78), (ASTERISK_LIVE_HEAD, 44)], ids=["0xFFFFFFFF", "zero"]
)
def test_audio_of_unset_size_extends_to_the_end_of_the_file(head: bytes, offset: int) -> None:
    wav_format = read_format(head, offset + 16000)
    assert (wav_format.data_offset, wav_format.data_size, wav_format.duration) == (offset, 16000, 1.0)
    assert (wav_format.is_open_ended, wav_format.is_truncated) == (True, False)


def test_a_riff_that_ends_at_its_empty_data_chunk_is_open_ended() -> None:
    assert read_format(build_riff(build_fmt_chunk(), b"data\0\0\0\0"), 44 + 800).data_size == 800


def test_an_empty_recording_with_a_chunk_after_it_is_empty() -> None:
    wav = build_riff(build_fmt_chunk(), b"data\0\0\0\0", b"LIST\4\0\0\0INFO")
    wav_format = read_format(wav, len(wav))
    assert (wav_format.data_size, wav_format.duration, wav_format.is_open_ended) == (0, 0.0, False)


def test_a_data_size_beyond_the_end_of_the_file_is_clamped() -> None:
    wav_format = read_format(SOX_PIPED_HEAD, len(SOX_PIPED_HEAD) + 160)
    assert (wav_format.data_size, wav_format.is_truncated, wav_format.is_open_ended) == (160, True, False)


def test_an_odd_chunk_before_the_audio_is_followed_by_padding() -> None:
    wav = build_riff(b"note" + b"\3\0\0\0abc\0", build_fmt_chunk(), b"data\2\0\0\0hi")
    wav_format = read_format(wav, len(wav))
    assert wav[wav_format.data_offset : wav_format.data_offset + wav_format.data_size] == b"hi"


def test_the_duration_is_unknown_without_a_byte_rate() -> None:
    nameless = b"fmt " + struct.pack("<IHHIIHH", 16, 0x1234, 1, 8000, 0, 0, 0)
    wav = build_riff(nameless, b"data\2\0\0\0hi")
    assert read_format(wav, len(wav)).duration is None


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"", "no RIFF/WAVE header"),
        (b"RIFF\4\0\0\0AVI ", "no RIFF/WAVE header"),
        (b"OggS" + bytes(60), "no RIFF/WAVE header"),
        (build_riff(), "no fmt chunk"),
        (build_riff(build_fmt_chunk()), "no data chunk"),
        (SOX_A_LAW[:42], "no data chunk"),
        (SOX_A_LAW[:30], "truncated"),
        (build_riff(b"data\2\0\0\0hi", build_fmt_chunk()), "no fmt chunk before the data chunk"),
        (build_riff(b"fmt \4\0\0\0abcd", b"data\2\0\0\0hi"), "too short"),
        (build_riff(build_fmt_chunk(channels=0), b"data\2\0\0\0hi"), "no channel"),
        (build_riff(build_fmt_chunk(rate=0), b"data\2\0\0\0hi"), "no sample rate"),
        (build_riff(build_fmt_chunk(tag=EXTENSIBLE), b"data\2\0\0\0hi"), "without its sub-format"),
        (build_riff(*[b"junk\0\0\0\0"] * 1001), "first 1000 chunks"),
    ],
)
def test_another_file_is_rejected_with_a_reason(head: bytes, reason: str) -> None:
    with pytest.raises(InvalidWav, match=reason):
        read_format(head, len(head))


@pytest.mark.parametrize(("tag", "bits", "size"), [(PCM, 8, 44), (PCM, 16, 44), (A_LAW, 8, 58), (MU_LAW, 8, 58)])
def test_a_written_header_is_read_back(tag: int, bits: int, size: int) -> None:
    wav = build_header(tag=tag, rate=16000, channels=2, bits=bits, data_size=3200)
    wav_format = read_format(wav, size + 3200)
    assert len(wav) == wav_format.data_offset == size
    assert (wav_format.tag, wav_format.channels, wav_format.rate, wav_format.bits, wav_format.data_size) == (
        tag,
        2,
        16000,
        bits,
        3200,
    )
    assert int.from_bytes(wav[4:8], "little") == size + 3200 - 8


def test_the_written_a_law_header_is_the_one_that_sox_writes() -> None:
    assert build_header(tag=A_LAW, rate=8000, channels=1, bits=8, data_size=8) == SOX_A_LAW[:58]


def test_the_padding_of_odd_audio_counts_in_the_riff_size_only() -> None:
    wav = build_header(tag=MU_LAW, rate=8000, channels=1, bits=8, data_size=3) + b"abc\0"
    assert int.from_bytes(wav[4:8], "little") == len(wav) - 8
    assert read_format(wav, len(wav)).data_size == 3


@pytest.mark.parametrize(
    ("tag", "channels", "size"), [(GSM, 1, 65), (PCM, 0, 2), (PCM, 1, MAX_DATA_BYTES + 1), (PCM, 1, -1)]
)
def test_a_header_that_would_be_wrong_is_not_written(tag: int, channels: int, size: int) -> None:
    with pytest.raises(ValueError, match=r"cannot write a header|do not fit"):
        build_header(tag=tag, rate=8000, channels=channels, bits=8, data_size=size)


@pytest.mark.parametrize("tag", [PCM, A_LAW, MU_LAW])
def test_8_bit_8_khz_mono_can_be_uploaded(tag: int) -> None:
    wav = build_header(tag=tag, rate=8000, channels=1, bits=8, data_size=4000) + bytes(4000)
    assert check_upload(wav).duration == 0.5


@pytest.mark.parametrize(
    ("wav", "reason"),
    [
        (build_riff(build_fmt_chunk(bits=16), b"data\2\0\0\0hi"), "16 bits per sample, not 8"),
        (build_riff(build_fmt_chunk(rate=16000), b"data\2\0\0\0hi"), "16000 Hz, not 8000 Hz"),
        (build_riff(build_fmt_chunk(channels=2), b"data\2\0\0\0hi"), "2 channels, not mono"),
        (build_riff(build_fmt_chunk(), b"data\0\0\0\0"), "no audio"),
        (SOX_GSM_HEAD + bytes(66), "0x0031 is not PCM, A-law or mu-law"),
        (b"\xff\xfb\x90\x44" + bytes(400), "no RIFF/WAVE header"),
    ],
)
def test_another_format_cannot_be_uploaded(wav: bytes, reason: str) -> None:
    with pytest.raises(InvalidWav, match=reason):
        check_upload(wav)


def is_read_or_rejected(data: bytes, total_size: int) -> bool:
    """Return whether hostile bytes give a consistent format, and an upload with audio, or are rejected."""
    is_consistent = is_uploadable = True
    with suppress(InvalidWav):
        wav_format = read_format(data, total_size)
        is_consistent = 0 <= wav_format.data_size <= max(total_size, len(data)) - wav_format.data_offset
        is_consistent = is_consistent and (wav_format.duration is None or wav_format.duration >= 0)
    with suppress(InvalidWav):
        is_uploadable = check_upload(data).data_size > 0
    return is_consistent and is_uploadable


@given(st.binary(max_size=200), st.integers(0, 2**40))
def test_random_bytes_are_read_or_rejected(data: bytes, total_size: int) -> None:
    assert is_read_or_rejected(data, total_size)
    assert is_read_or_rejected(b"RIFF\0\0\0\0WAVE" + data, total_size)


@given(
    st.sampled_from([SOX_A_LAW, SOX_GSM_HEAD, SOX_EXTENSIBLE_HEAD, FFMPEG_PIPED, ASTERISK_LIVE_HEAD, UPLOAD]),
    st.lists(st.tuples(st.integers(0, 100), st.integers(0, 255)), max_size=6),
    st.integers(0, 120),
)
def test_changed_headers_are_read_or_rejected(wav: bytes, changes: list[tuple[int, int]], length: int) -> None:
    mutant = bytearray(wav)
    for index, value in changes:
        mutant[index % len(mutant)] = value
    assert is_read_or_rejected(bytes(mutant[:length]), len(wav))
    assert is_read_or_rejected(bytes(mutant), len(wav))
