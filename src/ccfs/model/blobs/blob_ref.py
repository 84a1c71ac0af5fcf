"""Reference to stored bytes: where they are, how many, and their hashes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobRef:
    """Bytes that a location keeps: where, how many, and what they must hash to."""

    location_id: str  # the location's id, "0" where there is one only
    key: str  # the location's own name of the bytes; never made from an outside name
    size: int  # bytes
    sha256: str  # lower-case hex of the bytes kept
    crc32: int  # of the bytes kept; a zip of known length needs it beforehand

    def is_same_blob(self, other: "BlobRef") -> bool:
        """Whether the two are the same bytes at the same place, which must not be removed while either is wanted."""
        return (self.location_id, self.key) == (other.location_id, other.key)
