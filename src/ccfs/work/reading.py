"""Reading a recording of a selection through, so that what its zip will hold is known to be there and to be right.

No row is written here, and nothing is decided about what cannot be reached now.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from ccfs.model.recording import Kept
from ccfs.model.selection import Missing, Taken, name_of
from ccfs.model.tenancy import App
from ccfs.store import selected
from ccfs.store.db import Database
from ccfs.store.locations.port import Gone, Location


class Away(Exception):
    """Bytes cannot be reached now; the text says why."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading needs."""

    database: Database
    app: App
    locations: Mapping[str, Location]
    elsewhere: Callable[[Kept], Kept | None]  # a copy, where the bytes cannot be had where their row says
    zone: ZoneInfo
    beat: Callable[[], None]  # called between chunks

    def read(self, one: Taken, at: int) -> Taken:
        """The recording with its name, hash and place in the zip, `at`, or with the reason why it is not in it.

        Raises Away.
        """
        try:
            kept = selected.place(self.database, self.app, one)
            try:
                return self._proved(one, kept, at)
            except (Gone, Away):
                copy = self.elsewhere(kept) if kept.sha256 else None
                if copy is None:
                    raise
                return self._proved(one, copy, at)
        except Gone:
            return replace(one, missing=Missing.GONE)

    def _proved(self, one: Taken, kept: Kept, at: int) -> Taken:
        digest, crc, size, first = hashlib.sha256(), 0, 0, b""
        for chunk in self._chunks(kept):
            first = first or chunk[:16]
            digest.update(chunk)
            crc, size = zlib.crc32(chunk, crc), size + len(chunk)
        if (size, crc) != (kept.size, kept.crc32) or kept.sha256 not in ("", digest.hexdigest()):
            return replace(one, missing=Missing.DIFFERS)
        name = name_of(one, self.zone, first)
        return replace(one, size=size, sha256=digest.hexdigest(), crc32=crc, name=name, at=at)

    def _chunks(self, kept: Kept) -> Iterator[bytes]:
        try:
            chunks = self.locations[kept.location_id].read(kept.key)
            while chunk := next(chunks, b""):
                yield chunk
                self.beat()
        except (KeyError, OSError) as error:
            raise Away(f"{kept.location_id}: {type(error).__name__}: {error}") from error
