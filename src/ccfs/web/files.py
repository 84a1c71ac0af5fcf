"""Files behind kept bytes, for whoever hands over a path: where one is, and whether it is still as its row says."""

import os
import stat

from ccfs.model.errors import Unavailable
from ccfs.model.recording import Kept
from ccfs.web.here import Here


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
