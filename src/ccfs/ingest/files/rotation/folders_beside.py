"""Unknown rotated files in a folder beside the source's (olddir): decide whether they belong to the source.

The bytes that were read of a file prove its origin (recognition.py), and then the whole folder belongs to the source.
This module handles the first rotation into such a folder, when nothing is proven: ingesting another switch's calls
would be worse than reporting a file.
"""

from pathlib import Path

from ccfs.db.system import source_paths
from ccfs.db.tenant.ingest.ingest_state import IngestRejection, SourceCursor
from ccfs.ingest.context import IngestRun
from ccfs.ingest.files.rotation import candidates
from ccfs.ingest.files.rotation.candidates import FoundFile
from ccfs.ingest.files.rotation.recognition import QUIET_SECONDS, Recognition
from ccfs.ingest.files.scan import to_db_name, to_db_path

SUSPECT = (
    "this file may have been rotated from {name}, or be another switch's: nothing of it was read. Ingest it with its own path if"
    " it is this switch's"
)


def find_own_folder(run: IngestRun, source: Path, cursor: SourceCursor, result: Recognition) -> Path | None:
    """Return the folder whose unknown files must be the source's.

    This holds if nothing of the source was rotated elsewhere, if all unknown files are in that folder and newer than
    the first pass over the source, and if no other source of this name is beside that folder or was ever read in it.
    """
    folders = {file.path.parent for file in result.foreign}
    if len(folders) != 1 or result.files or not all(_is_younger(run, cursor, file) for file in result.foreign):
        return None
    if any(candidates.has_source(folder, source) for folder in candidates.list_neighbours(source)):
        return None
    [folder] = folders
    with run.database.read_transaction() as connection:
        return None if source_paths.is_read(connection, to_db_path(folder / source.name)) else folder


def find_suspects(run: IngestRun, source: Path, cursor: SourceCursor, result: Recognition) -> list[IngestRejection]:
    """Return rejections of unread files that may have been rotated from this source or from another one."""
    if cursor.line > 1 or cursor.is_reread_requested:
        return []
    return [
        build_suspect(source, to_db_path(file.path))
        for file in result.foreign
        if _is_quiet(run, file)
        and _is_younger(run, cursor, file)
        and not candidates.has_source(file.path.parent, source)
    ]


def build_suspect(source: Path, path: str) -> IngestRejection:
    """Return the rejection of a file that may have been rotated from the source."""
    return IngestRejection(file=path, line=0, reason=SUSPECT.format(name=to_db_name(source)))


def _is_quiet(run: IngestRun, file: FoundFile) -> bool:
    return not run.is_watching or run.now().timestamp() - file.version[1] / 1e9 > QUIET_SECONDS


def _is_younger(run: IngestRun, cursor: SourceCursor, file: FoundFile) -> bool:
    """Return whether a file was written after the source was first seen."""
    return file.version[1] / 1e9 > (cursor.started_at or run.now()).timestamp()
