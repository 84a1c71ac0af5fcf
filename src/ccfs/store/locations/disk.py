"""A location on a disk of this node. Keys become paths only after the port's check, and no link is followed.

Bytes are written under a temporary name, synced, renamed, and the folder is synced: after a crash a file is whole or absent.
"""

import errno
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from io import FileIO
from pathlib import Path

from ccfs.model.recording import Kept
from ccfs.store.locations.port import CHUNK, Gone, Tally, checked

_TEMPORARY = "tmp"  # keys begin with a digit or letter and hold a folder, so none collides with it


class Disk:
    """The disk maker of the location port."""

    def __init__(self, location_id: str, root: Path) -> None:
        """`root` is made when missing; the folder for temporary files lies in it, so that a rename is atomic."""
        self.location_id = location_id
        self._root = root.absolute()
        (self._root / _TEMPORARY).mkdir(parents=True, exist_ok=True)

    def keep(self, key: str, chunks: Iterable[bytes]) -> Kept:
        """See the port. Raises OSError when the disk is full or broken; nothing is left behind then."""
        target = self._root / checked(key)
        fresh = self._root / _TEMPORARY / secrets.token_hex(16)
        tally = Tally()
        try:
            with open(fresh, "xb") as file:
                for chunk in tally.through(chunks):
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            self._make_folder(target.parent)
            os.replace(fresh, target)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)
        return tally.kept(self.location_id, key)

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """See the port."""
        return _chunks(os.fdopen(self._open(key), "rb", buffering=0), start, end)

    def size(self, key: str) -> int:
        """See the port."""
        descriptor = self._open(key)
        try:
            return os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)

    def remove(self, key: str) -> None:
        """See the port."""
        target = self._root / checked(key)
        target.unlink(missing_ok=True)
        if target.parent.exists():
            _sync_folder(target.parent)

    def path(self, key: str) -> str:
        """See the port. The file may be gone; whoever opens it finds out."""
        return os.path.join(self._root, checked(key))

    def sweep(self, older_than_seconds: float) -> int:
        """Remove temporary files that a killed process left; how many."""
        limit = time.time() - older_than_seconds
        left = [path for path in (self._root / _TEMPORARY).iterdir() if path.stat().st_mtime < limit]
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    def _open(self, key: str) -> int:
        try:
            return os.open(self.path(key), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                raise Gone(key) from None
            raise

    def _make_folder(self, folder: Path) -> None:
        """Every new folder's entry is synced in its parent, else a crash could take the file with its folder."""
        if folder.is_dir():
            return
        self._make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _chunks(file: FileIO, start: int, end: int | None) -> Iterator[bytes]:
    with file:
        at = start
        while end is None or at < end:
            chunk = os.pread(file.fileno(), CHUNK if end is None else min(CHUNK, end - at), at)
            if not chunk:
                return
            at += len(chunk)
            yield chunk


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
