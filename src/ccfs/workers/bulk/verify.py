"""Verifies the recordings of a bulk download by reading each file once and comparing it with its database row."""

import hashlib
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from ccfs.blobs.interface import Location
from ccfs.blobs.replicas import try_with_replica
from ccfs.db.engine import Database
from ccfs.db.tenant import bulk_download_items
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.errors import BlobNotFound
from ccfs.model.bulk.bulk_download import BulkItem, MissingReason
from ccfs.model.bulk.bulk_zip import build_member_name
from ccfs.model.identity.tenancy import App


class RecordingUnavailable(OSError):
    """A location is currently unreachable; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class RecordingVerifier:
    """Reads the recordings of one bulk download."""

    database: Database
    app: App
    locations: Mapping[str, Location]
    find_replica: Callable[[BlobRef], BlobRef | None]  # called where the row's bytes are unavailable
    zone: ZoneInfo
    renew_lease: Callable[[], None]  # called between chunks

    def verify(self, item: BulkItem, zip_offset: int) -> BulkItem:
        """Return the item with its name, hash and offset in the zip, or with the reason why the recording is missing.

        Raises RecordingUnavailable.
        """
        try:
            blob = bulk_download_items.find_blob(self.database, self.app, item)
            return try_with_replica(blob, lambda source: self._verify_blob(item, source, zip_offset), self.find_replica)
        except BlobNotFound:
            return replace(item, missing_reason=MissingReason.GONE)

    def _verify_blob(self, item: BulkItem, blob: BlobRef, zip_offset: int) -> BulkItem:
        digest, crc, size, first_bytes = hashlib.sha256(), 0, 0, b""
        for chunk in self._iter_chunks(blob):
            first_bytes = first_bytes or chunk[:16]
            digest.update(chunk)
            crc, size = zlib.crc32(chunk, crc), size + len(chunk)
        if (size, crc) != (blob.size, blob.crc32) or blob.sha256 not in ("", digest.hexdigest()):
            return replace(item, missing_reason=MissingReason.DIFFERS)
        name = build_member_name(item, self.zone, first_bytes)
        return replace(item, size=size, sha256=digest.hexdigest(), crc32=crc, member_name=name, zip_offset=zip_offset)

    def _iter_chunks(self, blob: BlobRef) -> Iterator[bytes]:
        try:
            chunks = self.locations[blob.location_id].read(blob.key)
            while chunk := next(chunks, b""):
                yield chunk
                self.renew_lease()
        except (KeyError, OSError) as error:
            raise RecordingUnavailable(f"{blob.location_id}: {type(error).__name__}: {error}") from error
