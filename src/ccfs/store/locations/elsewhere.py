"""The same bytes in another location, for when those that a row names cannot be had: a copy that a move left, or that an
operator made of a whole disk or bucket. Keys are the same everywhere, so a copy is found by its key, and proved by its hash.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from ccfs.model.place import PlaceKind
from ccfs.model.recording import Kept
from ccfs.store.locations.opened import Locations
from ccfs.store.locations.port import Gone

_PROVED = 10_000  # copies that are remembered: a player asks for many ranges of one
_ORDER = (PlaceKind.DISK, PlaceKind.S3, PlaceKind.PEER)


class Elsewhere:
    """Finds copies. For any thread."""

    def __init__(self, locations: Locations) -> None:
        self._locations = locations
        self._proved: dict[tuple[str, str, str], None] = {}

    def can_be_had(self, kept: Kept) -> bool:
        """Whether the bytes are where the row says, as far as their size tells."""
        return self._size(kept) == kept.size

    def find(self, kept: Kept) -> Kept | None:
        """The same bytes in another location; each copy is read once before it is believed."""
        return next((copy for copy in self._copies(kept) if self._is_proved(copy)), None)

    def is_anywhere(self, kept: Kept) -> bool:
        """Whether another location has bytes of that key and size."""
        return next(self._copies(kept), None) is not None

    def _copies(self, kept: Kept) -> Iterator[Kept]:
        places = self._locations.places()
        others = [place for place in places.values() if place.id != kept.location_id]
        for place in sorted(others, key=lambda one: (not self._locations.is_near(one), _ORDER.index(one.kind))):
            copy = replace(kept, location_id=place.id)
            if self.can_be_had(copy):
                yield copy

    def _size(self, kept: Kept) -> int:
        with suppress(KeyError, Gone, OSError):
            return self._locations[kept.location_id].size(kept.key)
        return -1

    def _is_proved(self, copy: Kept) -> bool:
        name = (copy.location_id, copy.key, copy.sha256)
        if name not in self._proved:
            digest = hashlib.sha256()
            try:
                for chunk in self._locations[copy.location_id].read(copy.key):
                    digest.update(chunk)
            except (Gone, OSError):
                return False
            if digest.hexdigest() != copy.sha256:
                return False
            if len(self._proved) >= _PROVED:
                self._proved.clear()
            self._proved[name] = None
        return True
