"""The same bytes in another location, for when those that a row names cannot be had: a copy that a move left, or that an
operator made of a whole disk or bucket. Keys are the same everywhere, so a copy is found by its key, and proved by its hash.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from ccfs.blobs.registry import Locations
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.errors import BlobNotFound
from ccfs.model.blobs.location_config import LocationKind

_MAX_VERIFIED = 10_000  # copies that are remembered: a player asks for many ranges of one
_KIND_ORDER = (LocationKind.DISK, LocationKind.S3, LocationKind.PEER)


class Replicas:
    """Finds copies. For any thread."""

    def __init__(self, locations: Locations) -> None:
        self._locations = locations
        self._verified: dict[tuple[str, str, str], None] = {}

    def is_available(self, kept: BlobRef) -> bool:
        """Whether the bytes are where the row says, as far as their size tells."""
        return self._get_size(kept) == kept.size

    def find(self, kept: BlobRef) -> BlobRef | None:
        """The same bytes in another location; each copy is read once before it is believed."""
        return next((copy for copy in self._iter_candidates(kept) if self._is_verified(copy)), None)

    def has_replica(self, kept: BlobRef) -> bool:
        """Whether another location has bytes of that key and size."""
        return next(self._iter_candidates(kept), None) is not None

    def _iter_candidates(self, kept: BlobRef) -> Iterator[BlobRef]:
        places = self._locations.get_configs()
        others = [place for place in places.values() if place.id != kept.location_id]
        for place in sorted(others, key=lambda one: (not self._locations.is_local(one), _KIND_ORDER.index(one.kind))):
            copy = replace(kept, location_id=place.id)
            if self.is_available(copy):
                yield copy

    def _get_size(self, kept: BlobRef) -> int:
        with suppress(KeyError, BlobNotFound, OSError):
            return self._locations[kept.location_id].get_size(kept.key)
        return -1

    def _is_verified(self, copy: BlobRef) -> bool:
        name = (copy.location_id, copy.key, copy.sha256)
        if name not in self._verified:
            digest = hashlib.sha256()
            try:
                for chunk in self._locations[copy.location_id].read(copy.key):
                    digest.update(chunk)
            except (BlobNotFound, OSError):
                return False
            if digest.hexdigest() != copy.sha256:
                return False
            if len(self._verified) >= _MAX_VERIFIED:
                self._verified.clear()
            self._verified[name] = None
        return True
