"""Kept bytes of other makers than this process: where their file or URL is, and whether they are as their rows say."""

import os
import stat
from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from ccfs.model.errors import Unavailable
from ccfs.model.recording import Kept
from ccfs.store.locations.port import Gone
from ccfs.web.here import Here


@runtime_checkable
class Presigning(Protocol):
    """A location whose store gives the bytes by itself to whoever has a URL."""

    def presigned(self, key: str, seconds: int) -> str:
        """A URL that is good for so long."""
        ...


def path_of(here: Here, kept: Kept) -> str | None:
    """The file that holds the bytes; None where there is no file. Raises Unavailable."""
    try:
        return here.locations[kept.location_id].path(kept.key)
    except (KeyError, OSError) as error:
        raise Unavailable from error


def must_have_its_size(path: str, kept: Kept) -> None:
    """Raises Unavailable unless it is a plain file, no link, of its recorded size."""
    try:
        found = os.lstat(path)
    except OSError as error:
        raise Unavailable from error
    if not stat.S_ISREG(found.st_mode) or found.st_size != kept.size:
        raise Unavailable


def must_be_whole(here: Here, files: Iterable[Kept]) -> None:
    """Raises Unavailable unless all have their recorded sizes: an answer with a hole must fail before its first byte, as
    JSON, not in its middle."""
    try:
        if any(here.locations[kept.location_id].size(kept.key) != kept.size for kept in files):
            raise Unavailable
    except (KeyError, Gone, OSError) as error:
        raise Unavailable from error
