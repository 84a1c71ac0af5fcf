"""Trying a location before it is added: whether this node can write, read and delete there."""

import secrets
from contextlib import suppress

from ccfs.blobs.interface import Location
from ccfs.model.blobs.errors import BlobNotFound
from ccfs.model.errors import OperatorError


def probe_location(location: Location, *, is_read_only: bool) -> None:
    """Write, read and delete a small file; only query a read-only location. Raise OperatorError with the reason."""
    key = f"probe/{secrets.token_hex(16)}"
    try:
        if is_read_only:
            with suppress(BlobNotFound):
                location.get_size(key)
            return
        location.write(key, [key.encode()])
        if b"".join(location.read(key)) != key.encode():
            raise OperatorError(f"location {location.location_id} returns other bytes than were written")
        location.delete(key)
    except OSError as error:
        raise OperatorError(f"cannot access location {location.location_id}: {error}") from None
