"""Zips of exports: members by name, rows and size, in any reader; equal rows give equal bytes."""

import csv
import hashlib
import io
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccfs.db.export_csv import CsvChunk
from ccfs.db.export_csv.chunk import iter_lines
from ccfs.model.exports.export import ExportTable
from ccfs.workers.exports.zip_writer import (
    ExportTableRows,
    ExportZipLayout,
    ExportZipWriter,
    iter_export_zip,
    split_into_members,
)

CREATED_AT = datetime(2026, 5, 4, 16, 30, 7, 89_999)
STEM = "20260504163007089042"
HEADER = b"a,b\r\n"
LINE = b'1,"two\r\nlines, and ""quotes"""\r\n'


def make_part(chunks: Iterable[CsvChunk], table: ExportTable = "call") -> ExportTableRows:
    return ExportTableRows(table=table, header=("a", "b"), chunks=chunks)


def build_zip(*parts: ExportTableRows, left_out: Iterable[str] = (), **layout: Any) -> bytes:
    """Build a zip, with 100 rows a member by default."""
    zip_layout = ExportZipLayout(**({"max_rows": 100} | layout))
    return b"".join(iter_export_zip(parts, zip_layout, CREATED_AT, 42, left_out=left_out))


def read_members(data: bytes) -> dict[str, bytes]:
    """Read the members by the directory, and check each CRC."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {info.filename: archive.read(info) for info in archive.infolist()}


def iter_streamed_members(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Read the members from the front and without the directory, as Java's ZipInputStream does."""
    at = 0
    while data[at : at + 4] == b"PK\3\4":
        flags, length, extra = *struct.unpack_from("<H", data, at + 6), *struct.unpack_from("<2H", data, at + 26)
        assert flags & 8
        name, begin = data[at + 30 : at + 30 + length].decode(), at + 30 + length + extra
        inflater = zlib.decompressobj(-15)
        content = inflater.decompress(data[begin:])
        at = len(data) - len(inflater.unused_data)
        assert inflater.unused_data[:16] == struct.pack(
            "<4s3I", b"PK\7\x08", zlib.crc32(content), at - begin, len(content)
        )
        at += 16
        yield name, content
    assert data[at : at + 4] == b"PK\1\2"


def test_zip_members_are_named_by_time_table_and_number_and_split_by_rows() -> None:
    chunks = [CsvChunk(3, LINE * 3), CsvChunk(4, LINE * 4)]
    data = build_zip(make_part(chunks), make_part([CsvChunk(1, LINE)], "agentOprInfo"), max_rows=3)
    assert read_members(data) == {
        f"{STEM}_call_1.csv": HEADER + LINE * 3,
        f"{STEM}_call_2.csv": HEADER + LINE * 3,
        f"{STEM}_call_3.csv": HEADER + LINE,
        f"{STEM}_agentOprInfo_1.csv": HEADER + LINE,
    }


def test_a_zip_reader_without_the_directory_finds_the_same_members() -> None:
    data = build_zip(make_part([CsvChunk(3, LINE * 3)]), make_part([], "record"), max_rows=2, has_manifest=True)
    assert dict(iter_streamed_members(data)) == read_members(data)


def test_rows_that_fill_a_zip_member_exactly_give_no_empty_member() -> None:
    assert list(
        read_members(build_zip(make_part([CsvChunk(2, LINE * 2), CsvChunk(0, b""), CsvChunk(2, LINE * 2)]), max_rows=2))
    ) == [
        f"{STEM}_call_1.csv",
        f"{STEM}_call_2.csv",
    ]


@pytest.mark.parametrize(
    ("layout", "content"),
    [
        ({}, HEADER),
        ({"has_header": False}, b""),
        ({"has_bom": True}, b"\xef\xbb\xbf" + HEADER),
    ],
)
def test_a_table_without_rows_gives_one_member_with_the_header_only(layout: dict[str, Any], content: bytes) -> None:
    assert read_members(build_zip(make_part([], "agentSkillInfo"), **layout)) == {
        f"{STEM}_agentSkillInfo_1.csv": content
    }


def test_every_zip_member_has_its_own_header_and_byte_order_mark() -> None:
    members = read_members(build_zip(make_part([CsvChunk(2, LINE * 2)]), max_rows=1, has_bom=True))
    assert set(members.values()) == {b"\xef\xbb\xbf" + HEADER + LINE}


def test_the_manifest_lists_rows_digests_and_reasons_of_rows_left_out() -> None:
    left_out: list[str] = []

    def rows() -> Iterator[CsvChunk]:
        yield CsvChunk(3, LINE * 3)
        left_out.append('account "7": no zone')  # known only after all rows are read

    members = read_members(build_zip(make_part(rows()), max_rows=2, has_manifest=True, left_out=left_out))
    manifest = list(csv.reader(io.StringIO(members.pop("manifest.csv").decode(), newline="")))
    digests = [hashlib.sha256(content).hexdigest() for content in members.values()]
    assert manifest == [
        ["member", "rows", "sha256", "left_out"],
        [f"{STEM}_call_1.csv", "2", digests[0], ""],
        [f"{STEM}_call_2.csv", "1", digests[1], ""],
        ["", "", "", 'account "7": no zone'],
    ]


def test_zip_members_have_the_time_of_the_export() -> None:
    with zipfile.ZipFile(io.BytesIO(build_zip(make_part([])))) as archive:
        assert archive.infolist()[0].date_time == (2026, 5, 4, 16, 30, 6)  # in steps of two seconds


def iter_chunks(rows: int, size: int) -> Iterator[CsvChunk]:
    """Rows that differ, in chunks of `size` rows."""
    lines = [b"%d,x%x\r\n" % (number, number * 7919) for number in range(rows)]
    for at in range(0, rows, size):
        yield CsvChunk(len(lines[at : at + size]), b"".join(lines[at : at + size]))


def test_equal_rows_give_equal_zips_however_they_are_chunked() -> None:
    zips = {
        build_zip(make_part(iter_chunks(60_000, size)), max_rows=25_000, has_manifest=True)
        for size in (1000, 999, 7, 60_000)
    }
    assert len(zips) == 1
    assert [len(content.splitlines()) for content in read_members(zips.pop()).values()] == [25_001, 25_001, 10_001, 4]


values = st.sampled_from([b"x", b'"a\r\nb"', b'"""\r\n"', b'","', b'""""'])
rows_ = st.lists(st.tuples(values, values).map(lambda two: b",".join(two) + b"\r\n"), max_size=30)


@given(rows=rows_, cuts=st.lists(st.integers(1, 7), min_size=1), limit=st.integers(1, 9), size=st.integers(24, 80))
def test_zip_members_hold_complete_rows_up_to_either_limit(
    rows: list[bytes], cuts: list[int], limit: int, size: int
) -> None:
    chunks, rest = [], rows
    for cut in cuts * len(rows):
        if rest:
            chunks.append(CsvChunk(len(rest[:cut]), b"".join(rest[:cut])))
            rest = rest[cut:]
    members: dict[int, list[CsvChunk]] = {}
    for seq, chunk in split_into_members(chunks, limit, size):
        members.setdefault(seq, []).append(chunk)
    split = [[line for chunk in few for line in iter_lines(chunk.csv)] for few in members.values()]
    assert list(members) == list(range(1, len(members) + 1))
    assert [line for member in split for line in member] == rows
    for member, after in zip(split, [*split[1:], None], strict=True):
        assert len(member) <= limit
        assert len(b"".join(member)) <= size
        if after is not None:  # one more row would have been too many
            assert len(member) == limit or len(b"".join([*member, after[0]])) > size


def test_zip_offsets_beyond_4_gib_are_read_back(tmp_path: Path) -> None:
    file = tmp_path / "far.zip"
    begin = (1 << 32) + 12_345
    zip_ = ExportZipWriter(CREATED_AT, offset=begin)
    with file.open("wb") as out:
        out.truncate(begin)  # a sparse file
        out.seek(begin)
        for number in (1, 2):
            out.writelines(zip_.iter_member(f"{number}.csv", [CsvChunk(1, LINE)]))
        out.write(zip_.build_directory())
    with zipfile.ZipFile(file) as archive:
        first, second = archive.infolist()
        assert (first.header_offset, second.header_offset) == (begin, begin + 35 + 16 + first.compress_size)
        assert archive.read("2.csv") == LINE
        assert archive.testzip() is None


def test_more_zip_members_than_16_bits_count_are_read_back() -> None:
    data = build_zip(make_part(iter_chunks(65_600, 1000)), max_rows=1, has_header=False)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert len(archive.namelist()) == 65_600
        assert archive.read(f"{STEM}_call_65600.csv") == b"65599,x%x\r\n" % (65_599 * 7919)


def test_building_a_zip_takes_the_same_memory_whatever_its_size() -> None:
    def peak(rows: int) -> int:
        tracemalloc.start()
        chunk = CsvChunk(1000, b"0123456789,%s\r\n" % (b"x" * 200) * 1000)
        for _ in iter_export_zip(
            [make_part(chunk for _ in range(rows // 1000))], ExportZipLayout(max_rows=10**9), CREATED_AT, 1
        ):
            pass
        maximum = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return maximum

    small, large = (min(peak(rows) for _ in range(3)) for rows in (20_000, 200_000))  # other threads allocate, too
    assert large < small * 1.2 < 8_000_000
