"""Walking a folder at constant memory: what is there, what is new, what must wait, what cannot be taken in at all."""

import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import Connection

from ccfs.model.source import AGAIN
from ccfs.model.tenancy import App
from ccfs.store import intake
from ccfs.work.ingest.context import Run

BATCH = 64  # files kept side by side, their rows in one transaction

TAKEN, REFUSED = "taken", "refused"  # what became of a file
ORPHAN, LISTED = "orphan", "listed"  # no CDR tells of it: not yet listed as refused, or so; both are tried again


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as it was seen."""

    path: Path
    size: int
    modified_ns: int
    oddity: str = ""  # why it is no file to take in: it is a link, a pipe; empty for a plain file


def walk(root: Path, warn: Callable[[str], None]) -> Iterator[Seen]:
    """Every file below the folder in order of its name, hidden ones left out; links are shown, not followed.

    A folder within that cannot be read is warned of and left out. Raises OSError for the root itself.
    """
    open_folders = [iter(_entries(root))]
    while open_folders:
        entry = next(open_folders[-1], None)
        if entry is None:
            open_folders.pop()
            continue
        try:
            if entry.is_dir(follow_symlinks=False):
                open_folders.append(iter(_entries(Path(entry.path))))
            else:
                yield _seen(Path(entry.path), entry.stat(follow_symlinks=False))
        except FileNotFoundError:
            continue  # gone since the folder was read
        except OSError as error:
            warn(f"{name_of(Path(entry.path))} cannot be read: {error.strerror}")


def look(path: Path) -> Seen:
    """One file as it is now; a link is taken for what it leads to, as the operator named it. Raises OSError."""
    return _seen(path, path.stat())


def settled(run: Run, seen: Seen) -> Seen | None:
    """The file if nobody writes to it any more, None if it must wait for a later pass: a pass waits once, a watch never."""
    rest = run.settings.settle_seconds - (time.time() - seen.modified_ns / 1e9)
    if not 0 < rest <= run.settings.settle_seconds:  # the second: a time stamp in the future says nothing
        return seen
    if run.watching:
        return None
    time.sleep(rest)
    try:
        again = seen.path.stat()
    except FileNotFoundError:
        return None
    if (again.st_size, again.st_mtime_ns) != (seen.size, seen.modified_ns):
        run.warn(f"{name_of(seen.path)} is still being written; a later run takes it in")
        return None
    return seen


def batches(files: Iterator[Seen], size: int = BATCH) -> Iterator[list[Seen]]:
    """The files in lists of at most `size`."""
    batch: list[Seen] = []
    for one in files:
        batch.append(one)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def fresh(connection: Connection, app: App, batch: list[Seen]) -> list[tuple[Seen, str]]:
    """Those that are new, changed, wanted again, or had no CDR last time; each with its state if it is tried again, else ""."""
    known = intake.known_files(connection, app, [name_of(one.path) for one in batch])
    found = []
    for one in batch:
        size, modified_ns, state = known.get(name_of(one.path), (-1, -1, ""))
        if (size, modified_ns) != (one.size, one.modified_ns):
            found.append((one, ""))
        elif state in (ORPHAN, LISTED):
            found.append((one, state))
        elif state == AGAIN:
            found.append((one, ""))
    return found


def note(connection: Connection, run: Run, app: App, seen: Seen, state: str, reason: str = "") -> None:
    """Remember what became of a file, so that no later run asks again."""
    intake.note_file(connection, app, name_of(seen.path), seen.size, seen.modified_ns, state, reason, run.now())


def name_of(path: Path) -> str:
    """The path as rows have it: bytes that are not UTF-8 stay readable, and any database takes it."""
    return str(path.absolute()).encode(errors="surrogateescape").decode(errors="backslashreplace")


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)


def _seen(path: Path, status: os.stat_result) -> Seen:
    oddity = "" if stat.S_ISREG(status.st_mode) else "not a plain file"
    if stat.S_ISLNK(status.st_mode):
        oddity = "a link; the file itself must lie in the folder"
    return Seen(path, status.st_size, status.st_mtime_ns, oddity)
