"""Recordings of a switch's folder: each file to its call, its bytes to the home location, its row to the index."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy.engine import Connection

from ccfs.db.tenant import cdrs, ingest_state, recordings
from ccfs.db.tenant.ingest_state import IngestRejection
from ccfs.ingest import folder, recording_names, store_audio
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.folder import INGESTED, REJECTED, REPORTED, UNMATCHED, ScannedFile
from ccfs.ingest.store_audio import StoredAudio, UnreadableAudio
from ccfs.media.codec_table import UnknownAudio
from ccfs.model.calls.call_id import started_at, to_call_id
from ccfs.model.calls.cdr import Cdr, DeviceType
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.recording import Recording

STORE_THREADS = 4  # files written side by side: most of the time goes into waiting for the disk

CallIdFinder = Callable[[str], tuple[str, ...]]  # a file's name to the switch's ids that it mentions


@dataclass(frozen=True, slots=True)
class RecordingMatch:
    """A file and the row that tells of its call; the row is None where no CDR does."""

    file: ScannedFile
    state: str  # ORPHAN or LISTED if it was so and is unchanged
    row: Cdr | None


def ingest_folder(run: IngestRun, owner: CallOwner, root: Path, calls_of: CallIdFinder) -> None:
    """Take in what is new below the folder; then list recordings that are missing for too long."""
    done = 0
    with ThreadPoolExecutor(STORE_THREADS) as pool:
        for batch in folder.iter_batches(folder.scan_folder(root, run.warn)):
            if run.is_stopped():
                return
            _ingest_batch(run, owner, batch, calls_of, pool)
            done += len(batch)
            run.report_progress("recordings", done, 0)
    report_missing_recordings(run, owner.app)


def report_missing_recordings(run: IngestRun, app: App) -> None:
    """List recordings that CDRs name and that have not come within the time set."""
    before = run.now() - timedelta(seconds=run.settings.recording_wait_seconds)
    with run.database.write_transaction() as connection:
        run.report_missing(ingest_state.mark_missing_recordings(connection, app, before, run.now()))


def _ingest_batch(
    run: IngestRun, owner: CallOwner, batch: list[ScannedFile], calls_of: CallIdFinder, pool: ThreadPoolExecutor
) -> None:
    with run.database.read_transaction() as connection:
        found = folder.select_new_files(connection, owner.app, batch)
    plain = [
        (seen, state)
        for one, state in found
        if not one.unusable_reason and (seen := folder.wait_until_stable(run, one))
    ]
    with run.database.read_transaction() as connection:
        matches = list(_match_files(connection, owner, plain, calls_of))
    with_call = [match for match in matches if match.row is not None]
    sounds = list(pool.map(lambda match: _store_audio(run, owner, match), with_call))
    odd = [one for one, _ in found if one.unusable_reason]
    orphans = [match for match in matches if match.row is None and _is_unreported(run, match)]
    if not (odd or sounds or orphans):
        return
    with run.app_transaction(owner.app) as connection:
        for one in odd:
            _reject(connection, run, owner, one, one.unusable_reason, REJECTED)
        due = {seen for seen, _ in folder.select_new_files(connection, owner.app, [match.file for match in with_call])}
        for match, sound_or_not in zip(with_call, sounds, strict=True):
            if match.file in due:  # another run may have taken it meanwhile
                _save(connection, run, owner, match, sound_or_not)
        for match in orphans:
            _record_unmatched(connection, run, owner, match.file)


def _match_files(
    connection: Connection, owner: CallOwner, due: Sequence[tuple[ScannedFile, str]], calls_of: CallIdFinder
) -> list[RecordingMatch]:
    mentioned = {seen: calls_of(seen.path.name) for seen, _ in due}
    bases = {seen: _get_base_name(seen) for seen in mentioned}
    named = ingest_state.find_expected_calls(connection, owner.app, owner.account.account_id, bases.values())
    lines = ingest_state.find_lines_naming(connection, owner.app, owner.account.account_id, bases.values())
    names = {seen: [*_find_named_call(named, bases[seen]), *map(to_call_id, ids)] for seen, ids in mentioned.items()}
    of_calls = _find_rows_by_call(connection, owner.app, {name for some in names.values() for name in some})
    of_legs: dict[str, list[Cdr]] = defaultdict(list)
    for row in _find_rows_by_leg(connection, owner.app, {leg for ids in mentioned.values() for leg in ids}):
        of_legs[row.switch_leg_id].append(row)
    found = []
    for seen, state in due:
        rows = [row for name in names[seen] for row in of_calls.get(name, ())]
        rows += [row for leg in mentioned[seen] for row in of_legs[leg]]
        mine = [row for row in rows if row.account_id == owner.account.account_id]
        found.append(RecordingMatch(seen, state, _find_best_match(mine, mentioned[seen], lines.get(bases[seen], ""))))
    return found


def _find_rows_by_call(connection: Connection, app: App, names: set[str]) -> dict[str, list[Cdr]]:
    """Rows by callId. Ids that tell their time are looked for around it first; what is not there, everywhere."""
    near = [moment for name in names if (moment := started_at(name))]
    found = cdrs.find_by_call_ids(connection, app, {name for name in names if started_at(name)}, near)
    return found | cdrs.find_by_call_ids(connection, app, names - found.keys())


def _find_rows_by_leg(connection: Connection, app: App, legs: set[str]) -> list[Cdr]:
    """Rows of legs. Most legs have none: those that tell their time are looked for around it only."""
    near = {leg: moment for leg in legs if (moment := started_at(to_call_id(leg)))}
    return [
        *cdrs.find_by_leg_ids(connection, app, near, near.values()),
        *cdrs.find_by_leg_ids(connection, app, legs - near.keys()),
    ]


def _find_named_call(named: Mapping[str, str], base: str) -> list[str]:
    return [named[base]] if base in named else []


def _get_base_name(seen: ScannedFile) -> str:
    """The file's own name as rows have it."""
    return folder.to_db_path(seen.path).rpartition("/")[2]


def _find_best_match(rows: Sequence[Cdr], leg_ids: Sequence[str], line_key: str) -> Cdr | None:
    """The row that tells most of who is heard: of the line that names the file; else answered, at an agent, of the leg
    that the file names; the earliest of those."""

    def rank(row: Cdr) -> tuple[bool, bool, bool, bool, str]:
        of_leg = row.switch_leg_id in leg_ids
        talks = row.call_begin is not None
        return row.source_key != line_key, not talks, row.device_type != DeviceType.AGENT, not of_leg, row.leg_order

    return min(rows, key=rank, default=None)


def _store_audio(run: IngestRun, owner: CallOwner, match: RecordingMatch) -> StoredAudio | UnknownAudio | None:
    """The file's sound in its location; why it cannot be had; None if it must wait for another run."""
    try:
        return store_audio.store_audio_file(run.primary_location, f"{owner.app.id}/recordings", match.file.path)
    except UnknownAudio as error:
        return error
    except (FileNotFoundError, store_audio.StillGrowing):
        return None


def _save(
    connection: Connection,
    run: IngestRun,
    owner: CallOwner,
    match: RecordingMatch,
    found: StoredAudio | UnknownAudio | None,
) -> None:
    seen = match.file
    if isinstance(found, UnreadableAudio):
        _reject(connection, run, owner, seen, str(found), None)
    elif isinstance(found, UnknownAudio):
        _reject(connection, run, owner, seen, str(found), REJECTED)
    elif found is not None and match.row is not None:
        folder.record_state(connection, run, owner.app, seen, INGESTED)
        _add_recording(connection, run, owner, match.row, seen, found)
        ingest_state.mark_arrived(connection, owner.app, owner.account.account_id, _get_base_name(seen))


def _reject(
    connection: Connection, run: IngestRun, owner: CallOwner, seen: ScannedFile, reason: str, state: str | None
) -> None:
    """Refuse a file; without a state it is tried again by every run."""
    run.reject(connection, owner.app, [IngestRejection(file=folder.to_db_path(seen.path), line=0, reason=reason)])
    if state:
        folder.record_state(connection, run, owner.app, seen, state, reason)


def _add_recording(
    connection: Connection, run: IngestRun, owner: CallOwner, row: Cdr, seen: ScannedFile, found: StoredAudio
) -> None:
    """Add the index row, unless the call has this very recording already under another path."""
    same = recordings.list_by_call(connection, owner.app, row.call_id)
    if any(one.source_sha256 == found.source_sha256 and one.account_id == row.account_id for one in same):
        if not any(one.blob.is_same_blob(found.blob) for one in same):
            run.primary_location.delete(found.blob.key)
        return
    begin = row.call_begin or row.begin
    names = recording_names.assign_names(connection, owner, row, begin, found.extension)
    recording = Recording(
        account_id=row.account_id,
        cc_id=row.cc_id,
        vdn_id=row.vdn_id,
        agent_id=row.agent_id,
        call_id=row.call_id,
        caller_no=row.caller_no[:25],
        callee_no=row.callee_no[:25],
        call_begin=begin,
        call_end=begin + timedelta(seconds=round(found.seconds)),
        file_name=names.file_name,
        original_file_name=names.original_file_name,
        call_type=recording_names.get_direction(row.call_type),
        media_type=row.media_type,
        user_wanted_skill_id=row.user_wanted_skill_id,
        current_skill_id=row.current_skill_id,
        blob=found.blob,
        source_sha256=found.source_sha256,
        source_name=_get_base_name(seen),
    )
    recordings.add(connection, owner.app, recording, run.now())
    run.result.recordings += 1


def _is_unreported(run: IngestRun, match: RecordingMatch) -> bool:
    """Whether it was not known yet that no CDR tells of the file, or that it has waited in vain long enough."""
    return match.state != REPORTED and (match.state != UNMATCHED or _has_waited(run, match.file))


def _has_waited(run: IngestRun, seen: ScannedFile) -> bool:
    wait = run.settings.recording_wait_seconds if run.is_watching else 0
    return time.time() - seen.modified_ns / 1e9 >= wait


def _record_unmatched(connection: Connection, run: IngestRun, owner: CallOwner, seen: ScannedFile) -> None:
    """A file that no CDR tells of: every run tries it again, and it is refused once it has waited long enough."""
    if _has_waited(run, seen):
        reason = "no CDR of this account tells of the call; it is tried again by every run"
        _reject(connection, run, owner, seen, reason, REPORTED)
    else:
        folder.record_state(connection, run, owner.app, seen, UNMATCHED)
