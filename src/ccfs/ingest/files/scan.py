"""Scan folders for source files, and wait until a file is no longer being written."""

import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ccfs.ingest.context import IngestRun

BATCH_FILES = 64  # files whose rows are written in one transaction


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """A file at the time of the scan."""

    path: Path
    size: int
    modified_ns: int
    unusable_reason: str = ""  # why it cannot be ingested: it is a link or a pipe; "" for a plain file


def scan_folder(root: Path, warn: Callable[[str], None]) -> Iterator[ScannedFile]:
    """Yield every file below the folder, sorted by name, except hidden ones. Links are yielded, not followed.

    Subfolders that cannot be read are left out with a warning. Raise OSError for the root itself.
    """
    open_folders = [iter(_list_entries(root))]
    while open_folders:
        entry = next(open_folders[-1], None)
        if entry is None:
            open_folders.pop()
            continue
        try:
            if entry.is_dir(follow_symlinks=False):
                open_folders.append(iter(_list_entries(Path(entry.path))))
            else:
                yield _describe_file(Path(entry.path), entry.stat(follow_symlinks=False))
        except FileNotFoundError:
            continue  # deleted since the folder was read
        except OSError as error:
            warn(f"{to_db_path(Path(entry.path))} cannot be read: {error.strerror}")


def stat_file(path: Path) -> ScannedFile:
    """Return a file that the operator named; a link counts as the file that it points to. Raise OSError."""
    return _describe_file(path, path.stat())


def wait_until_stable(run: IngestRun, file: ScannedFile) -> ScannedFile | None:
    """Return the file if nobody is writing it any more, or None if it must wait for a later pass.

    A single run waits once; a watch does not wait.
    """
    seconds = run.settings.settle_seconds - (time.time() - file.modified_ns / 1e9)
    if not 0 < seconds <= run.settings.settle_seconds:  # longer: a time stamp in the future proves nothing
        return file
    if run.is_watching:
        return None
    time.sleep(seconds)
    try:
        status = file.path.stat()
    except FileNotFoundError:
        return None
    if (status.st_size, status.st_mtime_ns) != (file.size, file.modified_ns):
        run.warn(f"{to_db_path(file.path)} is still being written; a later run will ingest it")
        return None
    return file


def iter_batches(files: Iterator[ScannedFile], size: int = BATCH_FILES) -> Iterator[list[ScannedFile]]:
    """Yield the files in lists of at most `size`."""
    batch: list[ScannedFile] = []
    for file in files:
        batch.append(file)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def to_db_path(path: Path) -> str:
    """Return the path as it is stored in rows: bytes that are not UTF-8 stay readable, and any database accepts it."""
    return str(path.absolute()).encode(errors="surrogateescape").decode(errors="backslashreplace")


def to_db_name(path: Path) -> str:
    """Return the last part of the path as it is stored in rows."""
    return to_db_path(path).rpartition("/")[2]


def _list_entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)


def _describe_file(path: Path, status: os.stat_result) -> ScannedFile:
    reason = "" if stat.S_ISREG(status.st_mode) else "not a plain file"
    if stat.S_ISLNK(status.st_mode):
        reason = "a link; the file itself must be in the folder"
    return ScannedFile(path, status.st_size, status.st_mtime_ns, reason)
