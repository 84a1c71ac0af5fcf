"""States of files that are ingested as a whole: select those to read, record the outcome."""

import os
from collections.abc import Sequence

from sqlalchemy.engine import Connection

from ccfs.db.tenant.ingest import ingest_state, recording_sources
from ccfs.ingest.context import IngestRun
from ccfs.ingest.files.scan import ScannedFile, to_db_path
from ccfs.model.identity.tenancy import App
from ccfs.model.source_files import COPY, REPORTED, REREAD, UNMATCHED


def select_due_files(connection: Connection, app: App, batch: Sequence[ScannedFile]) -> list[tuple[ScannedFile, str]]:
    """Return the files that are new, changed or unmatched, or whose re-read was requested.

    Each has the state UNMATCHED or REPORTED if an earlier run found no call for it, COPY if the recording's other file
    is gone, and "" otherwise.
    """
    known = ingest_state.find_known_files(connection, app, [to_db_path(file.path) for file in batch])
    copies = [path for path, (_, _, state) in known.items() if state == COPY]
    originals = recording_sources.find_originals(connection, app, copies) if copies else {}
    due = []
    for file in batch:
        size, modified_ns, state = known.get(to_db_path(file.path), (-1, -1, ""))
        if (size, modified_ns) != (file.size, file.modified_ns) or state == REREAD:
            due.append((file, ""))
        elif state in (UNMATCHED, REPORTED) or (
            state == COPY and not os.path.lexists(originals.get(to_db_path(file.path), ""))
        ):
            due.append((file, state))
    return due


def record_state(
    connection: Connection, run: IngestRun, app: App, file: ScannedFile, state: str, reason: str = ""
) -> None:
    """Store the outcome of ingesting a file, for later runs."""
    ingest_state.save_file_state(
        connection, app, to_db_path(file.path), file.size, file.modified_ns, state, reason, run.now()
    )
