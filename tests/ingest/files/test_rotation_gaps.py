"""A number that no rotated file has tells of a lost file; files that are only compressed or renamed meanwhile are no gaps."""

import gzip
from pathlib import Path

from ccfs.db import schema
from ccfs.db.tenant.ingest.rotated_files import RotatedFile
from ccfs.ingest.files.contents.positions import read_position
from ccfs.ingest.files.cursors import create_cursor
from ccfs.ingest.files.rotation.candidates import find_rotated_files
from ccfs.ingest.files.rotation.recognition import Recogniser, Recognition
from ccfs.model.source_files import MISSING, OPEN, READ
from ccfs.server.node import utc_now
from tests.ingest.files.test_logrotate import LOG, append_text, build_lines
from tests.ingest.files.test_missing_rotations import MINUTE, count_missing
from tests.ingest.ingest_site import IngestSite
from tests.ingest.passes import Passes


def list_numbers(result: Recognition, state: str) -> list[str]:
    """Return the names of the files in a state."""
    return sorted(row.path.rpartition("/")[2] for row in result.files if row.state == state)


def test_a_log_that_is_renamed_after_it_was_opened_leaves_no_gap(tmp_path: Path) -> None:
    log = tmp_path / "Master.csv"
    log.write_text(build_lines(10, 4))
    read = tmp_path / "Master.csv.1"
    read.write_text(build_lines(0, 4))
    with open(read, "rb") as file:
        position = read_position(file, read.stat().st_size, 4)
    status = read.stat()
    known = RotatedFile(
        row_id=1,
        source="acme:log",
        path=str(read),
        size=status.st_size,
        modified_ns=status.st_mtime_ns,
        position=position,
        state=READ,
        since=utc_now(),
    )
    with open(log, "rb") as live:
        read.rename(tmp_path / "Master.csv.2")
        log.rename(tmp_path / "Master.csv.1")
        log.touch()
        cursor = create_cursor("acme:log", log)
        found = find_rotated_files(log, None, (), is_far=False)
        result = Recogniser(cursor, [known], live, utc_now(), skips=False).recognise(found)
    assert list_numbers(result, MISSING) == []
    assert list_numbers(result, OPEN) == []  # what was opened is read as the log
    assert list_numbers(result, READ) == ["Master.csv.2"]


def test_a_number_that_appears_compressed_is_no_gap_any_more(each_ingest_site: IngestSite) -> None:
    log = each_ingest_site.write_file(LOG, build_lines(0, 4))
    passes = Passes(each_ingest_site)
    passes.pass_asterisk(log)
    first = log.rename(f"{log}.1")
    log.touch()
    passes.pass_asterisk(log)
    append_text(log, build_lines(4, 4))
    passes.pass_asterisk(log)
    first.rename(f"{log}.2")
    away = log.rename(each_ingest_site.switch_folder / "away")  # as if logrotate had not yet named it
    each_ingest_site.write_file(LOG, build_lines(8, 4))
    passes.pass_asterisk(log)
    Path(f"{log}.1.gz").write_bytes(gzip.compress(away.read_bytes()))
    passes.pass_asterisk(log)
    passes.later += 2 * MINUTE
    result = passes.pass_asterisk(log)
    assert (result.cdrs, result.duplicates, result.rejected) == (12, 0, [])
    assert (count_missing(each_ingest_site), each_ingest_site.read_rows(schema.ingest_errors)) == (0, [])
    assert MISSING not in each_ingest_site.read_rows(schema.rotated_files, "state")
