"""Where the files that ingest reads lie, as far as this machine can tell: ingest may run on another one. Nothing is opened."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ccfs.model.source import is_packed, is_rotated


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """Where a file lies, and what was rotated from it."""

    size: int | None = None  # bytes; None: it is not here
    is_gone: bool = False  # it is nowhere
    rotated: tuple[str, ...] = ()  # names of what lies beside it, and is read again with it
    packed: tuple[str, ...] = ()  # of what was compressed, and is not read


def of(file: str, since: datetime | None = None, *, is_ours: bool) -> Whereabouts:
    """Of a file that was first read then. `is_ours`: no other machine's ingest writes to the database."""
    path = Path(file)
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return Whereabouts(is_gone=is_ours and "\\x" not in file)  # so are names told that are not UTF-8
    except (OSError, ValueError):
        return Whereabouts()
    if since is None:
        return Whereabouts(size=size)
    try:
        beside = [one.name for one in path.parent.iterdir() if one.stat().st_mtime >= since.timestamp()]
    except OSError:  # a file that went meanwhile, or a folder that is not to be looked into
        beside = []
    return Whereabouts(
        size=size,
        rotated=tuple(sorted(name for name in beside if is_rotated(name, path.name))),
        packed=tuple(sorted(name for name in beside if is_packed(name, path.name))),
    )
