"""Checks of stored bytes that another program sends: where their file or URL is, and whether they have the recorded size."""

import os
import stat
from typing import Protocol, runtime_checkable

from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.errors import BlobNotFound
from ccfs.model.errors import FileUnavailable
from ccfs.web.context import WebContext


@runtime_checkable
class SupportsPresign(Protocol):
    """A location whose service serves the bytes to anyone who has a presigned URL."""

    def presign(self, key: str, seconds: int) -> str:
        """Return a URL of the bytes that is valid for this number of seconds."""
        ...


def get_local_path(context: WebContext, blob: BlobRef) -> str | None:
    """Return the file that holds the bytes, None if the location has no files; raise FileUnavailable."""
    try:
        return context.locations[blob.location_id].get_path(blob.key)
    except (KeyError, OSError) as error:
        raise FileUnavailable from error


def verify_file_size(path: str, blob: BlobRef) -> None:
    """Raise FileUnavailable unless the path is a regular file, not a link, of the recorded size."""
    try:
        status = os.lstat(path)
    except OSError as error:
        raise FileUnavailable from error
    if not stat.S_ISREG(status.st_mode) or status.st_size != blob.size:
        raise FileUnavailable().about(blob.location_id, blob.key, "size")


def verify_blob_size(context: WebContext, blob: BlobRef) -> None:
    """Raise FileUnavailable unless the location has bytes of the recorded size."""
    try:
        if context.locations[blob.location_id].get_size(blob.key) != blob.size:
            raise FileUnavailable().about(blob.location_id, blob.key, "size")
    except (KeyError, BlobNotFound, OSError) as error:
        raise FileUnavailable from error
