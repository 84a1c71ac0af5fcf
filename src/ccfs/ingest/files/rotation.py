"""Recognise a text file after it has grown or was rotated.

A file is identified by a digest of the beginning and the end of what was read. So a file that was renamed, emptied or
written afresh differs from one that has grown.
"""

import os
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

from ccfs.db.tenant.ingest_state import SourceCursor
from ccfs.ingest.files.compression import open_source
from ccfs.model.source_files import is_rotated

_FINGERPRINT_BYTES = 1024  # bytes at either end of what was read
_MAX_FOLDERS = 200  # folders that are searched for rotated files
_MAX_CANDIDATES = 100  # rotated files of a folder that are compared, the newest first


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
    """Return the rotated file that was read up to the cursor (Master.csv.1, Master.csv-20240115.gz) and all rotated after it.

    They are in order of time; none if the first is not found beside the file, in a folder beside it, or in one beside its
    folder (logrotate's olddir). If a re-read was requested: all that were ever read, which are those not older than the
    file was when it was first read.
    """
    folders = _list_folders(path)
    if cursor.is_reread_requested:
        since = cursor.started_at.timestamp() if cursor.started_at else 0.0
        within = [folder for folder in folders if folder == path.parent or folder.parent == path.parent]
        files = [file for folder in within for file in _list_rotated(folder, path.name)]
        return [file for time, file in sorted((file.stat().st_mtime, file) for file in files) if time >= since]
    for folder in folders:
        files = _list_rotated(folder, path.name)
        for index in range(len(files) - 1, max(-1, len(files) - 1 - _MAX_CANDIDATES), -1):
            with open_source(files[index]) as source:
                if is_same_file(source.file, cursor):
                    return files[index:]
    return []


def _list_folders(path: Path) -> list[Path]:
    """Return the folders where rotated files may be: the file's own first, then those within it, then those beside it."""
    own = path.absolute().parent
    folders = [own]
    for parent in (own, own.parent):
        try:
            folders += sorted(folder for folder in parent.iterdir() if folder.is_dir() and not folder.is_symlink())
        except OSError:
            continue  # not readable
    return list(dict.fromkeys(folders))[:_MAX_FOLDERS]


def _list_rotated(folder: Path, name: str) -> list[Path]:
    """Return the rotated files of a folder in order of time. A file that is just being compressed counts once."""
    try:
        files = [file for file in folder.iterdir() if is_rotated(file.name, name) and file.is_file()]
    except OSError:
        return []
    names = {file.name for file in files}
    files = [file for file in files if file.name.removesuffix(file.suffix) not in names]
    return sorted(files, key=lambda file: (file.stat().st_mtime_ns, file.name))
