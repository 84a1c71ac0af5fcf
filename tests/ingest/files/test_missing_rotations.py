"""A rotated file that is not found is reported with file and line, and read when it is found."""

import gzip
from datetime import timedelta
from pathlib import Path

import pytest

from ccfs.db import schema
from ccfs.db.system import ingest_totals
from ccfs.ingest.files.rotation.missing_files import ABSENT
from tests.ingest.files.test_logrotate import LOG, append_text, build_lines, count_rows
from tests.ingest.ingest_site import IngestSite
from tests.ingest.passes import Passes

MINUTE = timedelta(minutes=1)


def count_missing(site: IngestSite) -> int:
    """Return what /metrics and the console report."""
    with site.node.database.read_transaction() as connection:
        return ingest_totals.count_totals(connection).missing_files


def lose_rotation(site: IngestSite, passes: Passes) -> tuple[Path, Path]:
    """Rotate a log of which two of five lines are read to where no pass looks. Return both files."""
    log = site.write_file(LOG, build_lines(0, 2))
    passes.pass_asterisk(log)
    append_text(log, build_lines(2, 3))
    away = site.switch_folder / "far" / "away"
    away.parent.mkdir()
    log.rename(away)
    site.write_file(LOG, build_lines(5, 2))
    return log, away


def test_a_watch_reports_a_missing_rotated_file_after_a_minute_and_reads_it_when_it_is_found(
    each_ingest_site: IngestSite, capsys: pytest.CaptureFixture[str]
) -> None:
    passes = Passes(each_ingest_site)
    log, away = lose_rotation(each_ingest_site, passes)
    size = len(build_lines(0, 2))
    assert passes.pass_asterisk(log).rejected == []  # logrotate may be at work
    assert count_missing(each_ingest_site) == 0
    passes.later += 2 * MINUTE
    [rejection] = passes.pass_asterisk(log).rejected
    assert (rejection.file, rejection.line) == (str(log), 2)
    assert f"after line 2 (byte {size}), and the rotated file is not found" in rejection.reason
    assert [warning for warning in passes.run.result.warnings if str(log) in warning and "line 2" in warning]
    assert "rotated_file_missing" in capsys.readouterr().out
    assert count_missing(each_ingest_site) == 1
    assert passes.pass_asterisk(log).rejected_count == 1  # once
    away.rename(f"{log}.1")
    result = passes.pass_asterisk(log)
    assert (result.cdrs, result.duplicates) == (7, 0)
    passes.pass_asterisk(log)
    assert (count_missing(each_ingest_site), each_ingest_site.read_rows(schema.ingest_errors)) == (0, [])


def test_a_rotated_file_that_cannot_be_read_is_reported_with_its_name_until_it_can(ingest_site: IngestSite) -> None:
    log = ingest_site.write_file(LOG, build_lines(0, 2))
    passes = Passes(ingest_site, is_watching=False)
    passes.pass_asterisk(log)
    rotated = ingest_site.write_file(f"{LOG}.1.gz", gzip.compress(build_lines(0, 4).encode())[:12])
    ingest_site.write_file(LOG, build_lines(4, 2))
    reported = {(row.file, row.line) for row in passes.pass_asterisk(log).rejected}
    assert reported == {(str(rotated), 0), (str(log), 2)}
    ingest_site.write_file(f"{LOG}.1.gz", gzip.compress(build_lines(0, 4).encode()))
    assert passes.pass_asterisk(log).cdrs == 6
    passes.pass_asterisk(log)
    assert (count_rows(ingest_site), count_missing(ingest_site)) == ((6, 0), 0)


def test_a_number_that_no_rotated_file_has_is_reported_with_its_name(ingest_site: IngestSite) -> None:
    log = ingest_site.write_file(LOG, build_lines(0, 4))
    passes = Passes(ingest_site, is_watching=False)
    passes.pass_asterisk(log)
    log.rename(f"{log}.1")
    ingest_site.write_file(LOG, build_lines(4, 4))
    assert passes.pass_asterisk(log).rejected == []
    Path(f"{log}.1").rename(f"{log}.4")
    log.rename(f"{log}.3")  # .2 and .1 were rotated after it, and somebody has deleted .2
    ingest_site.write_file(f"{LOG}.1", build_lines(12, 4))
    ingest_site.write_file(LOG, build_lines(16, 4))
    result = passes.pass_asterisk(log)
    assert (result.cdrs, [(row.file, row.reason) for row in result.rejected]) == (16, [(f"{log}.2", ABSENT)])
    assert any(f"{log}.2: " in warning for warning in result.warnings)
    assert count_missing(ingest_site) == 1
    assert passes.pass_asterisk(log).rejected_count == 1


def test_a_file_that_is_deleted_before_it_is_read_to_its_end_is_reported(ingest_site: IngestSite) -> None:
    log = ingest_site.write_file(LOG, build_lines(0, 4))
    passes = Passes(ingest_site)
    passes.pass_asterisk(log)
    append_text(log, build_lines(4, 4))
    rotated = log.rename(f"{log}.1")
    ingest_site.write_file(LOG, build_lines(8, 4))
    passes.stops_after = 0
    passes.pass_asterisk(log)
    rotated.unlink()
    passes.stops_after = None
    passes.pass_asterisk(log)
    passes.later += 2 * MINUTE
    result = passes.pass_asterisk(log)
    assert result.cdrs == 8
    assert [(row.file, row.line) for row in result.rejected] == [(str(log), 4)]
