"""Rows that reference blobs, and blobs that may have no row."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ccfs.model.blobs.blob_ref import BlobRef


class BlobOwnerTable(StrEnum):
    """The tables whose rows reference blobs."""

    RECORDINGS = "recordings"
    VOICE_FILES = "voice_files"
    EXPORTS = "exports"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobOwner:
    """A row, of any app, that refers to a blob."""

    owner_table: BlobOwnerTable
    owner_row: int | str  # the row's key in its table
    app: int  # apps.id of the row
    stored_at: datetime  # when the blob was stored
    blob: BlobRef


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphanedBlob:
    """A blob that will be deleted unless its row turns out to refer to it."""

    location_id: str
    key: str
    owner_table: BlobOwnerTable
    owner_row: str  # the row's key, as text
    app: int  # apps.id of the row: apps take turns
