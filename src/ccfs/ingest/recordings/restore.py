"""Store lost recordings again, from the switch's files that they were stored from."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from ccfs.db.tenant import lost_blobs, recordings
from ccfs.db.tenant.ingest import recording_sources
from ccfs.db.tenant.lost_blobs import LostBlob
from ccfs.ingest.context import IngestRun
from ccfs.ingest.recordings.store_audio import StillGrowing, StoredAudio, hash_file
from ccfs.logs import get_logger
from ccfs.media.codec_table import UnknownAudio
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.recording import Recording

MAX_PER_PASS = 1000  # lost recordings that a pass looks for
RETRY_AFTER = timedelta(minutes=10)  # of a watch, whose passes are seconds apart

FileFinder = Callable[
    [Recording], Iterable[tuple[Path, str]]
]  # possible files of a recording, and names for their keys


def restore_lost_recordings(run: IngestRun, app: App, find_files: FileFinder | None = None) -> None:
    """Store lost recordings (see lost_blobs) again if a file with identical bytes still exists.

    The row then points at the new bytes. A recording whose bytes have reappeared is no longer lost.
    """
    tried_before = run.now() - RETRY_AFTER if run.is_watching else None
    with run.database.read_transaction() as connection:
        lost = lost_blobs.list_due(connection, app, MAX_PER_PASS, tried_before)
    if not lost:
        return
    if unknown := [blob for blob in lost if not blob.recording]:
        with run.database.write_transaction() as connection:
            lost_blobs.look_up_recordings(connection, app, unknown)
            lost = lost_blobs.list_due(connection, app, MAX_PER_PASS, tried_before)
    restored = sum(_restore(run, app, blob, find_files) for blob in lost if not run.is_stopped())
    if restored:
        run.warn(f"{restored} recordings of app {app.ak} had lost their stored files and were stored again")


def _restore(run: IngestRun, app: App, lost: LostBlob, find_files: FileFinder | None) -> bool:
    with run.database.read_transaction() as connection:
        recording = recordings.find_by_name(connection, app, lost.recording)
        sources = recording_sources.list_by_recordings(connection, app, [lost.recording])
    if recording is None or not _is_of(recording, lost) or _is_back(run, recording.blob):
        with run.database.write_transaction() as connection:
            lost_blobs.delete(connection, app, lost)
        return False
    files = [(Path(source.path), "") for source in sources if source.source_sha256 == recording.source_sha256]
    for path, name in [*files, *(find_files(recording) if find_files else ())]:
        # Only the same bytes are stored: those of a changed file may have the key of another recording, whose they are.
        audio = _store(run, app, path, name) if _has_hash(path, recording.source_sha256) else None
        if audio is not None and audio.source_sha256 == recording.source_sha256:
            return _save(run, app, lost, recording, audio)
    with run.database.write_transaction() as connection:
        lost_blobs.set_tried(connection, app, lost, run.now())
    return False


def _is_of(recording: Recording, lost: LostBlob) -> bool:
    return (recording.blob.location_id, recording.blob.key) == (lost.location_id, lost.key)


def _is_back(run: IngestRun, blob: BlobRef) -> bool:
    """Return whether the original bytes are available again, as far as their location knows."""
    with suppress(OSError):
        return run.replicas is not None and not run.replicas.is_lost(blob, check_bytes=True)
    return False


def _has_hash(path: Path, sha256: str) -> bool:
    with suppress(UnknownAudio, FileNotFoundError):
        return hash_file(path) == sha256
    return False


def _store(run: IngestRun, app: App, path: Path, name: str) -> StoredAudio | None:
    with suppress(UnknownAudio, StillGrowing, FileNotFoundError):
        return run.store_audio(run.primary_location, f"{app.id}/recordings", path, name)
    return None


def _save(run: IngestRun, app: App, lost: LostBlob, recording: Recording, audio: StoredAudio) -> bool:
    """Point the row at the new bytes, unless it has changed in the meantime."""
    with run.app_transaction(app) as connection:
        current = recordings.find_by_name(connection, app, recording.file_name)
        if current is None or current.blob != recording.blob:
            return False
        if current.blob != audio.blob:
            recordings.replace(connection, app, current, replace(current, blob=audio.blob))
        lost_blobs.delete(connection, app, lost)
    get_logger().info("recording restored", action="recording_restored", key=audio.blob.key)
    return True
