"""Walking a folder at constant memory: what is there, what is new, what must wait, what cannot be taken in at all."""

import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import Connection

from ccfs.db.tenant import ingest_state
from ccfs.ingest.context import IngestRun
from ccfs.model.identity.tenancy import App
from ccfs.model.source_files import REREAD

BATCH_FILES = 64  # files kept side by side, their rows in one transaction

INGESTED, REJECTED = "taken", "refused"  # what became of a file
UNMATCHED, REPORTED = "orphan", "listed"  # no CDR tells of it: not yet listed as refused, or so; both are tried again


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """A file as it was seen."""

    path: Path
    size: int
    modified_ns: int
    unusable_reason: str = ""  # why it is no file to take in: it is a link, a pipe; empty for a plain file


def scan_folder(root: Path, warn: Callable[[str], None]) -> Iterator[ScannedFile]:
    """Every file below the folder in order of its name, hidden ones left out; links are shown, not followed.

    A folder within that cannot be read is warned of and left out. Raises OSError for the root itself.
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
            continue  # gone since the folder was read
        except OSError as error:
            warn(f"{to_db_path(Path(entry.path))} cannot be read: {error.strerror}")


def stat_file(path: Path) -> ScannedFile:
    """One file as it is now; a link is taken for what it leads to, as the operator named it. Raises OSError."""
    return _describe_file(path, path.stat())


def wait_until_stable(run: IngestRun, seen: ScannedFile) -> ScannedFile | None:
    """The file if nobody writes to it any more, None if it must wait for a later pass: a pass waits once, a watch never."""
    rest = run.settings.settle_seconds - (time.time() - seen.modified_ns / 1e9)
    if not 0 < rest <= run.settings.settle_seconds:  # the second: a time stamp in the future says nothing
        return seen
    if run.is_watching:
        return None
    time.sleep(rest)
    try:
        again = seen.path.stat()
    except FileNotFoundError:
        return None
    if (again.st_size, again.st_mtime_ns) != (seen.size, seen.modified_ns):
        run.warn(f"{to_db_path(seen.path)} is still being written; a later run takes it in")
        return None
    return seen


def iter_batches(files: Iterator[ScannedFile], size: int = BATCH_FILES) -> Iterator[list[ScannedFile]]:
    """The files in lists of at most `size`."""
    batch: list[ScannedFile] = []
    for one in files:
        batch.append(one)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def select_new_files(connection: Connection, app: App, batch: list[ScannedFile]) -> list[tuple[ScannedFile, str]]:
    """Those that are new, changed, wanted again, or had no CDR last time; each with its state if it is tried again, else ""."""
    known = ingest_state.find_known_files(connection, app, [to_db_path(one.path) for one in batch])
    found = []
    for one in batch:
        size, modified_ns, state = known.get(to_db_path(one.path), (-1, -1, ""))
        if (size, modified_ns) != (one.size, one.modified_ns):
            found.append((one, ""))
        elif state in (UNMATCHED, REPORTED):
            found.append((one, state))
        elif state == REREAD:
            found.append((one, ""))
    return found


def record_state(
    connection: Connection, run: IngestRun, app: App, seen: ScannedFile, state: str, reason: str = ""
) -> None:
    """Remember what became of a file, so that no later run asks again."""
    ingest_state.save_file_state(
        connection, app, to_db_path(seen.path), seen.size, seen.modified_ns, state, reason, run.now()
    )


def to_db_path(path: Path) -> str:
    """The path as rows have it: bytes that are not UTF-8 stay readable, and any database takes it."""
    return str(path.absolute()).encode(errors="surrogateescape").decode(errors="backslashreplace")


def _list_entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)


def _describe_file(path: Path, status: os.stat_result) -> ScannedFile:
    oddity = "" if stat.S_ISREG(status.st_mode) else "not a plain file"
    if stat.S_ISLNK(status.st_mode):
        oddity = "a link; the file itself must lie in the folder"
    return ScannedFile(path, status.st_size, status.st_mtime_ns, oddity)
