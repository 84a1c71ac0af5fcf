"""Where the files that ingest reads lie, as far as this machine can tell: ingest may run on another one. Nothing is opened."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ccfs.model.source_files import is_compressed_rotation, is_rotated


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFileStatus:
    """Where a file lies, and what was rotated from it."""

    size: int | None = None  # bytes; None: it is not here
    is_missing: bool = False  # it is nowhere
    rotated_names: tuple[str, ...] = ()  # names of what lies beside it, and is read again with it
    compressed_names: tuple[str, ...] = ()  # of what was compressed, and is not read


def get_source_file_status(file: str, since: datetime | None = None, *, is_ours: bool) -> SourceFileStatus:
    """Of a file that was first read then. `is_ours`: no other machine's ingest writes to the database."""
    path = Path(file)
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return SourceFileStatus(is_missing=is_ours and "\\x" not in file)  # so are names told that are not UTF-8
    except (OSError, ValueError):
        return SourceFileStatus()
    if since is None:
        return SourceFileStatus(size=size)
    try:
        beside = [one.name for one in path.parent.iterdir() if one.stat().st_mtime >= since.timestamp()]
    except OSError:  # a file that went meanwhile, or a folder that is not to be looked into
        beside = []
    return SourceFileStatus(
        size=size,
        rotated_names=tuple(sorted(name for name in beside if is_rotated(name, path.name))),
        compressed_names=tuple(sorted(name for name in beside if is_compressed_rotation(name, path.name))),
    )
