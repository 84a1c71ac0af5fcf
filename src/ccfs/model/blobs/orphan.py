"""Bytes on their way between locations: rows that name bytes, and bytes that perhaps no row names. Pure values."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ccfs.model.blobs.blob_ref import BlobRef


class BlobOwnerTable(StrEnum):
    """The tables whose rows name bytes."""

    RECORDINGS = "recordings"
    VOICE_FILES = "voice_files"
    EXPORTS = "exports"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobOwner:
    """A row that names bytes, whosever it is."""

    owner_table: BlobOwnerTable
    owner_row: int | str  # the row's key in its table
    stored_at: datetime  # since when there are these bytes
    blob: BlobRef


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphanedBlob:
    """Bytes that are to go, unless their row names them after all."""

    location_id: str
    key: str
    owner_table: BlobOwnerTable
    owner_row: str  # the row's key, as text
