"""No line is lost however logrotate moves and compresses files; what cannot be found or read is reported."""

import bz2
import csv
import gzip
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from ccfs.db import schema
from ccfs.ingest.files.contents import compression
from ccfs.ingest.files.contents.compression import open_source
from ccfs.model.source_files import is_rotated, is_unreadable_rotation
from tests.ingest.ingest_site import CreateSite, IngestSite, build_cdr_line
from tests.ingest.test_repeated_runs import LINES, MORE, is_empty_run, list_cdrs

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor().compress,
}
TEXT = "".join(LINES).encode()


def read(path: Path) -> tuple[bytes, str]:
    with open_source(path) as source:
        return source.file.read(), source.damage


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_compressed_file_is_read_whole_and_of_a_damaged_one_what_is_left(suffix: str, tmp_path: Path) -> None:
    path, data = tmp_path / "x", PACKERS[suffix](TEXT * 50)
    path.write_bytes(data)
    assert read(path) == (TEXT * 50, "")
    path.write_bytes(data + PACKERS[suffix](TEXT))
    assert read(path) == (TEXT * 51, "")
    path.write_bytes(data[: len(data) - 9])
    left, damage = read(path)
    assert (TEXT * 50).startswith(left)
    assert "is damaged after" in damage


@pytest.mark.parametrize("suffix", PACKERS)
def test_decompressing_has_a_limit(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "MIN_UNPACKED_LIMIT", 1 << 20)
    path = tmp_path / "x"
    path.write_bytes(PACKERS[suffix](b"\n" * (4 << 20)))
    left, damage = read(path)
    assert len(left) <= max(1 << 20, 300 * path.stat().st_size)
    if len(left) < 4 << 20:
        assert "decompresses to more than" in damage


def test_a_plain_file_is_opened_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(TEXT)
    assert read(tmp_path / "x") == (TEXT, "")


@pytest.mark.parametrize(
    "name",
    ["Master.csv.1", "Master.csv.1.gz", "Master.csv-20240115.xz", "Master-20240115.csv", "Master-20240115.csv.zst"],
)
def test_names_of_logrotate_are_recognised(name: str) -> None:
    assert is_rotated(name, "Master.csv")
    assert not is_unreadable_rotation(name, "Master.csv")


@pytest.mark.parametrize("name", ["Master.csv", "Master.csv.gz", "Masterful.csv", "Master.csv.tmp", "Master.1.txt"])
def test_other_names_are_not(name: str) -> None:
    assert not is_rotated(name, "Master.csv")


@pytest.mark.parametrize(
    "rotated", ["Master.csv.1.gz", "Master.csv-20240115.zst", "old/Master.csv.1", "../old/Master.csv-20240115.bz2"]
)
def test_lines_that_were_written_before_a_rotation_are_not_lost(rotated: str, ingest_site: IngestSite) -> None:
    cdr = ingest_site.write_file("log/Master.csv", "".join(LINES[:2]))
    assert ingest_site.ingest_asterisk(cdr)["cdrs"] == 2
    pack = PACKERS.get(rotated.rpartition(".")[2], bytes)
    ingest_site.write_file(f"log/{rotated}", pack(TEXT))
    ingest_site.write_file("log/Master.csv", "".join(MORE))
    added = ingest_site.ingest_asterisk(cdr)
    assert (added["cdrs"], added["refused"]) == (6, [])
    assert len(list_cdrs(ingest_site)) == 8
    assert is_empty_run(ingest_site.ingest_asterisk(cdr))


def test_a_rotated_file_that_is_not_found_is_reported_once(ingest_site: IngestSite) -> None:
    cdr = ingest_site.write_file("Master.csv", "".join(LINES[:2]))
    ingest_site.ingest_asterisk(cdr)
    ingest_site.write_file("Master.csv", "".join(MORE))
    added = ingest_site.ingest_asterisk(cdr)
    assert added["cdrs"] == 3
    [rejection] = added["refused"]
    assert (rejection["file"], rejection["line"]) == (str(cdr), 2)
    assert "the rotated file is not found" in rejection["reason"]
    assert any("the rotated file is not found" in warning for warning in added["warnings"])
    assert is_empty_run(ingest_site.ingest_asterisk(cdr))


def test_a_damaged_compressed_file_costs_only_what_is_damaged(ingest_site: IngestSite) -> None:
    packer = zlib.compressobj(wbits=31)
    data = packer.compress("".join(LINES).encode()) + packer.flush(zlib.Z_FULL_FLUSH)
    cdr = ingest_site.write_file("Master.csv-20240115.gz", data)
    added = ingest_site.ingest_asterisk(cdr)
    assert (added["cdrs"], [(row["file"], row["line"]) for row in added["refused"]]) == (5, [(str(cdr), 0)])


def test_blocks_of_nul_bytes_cost_only_the_line_that_they_cut(ingest_site: IngestSite) -> None:
    hole = b"\0" * 300_000
    cut = LINES[1].encode()[:60]
    data = LINES[0].encode() + cut + hole + LINES[2].encode() + hole + LINES[3].encode() + b"\0\0\n" + LINES[4].encode()
    added = ingest_site.ingest_asterisk(ingest_site.write_file("Master.csv", data))
    assert (added["cdrs"], [row["line"] for row in added["refused"]]) == (4, [2])


def test_a_record_with_line_ends_is_one_record_and_an_open_quote_costs_one_line(ingest_site: IngestSite) -> None:
    name = LINES[1].replace("Ann", "Ann\nof\nLeeds")
    cdr = ingest_site.write_file("Master.csv", LINES[0] + name + LINES[2] + LINES[3][:60] + "\n" + LINES[4])
    added = ingest_site.ingest_asterisk(cdr)
    assert (added["cdrs"], [row["line"] for row in added["refused"]]) == (4, [6])


def test_a_table_of_calls_that_master_csv_has_reported_adds_nothing(ingest_site: IngestSite) -> None:
    ingest_site.ingest_asterisk(ingest_site.write_file("Master.csv", "".join(LINES)))
    rows = list(csv.reader(LINES))
    names = "calldate clid src dst dcontext channel dstchannel lastapp lastdata duration billsec disposition amaflags uniqueid"
    order = [9, 4, 1, 2, 3, 5, 6, 7, 8, 12, 13, 14, 15, 16]  # of cdr-csv's columns
    table = "".join("\t".join(row[index] for index in order) + "\n" for row in [*rows])
    cdr = ingest_site.write_file("table.tsv", names.replace(" ", "\t") + "\n" + table)
    added = ingest_site.ingest_asterisk(cdr)
    assert (added["cdrs"], added["known"], added["refused"]) == (0, 5, [])


def test_a_files_zone_is_remembered_for_others_of_its_folder(create_site: CreateSite) -> None:
    site = create_site(zone="Asia/Shanghai")
    site.ingest_asterisk(site.write_file("log/Master.csv", "".join(LINES)))
    bare = build_cdr_line("x", start="2024-01-15 14:30:42", answer="", end="2024-01-15 14:31:00", sequence=9)
    added = site.ingest_asterisk(site.write_file("log/Other.csv", bare.replace('"x"', '""')))
    assert (added["cdrs"], added["warnings"]) == (1, [])
    assert "2024-01-15T14:30:42+00:00" in {begin.isoformat() for begin in site.read_rows(schema.cdrs, "begin")}
