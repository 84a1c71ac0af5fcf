"""A small file of the data folder that is made once and then kept: a node's keys, its name. What it holds is not known here."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def read_or_create(path: Path, first: Callable[[], str]) -> str:
    """The file's text; made with a line of `first`, readable by its owner only, where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _create(path, first())
    return path.read_text()


def _create(path: Path, line: str) -> None:
    """Two processes may start at once: the file appears whole, and the one that comes second keeps the first's.

    It is on disk before anything depends on it: without its keys no secret opens.
    """
    fresh = path.with_suffix(f".{secrets.token_hex(8)}")  # no process id: containers that share a folder share ids, too
    descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
