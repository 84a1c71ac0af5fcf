"""Rotated files in a folder beside the source's: the source's are read, another switch's are left alone, doubt is reported."""

import os
from pathlib import Path

from ccfs.db import schema
from ccfs.ingest.files.rotation.folders_beside import SUSPECT
from tests.ingest.files.test_logrotate import LOG, append_text, build_lines, count_rows
from tests.ingest.files.test_missing_rotations import MINUTE
from tests.ingest.files.test_source_folders import build_lines as build_freeswitch_lines
from tests.ingest.ingest_site import IngestSite
from tests.ingest.passes import Passes

YOUNGER = 5  # seconds


def begin_empty(site: IngestSite, passes: Passes) -> Path:
    """Return a log that a pass has seen while it was empty."""
    log = site.write_file(LOG, "")
    os.utime(log)
    passes.pass_asterisk(log)
    return log


def rotate_beside(log: Path, name: str) -> Path:
    """Move a log to a folder beside its own, and create a new one. Return the file."""
    moved = log.parent.parent / name
    moved.parent.mkdir(exist_ok=True)
    log.rename(moved)
    os.utime(moved, (moved.stat().st_mtime + YOUNGER, moved.stat().st_mtime + YOUNGER))
    log.touch()
    return moved


def list_reported(passes: Passes, log: Path) -> tuple[int, list[tuple[str, str]]]:
    """Return the number of CDRs so far, and the rejections, after passes that come when files have been quiet."""
    passes.later += 2 * MINUTE
    for _ in range(2):
        result = passes.pass_asterisk(log)
    return result.cdrs, [(row.file, row.reason) for row in result.rejected]


def test_the_first_rotation_into_a_folder_beside_is_read_though_nothing_of_it_was(each_ingest_site: IngestSite) -> None:
    passes = Passes(each_ingest_site)
    log = begin_empty(each_ingest_site, passes)
    for number in (0, 1):
        append_text(log, build_lines(4 * number, 4))
        rotate_beside(log, f"old/Master.csv-{number + 1}")
    assert passes.pass_asterisk(log).cdrs == 8
    assert list_reported(passes, log) == (8, [])


def test_a_single_run_reads_the_first_rotation_into_a_folder_beside_without_the_log(ingest_site: IngestSite) -> None:
    passes = Passes(ingest_site, is_watching=False)
    log = begin_empty(ingest_site, passes)
    append_text(log, build_lines(0, 4))
    rotate_beside(log, "old/Master.csv.1")
    log.unlink()
    result = passes.pass_asterisk(log)
    assert (result.cdrs, result.rejected) == (4, [])


def test_the_first_rotation_of_a_folder_of_csv_files_into_one_beside_is_read(ingest_site: IngestSite) -> None:
    log = ingest_site.write_file("freeswitch/cdr/Master.csv", "")
    os.utime(log)
    passes = Passes(ingest_site)
    passes.pass_freeswitch(log.parent)
    append_text(log, build_freeswitch_lines(1, 4))
    rotate_beside(log, "old/Master.csv.1")
    result = passes.pass_freeswitch(log.parent)
    assert (result.cdrs, result.rejected) == (4, [])


def test_rotated_files_of_another_switch_in_a_folder_beside_are_left_alone(ingest_site: IngestSite) -> None:
    log = ingest_site.write_file(LOG, build_lines(0, 2))
    passes = Passes(ingest_site)
    passes.pass_asterisk(log)
    ingest_site.write_file("asterisk/other/Master.csv", build_lines(100, 2))
    ingest_site.write_file("asterisk/other/Master.csv.1", build_lines(200, 2))
    append_text(log, build_lines(2, 2))
    log.rename(f"{log}.1")
    log.touch()
    result = passes.pass_asterisk(log)
    assert (result.cdrs, result.rejected) == (4, [])
    assert list_reported(passes, log) == (4, [])


def test_files_beside_are_reported_and_not_read_where_another_switch_writes_near(ingest_site: IngestSite) -> None:
    ingest_site.write_file("asterisk/other/Master.csv", build_lines(100, 2))
    passes = Passes(ingest_site)
    log = begin_empty(ingest_site, passes)
    append_text(log, build_lines(0, 4))
    moved = rotate_beside(log, "old/Master.csv.1")
    assert passes.pass_asterisk(log).rejected == []
    assert list_reported(passes, log) == (0, [(str(moved), SUSPECT.format(name="Master.csv"))])


def test_files_beside_are_not_read_where_a_source_that_was_read_is_absent_at_present(ingest_site: IngestSite) -> None:
    other = ingest_site.write_file("asterisk/other/Master.csv", build_lines(100, 2))
    passes = Passes(ingest_site)
    assert passes.pass_asterisk(other).cdrs == 2
    log = begin_empty(ingest_site, passes)
    os.utime(other)
    moved = other.rename(f"{other}.1")  # "nocreate"
    os.utime(moved, (moved.stat().st_mtime + YOUNGER, moved.stat().st_mtime + YOUNGER))
    assert list_reported(passes, log) == (2, [(str(moved), SUSPECT.format(name="Master.csv"))])


def test_files_in_two_folders_beside_are_reported_and_not_read(ingest_site: IngestSite) -> None:
    passes = Passes(ingest_site)
    log = begin_empty(ingest_site, passes)
    for number, folder in enumerate(("old", "older")):
        append_text(log, build_lines(4 * number, 4))
        rotate_beside(log, f"{folder}/Master.csv.1")
    cdrs, reported = list_reported(passes, log)
    assert (cdrs, len(reported)) == (0, 2)


def test_doubt_ends_with_a_rotation_that_was_begun(each_ingest_site: IngestSite) -> None:
    passes = Passes(each_ingest_site)
    log = begin_empty(each_ingest_site, passes)
    append_text(log, build_lines(0, 4))
    passes.pass_asterisk(log)
    log.rename(f"{log}.1")  # where its rotated files are, until the configuration of logrotate changes
    log.touch()
    passes.pass_asterisk(log)
    append_text(log, build_lines(4, 4))
    moved = rotate_beside(log, "old/Master.csv-1")
    assert list_reported(passes, log) == (4, [(str(moved), SUSPECT.format(name="Master.csv"))])
    append_text(log, build_lines(8, 4))
    passes.pass_asterisk(log)
    append_text(log, build_lines(12, 4))
    rotate_beside(log, "old/Master.csv-2")
    passes.pass_asterisk(log)
    passes.pass_asterisk(log)
    assert count_rows(each_ingest_site) == (16, 0)
    assert each_ingest_site.read_rows(schema.ingest_errors) == []
