"""Voice files: audio for IVR flows and bots, voice messages, recordings of the intelligent IVR. Pure values."""

from dataclasses import dataclass
from datetime import datetime

from ccfs.model.recording import Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceFile:
    """One voice file under its outside name."""

    vdn_id: int
    file_name: str  # {drive}:/…, as the interface names it
    kept: Kept
    created_at: datetime
