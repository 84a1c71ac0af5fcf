"""Add a stored file to the recording index, or replace an earlier version of the same recording."""

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import Enum, auto

from sqlalchemy.engine import Connection

from ccfs.db.system.jobs import blob_moves
from ccfs.db.tenant import recordings
from ccfs.db.tenant.ingest import recording_sources
from ccfs.db.tenant.ingest.recording_sources import RecordingSource
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.files.scan import ScannedFile, to_db_name, to_db_path
from ccfs.ingest.recordings import names
from ccfs.ingest.recordings.choose_row import choose_row, find_last_end
from ccfs.ingest.recordings.file_names import get_stem
from ccfs.ingest.recordings.match import RecordingMatch
from ccfs.ingest.recordings.number_hints import find_number_hints
from ccfs.ingest.recordings.store_audio import StoredAudio
from ccfs.model.blobs.orphan import BlobOwnerTable, OrphanedBlob
from ccfs.model.calls.cdr import Cdr
from ccfs.model.recordings.recording import Recording
from ccfs.model.source_files import COPY, INGESTED, REJECTED

SAME_SECONDS = 0.5  # seconds; a codec adds some hundredths of padding
OTHER_AUDIO = "a recording of this name is stored already, and this file is not a longer or converted version of it"
_DELETE_AFTER = timedelta(hours=1)  # downloads of the replaced bytes may be under way
_WRITE_TOLERANCE = timedelta(seconds=60)  # after a call, until its file is written


class _Version(Enum):
    """How a file relates to a stored recording."""

    OTHER = auto()  # a recording of its own
    COPY = auto()  # the same audio in another format, beside it: not stored
    NEWER = auto()  # it takes the place of the stored bytes


def save_recording(
    connection: Connection, run: IngestRun, owner: CallOwner, match: RecordingMatch, audio: StoredAudio
) -> tuple[str, str]:
    """Save the recording of a matched file. Return the file's state, and why it was rejected or which file it duplicates."""
    of_call = [
        known
        for known in recordings.list_by_call(connection, owner.app, match.rows[0].call_id)
        if known.account_id == owner.account.account_id
    ]
    sources = recording_sources.list_by_recordings(connection, owner.app, [known.file_name for known in of_call])
    known = _find_same_bytes(of_call, sources if match.state != COPY else (), audio)
    if known is None:
        known, version = _find_version(of_call, sources, match.file, audio)
        if known is not None and match.is_by_history and _is_later_call(match, known, audio):
            version = _Version.OTHER
        recording = _build_recording(connection, owner, match, audio, known if version is _Version.NEWER else None)
        if version is _Version.OTHER:
            if match.is_by_history and not _may_be_other_side(match, sources):
                _delete_blob(run, of_call, audio)
                return REJECTED, OTHER_AUDIO
            if match.state == COPY:  # the recording was deleted since
                _delete_blob(run, of_call, audio)
                return INGESTED, ""
            recordings.add(connection, owner.app, recording, run.now())
            run.result.recordings += 1
            known = recording
        elif version is _Version.NEWER and known is not None:
            replaced = [path for path in _list_paths(sources, known) if path != to_db_path(match.file.path)]
            recording_sources.mark_copies(connection, owner.app, replaced, to_db_path(match.file.path))
            _replace(connection, run, owner, known, recording)
            known = recording
        else:
            assert known is not None
            _delete_blob(run, of_call, audio)
            return COPY, _list_paths(sources, known)[0]
    else:
        _delete_blob(run, of_call, audio)
        known = _choose_agent_again(connection, owner, match, audio, known, sources)
    assert known is not None
    source = _build_source(match, audio, known)
    recording_sources.add(connection, owner.app, source, run.now())
    if known.source_sha256 == audio.source_sha256:
        recording_sources.mark_current(connection, owner.app, source)
    return INGESTED, ""


def _choose_agent_again(
    connection: Connection,
    owner: CallOwner,
    match: RecordingMatch,
    audio: StoredAudio,
    known: Recording,
    sources: Sequence[RecordingSource],
) -> Recording:
    """Return a stored file's recording, moved to another leg if a leg that arrived since matches better."""
    of_bytes = [source for source in sources if source.recording == known.file_name and source.replaced_at is None]
    first = next((source.path for source in of_bytes if os.path.lexists(source.path)), "")
    if known.source_sha256 != audio.source_sha256 or first != to_db_path(match.file.path):
        return known
    keys = {key for source in of_bytes for key in source.named_by.split()}
    named = replace(match, source_keys=match.source_keys | keys)
    built = _build_recording(connection, owner, named, audio, known)
    recording = replace(built, blob=known.blob, task_status=known.task_status, task_result=known.task_result)
    if recording != known:
        recordings.replace(connection, owner.app, known, recording)
        recording_sources.rename(connection, owner.app, known.file_name, recording.file_name)
    return recording


def _find_same_bytes(
    of_call: Sequence[Recording], sources: Sequence[RecordingSource], audio: StoredAudio
) -> Recording | None:
    """Return the recording that was stored from, or replaced by, identical bytes."""
    names_of_bytes = {source.recording for source in sources if source.source_sha256 == audio.source_sha256}
    for known in of_call:
        if known.source_sha256 == audio.source_sha256 or known.file_name in names_of_bytes:
            return known
    return None


def _find_version(
    of_call: Sequence[Recording], sources: Sequence[RecordingSource], file: ScannedFile, audio: StoredAudio
) -> tuple[Recording | None, _Version]:
    by_name = {known.file_name: known for known in of_call}
    stem = get_stem(to_db_name(file.path))
    for source in sources:
        if source.replaced_at is None and source.stem == stem and source.recording in by_name:
            known = by_name[source.recording]
            version = _compare(source, known, file, audio, is_gone=not _list_paths(sources, known))
            if version is not _Version.OTHER:
                return known, version
    return None, _Version.OTHER


def _list_paths(sources: Sequence[RecordingSource], known: Recording) -> list[str]:
    """Return the files with a recording's stored bytes that still exist: one may have been moved."""
    same = (source for source in sources if source.recording == known.file_name and source.replaced_at is None)
    paths = (source.path for source in same if source.source_sha256 == known.source_sha256)
    return [path for path in paths if os.path.lexists(path)]


def _compare(
    source: RecordingSource, known: Recording, file: ScannedFile, audio: StoredAudio, *, is_gone: bool
) -> _Version:
    """Compare the file with a recording whose file has the same stem."""
    path = to_db_path(file.path)
    gained = audio.seconds - source.milliseconds / 1000
    is_equal, is_longer = abs(gained) <= SAME_SECONDS, gained > SAME_SECONDS
    if source.path == path:
        return _Version.NEWER if is_equal or is_longer else _Version.OTHER
    is_same_folder = os.path.dirname(source.path) == os.path.dirname(path)
    if is_gone:
        return _Version.NEWER if is_equal or (is_longer and is_same_folder) else _Version.OTHER
    if not is_equal or _get_extension(known.file_name) == audio.extension:
        return _Version.OTHER  # two files beside each other that are stored alike, such as .PCMU and .PCMA
    return _Version.NEWER if audio.extension == ".wav" else _Version.COPY


def _get_extension(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _may_be_other_side(match: RecordingMatch, sources: Sequence[RecordingSource]) -> bool:
    """Return whether a file without an id may be another side of a recording: its stem is new, and its call is not later."""
    stem = get_stem(to_db_name(match.file.path))
    written = _get_written(match.file)
    return stem not in {source.stem for source in sources} and written <= find_last_end(match.rows) + _WRITE_TOLERANCE


def _is_later_call(match: RecordingMatch, known: Recording, audio: StoredAudio) -> bool:
    """Return whether a name without an id was reused: the file was written after the call, and its duration differs."""
    is_equal = abs(audio.seconds - (known.call_end - known.call_begin).total_seconds()) <= 2 * SAME_SECONDS
    return not is_equal and _get_written(match.file) > find_last_end(match.rows) + _WRITE_TOLERANCE


def _get_written(file: ScannedFile) -> datetime:
    return datetime.fromtimestamp(min(max(file.modified_ns / 1e9, 0), 4e9), UTC)  # a time stamp may be anything


def _build_recording(
    connection: Connection, owner: CallOwner, match: RecordingMatch, audio: StoredAudio, old: Recording | None
) -> Recording:
    written = _get_written(match.file)
    begin, numbers = written - timedelta(seconds=audio.seconds), find_number_hints(match.file.path).numbers
    row = choose_row(match.rows, match.source_keys, match.leg_ids, begin, written, numbers)
    begin = row.call_begin or row.begin
    keeps_names = old is not None and (old.agent_id, _get_extension(old.file_name)) == (row.agent_id, audio.extension)
    if old is not None and keeps_names:
        assigned = names.RecordingNames(old.file_name, old.original_file_name)
    else:
        assigned = names.assign_names(connection, owner, row, begin, audio.extension)
    return _build_index_row(row, begin, assigned, match.file, audio)


def _build_index_row(
    row: Cdr, begin: datetime, assigned: names.RecordingNames, file: ScannedFile, audio: StoredAudio
) -> Recording:
    return Recording(
        account_id=row.account_id,
        cc_id=row.cc_id,
        vdn_id=row.vdn_id,
        agent_id=row.agent_id,
        call_id=row.call_id,
        caller_no=row.caller_no[:25],
        callee_no=row.callee_no[:25],
        call_begin=begin,
        call_end=begin + timedelta(seconds=round(audio.seconds)),
        file_name=assigned.file_name,
        original_file_name=assigned.original_file_name,
        call_type=names.get_direction(row.call_type),
        media_type=row.media_type,
        user_wanted_skill_id=row.user_wanted_skill_id,
        current_skill_id=row.current_skill_id,
        blob=audio.blob,
        source_sha256=audio.source_sha256,
        source_name=to_db_name(file.path),
    )


def _build_source(match: RecordingMatch, audio: StoredAudio, recording: Recording) -> RecordingSource:
    return RecordingSource(
        account_id=recording.account_id,
        path=to_db_path(match.file.path),
        stem=get_stem(to_db_name(match.file.path)),
        source_sha256=audio.source_sha256,
        milliseconds=round(audio.seconds * 1000),
        recording=recording.file_name,
        named_by=" ".join(sorted(match.source_keys)),
    )


def _replace(connection: Connection, run: IngestRun, owner: CallOwner, old: Recording, new: Recording) -> None:
    """Point the row at the new bytes, and queue the old ones for deletion. Their hash stays in the row of their source."""
    now = run.now()
    kept = replace(new, task_status=old.task_status, task_result=old.task_result)
    recordings.replace(connection, owner.app, old, kept)
    recording_sources.mark_replaced(connection, owner.app, old.file_name, now)
    recording_sources.rename(connection, owner.app, old.file_name, new.file_name)
    if not old.blob.is_same_blob(new.blob):
        orphan = OrphanedBlob(
            location_id=old.blob.location_id,
            key=old.blob.key,
            owner_table=BlobOwnerTable.RECORDINGS,
            owner_row=f"{owner.app.id} {old.file_name}",
            app=owner.app.id,
        )
        blob_moves.enqueue_orphan(connection, orphan, now + _DELETE_AFTER)


def _delete_blob(run: IngestRun, of_call: Sequence[Recording], audio: StoredAudio) -> None:
    """Delete bytes that no row refers to."""
    if not any(known.blob.is_same_blob(audio.blob) for known in of_call):
        run.primary_location.delete(audio.blob.key)
