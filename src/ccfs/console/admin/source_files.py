"""Status of source files on this machine's disk. Ingest may run on another machine. No file is opened."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ccfs.model.source_files import is_rotated, is_table_url, is_unreadable_rotation


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFileStatus:
    """A source file on disk, and the files rotated from it."""

    size: int | None = None  # bytes; None: the file is not on this machine
    is_missing: bool = False  # from every machine
    rotated_names: tuple[str, ...] = ()  # of rotated files in its folder, which a reread reads, too
    compressed_names: tuple[str, ...] = ()  # of rotated files that ingest cannot decompress


def get_source_file_status(file: str, since: datetime | None = None, *, is_only_node: bool) -> SourceFileStatus:
    """Return the status of a file, with the files rotated from it since that time, if one is given.

    `is_only_node`: no other machine ingests into the database.
    """
    if is_table_url(file):
        return SourceFileStatus()
    path = Path(file)
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return SourceFileStatus(is_missing=is_only_node and "\\x" not in file)  # \x: a name that is not UTF-8
    except (OSError, ValueError):
        return SourceFileStatus()
    if since is None:
        return SourceFileStatus(size=size)
    try:
        names = [sibling.name for sibling in path.parent.iterdir() if sibling.stat().st_mtime >= since.timestamp()]
    except OSError:  # a file deleted meanwhile, or a folder without read permission
        names = []
    return SourceFileStatus(
        size=size,
        rotated_names=tuple(sorted(name for name in names if is_rotated(name, path.name))),
        compressed_names=tuple(sorted(name for name in names if is_unreadable_rotation(name, path.name))),
    )
