"""Ingest a switch's recording folders: match each file to its call, store it, add its row to the index."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from sqlalchemy.engine import Connection

from ccfs.db.tenant.ingest import expected_recordings, recording_sources, resolved_rejections
from ccfs.db.tenant.ingest.ingest_state import IngestRejection
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.files import scan
from ccfs.ingest.files.file_states import record_state, select_due_files
from ccfs.ingest.files.scan import ScannedFile, to_db_name, to_db_path
from ccfs.ingest.recordings import store_audio
from ccfs.ingest.recordings.expected import report_missing_recordings
from ccfs.ingest.recordings.explain import explain_unmatched
from ccfs.ingest.recordings.file_names import list_stems
from ccfs.ingest.recordings.finished import drop_unfinished
from ccfs.ingest.recordings.match import CallIdFinder, MatchFiles, RecordingMatch, match_files
from ccfs.ingest.recordings.match_number import match_by_number, needs_number
from ccfs.ingest.recordings.restore import restore_lost_recordings
from ccfs.ingest.recordings.save_recording import save_recording
from ccfs.ingest.recordings.store_audio import StoredAudio, UnreadableAudio
from ccfs.ingest.tenants.assignment import lock_apps
from ccfs.ingest.tenants.recordings import TenantMatcher
from ccfs.media.codec_table import UnknownAudio
from ccfs.media.convert import NO_AUDIO
from ccfs.model.source_files import COPY, REJECTED, REPORTED, UNMATCHED

EMPTY = "{folder} is empty, though recordings were ingested from it: is its file system mounted?"
STORE_THREADS = 4  # files written in parallel: most of the time is spent waiting for the disk


def ingest_folders(
    run: IngestRun,
    owner: CallOwner,
    roots: Sequence[Path],
    find_ids: CallIdFinder,
    matcher: TenantMatcher | None = None,
    find_zone: Callable[[], str] | None = None,
) -> None:
    """Ingest new files below the folders. Then report recordings that are missing from all of them.

    `owner` holds the states of the files. With a matcher, files go to the owners that it finds. Otherwise, if
    `find_zone` is given, it returns the zone of times in names, and files without an id are matched by number and time.
    """
    apps = matcher.list_apps() if matcher else [owner.app]
    for app in apps:
        restore_lost_recordings(run, app)
    are_present = True
    for root in roots:
        find_matches: MatchFiles = partial(matcher or match_files, find_ids=find_ids, root=root)
        if matcher is None and find_zone is not None:
            find_matches = partial(_match_with_numbers, find_matches, find_zone, run.is_watching)
        done = _ingest_folder(run, owner, root, find_matches)
        if run.is_stopped():
            return
        is_present = done > 0 or not _was_ingested(run, owner, root)
        _report_absence(run, root, is_present=is_present)
        are_present &= is_present
    for app in apps if are_present else ():
        report_missing_recordings(run, app)


def _ingest_folder(run: IngestRun, owner: CallOwner, root: Path, find_matches: MatchFiles) -> int:
    """Ingest new files below one folder. Return the number of all its files."""
    done = 0
    with ThreadPoolExecutor(STORE_THREADS) as pool:
        for batch in scan.iter_batches(scan.scan_folder(root, run.warn)):
            if run.is_stopped():
                break
            _ingest_batch(run, owner, batch, find_matches, pool)
            done += len(batch)
            run.report_progress("recordings", done, 0)
    return done


def _report_absence(run: IngestRun, root: Path, *, is_present: bool) -> None:
    """Report once that a folder has lost its files."""
    if is_present:
        run.absent_files.discard(root)
    elif root not in run.absent_files:
        run.absent_files.add(root)
        run.alert(EMPTY.format(folder=to_db_path(root)), "recordings_absent", folder=to_db_path(root))


def _was_ingested(run: IngestRun, owner: CallOwner, root: Path) -> bool:
    with run.database.read_transaction() as connection:
        return recording_sources.has_files_below(connection, owner.app, to_db_path(root))


def _match_with_numbers(
    find_matches: MatchFiles,
    find_zone: Callable[[], str],
    is_watching: bool,
    connection: Connection,
    owner: CallOwner,
    due: Sequence[tuple[ScannedFile, str]],
) -> list[RecordingMatch]:
    """Match files. Those without an id are matched by number and time."""
    matches = find_matches(connection, owner, due)
    if any(map(needs_number, matches)):
        return match_by_number(connection, owner, matches, find_zone(), is_watching=is_watching)
    return matches


def _ingest_batch(
    run: IngestRun, owner: CallOwner, batch: list[ScannedFile], find_matches: MatchFiles, pool: ThreadPoolExecutor
) -> None:
    with run.database.read_transaction() as connection:
        due = select_due_files(connection, owner.app, batch)
    unusable = [file for file, _ in due if file.unusable_reason]
    stable = [(file, state) for file, state in due if not file.unusable_reason and scan.wait_until_stable(run, file)]
    with run.database.read_transaction() as connection:
        matches = find_matches(connection, owner, stable)
    matched = drop_unfinished(run, [match for match in matches if match.rows])
    unmatched = [match for match in matches if not match.rows and _is_unreported(run, match)]
    stored = list(pool.map(lambda match: _store_audio(run, match), matched))
    if unusable or stored or unmatched:
        with run.app_transaction(owner.app) as connection:
            for file in unusable:
                _reject(connection, run, owner, file, file.unusable_reason, REJECTED)
            _save_matched(connection, run, owner, list(zip(matched, stored, strict=True)))
            for match in unmatched:
                _save_unmatched(connection, run, owner, match)


def _store_audio(run: IngestRun, match: RecordingMatch) -> StoredAudio | UnknownAudio | None:
    """Store the file's audio. Return the error if it cannot be stored, or None if it must wait for another run."""
    try:
        prefix = f"{match.owner.app.id}/recordings"
        return run.store_audio(run.primary_location, prefix, match.file.path)
    except UnknownAudio as error:
        return error
    except (FileNotFoundError, store_audio.StillGrowing):
        return None


def _save_matched(
    connection: Connection,
    run: IngestRun,
    owner: CallOwner,
    stored: Sequence[tuple[RecordingMatch, StoredAudio | UnknownAudio | None]],
) -> None:
    """Save files that have a call, unless another run has ingested them in the meantime."""
    due = {file for file, _ in select_due_files(connection, owner.app, [match.file for match, _ in stored])}
    lock_apps(connection, owner, [match.owner for match, _ in stored])
    for match, audio in stored:
        file = match.file
        if file not in due or audio is None:
            continue
        if isinstance(audio, UnknownAudio):
            if str(audio) == NO_AUDIO:
                _mark_arrived(connection, match)
            _reject(connection, run, owner, file, str(audio), None if isinstance(audio, UnreadableAudio) else REJECTED)
        else:
            _save_stored(connection, run, owner, match, audio)


def _save_stored(
    connection: Connection, run: IngestRun, owner: CallOwner, match: RecordingMatch, audio: StoredAudio
) -> None:
    state, reason = save_recording(connection, run, match.owner, match, audio)
    if state == REJECTED:
        _reject(connection, run, owner, match.file, reason, REJECTED)
        return
    resolved_rejections.delete_of_files(connection, owner.app, [to_db_path(match.file.path)])
    record_state(connection, run, owner.app, match.file, state, reason)
    _mark_arrived(connection, match)


def _mark_arrived(connection: Connection, match: RecordingMatch) -> None:
    stems, account_id = list_stems(to_db_name(match.file.path)), match.owner.account.account_id
    expected_recordings.mark_arrived(connection, match.owner.app, account_id, stems, match.rows[0].call_id)


def _reject(
    connection: Connection, run: IngestRun, owner: CallOwner, file: ScannedFile, reason: str, state: str | None
) -> None:
    """Reject a file. Without a state, every run retries it."""
    run.reject(connection, owner.app, [IngestRejection(file=to_db_path(file.path), line=0, reason=reason)])
    if state:
        record_state(connection, run, owner.app, file, state, reason)


def _is_unreported(run: IngestRun, match: RecordingMatch) -> bool:
    """Return whether a file without a call is new, or has waited long enough to be reported."""
    return match.state not in (REPORTED, COPY) and (match.state != UNMATCHED or _has_waited(run, match.file))


def _has_waited(run: IngestRun, file: ScannedFile) -> bool:
    wait = run.settings.recording_wait_seconds if run.is_watching else 0
    return time.time() - file.modified_ns / 1e9 >= wait


def _save_unmatched(connection: Connection, run: IngestRun, owner: CallOwner, match: RecordingMatch) -> None:
    """Record a file that matches no call. Every run retries it; it is rejected once it has waited long enough."""
    if _has_waited(run, match.file):
        _reject(connection, run, owner, match.file, explain_unmatched(connection, owner, match), REPORTED)
    else:
        record_state(connection, run, owner.app, match.file, UNMATCHED)
