"""A location on a disk of this node. Keys become paths only after the port's check, and no link below the root is followed.

Bytes are written under a temporary name, synced, renamed, and the folder is synced: after a crash a file is whole or absent.
"""

import errno
import os
import secrets
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

from ccfs.blobs.interface import CHUNK_BYTES, HashingReader, check_key
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.errors import BlobNotFound

_TEMPORARY_FOLDER = ".tmp"  # no part of a key begins with a dot, so none collides with it
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE_FLAGS = (
    os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
)  # a pipe that somebody put there must not hold us
_NOT_FOUND_ERRNOS = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR)


class DiskLocation:
    """The disk maker of the location port."""

    def __init__(self, location_id: str, root: Path) -> None:
        """`root` is made when missing; the folder for temporary files lies in it, so that a rename is atomic."""
        self.location_id = location_id
        self._root = root.absolute()
        (self._root / _TEMPORARY_FOLDER).mkdir(parents=True, exist_ok=True)

    def write(self, key: str, chunks: Iterable[bytes]) -> BlobRef:
        """See the port. Raises OSError when the disk is full or broken; nothing is left behind then."""
        name = check_key(key).rpartition("/")[2]
        fresh = self._root / _TEMPORARY_FOLDER / secrets.token_hex(16)
        tally = HashingReader()
        try:
            with open(fresh, "xb") as file:
                file.writelines(tally.iter_chunks(chunks))
                file.flush()
                os.fsync(file.fileno())
            with self._open_folder(key, make=True) as folder:
                os.replace(fresh, name, dst_dir_fd=folder)
                os.fsync(folder)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
        return tally.build_blob_ref(self.location_id, key)

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """See the port."""
        return _read_chunks(os.fdopen(self._open_file(key), "rb", buffering=0), start, end)

    def get_size(self, key: str) -> int:
        """See the port."""
        descriptor = self._open_file(key)
        try:
            return os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)

    def delete(self, key: str) -> None:
        """See the port. A link is removed, not what it leads to."""
        name = check_key(key).rpartition("/")[2]
        try:
            with self._open_folder(key) as folder:
                os.unlink(name, dir_fd=folder)
                os.fsync(folder)
        except OSError as error:
            if error.errno not in _NOT_FOUND_ERRNOS:
                raise

    def get_path(self, key: str) -> str:
        """See the port. The file may be gone, or a link; whoever opens it finds out."""
        return os.path.join(self._root, check_key(key))

    def delete_partial_uploads(self, older_than_seconds: float) -> int:
        """See the port: temporary files."""
        limit = time.time() - older_than_seconds
        count = 0
        for path in (self._root / _TEMPORARY_FOLDER).iterdir():
            with suppress(FileNotFoundError):  # another process renamed its file, or sweeps too
                if path.lstat().st_mtime < limit:
                    path.unlink()
                    count += 1
        return count

    def _open_file(self, key: str) -> int:
        name = check_key(key).rpartition("/")[2]
        try:
            with self._open_folder(key) as folder:
                descriptor = os.open(name, _FILE_FLAGS, dir_fd=folder)
        except OSError as error:
            if error.errno in _NOT_FOUND_ERRNOS:
                raise BlobNotFound(key) from None
            raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise BlobNotFound(key)
        return descriptor

    @contextmanager
    def _open_folder(self, key: str, *, make: bool = False) -> Iterator[int]:
        """The key's folder, opened step by step so that no link is followed; made where wanted and missing."""
        folder = os.open(self._root, _FOLDER_FLAGS)
        try:
            for part in key.split("/")[:-1]:
                if make:
                    _make_folder(part, folder)
                inner = os.open(part, _FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=folder)
                os.close(folder)
                folder = inner
            yield folder
        finally:
            os.close(folder)


def _make_folder(name: str, parent: int) -> None:
    """A new folder's entry is synced in its parent, else a crash could take the file with its folder."""
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=parent)
        os.fsync(parent)


def _read_chunks(file: FileIO, start: int, end: int | None) -> Iterator[bytes]:
    with file:
        at = start
        while end is None or at < end:
            chunk = os.pread(file.fileno(), CHUNK_BYTES if end is None else min(CHUNK_BYTES, end - at), at)
            if not chunk:
                return
            at += len(chunk)
            yield chunk
