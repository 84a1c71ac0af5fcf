"""Voice files: audio for IVR flows and bots, voice messages, recordings of the intelligent IVR. Pure values."""

from dataclasses import dataclass, field
from datetime import datetime

from ccfs.model.blobs.blob_ref import BlobRef


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceFile:
    """One voice file under its outside name."""

    vdn_id: int
    file_name: str  # {drive}:/…, as the interface names it
    blob: BlobRef
    created_at: datetime
    first_location_id: str = field(default="", compare=False)  # what its uploader was told; set when the row is kept

    def matches_location(self, location_id: int | None) -> bool:
        """Whether a caller who names that location means this file; None names any."""
        return location_id is None or str(location_id) in (self.blob.location_id, self.first_location_id)
