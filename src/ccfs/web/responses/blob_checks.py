"""Kept bytes of other makers than this process: where their file or URL is, and whether they are as their rows say."""

import os
import stat
from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.errors import BlobNotFound
from ccfs.model.errors import FileUnavailable
from ccfs.web.context import WebContext


@runtime_checkable
class SupportsPresign(Protocol):
    """A location whose store gives the bytes by itself to whoever has a URL."""

    def presign(self, key: str, seconds: int) -> str:
        """A URL that is good for so long."""
        ...


def get_local_path(here: WebContext, kept: BlobRef) -> str | None:
    """The file that holds the bytes; None where there is no file. Raises Unavailable."""
    try:
        return here.locations[kept.location_id].get_path(kept.key)
    except (KeyError, OSError) as error:
        raise FileUnavailable from error


def verify_file_size(path: str, kept: BlobRef) -> None:
    """Raises Unavailable unless it is a plain file, no link, of its recorded size."""
    try:
        found = os.lstat(path)
    except OSError as error:
        raise FileUnavailable from error
    if not stat.S_ISREG(found.st_mode) or found.st_size != kept.size:
        raise FileUnavailable


def verify_blob_sizes(here: WebContext, files: Iterable[BlobRef]) -> None:
    """Raises Unavailable unless all have their recorded sizes: an answer with a hole must fail before its first byte, as
    JSON, not in its middle."""
    try:
        if any(here.locations[kept.location_id].get_size(kept.key) != kept.size for kept in files):
            raise FileUnavailable
    except (KeyError, BlobNotFound, OSError) as error:
        raise FileUnavailable from error
