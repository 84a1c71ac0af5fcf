"""Downloads of API clients as entries of the audit log: written in batches, some seconds after the download."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.engine import Connection

from ccfs.db.system.console import audit
from ccfs.db.tenant import recordings
from ccfs.model.identity.audit import AuditAction, AuditEntry
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.recording import Recording

MAX_RECORDINGS_PER_ENTRY: Final = 50  # of a call: its later ones are in the zip, too, and share the entry's call


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiDownload:
    """A download of one recording, by any of its names, or of the recordings of a call."""

    at: datetime
    app: App
    operation: str
    name: str = ""
    call_id: str = ""  # instead of a name
    address: str = ""


def add_all(connection: Connection, downloads: Sequence[ApiDownload]) -> None:
    """Add an entry for each recording that was downloaded. A name of no recording, such as a voice file's, gives none."""
    for download in downloads:
        for recording in _find_recordings(connection, download):
            audit.add(connection, _build_entry(download, recording))


def _find_recordings(connection: Connection, download: ApiDownload) -> list[Recording]:
    if not download.name:
        return recordings.list_by_call(connection, download.app, download.call_id)[:MAX_RECORDINGS_PER_ENTRY]
    recording = recordings.find_by_name(connection, download.app, download.name)
    return [recording] if recording else []


def _build_entry(download: ApiDownload, recording: Recording) -> AuditEntry:
    return AuditEntry(
        logged_at=download.at,
        actor=f"({download.operation})",
        app=download.app.id,
        account_id=recording.account_id,
        action=AuditAction.API_RECORDING_DOWNLOADED,
        target=recording.file_name,
        address=download.address,
        call_ids=(recording.call_id,) if recording.call_id else (),
    )
