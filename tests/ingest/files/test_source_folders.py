"""A folder of FreeSWITCH's files: rotated CSV files belong to their source, and documents wait until they are whole."""

import os
import subprocess
import sys
from pathlib import Path
from time import time

import pytest

from ccfs.db import schema
from ccfs.ingest.files.source_groups import group_by_source
from ccfs.model.source_files import get_rotation_base, is_rotated, split_rotation_number
from tests.ingest.files.test_logrotate import append_text
from tests.ingest.ingest_site import FREESWITCH_SAMPLES, IngestSite
from tests.ingest.passes import Passes

LINES = (FREESWITCH_SAMPLES / "master.csv").read_text().splitlines(keepends=True)


def build_lines(first: int, count: int) -> str:
    """Return lines of channels with uuids of their own."""
    line = LINES[4]
    return "".join(line.replace("b6a1c0de-0001", f"b6a1c0de-{number:04x}") for number in range(first, first + count))


def count_calls(site: IngestSite) -> int:
    return len(site.read_rows(schema.cdrs))


def test_rotations_in_a_folder_lose_nothing_and_report_nothing(ingest_site: IngestSite) -> None:
    log = ingest_site.write_file("cdr/Master.csv", build_lines(1, 4))
    other = ingest_site.write_file("cdr/1001.csv", build_lines(1000, 3))
    passes = Passes(ingest_site)
    assert passes.pass_freeswitch(log.parent).cdrs == 7
    for number in (1, 2, 3):
        for old in (2, 1):
            if Path(f"{log}.{old}").exists():
                Path(f"{log}.{old}").rename(f"{log}.{old + 1}")
        append_text(log, build_lines(10 * number, 4))
        log.rename(f"{log}.1")
        if number != 2:  # the switch creates it with its next line
            append_text(log, build_lines(100 * number, 4))
        append_text(other, build_lines(2000 + number, 1))
        passes.pass_freeswitch(log.parent)
    result = passes.run.result
    assert (result.cdrs, result.duplicates, result.rejected) == (30, 0, [])
    assert count_calls(ingest_site) == 30


def test_the_rotated_files_of_a_folder_are_ingested_by_the_first_pass(ingest_site: IngestSite) -> None:
    for number, name in enumerate(
        ("Master.csv", "Master.csv.1", "old/Master.csv.2", "day-2024-01-15.csv", "x/b.csv.1")
    ):
        ingest_site.write_file(f"cdr/{name}", build_lines(100 * number + 1, 2))
    passes = Passes(ingest_site)
    assert passes.pass_freeswitch(ingest_site.switch_folder / "cdr").cdrs == 10
    ingest_site.write_file("cdr/day-2024-01-16.csv", build_lines(9000, 2))
    result = passes.pass_freeswitch(ingest_site.switch_folder / "cdr")
    assert (result.cdrs, result.duplicates, result.rejected) == (12, 0, [])


def test_a_document_that_is_still_written_waits_and_is_not_rejected(ingest_site: IngestSite) -> None:
    data = (FREESWITCH_SAMPLES / "outbound.xml").read_bytes()
    path = ingest_site.write_file("cdr/a.xml", data[:300], time())
    passes = Passes(ingest_site)
    holder = subprocess.Popen(
        [sys.executable, "-c", f"f = open({str(path)!r}, 'ab'); print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert passes.pass_freeswitch(path.parent).rejected == []
    finally:
        holder.communicate(b"\n")
    path.write_bytes(data)
    os.utime(path, (1_705_400_000, 1_705_400_000))
    result = passes.pass_freeswitch(path.parent)
    assert (result.cdrs, result.rejected) == (1, [])


def test_a_document_that_was_read_too_early_is_rejected_only_until_it_is_whole(ingest_site: IngestSite) -> None:
    data = (FREESWITCH_SAMPLES / "same-call.json").read_bytes()
    path = ingest_site.write_file("cdr/a.json", data[:100])
    passes = Passes(ingest_site)
    assert passes.pass_freeswitch(path.parent).rejected_count == 1
    ingest_site.write_file("cdr/a.json", data)
    assert passes.pass_freeswitch(path.parent).cdrs == 1
    assert ingest_site.read_rows(schema.ingest_errors) == []


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("Master.csv.1", "Master.csv"),
        ("Master.1.csv.gz", "Master.csv"),
        ("Master-20240115.csv.zst", "Master.csv"),
        ("Master.csv.2024-01-15-10-00-00", "Master.csv"),
        ("queue_log-1705311042.xz", "queue_log"),
        ("1001.csv.2", "1001.csv"),
        ("1001.csv", "1001.csv"),
        ("sales-2.csv", "sales-2.csv"),
        ("20240115.csv", "20240115.csv"),
    ],
)
def test_the_source_of_a_rotated_file_is_known_by_its_name(name: str, base: str) -> None:
    assert get_rotation_base(name) == base
    assert is_rotated(name, base) == (name != base)


def test_a_file_of_another_extension_number_is_no_rotated_one() -> None:
    assert not is_rotated("1001.csv", "100.csv")
    assert split_rotation_number("Master.csv.12.gz") == ("Master.csv.#", 12)
    assert split_rotation_number("Master.12.csv") == ("Master.#.csv", 12)
    assert split_rotation_number("Master-20240115.csv") is None


def test_files_that_are_written_under_another_name_are_left_out() -> None:
    files = [
        Path("/cdr") / name for name in ("a.csv", "a.csv.tmp", "b.csv.part", "old/a.csv.1", "c/a.csv", "c/a.csv.1")
    ]
    assert group_by_source(files, lambda _path: False) == {
        Path("/cdr/a.csv"): [Path("/cdr/old/a.csv.1")],
        Path("/cdr/c/a.csv"): [Path("/cdr/c/a.csv.1")],
    }
