"""Bytes on their way between locations: rows that name bytes, and bytes that perhaps no row names. Pure values."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ccfs.model.recording import Kept


class Holder(StrEnum):
    """The tables whose rows name bytes."""

    RECORDINGS = "recordings"
    VOICE_FILES = "voice_files"
    EXPORTS = "exports"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A row that names bytes, whosever it is."""

    holder: Holder
    row: int | str  # the row's key in its table
    at: datetime  # since when there are these bytes
    kept: Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """Bytes that are to go, unless their row names them after all."""

    location_id: str
    key: str
    holder: Holder
    row: str  # the row's key, as text
