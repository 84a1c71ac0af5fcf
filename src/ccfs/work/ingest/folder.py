"""Walking a folder of recordings at constant memory: what is there, what is new, what must wait."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import Connection

from ccfs.model.tenancy import App
from ccfs.store import intake

BATCH = 64  # files kept side by side, their rows in one transaction

TAKEN, REFUSED, ORPHAN = "taken", "refused", "orphan"  # what became of a file


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as it was seen."""

    path: Path
    size: int
    modified_ns: int
    is_link: bool


def walk(root: Path) -> Iterator[Seen]:
    """Every file below the folder in order of its name; links are shown, not followed."""
    with os.scandir(root) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    for entry in ordered:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from walk(Path(entry.path))
        else:
            status = entry.stat(follow_symlinks=False)
            yield Seen(Path(entry.path), status.st_size, status.st_mtime_ns, entry.is_symlink())


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
    """Those that are new, changed, or had no CDR last time; each with its last state ("" for none)."""
    known = intake.known_files(connection, app, [name_of(one.path) for one in batch])
    found = []
    for one in batch:
        size, modified_ns, state = known.get(name_of(one.path), (-1, -1, ""))
        if (size, modified_ns) != (one.size, one.modified_ns) or state == ORPHAN:
            found.append((one, state))
    return found


def name_of(path: Path) -> str:
    """The path as rows have it: bytes that are not UTF-8 stay readable, and any database takes it."""
    return str(path.absolute()).encode(errors="surrogateescape").decode(errors="backslashreplace")
