"""The zip of a bulk download, of any size and any range, read by Python's zipfile."""

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

from ccfs.model.bulk.bulk_download import BulkItem, MissingReason
from ccfs.model.bulk.bulk_zip import (
    MEMBER_FOLDER,
    BulkZipContents,
    build_item_header,
    build_member_name,
    iter_trailer,
    slice_range,
    summarise_zip,
)

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
    """Return the contents of a zip with recordings of these sizes."""
    items: list[BulkItem] = []
    offset = 0
    for number, size in enumerate(sizes, 1):
        item = replace(USUAL_ITEM, number=number)
        if number in missing:
            items.append(replace(item, missing_reason=MissingReason.GONE))
            continue
        crc = crcs[number - 1] if crcs else 0
        name = build_member_name(item, ZONE, b"RIFF")
        item = replace(item, size=size, crc32=crc, zip_offset=offset, member_name=name)
        items.append(item)
        offset += len(build_item_header(item, ZONE)) + size
    return BulkZipContents(iter_items=lambda: iter(items), zone=ZONE, created_at=NOON, files_end=offset)


def build_zip(contents: BulkZipContents, files: dict[int, bytes]) -> bytes:
    present = [item for item in contents.iter_items() if not item.missing_reason]
    members = [build_item_header(item, ZONE) + files[item.number] for item in present]
    return b"".join((*members, *iter_trailer(contents, summarise_zip(contents))))


def test_a_zip_reader_finds_recordings_and_lists_of_a_bulk_download() -> None:
    files = {number: bytes([number]) * number * 10 for number in range(1, 6)}
    contents = make_contents(
        [len(files[n]) for n in range(1, 6)], missing=[2], crcs=[zlib.crc32(files[n]) for n in range(1, 6)]
    )
    data = build_zip(contents, files)
    assert len(data) == summarise_zip(contents).size
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        index = list(csv.DictReader(io.StringIO(archive.read("index.csv").decode("utf-8-sig"))))
        assert [archive.read(row["file"]) for row in index] == [files[n] for n in (1, 3, 4, 5)]
        assert (index[0]["begin"], index[0]["utc_offset"]) == ("2026-05-04 12:00:00", "UTC+08:00")
        assert archive.infolist()[0].date_time == (2026, 5, 4, 12, 0, 0)
        missing = list(csv.DictReader(io.StringIO(archive.read("missing.csv").decode("utf-8-sig"))))
        assert [(row["recording"], row["why"]) for row in missing] == [(USUAL_ITEM.file_name, "gone")]


def test_any_range_of_the_zip_trailer_is_built_alone() -> None:
    contents, generator = make_contents([0] * 500), random.Random(1)
    summary = summarise_zip(contents)
    end = b"".join(iter_trailer(contents, summary))
    for _ in range(100):
        start = generator.randrange(len(end))
        stop = generator.randrange(start, len(end) + 1)
        part = b"".join(
            slice_range(
                iter_trailer(contents, summary),
                contents.files_end,
                contents.files_end + start,
                contents.files_end + stop,
            )
        )
        assert part == end[start:stop]


class SparseZip(io.RawIOBase):
    """The zip as a file whose recordings are all zero bytes, so that it may be larger than any disk."""

    def __init__(self, contents: BulkZipContents) -> None:
        self._headers = [(item.zip_offset, build_item_header(item, ZONE)) for item in contents.iter_items()]
        self._end, self._begin, self._at = (
            b"".join(iter_trailer(contents, summarise_zip(contents))),
            contents.files_end,
            0,
        )
        self.size = summarise_zip(contents).size

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self.size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        stop = self.size if size < 0 else min(self._at + size, self.size)
        data_read = bytearray(stop - self._at)
        for at, data in (*self._headers, (self._begin, self._end)):
            low, high = max(at, self._at), min(at + len(data), stop)
            if low < high:
                data_read[low - self._at : high - self._at] = data[low - at : high - at]
        self._at = stop
        return bytes(data_read)


@pytest.mark.parametrize(
    "sizes", [[3 << 30, 3 << 30, 7], [5 << 30, 7], [7, 5 << 30], [0xFFFFFFFE], [0xFFFFFFFF, 7]], ids=str
)
def test_a_bulk_zip_may_be_larger_than_four_gigabytes(sizes: list[int]) -> None:
    contents = make_contents(sizes, crcs=[zlib.crc32(bytes(7))] * 3)
    with zipfile.ZipFile(SparseZip(contents)) as archive:
        assert [info.file_size for info in archive.infolist()[:-2]] == sizes
        for info in archive.infolist()[:-2]:
            with archive.open(info) as member:  # checks the local header against the directory
                assert member.read(1) == b"\0"
        assert archive.read("index.csv").count(b"\n") == len(sizes) + 1


@pytest.mark.parametrize("count", [0, 1, 65_532, 65_533])
def test_a_bulk_zip_may_have_any_number_of_recordings(count: int) -> None:
    contents = make_contents([0] * count)
    data = build_zip(contents, dict.fromkeys(range(1, count + 1), b""))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert len(archive.namelist()) == count + 2
        assert archive.read("index.csv").count(b"\n") == count + 1
    assert (b"PK\6\6" in data[-200:]) == (count + 2 >= 0xFFFF)


def test_bulk_zips_of_other_items_have_other_etags() -> None:
    contents = make_contents([5, 6])
    changed = [replace(item, sha256="cd" * 32) if item.number == 1 else item for item in contents.iter_items()]
    assert summarise_zip(contents).etag == summarise_zip(contents).etag
    assert summarise_zip(replace(contents, iter_items=lambda: iter(changed))).etag != summarise_zip(contents).etag


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
def test_a_member_name_is_safe_whatever_the_call_data(field: str, text: str) -> None:
    name = build_member_name(replace(USUAL_ITEM, **{field: text}), ZONE, b"other")  # type: ignore[arg-type]
    inner = name.removeprefix(MEMBER_FOLDER)
    assert name.startswith(f"{MEMBER_FOLDER}2026-05-04_12-00-00_")
    assert inner.isprintable()
    assert not set(inner) & set("/\\:*?\"<>|'=! \u202e")
    assert len(inner) < 180
    assert "_00001." in inner


def test_a_wav_member_has_the_extension_wav() -> None:
    assert build_member_name(USUAL_ITEM, ZONE, b"RIFF\0\0").endswith("_00001.wav")
    assert build_member_name(USUAL_ITEM, ZONE, b"ID3\4").endswith("_00001.v3")
