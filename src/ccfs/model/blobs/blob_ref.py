"""References to stored files: their location, size and hashes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobRef:
    """A stored file: its location, size and hashes."""

    location_id: str  # "0" if there is only one location
    key: str  # the blob's name in its location; never taken from an outside name
    size: int  # bytes
    sha256: str  # lower-case hex of the stored bytes
    crc32: int  # of the stored bytes; a zip of known length needs it in advance

    def is_same_blob(self, other: "BlobRef") -> bool:
        """Return whether both refer to the same file in the same location.

        Such a file may be deleted only when neither reference needs it.
        """
        return (self.location_id, self.key) == (other.location_id, other.key)
