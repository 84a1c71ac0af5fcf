"""Report rotated files that are missing, and withdraw the report when they are found."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from ccfs.db.tenant.ingest import resolved_rejections, rotated_files
from ccfs.db.tenant.ingest.ingest_state import IngestRejection
from ccfs.db.tenant.ingest.rotated_files import RotatedFile
from ccfs.ingest.context import IngestRun
from ccfs.ingest.files.scan import to_db_path
from ccfs.model.identity.tenancy import App
from ccfs.model.source_files import MISSING, is_unreadable_rotation

GRACE = timedelta(seconds=60)  # logrotate may be moving or compressing the file
SEARCH_TIME = timedelta(days=30)  # for which every pass looks for a missing file
LOST = (
    "the file was rotated or rewritten after line {line} (byte {offset}), and the rotated file is not found: lines that were"
    " written to it later are missing. Every pass looks for it; ingest it with its own path if it is elsewhere"
)
ABSENT = "this rotated file is not found or cannot be read: its lines are missing. Every pass looks for it"


def is_searched(row: RotatedFile, now: datetime) -> bool:
    """Return whether every pass looks for a file."""
    return row.state == MISSING and now - row.since < SEARCH_TIME


def report_missing_files(run: IngestRun, app: App, source: Path, rows: Sequence[RotatedFile]) -> None:
    """Reject files that have been missing for a while. Delete the rejections of files that were found."""
    now = run.now()
    missing = [row for row in rows if row.state == MISSING and not row.is_reported]
    due = [row for row in missing if not run.is_watching or now - row.since >= GRACE]
    found = [row for row in rows if row.is_reported and row.state != MISSING]
    if not due and not found:
        return
    with run.app_transaction(app) as connection:
        rotated_files.save(connection, app, (replace(row, is_reported=True) for row in due))
        rotated_files.save(connection, app, (replace(row, is_reported=False) for row in found))
        resolved_rejections.delete(connection, app, (_build_rejection(source, row) for row in found))
        run.reject(connection, app, [_build_rejection(source, row) for row in due])
    for row in due:
        rejection = _build_rejection(source, row)
        text = f"{rejection.file}: {rejection.reason}{_list_unreadable(source)}"
        run.alert(text, "rotated_file_missing", file=rejection.file, line=row.position.line, offset=row.position.offset)


def _build_rejection(source: Path, row: RotatedFile) -> IngestRejection:
    position = row.position
    if not position.offset:
        return IngestRejection(file=row.path, line=0, reason=ABSENT)
    reason = LOST.format(line=position.line, offset=position.offset)
    return IngestRejection(file=to_db_path(source), line=position.line, reason=reason)


def _list_unreadable(source: Path) -> str:
    """Return the names of candidates for the missing files in formats that cannot be decompressed."""
    try:
        names = sorted(
            file.name for file in source.absolute().parent.iterdir() if is_unreadable_rotation(file.name, source.name)
        )
    except OSError:
        return ""
    return f" ({', '.join(names[-5:])} cannot be decompressed)" if names else ""
