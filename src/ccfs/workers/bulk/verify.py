"""Reading a recording of a selection through, so that what its zip will hold is known to be there and to be right.

No row is written here, and nothing is decided about what cannot be reached now.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from ccfs.blobs.interface import Location
from ccfs.db.engine import Database
from ccfs.db.tenant import bulk_download_items
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.errors import BlobNotFound
from ccfs.model.bulk.bulk_download import BulkItem, MissingReason, build_member_name
from ccfs.model.identity.tenancy import App


class RecordingUnavailable(Exception):
    """Bytes cannot be reached now; the text says why."""


@dataclass(frozen=True, slots=True)
class RecordingVerifier:
    """What reading needs."""

    database: Database
    app: App
    locations: Mapping[str, Location]
    find_replica: Callable[[BlobRef], BlobRef | None]  # a copy, where the bytes cannot be had where their row says
    zone: ZoneInfo
    renew_lease: Callable[[], None]  # called between chunks

    def verify(self, one: BulkItem, at: int) -> BulkItem:
        """The recording with its name, hash and place in the zip, `at`, or with the reason why it is not in it.

        Raises Away.
        """
        try:
            kept = bulk_download_items.find_blob(self.database, self.app, one)
            try:
                return self._verify_blob(one, kept, at)
            except (BlobNotFound, RecordingUnavailable):
                copy = self.find_replica(kept) if kept.sha256 else None
                if copy is None:
                    raise
                return self._verify_blob(one, copy, at)
        except BlobNotFound:
            return replace(one, missing_reason=MissingReason.GONE)

    def _verify_blob(self, one: BulkItem, kept: BlobRef, at: int) -> BulkItem:
        digest, crc, size, first = hashlib.sha256(), 0, 0, b""
        for chunk in self._iter_chunks(kept):
            first = first or chunk[:16]
            digest.update(chunk)
            crc, size = zlib.crc32(chunk, crc), size + len(chunk)
        if (size, crc) != (kept.size, kept.crc32) or kept.sha256 not in ("", digest.hexdigest()):
            return replace(one, missing_reason=MissingReason.DIFFERS)
        name = build_member_name(one, self.zone, first)
        return replace(one, size=size, sha256=digest.hexdigest(), crc32=crc, member_name=name, zip_offset=at)

    def _iter_chunks(self, kept: BlobRef) -> Iterator[bytes]:
        try:
            chunks = self.locations[kept.location_id].read(kept.key)
            while chunk := next(chunks, b""):
                yield chunk
                self.renew_lease()
        except (KeyError, OSError) as error:
            raise RecordingUnavailable(f"{kept.location_id}: {type(error).__name__}: {error}") from error
