"""A location on a disk of this node.

Keys must pass `check_key` before they become paths, and links below the root are not followed. A file is written under
a temporary name, synced and renamed, and the folder is synced. After a crash, the file is therefore either complete or
absent.
"""

import errno
import fcntl
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
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # opening a planted pipe must not block
_NOT_FOUND_ERRNOS = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR)


class DiskLocation:
    """A folder that implements Location."""

    def __init__(self, location_id: str, root: Path) -> None:
        """Create a missing `root`. It contains the folder of temporary files, so that a rename is atomic."""
        self.location_id = location_id
        self._root = root.absolute()
        (self._root / _TEMPORARY_FOLDER).mkdir(parents=True, exist_ok=True)

    def write(self, key: str, chunks: Iterable[bytes]) -> BlobRef:
        """See Location. Raises OSError, without leaving a file, if the disk is full or broken."""
        name = check_key(key).rpartition("/")[2]
        temporary = self._root / _TEMPORARY_FOLDER / secrets.token_hex(16)
        reader = HashingReader()
        try:
            with open(temporary, "xb") as file:
                fcntl.flock(file, fcntl.LOCK_EX)  # until it has its name: see `delete_partial_uploads`
                file.writelines(reader.iter_chunks(chunks))
                file.flush()
                os.fsync(file.fileno())
                with self._open_folder(key, create=True) as folder:
                    os.replace(temporary, name, dst_dir_fd=folder)
                    os.fsync(folder)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return reader.build_blob_ref(self.location_id, key)

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """See Location."""
        return _read_chunks(os.fdopen(self._open_file(key), "rb", buffering=0), start, end)

    def get_size(self, key: str) -> int:
        """See Location."""
        descriptor = self._open_file(key)
        try:
            return os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)

    def delete(self, key: str) -> None:
        """See Location. A link is deleted, not its target."""
        name = check_key(key).rpartition("/")[2]
        try:
            with self._open_folder(key) as folder:
                os.unlink(name, dir_fd=folder)
                os.fsync(folder)
        except OSError as error:
            if error.errno not in _NOT_FOUND_ERRNOS:
                raise

    def get_path(self, key: str) -> str:
        """See Location. The file may be missing or a link, so the caller must check when opening it."""
        return os.path.join(self._root, check_key(key))

    def delete_partial_uploads(self, older_than_seconds: float) -> int:
        """See Location. On a disk, partial uploads are temporary files.

        One that is being written is locked, so that no clock makes it old.
        """
        limit = time.time() - older_than_seconds
        count = 0
        for path in (self._root / _TEMPORARY_FOLDER).iterdir():
            with suppress(FileNotFoundError):  # another process renamed its file, or deletes too
                if path.lstat().st_mtime < limit and not _is_locked(path):
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
    def _open_folder(self, key: str, *, create: bool = False) -> Iterator[int]:
        """Yield the key's folder, opened one path component at a time so that no link is followed."""
        folder = os.open(self._root, _FOLDER_FLAGS)
        try:
            for part in key.split("/")[:-1]:
                if create:
                    _create_folder(part, folder)
                inner = os.open(part, _FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=folder)
                os.close(folder)
                folder = inner
            yield folder
        finally:
            os.close(folder)


def _is_locked(path: Path) -> bool:
    """Return whether a process is writing the file. Whatever cannot be opened as a file has no writer."""
    try:
        descriptor = os.open(path, _FILE_FLAGS)
    except FileNotFoundError:
        raise
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _create_folder(name: str, parent: int) -> None:
    """Create a folder and sync its parent; otherwise, a crash could lose the folder with its files."""
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=parent)
        os.fsync(parent)


def _read_chunks(file: FileIO, start: int, end: int | None) -> Iterator[bytes]:
    with file:
        offset = start
        while end is None or offset < end:
            chunk = os.pread(file.fileno(), CHUNK_BYTES if end is None else min(CHUNK_BYTES, end - offset), offset)
            if not chunk:
                return
            offset += len(chunk)
            yield chunk
