"""Recognise a text file after it has grown or was rotated.

A file is identified by a digest of the beginning and the end of what was read. So a file that was renamed, emptied or
written afresh differs from one that has grown.
"""

import os
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

from ccfs.db.tenant.ingest_state import SourceCursor
from ccfs.model.source_files import is_rotated

_FINGERPRINT_BYTES = 1024  # bytes at either end of what was read


def compute_fingerprint(file: BinaryIO, offset: int) -> str:
    """Return a digest of the first and the last bytes of a file up to an offset."""
    length = min(offset, _FINGERPRINT_BYTES)
    ends = os.pread(file.fileno(), length, 0), os.pread(file.fileno(), length, offset - length)
    return blake2b(b"".join(ends), digest_size=16).hexdigest()


_EMPTY_FINGERPRINT = blake2b(b"", digest_size=16).hexdigest()


def is_same_file(file: BinaryIO, cursor: SourceCursor) -> bool:
    """Return whether the file is the one that was read up to the cursor, as far as its bytes can prove that."""
    if cursor.offset > os.fstat(file.fileno()).st_size:
        return False
    return compute_fingerprint(file, cursor.offset) in (cursor.first_line, _EMPTY_FINGERPRINT)


def find_rotated_files(path: Path, cursor: SourceCursor) -> list[Path]:
    """Return the rotated file that was read up to the cursor (Master.csv.1, Master.csv-20240115) and all rotated after it.

    They are in order of time; none if the first is not in the folder. If a re-read was requested: all that were ever read,
    which are those not older than the file was when it was first read.
    """
    rotated = [file for file in path.parent.iterdir() if is_rotated(file.name, path.name) and file.is_file()]
    files = sorted(rotated, key=lambda file: (file.stat().st_mtime_ns, file.name))
    if cursor.is_reread_requested:
        since = cursor.started_at.timestamp() if cursor.started_at else 0.0
        return [file for file in files if file.stat().st_mtime >= since]
    for index, candidate in enumerate(files):
        with open(candidate, "rb") as file:
            if is_same_file(file, cursor):
                return files[index:]
    return []
