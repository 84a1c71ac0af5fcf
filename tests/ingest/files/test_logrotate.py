"""The real logrotate, in every manner: no line is lost or read twice, and no rotated file is reported as missing."""

import gzip
import os
from pathlib import Path

import pytest

from ccfs.db import schema
from ccfs.ingest.files import line_reader
from tests.ingest.ingest_site import IngestSite, build_cdr_line
from tests.ingest.passes import Passes
from tests.soak.week.rotations import MANNERS, LogRotator, Manner

LOG = "asterisk/log/Master.csv"


def build_lines(first: int, count: int = 6) -> str:
    return "".join(build_cdr_line(f"1705311042.{number}", sequence=number) for number in range(first, first + count))


def append_text(path: Path, text: str) -> None:
    with open(path, "a") as file:
        file.write(text)


def count_rows(site: IngestSite) -> tuple[int, int]:
    """Return the numbers of CDRs and of rejections."""
    return len(site.read_rows(schema.cdrs)), len(site.read_rows(schema.ingest_errors))


def is_idle(site: IngestSite, passes: Passes, log: Path) -> bool:
    """Return whether another pass adds nothing and knows nothing again."""
    before, known = count_rows(site), passes.run.result.duplicates
    return count_rows(site) == before and passes.pass_asterisk(log).duplicates == known


@pytest.mark.parametrize("manner", MANNERS, ids=lambda manner: manner.name)
def test_several_rotations_between_two_passes_lose_no_line(manner: Manner, ingest_site: IngestSite) -> None:
    log, rotator = ingest_site.write_file(LOG, ""), LogRotator(ingest_site.switch_folder)
    passes, written, rotations = Passes(ingest_site), 0, 1 if manner.keeps_few else 3
    passes.pass_asterisk(log)
    for count in range(3):
        for number in range(rotations):
            append_text(log, build_lines(written))
            written += 6
            if number == 1 and count:
                passes.pass_asterisk(log)
            append_text(log, build_lines(written))  # which no pass has read when the file is rotated
            written += 6
            rotator.rotate(manner, [LOG])
        if log.exists():
            append_text(log, build_lines(written))
            written += 6
        passes.pass_asterisk(log)
    assert rotator.counts[manner.name] >= 1
    assert passes.run.result.rejected == []
    assert count_rows(ingest_site) == (written, 0)
    assert passes.run.result.duplicates == 0
    assert is_idle(ingest_site, passes, log)


def test_a_file_that_is_compressed_while_it_is_read_goes_on_where_it_was(
    ingest_site: IngestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_reader, "BATCH_LINES", 10)
    log = ingest_site.write_file(LOG, build_lines(0, 45))
    passes = Passes(ingest_site, stops_after=2)
    assert passes.pass_asterisk(log).cdrs == 20
    rotated = log.rename(f"{log}.1")
    log.touch()
    passes.stops_after = 1
    assert passes.pass_asterisk(log).cdrs == 30
    Path(f"{rotated}.gz").write_bytes(gzip.compress(rotated.read_bytes()))
    rotated.unlink()
    passes.stops_after = None
    result = passes.pass_asterisk(log)
    assert (result.cdrs, result.duplicates, result.rejected) == (45, 0, [])


def test_copytruncate_after_lines_that_only_ingest_has_read_is_no_loss(ingest_site: IngestSite) -> None:
    log = ingest_site.write_file(LOG, build_lines(0, 20))
    passes = Passes(ingest_site)
    Path(f"{log}.1").write_bytes(log.read_bytes())  # the copy
    append_text(log, build_lines(20, 5))
    passes.pass_asterisk(log)
    os.truncate(log, 0)
    append_text(log, build_lines(25, 40))  # more than there was before
    passes.later += passes.later.resolution * 10**9
    result = passes.pass_asterisk(log)
    assert (result.cdrs, result.duplicates, result.rejected) == (65, 0, [])
    assert is_idle(ingest_site, passes, log)


def test_a_switch_that_writes_on_to_a_rotated_file_loses_neither_lines_nor_halves(ingest_site: IngestSite) -> None:
    log = ingest_site.write_file(LOG, build_lines(0, 4))
    passes = Passes(ingest_site)
    passes.pass_asterisk(log)
    with open(log, "a") as held:
        log.rename(f"{log}.1")
        log.touch()
        line = build_lines(4, 1)
        held.write(line[:60])
        held.flush()
        assert passes.pass_asterisk(log).cdrs == 4
        held.write(line[60:] + build_lines(5, 2))
        held.flush()
        assert passes.pass_asterisk(log).cdrs == 7
        append_text(log, build_lines(7, 1))
        held.write(build_lines(8, 1))
    result = passes.pass_asterisk(log)
    assert (result.cdrs, result.rejected) == (9, [])


def test_times_that_were_set_back_lose_no_line(ingest_site: IngestSite) -> None:
    log = ingest_site.write_file(LOG, build_lines(0, 4))
    passes = Passes(ingest_site)
    passes.pass_asterisk(log)
    for number in (2, 1):
        append_text(log, build_lines(4 * (3 - number), 4))
        log.rename(f"{log}.{number}")
        os.utime(f"{log}.{number}", (1_600_000_000 + number, 1_600_000_000 + number))
    ingest_site.write_file(LOG, build_lines(12, 4), 1_500_000_000)
    result = passes.pass_asterisk(log)
    assert (result.cdrs, result.rejected) == (16, [])


def test_a_log_that_is_absent_after_its_rotation_does_not_stop_a_run(ingest_site: IngestSite) -> None:
    log = ingest_site.write_file(LOG, build_lines(0, 4))
    assert ingest_site.ingest_asterisk(log)["cdrs"] == 4
    append_text(log, build_lines(4, 4))
    log.rename(f"{log}.1")
    added = ingest_site.ingest_asterisk(log, CCFS_SETTLE_SECONDS="0")
    assert (added["cdrs"], added["refused"]) == (4, [])
    assert any("does not exist at present" in warning for warning in added["warnings"])
    append_text(log, build_lines(8, 4))
    assert ingest_site.ingest_asterisk(log, CCFS_SETTLE_SECONDS="0")["cdrs"] == 4


def test_files_that_were_rotated_before_the_first_pass_are_not_read_after_it(ingest_site: IngestSite) -> None:
    log = ingest_site.write_file(LOG, build_lines(0, 4))
    for number in (1, 2):
        ingest_site.write_file(f"{LOG}.{number}", build_lines(100 * number, 4))
    passes = Passes(ingest_site)
    passes.pass_asterisk(log)
    for number in (3, 2):
        Path(f"{log}.{number - 1}").rename(f"{log}.{number}")
    log.rename(f"{log}.1")
    ingest_site.write_file(LOG, build_lines(4, 4))
    assert passes.pass_asterisk(log).cdrs == 8


def test_rejected_lines_of_one_number_and_reason_in_two_rotations_are_two(ingest_site: IngestSite) -> None:
    log = ingest_site.write_file(LOG, build_lines(0, 2) + "nonsense\n")
    passes = Passes(ingest_site)
    passes.pass_asterisk(log)
    log.rename(f"{log}.1")
    ingest_site.write_file(LOG, build_lines(2, 2) + "other nonsense\n")
    passes.pass_asterisk(log)
    assert ingest_site.read_rows(schema.ingest_errors, "line", "raw", order="id") == [
        (3, b"nonsense\n"),
        (3, b"other nonsense\n"),
    ]
