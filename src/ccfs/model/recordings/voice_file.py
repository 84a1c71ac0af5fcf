"""Voice files: audio for IVR flows and bots, voice messages, and recordings made by the intelligent IVR."""

from dataclasses import dataclass, field
from datetime import datetime

from ccfs.model.blobs.blob_ref import BlobRef


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceFile:
    """A voice file under its external name."""

    vdn_id: int
    file_name: str  # {drive}:/…, as the interface names it
    blob: BlobRef
    created_at: datetime
    first_location_id: str = field(default="", compare=False)  # in the upload response; set when the row is added

    def matches_location(self, location_id: int | None) -> bool:
        """Return whether a request for that location refers to this file; None refers to any location."""
        return location_id is None or str(location_id) in (self.blob.location_id, self.first_location_id)
