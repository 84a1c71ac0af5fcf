"""The lock of a data folder: only one server may use it, unless all of them declare that they share it."""

import fcntl
import os
from pathlib import Path

from ccfs.model.errors import OperatorError

FILE_NAME = "serve.lock"


def lock_data_folder(folder: Path, *, shared: bool) -> int:
    """Return a descriptor that holds the lock until it is closed or the process ends. Raise OperatorError if another server has it.

    Servers that share a folder all hold a shared lock, which excludes a server that does not share.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise OperatorError(
            f"another ccfs serve uses the data folder {folder}; set CCFS_SHARED_DATA=true for all servers that share it"
        ) from None
    return descriptor
