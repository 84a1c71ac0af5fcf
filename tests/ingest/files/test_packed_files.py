"""A small zip or compressed file that decompresses to very much is read in part, says so, and stops nothing else."""

import gzip
import io
import zipfile
from collections.abc import Iterable
from copy import copy
from pathlib import Path

import pytest

from ccfs.ingest.context import MANY_REJECTED, MAX_REJECTED
from ccfs.ingest.files.contents import compression
from ccfs.ingest.files.contents.damage import MAX_UNREADABLE, UnreadRest
from ccfs.ingest.files.contents.limited_reader import UnpackedBytes, open_limited
from ccfs.ingest.files.contents.record_reader import RecordReader
from ccfs.ingest.files.line_reader import BATCH_LINES
from tests.ingest.ingest_site import IngestSite, build_cdr_line
from tests.switches.test_ccfs import CALL_ROW

MEGABYTE = 1 << 20
ROW = CALL_ROW.encode() + b"\n"
OTHER_ROW = ROW.replace(b"-67110003", b"-1")
GARBAGE = b'1,"2\n'
MUCH_GARBAGE = GARBAGE * (MAX_UNREADABLE + 2 * BATCH_LINES)


def build_zip(members: dict[str, Iterable[bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, parts in members.items():
            with archive.open(name, "w") as member:
                member.writelines(parts)
    return file.getvalue()


def repeat_member(data: bytes, copies: int) -> bytes:
    """Have the directory of a zip name the bytes of its only member many times."""
    file = io.BytesIO(data)
    with zipfile.ZipFile(file, "a") as archive:
        [member] = archive.infolist()
        archive.filelist += [copy(member) for _ in range(copies - 1)]
        archive.comment = b"changed"  # else the directory is not written again
    return file.getvalue()


@pytest.mark.parametrize(
    ("unit", "method"), [(b"\n", zipfile.ZIP_DEFLATED), (b"x", zipfile.ZIP_BZIP2)], ids=["empty lines", "one line"]
)
def test_a_member_may_not_decompress_to_very_much(unit: bytes, method: int, ingest_site: IngestSite) -> None:
    much = [ROW, *[unit * MEGABYTE] * 90, b"\n", OTHER_ROW]
    archive = ingest_site.write_file("a.zip", build_zip({"a_call.csv": much, "b_call.csv": [OTHER_ROW]}, method))
    assert archive.stat().st_size < MEGABYTE
    added = ingest_site.ingest_export(archive)
    assert added["cdrs"] == 2
    reasons = [(Path(rejection["file"]).name, rejection["reason"]) for rejection in added["refused"]]
    assert ("a.zip:a_call.csv", "decompresses to more than 80 MB; the rest is not read") in reasons


def test_members_that_share_their_bytes_are_limited_together(ingest_site: IngestSite) -> None:
    data = repeat_member(build_zip({"call.csv": [ROW, *[b"\n" * MEGABYTE] * 30]}), 1000)
    other = ingest_site.write_file("call.csv", OTHER_ROW)
    added = ingest_site.ingest_export(ingest_site.write_file("a.zip", data), other)
    assert (added["cdrs"], added["known"], added["refused_count"]) == (2, 10, 1)
    assert "decompresses to more than 320 MB" in added["refused"][0]["reason"]


def test_the_limit_of_a_large_file_grows_with_it() -> None:
    assert compression.compute_unpacked_limit(1) == 80 * MEGABYTE
    assert compression.compute_unpacked_limit(10 * MEGABYTE) == 3000 * MEGABYTE
    assert compression.compute_unpacked_limit(1 << 40) == 16 << 30


def test_reading_stops_at_the_limit_of_any_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "MIN_UNPACKED_LIMIT", MEGABYTE)
    large, small = UnpackedBytes(MEGABYTE), UnpackedBytes(1)
    file = open_limited(io.BytesIO(b"x\n" * MEGABYTE), (large, small))
    assert file.read(MEGABYTE // 2) == b"x\n" * (MEGABYTE // 4)
    with pytest.raises(UnreadRest, match="more than 1 MB"):
        file.read()
    assert (large.is_exceeded, small.is_exceeded) == (False, True)


def test_the_rest_of_an_index_is_left_out_if_most_rows_are_damaged(ingest_site: IngestSite) -> None:
    archive = build_zip({"a_call.csv": [ROW, MUCH_GARBAGE, OTHER_ROW], "b_call.csv": [ROW]})
    added = ingest_site.ingest_export(ingest_site.write_file("a.zip", archive))
    assert (added["cdrs"], added["known"], added["refused_count"]) == (1, 1, MAX_REJECTED + 2)
    many, rest = (rejection["reason"] for rejection in added["refused"][-2:])
    assert many == MANY_REJECTED
    assert rest.endswith("lines cannot be read; the rest is not read")


def test_an_index_of_many_accounts_is_read_to_its_end(ingest_site: IngestSite) -> None:
    foreign = ROW.replace(b"acme", b"elsewhere") * (MAX_UNREADABLE + 2 * BATCH_LINES)
    added = ingest_site.ingest_export(ingest_site.write_file("call.csv", ROW + foreign + OTHER_ROW))
    assert (added["cdrs"], added["refused_count"]) == (2, MAX_REJECTED + 1)


def test_the_rest_of_a_compressed_cdr_file_is_left_out_if_most_lines_are_damaged(ingest_site: IngestSite) -> None:
    begin, end = build_cdr_line("1705311042.1").encode() * 40, build_cdr_line("1705311042.2").encode()
    packed = ingest_site.write_file("Master.csv.1.gz", gzip.compress(begin + MUCH_GARBAGE + end))
    added = ingest_site.ingest_asterisk(packed)
    assert added["cdrs"] == 1
    assert "cannot be read; the rest is not read" in added["warnings"][-1]
    plain = ingest_site.write_file("Master.csv", begin + MUCH_GARBAGE + end)
    added = ingest_site.ingest_asterisk(plain)
    assert (added["cdrs"], added["refused_count"]) == (1, MAX_REJECTED + 1)


def test_empty_lines_are_skipped_as_a_block_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"a\n\n\r\n\n\r\rb\n" + b"\n" * 200_000 + b" \nc")
    with open(path, "rb") as file:
        reader = RecordReader(file)
        records = [reader.read() for _ in range(7)]
    assert [record.lines for record in records] == [1, 3, 1, 200_000, 1, 1, 0]
    assert sum(record.length for record in records) == path.stat().st_size
