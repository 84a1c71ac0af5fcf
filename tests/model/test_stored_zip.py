"""Zips of uncompressed members, of any size, as Python's zipfile reads them."""

import io
import zipfile
import zlib
from collections.abc import Sequence
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccfs.model.formats.stored_zip import ZipMember, ZipSegment, build_segments, iter_slices, total_size

NOON = datetime(2020, 10, 15, 12, 30, 58)
GIGABYTE = 1 << 30

contents = st.lists(
    st.tuples(st.text(st.characters(exclude_characters="\0/", codec="utf-8"), min_size=1), st.binary()), max_size=6
)


def make_member(name: str, data: bytes) -> ZipMember:
    return ZipMember(name=name, size=len(data), crc32=zlib.crc32(data), modified=NOON)


def read_range(segments: Sequence[ZipSegment], files: Sequence[bytes], start: int, end: int) -> bytes:
    """Return the bytes of a range of the zip as the server sends them."""
    return b"".join(
        (segment.data if segment.member is None else files[segment.member])[low:high]
        for segment, low, high in iter_slices(segments, start, end)
    )


class SparseZip(io.RawIOBase):
    """A zip as a file whose members consist of zeros, so that it can be larger than any disk."""

    def __init__(self, segments: Sequence[ZipSegment]) -> None:
        self._segments, self._offset = segments, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._offset = offset + (0, self._offset, total_size(self._segments))[whence]
        return self._offset

    def tell(self) -> int:
        return self._offset

    def read(self, size: int = -1) -> bytes:
        end = total_size(self._segments) if size < 0 else min(self._offset + size, total_size(self._segments))
        data = b"".join(
            segment.data[low:high] if segment.member is None else bytes(high - low)
            for segment, low, high in iter_slices(self._segments, self._offset, end)
        )
        self._offset += len(data)
        return data


@given(contents)
def test_a_zip_reader_reads_every_member(files: list[tuple[str, bytes]]) -> None:
    segments = build_segments([make_member(f"{number}_{name}", data) for number, (name, data) in enumerate(files)])
    content = read_range(segments, [data for _, data in files], 0, total_size(segments))
    assert len(content) == total_size(segments)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert [info.orig_filename for info in archive.infolist()] == [
            f"{n}_{name}" for n, (name, _) in enumerate(files)
        ]
        assert [archive.read(info) for info in archive.infolist()] == [data for _, data in files]
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())


@given(contents, st.data())
def test_every_range_is_a_part_of_the_zip(files: list[tuple[str, bytes]], data: st.DataObject) -> None:
    segments, bodies = build_segments([make_member(name, body) for name, body in files]), [body for _, body in files]
    size = total_size(segments)
    start = data.draw(st.integers(0, size))
    end = data.draw(st.integers(start, size))
    assert read_range(segments, bodies, start, end) == read_range(segments, bodies, 0, size)[start:end]


@pytest.mark.parametrize(
    "sizes",
    [
        [3 * GIGABYTE, 3 * GIGABYTE, 7],  # the third begins beyond 4 GB
        [5 * GIGABYTE, 7],
        [7, 5 * GIGABYTE],
        [0xFFFFFFFE, 7],
        [0xFFFFFFFF, 7],
        [0x100000000, 7],
    ],
    ids=str,
)
def test_a_zip_beyond_four_gigabytes_is_readable(sizes: list[int]) -> None:
    crc = zlib.crc32(bytes(7))  # of the member that is read to its end
    segments = build_segments(
        [ZipMember(name=f"{n}.wav", size=size, crc32=crc, modified=NOON) for n, size in enumerate(sizes)]
    )
    assert total_size(segments) > sum(sizes)
    with zipfile.ZipFile(SparseZip(segments)) as archive:
        assert [info.file_size for info in archive.infolist()] == sizes
        assert [info.compress_size for info in archive.infolist()] == sizes
        for info in archive.infolist():
            with archive.open(info) as opened:  # checks the local header against the directory
                assert opened.read(1) == b"\0"


@pytest.mark.parametrize("count", [0, 1, 65534, 65535])
def test_a_zip_can_have_any_number_of_members(count: int) -> None:
    segments = build_segments([make_member(f"{number}", b"") for number in range(count)])
    with zipfile.ZipFile(io.BytesIO(read_range(segments, [b""] * count, 0, total_size(segments)))) as archive:
        assert len(archive.infolist()) == count
        assert archive.testzip() is None


@pytest.mark.parametrize(
    ("modified", "stored"),
    [
        (NOON, (2020, 10, 15, 12, 30, 58)),
        (datetime(2020, 1, 2, 3, 4, 5), (2020, 1, 2, 3, 4, 4)),  # a resolution of two seconds
        (datetime(1970, 1, 1), (1980, 1, 1, 0, 0, 0)),
        (datetime(2200, 12, 31, 23, 59, 58), (2107, 12, 31, 23, 59, 58)),
    ],
)
def test_a_member_has_its_modification_time(modified: datetime, stored: tuple[int, ...]) -> None:
    segments = build_segments([ZipMember(name="a.wav", size=0, crc32=0, modified=modified)])
    with zipfile.ZipFile(io.BytesIO(read_range(segments, [b""], 0, total_size(segments)))) as archive:
        assert archive.infolist()[0].date_time == stored


def test_a_name_beyond_ascii_is_marked_as_utf_8() -> None:
    segments = build_segments([make_member("录音.wav", b"x")])
    with zipfile.ZipFile(io.BytesIO(read_range(segments, [b"x"], 0, total_size(segments)))) as archive:
        assert archive.namelist() == ["录音.wav"]
        assert archive.infolist()[0].flag_bits & 0x800
