"""Small files in the data folder that are created once and then kept: a node's keys and its name."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def read_or_create(path: Path, generate: Callable[[], str]) -> str:
    """Return the content of a file.

    If the file is missing, create it with the line from `generate`, readable only by its owner.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _create(path, generate())
    return path.read_text()


def _create(path: Path, line: str) -> None:
    """Create the file atomically. If two processes start at once, the second keeps the file of the first.

    The file is synced before it is used: without its keys, no secret can be decrypted.
    """
    temporary = path.with_suffix(f".{secrets.token_hex(8)}")  # no process id: containers that share a folder share ids
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
