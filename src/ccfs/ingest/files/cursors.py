"""Cursors of source files: each account has its own."""

import time
from datetime import UTC, datetime
from pathlib import Path

from ccfs.db.tenant.ingest import ingest_state
from ccfs.db.tenant.ingest.ingest_state import SourceCursor
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.files.scan import to_db_path


def get_cursor_name(owner: CallOwner, path: Path) -> str:
    """Return the name of an account's cursor in a file."""
    return f"{owner.account.account_id}:{to_db_path(path)}"


def is_known_source(run: IngestRun, owner: CallOwner, path: Path) -> bool:
    """Return whether a source was read before."""
    with run.database.read_transaction() as connection:
        return ingest_state.find_cursor(connection, owner.app, get_cursor_name(owner, path)) is not None


def create_cursor(name: str, path: Path) -> SourceCursor:
    """Return the cursor of a source that was never read."""
    try:
        written = int(min(max(path.stat().st_mtime, 0), 4e9))  # a time stamp may be anything
    except FileNotFoundError:
        written = int(time.time())
    return SourceCursor(path=name, first_line="", offset=0, line=0, started_at=datetime.fromtimestamp(written, UTC))
