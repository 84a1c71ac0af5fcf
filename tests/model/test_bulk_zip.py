"""The zip of a selection, whose end is made anew for each range: Python's zipfile judges it, however much it claims to hold."""

import csv
import io
import random
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ccfs.model.bulk.bulk_download import MEMBER_FOLDER, BulkItem, MissingReason, build_member_name
from ccfs.model.bulk.bulk_zip import BulkZipContents, build_item_header, iter_trailer, slice_range, summarise_zip

ZONE = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 5, 4, 4, 0, tzinfo=UTC)
USUAL_ITEM = BulkItem(
    number=1,
    file_name="/0/1/record/x/1.V3",
    call_id="1700000000-1",
    begin=NOON,
    end=NOON + timedelta(minutes=1),
    caller_no="02079460001",
    callee_no="600",
    agent_id="512",
    queue="sales",
    sha256="ab" * 32,
)


def make_contents(sizes: Sequence[int], missing: Sequence[int] = (), crcs: Sequence[int] = ()) -> BulkZipContents:
    """A list of recordings of these sizes, at their places in the zip."""
    found: list[BulkItem] = []
    at = 0
    for number, size in enumerate(sizes, 1):
        one = replace(USUAL_ITEM, number=number)
        if number in missing:
            found.append(replace(one, missing_reason=MissingReason.GONE))
            continue
        crc = crcs[number - 1] if crcs else 0
        one = replace(one, size=size, crc32=crc, zip_offset=at, member_name=build_member_name(one, ZONE, b"RIFF"))
        found.append(one)
        at += len(build_item_header(one, ZONE)) + size
    return BulkZipContents(iter_items=lambda: iter(found), zone=ZONE, created_at=NOON, files_end=at)


def build_zip(of: BulkZipContents, files: dict[int, bytes]) -> bytes:
    parts = [build_item_header(one, ZONE) + files[one.number] for one in of.iter_items() if not one.missing_reason]
    return b"".join((*parts, *iter_trailer(of, summarise_zip(of))))


def test_a_reader_finds_the_recordings_and_the_lists() -> None:
    files = {number: bytes([number]) * number * 10 for number in range(1, 6)}
    of = make_contents(
        [len(files[n]) for n in range(1, 6)], missing=[2], crcs=[zlib.crc32(files[n]) for n in range(1, 6)]
    )
    data = build_zip(of, files)
    assert len(data) == summarise_zip(of).size
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        index = list(csv.DictReader(io.StringIO(archive.read("index.csv").decode("utf-8-sig"))))
        assert [archive.read(row["file"]) for row in index] == [files[n] for n in (1, 3, 4, 5)]
        assert (index[0]["begin"], index[0]["utc_offset"]) == ("2026-05-04 12:00:00", "UTC+08:00")
        assert archive.infolist()[0].date_time == (2026, 5, 4, 12, 0, 0)
        missing = list(csv.DictReader(io.StringIO(archive.read("missing.csv").decode("utf-8-sig"))))
        assert [(row["recording"], row["why"]) for row in missing] == [(USUAL_ITEM.file_name, "gone")]


def test_any_part_of_the_end_is_made_alone() -> None:
    of, chance = make_contents([0] * 500), random.Random(1)
    told = summarise_zip(of)
    end = b"".join(iter_trailer(of, told))
    for _ in range(100):
        start = chance.randrange(len(end))
        stop = chance.randrange(start, len(end) + 1)
        found = b"".join(slice_range(iter_trailer(of, told), of.files_end, of.files_end + start, of.files_end + stop))
        assert found == end[start:stop]


class SparseZip(io.RawIOBase):
    """The zip as a file in which the recordings' bytes are all zero: so it may be larger than any disk."""

    def __init__(self, of: BulkZipContents) -> None:
        self._heads = [(one.zip_offset, build_item_header(one, ZONE)) for one in of.iter_items()]
        self._end, self._begin, self._at = b"".join(iter_trailer(of, summarise_zip(of))), of.files_end, 0
        self.size = summarise_zip(of).size

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self.size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        stop = self.size if size < 0 else min(self._at + size, self.size)
        found = bytearray(stop - self._at)
        for at, data in (*self._heads, (self._begin, self._end)):
            low, high = max(at, self._at), min(at + len(data), stop)
            if low < high:
                found[low - self._at : high - self._at] = data[low - at : high - at]
        self._at = stop
        return bytes(found)


@pytest.mark.parametrize(
    "sizes", [[3 << 30, 3 << 30, 7], [5 << 30, 7], [7, 5 << 30], [0xFFFFFFFE], [0xFFFFFFFF, 7]], ids=str
)
def test_it_may_be_larger_than_four_gigabytes(sizes: list[int]) -> None:
    of = make_contents(sizes, crcs=[zlib.crc32(bytes(7))] * 3)
    with zipfile.ZipFile(SparseZip(of)) as archive:
        assert [info.file_size for info in archive.infolist()[:-2]] == sizes
        for info in archive.infolist()[:-2]:
            with archive.open(info) as opened:  # checks the local header against the directory
                assert opened.read(1) == b"\0"
        assert archive.read("index.csv").count(b"\n") == len(sizes) + 1


@pytest.mark.parametrize("count", [0, 1, 65_532, 65_533])
def test_it_may_hold_any_number_of_recordings(count: int) -> None:
    of = make_contents([0] * count)
    data = build_zip(of, dict.fromkeys(range(1, count + 1), b""))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert len(archive.namelist()) == count + 2
        assert archive.read("index.csv").count(b"\n") == count + 1
    assert (b"PK\6\6" in data[-200:]) == (count + 2 >= 0xFFFF)


def test_another_list_has_another_tag() -> None:
    one = make_contents([5, 6])
    changed = [replace(first, sha256="cd" * 32) if first.number == 1 else first for first in one.iter_items()]
    assert summarise_zip(one).etag == summarise_zip(one).etag
    assert summarise_zip(replace(one, iter_items=lambda: iter(changed))).etag != summarise_zip(one).etag


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("caller_no", "../../../etc/passwd"),
        ("caller_no", "C:\\x"),
        ("callee_no", "/"),
        ("agent_id", "a\nb\0c"),
        ("agent_id", "\u202egnp.exe"),
        ("caller_no", "=cmd|' /C calc'!A1"),
        ("agent_id", "x" * 500),
        ("file_name", "/a/b.exe\n"),
        ("file_name", "/a/.." + "x" * 20),
    ],
)
def test_a_name_leads_nowhere_whatever_callers_call_themselves(field: str, text: str) -> None:
    name = build_member_name(replace(USUAL_ITEM, **{field: text}), ZONE, b"other")  # type: ignore[arg-type]
    inner = name.removeprefix(MEMBER_FOLDER)
    assert name.startswith(f"{MEMBER_FOLDER}2026-05-04_12-00-00_")
    assert inner.isprintable()
    assert not set(inner) & set("/\\:*?\"<>|'=! \u202e")
    assert len(inner) < 180
    assert "_00001." in inner


def test_a_wav_is_called_one() -> None:
    assert build_member_name(USUAL_ITEM, ZONE, b"RIFF\0\0").endswith("_00001.wav")
    assert build_member_name(USUAL_ITEM, ZONE, b"ID3\4").endswith("_00001.v3")
