"""Separate finished recordings from those that the switch is still writing."""

import time
from collections.abc import Collection
from pathlib import Path

from ccfs.ingest.context import IngestRun
from ccfs.ingest.files.open_files import find_unclosed
from ccfs.ingest.files.scan import ScannedFile, to_db_path
from ccfs.ingest.recordings.choose_row import find_last_end
from ccfs.ingest.recordings.match import RecordingMatch
from ccfs.media.convert import has_unset_size
from ccfs.media.detect import HEAD_BYTES

BUFFER_SECONDS = (
    60.0  # seconds between two writes of a switch: Asterisk's buffer has 20 s of GSM, FreeSWITCH's 4 s of WAV
)


def drop_unfinished(run: IngestRun, matches: Collection[RecordingMatch]) -> list[RecordingMatch]:
    """Return the matches without files that are still being written. A later pass ingests these."""
    open_files = find_unclosed(match.file for match in matches if match.rows)
    finished = []
    for match in matches:
        if match.file.path in open_files:
            if not run.is_watching:
                run.warn(f"{to_db_path(match.file.path)} is still being written; a later run will ingest it")
        elif not (run.is_watching and match.rows and _may_grow(run, match)):
            finished.append(match)
    return finished


def _may_grow(run: IngestRun, match: RecordingMatch) -> bool:
    """Return whether a file may grow although nobody has written to it for some seconds.

    Either its call is still in progress after the last CDR, so that another line will follow, or its header has no size
    yet, which is written last.
    """
    age = _get_age(match.file)
    is_after_call = match.file.modified_ns / 1e9 > find_last_end(match.rows).timestamp() + 1
    if 0 <= age < BUFFER_SECONDS and is_after_call:
        return True
    limit = float(run.settings.recording_wait_seconds) if is_after_call else BUFFER_SECONDS
    return 0 <= age < limit and _has_unset_size(match.file.path, match.file.size)


def _has_unset_size(path: Path, size: int) -> bool:
    try:
        with open(path, "rb") as file:
            return has_unset_size(file.read(HEAD_BYTES), size)
    except OSError:
        return False  # storing it will tell


def _get_age(file: ScannedFile) -> float:
    return time.time() - file.modified_ns / 1e9
