"""Reads blobs from wherever they are available: the location in the row, or a replica in another location.

Replicas are left by moves, or created when operators copy a whole disk or bucket. Keys are the same in all locations,
so a replica is found by its key and verified by its hash.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from ccfs.blobs.checksum import crc32
from ccfs.blobs.registry import Locations
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.errors import BlobDamaged, BlobNotFound, LocationUnreachable
from ccfs.model.blobs.location_config import LocationKind

T = TypeVar("T")

_MAX_VERIFIED = 10_000  # replicas whose hash is remembered: a player requests many ranges of one recording
_KIND_ORDER = tuple(LocationKind)


def try_with_replica(
    blob: BlobRef, action: Callable[[BlobRef], T], find_replica: Callable[[BlobRef], BlobRef | None]
) -> T:
    """Return the result of `action` for the blob, or for a replica if that raises BlobNotFound, KeyError or OSError.

    If there is no replica, raise the original error.
    """
    try:
        return action(blob)
    except (BlobNotFound, KeyError, OSError):
        replica = find_replica(blob)
        if replica is None:
            raise
    return action(replica)


class Replicas:
    """Reads a blob from the location in its row first, then from a verified replica. Thread-safe.

    `report_lost` is called with each blob that a reader finds neither in its location nor elsewhere, or finds damaged.
    """

    def __init__(self, locations: Locations, report_lost: Callable[[BlobRef], None] = lambda _blob: None) -> None:
        self._locations, self._report_lost = locations, report_lost
        self._verified: dict[tuple[str, str, str], None] = {}

    def is_available(self, blob: BlobRef) -> bool:
        """Return whether the location has a file of the recorded size under the key."""
        return self._get_size(blob) == blob.size

    def is_lost(self, blob: BlobRef, *, check_bytes: bool = False) -> bool:
        """Return whether no location has a file of the blob's size. Raise OSError if its own location does not respond.

        With `check_bytes`, the file is read too. If the size is right, readers use the file in the blob's own location:
        a file whose contents differ counts as lost, whatever other locations have.
        """
        try:
            if self._locations[blob.location_id].get_size(blob.key) == blob.size:
                return check_bytes and not self._has_right_hash(blob)
        except BlobNotFound:
            pass
        except KeyError:
            raise LocationUnreachable(f"location {blob.location_id} is unknown") from None
        return not any(not check_bytes or self._is_verified(replica) for replica in self._iter_candidates(blob))

    def has_replica(self, blob: BlobRef) -> bool:
        """Return whether another location has a file with that key and size, verified or not."""
        return next(self._iter_candidates(blob), None) is not None

    def find(self, blob: BlobRef) -> BlobRef | None:
        """Return a replica in another location. Each replica is read and hashed once before it is trusted.

        Readers call this when they cannot read the blob itself.
        """
        if not blob.sha256:
            return None
        for replica in self._iter_candidates(blob):
            if self._is_verified(replica):
                return replica
        with suppress(OSError):
            if self.is_lost(blob):
                self._report_lost(blob)
        return None

    def report_damaged(self, blob: BlobRef) -> None:
        """Report a blob whose file has the right size and wrong bytes, whether or not there is a replica."""
        self._report_lost(blob)

    def resolve(self, blob: BlobRef) -> BlobRef:
        """Return the blob if its file has the recorded size, or else a replica; raise BlobNotFound if there is neither."""
        for source in self._iter_sources(blob):
            if self.is_available(source):
                return source
        raise BlobNotFound(blob.key)

    def read(
        self,
        blob: BlobRef,
        start: int = 0,
        end: int | None = None,
        *,
        reload: Callable[[], BlobRef] | None = None,
        check_size: bool = True,
    ) -> Iterator[bytes]:
        """Yield the bytes [start, end). If a source fails midway, continue from the next one.

        `reload` returns the current blob reference from the row. It is tried before the replicas, because a move may
        have changed the row. Without `check_size`, only the length of what was read is checked, which saves a request.
        The last chunk of a whole blob is yielded only if all of it is what was stored, by its CRC-32.
        Raises BlobNotFound or OSError when no source is left, possibly after some of the bytes have been yielded.
        """
        position, end = start, blob.size if end is None else end
        is_whole, checksum = start == 0 and end == blob.size and bool(blob.sha256), 0
        error: Exception = BlobNotFound(blob.key)
        for source in self._iter_sources(blob, reload):
            if check_size and not self.is_available(source):
                continue
            try:
                for chunk in self._read_exactly(source, position, end):
                    position, checksum = position + len(chunk), crc32(chunk, checksum) if is_whole else 0
                    if is_whole and position == end and checksum != blob.crc32:
                        position, checksum = position - len(chunk), 0
                        self._report_lost(source)
                        raise BlobDamaged(blob.key)
                    yield chunk
                return
            except (BlobNotFound, KeyError, OSError) as failure:
                error = failure
        raise BlobNotFound(blob.key) if isinstance(error, KeyError) else error

    def _iter_sources(self, blob: BlobRef, reload: Callable[[], BlobRef] | None = None) -> Iterator[BlobRef]:
        yield blob
        if reload is not None and (reloaded := reload()) != blob:
            yield (blob := reloaded)
        if replica := self.find(blob):
            yield replica

    def _read_exactly(self, blob: BlobRef, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes [start, end); raise BlobNotFound if the stored file is shorter or longer than expected."""
        left = end - start
        open_end = None if end == blob.size else end  # so that excess bytes are noticed
        for chunk in self._locations[blob.location_id].read(blob.key, start, open_end):
            left -= len(chunk)
            if left < 0:
                break
            yield chunk
        if left:
            raise BlobNotFound(blob.key)

    def _iter_candidates(self, blob: BlobRef) -> Iterator[BlobRef]:
        others = [config for config in self._locations.get_configs().values() if config.id != blob.location_id]
        for config in sorted(
            others, key=lambda other: (not self._locations.is_local(other), _KIND_ORDER.index(other.kind))
        ):
            replica = replace(blob, location_id=config.id)
            if self.is_available(replica):
                yield replica

    def _get_size(self, blob: BlobRef) -> int:
        with suppress(KeyError, BlobNotFound, OSError):
            return self._locations[blob.location_id].get_size(blob.key)
        return -1

    def _is_verified(self, replica: BlobRef) -> bool:
        name = (replica.location_id, replica.key, replica.sha256)
        if name not in self._verified:
            try:
                if not self._has_right_hash(replica):
                    return False
            except (BlobNotFound, OSError):
                return False
            if len(self._verified) >= _MAX_VERIFIED:
                self._verified.clear()
            self._verified[name] = None
        return True

    def _has_right_hash(self, blob: BlobRef) -> bool:
        """Read the blob's file in its location. Return whether its SHA-256 is the recorded one, if one is."""
        digest = hashlib.sha256()
        for chunk in self._locations[blob.location_id].read(blob.key):
            digest.update(chunk)
        return blob.sha256 in ("", digest.hexdigest())
