"""Match recordings to calls: by CDRs that name a file, by ids in its name, by files matched earlier."""

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy.engine import Connection

from ccfs.db.tenant.calls import cdrs
from ccfs.db.tenant.ingest import expected_recordings, recording_sources
from ccfs.db.tenant.ingest.expected_recordings import ExpectedRecording
from ccfs.ingest.context import CallOwner
from ccfs.ingest.files.scan import ScannedFile, to_db_name, to_db_path
from ccfs.ingest.recordings.file_names import count_shared_folders, list_sibling_stems, list_stems
from ccfs.model.calls.call_id import started_at, to_call_id
from ccfs.model.calls.cdr import Cdr
from ccfs.model.identity.tenancy import App

CallIdFinder = Callable[[str], tuple[str, ...]]  # from a file's name to the ids of the switch in it
DueFiles = Sequence[tuple[ScannedFile, str]]  # each with its state of the last run
NO_CDR = "no CDR of this account matches this recording; every run retries it"
SEVERAL_CALLS = "several calls match this recording; it is not stored for any"
SEVERAL_FILES = "several files in different folders may be the recording that a CDR names; none is stored"
_MAX_FOLDERS = 3  # folders above a file whose names may hold an id

_RowsById = Mapping[str, Sequence[Cdr]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingMatch:
    """A file and the rows of its call, all of one owner. There are no rows if no call matches."""

    file: ScannedFile
    owner: CallOwner
    state: str  # UNMATCHED, REPORTED or COPY if it is unchanged since; else ""
    rows: tuple[Cdr, ...] = ()
    leg_ids: tuple[str, ...] = ()  # ids in its name
    source_keys: frozenset[str] = field(default=frozenset())  # of the lines that name it
    named_path: str = ""  # as a CDR names the file; "" where its name has an id, too
    shared_folders: int = 0  # with the path that a CDR names
    ids: tuple[str, ...] = ()  # all ids that its name and its folders' may have
    is_by_history: bool = False  # only an earlier file of this name tells the call
    reason: str = NO_CDR  # why there are no rows


@dataclass(frozen=True, slots=True)
class NamedCall:
    """A call whose CDR or earlier recording has the file's name."""

    call_id: str
    source_key: str
    path: str
    shared_folders: int


MatchFiles = Callable[[Connection, CallOwner, DueFiles], list[RecordingMatch]]


def match_files(
    connection: Connection, owner: CallOwner, due: DueFiles, find_ids: CallIdFinder, root: Path
) -> list[RecordingMatch]:
    """Match files to the account's rows."""
    app, account_id = owner.app, owner.account.account_id
    files = [file for file, _ in due]
    named = find_named_calls(connection, owner, files)
    earlier = _find_earlier_calls(connection, owner, [file for file in files if not named[file]])
    id_groups = {file: list_id_groups(file.path, root, find_ids) for file in files}
    ids = {leg_id for groups in id_groups.values() for group in groups for leg_id in group}
    calls = {call.call_id for some in (*named.values(), *earlier.values()) for call in some}
    rows_by_leg = _keep_own(find_rows_by_leg(connection, app, ids), account_id)
    calls |= {row.call_id for rows in rows_by_leg.values() for row in rows}
    rows_by_call = _keep_own(find_rows_by_call(connection, app, calls, ids), account_id)
    matches = []
    for file, state in due:
        found, leg_ids = _find_rows_by_ids(id_groups[file], rows_by_call, rows_by_leg)
        by_id = {row.call_id for row in found}
        all_ids = tuple(leg_id for group in id_groups[file] for leg_id in group)
        match = RecordingMatch(file=file, owner=owner, state=state, leg_ids=leg_ids, ids=all_ids)
        matches.append(_choose_call(match, named[file], by_id, earlier.get(file, []), rows_by_call))
    return _reject_rivals(matches)


def _choose_call(
    match: RecordingMatch,
    named: Sequence[NamedCall],
    by_id: set[str],
    earlier: Sequence[NamedCall],
    rows_by_call: _RowsById,
) -> RecordingMatch:
    """Return the match with the rows of the call that the names identify, or with the reason why there is none."""
    both = [call for call in named if call.call_id in by_id]
    calls = {call.call_id for call in both or named} or by_id
    is_by_history = not calls
    if is_by_history:
        calls = {call.call_id for call in earlier}
    if len(calls) != 1:
        return replace(match, reason=SEVERAL_CALLS) if calls else match
    [call_id] = calls
    chosen = [call for call in named if call.call_id == call_id]
    return replace(
        match,
        rows=tuple(rows_by_call.get(call_id, ())),
        source_keys=frozenset(call.source_key for call in chosen),
        named_path=chosen[0].path if chosen and not by_id else "",
        shared_folders=chosen[0].shared_folders if chosen else 0,
        is_by_history=is_by_history,
    )


def _reject_rivals(matches: Sequence[RecordingMatch]) -> list[RecordingMatch]:
    """Reject files in different folders and of different sizes if a CDR names one of them and no folder shows which."""
    rivals: dict[tuple[str, str], list[RecordingMatch]] = defaultdict(list)
    for match in matches:
        if match.named_path and match.rows:
            rivals[match.rows[0].call_id, match.named_path].append(match)
    rejected = set()
    for some in rivals.values():
        best = max(match.shared_folders for match in some)
        leading = [match for match in some if match.shared_folders == best]
        is_told_apart = len({match.file.path.parent for match in leading}) == 1
        sizes = Counter(match.file.size for match in some)
        if len(sizes) > 1:
            rejected |= {match.file for match in some if not (is_told_apart and match in leading)}
    return [replace(match, rows=(), reason=SEVERAL_FILES) if match.file in rejected else match for match in matches]


def find_named_calls(
    connection: Connection, owner: CallOwner, files: Sequence[ScannedFile]
) -> dict[ScannedFile, list[NamedCall]]:
    """Return the calls whose CDRs name each file and share the most folders with it."""
    stems = {file: list_stems(to_db_name(file.path)) for file in files}
    expected: dict[str, list[ExpectedRecording]] = defaultdict(list)
    wanted = [stem for some in stems.values() for stem in some]
    for row in expected_recordings.find(connection, owner.app, owner.account.account_id, wanted):
        expected[row.stem].append(row)
    named = {}
    for file in files:
        rows = next((expected[stem] for stem in stems[file] if stem in expected), [])
        named[file] = _keep_closest(file, [(row.call_id, row.source_key, row.path) for row in rows])
    return named


def _find_earlier_calls(
    connection: Connection, owner: CallOwner, files: Sequence[ScannedFile]
) -> dict[ScannedFile, list[NamedCall]]:
    """Return the calls of recordings stored from files with this name, in the same folder or deleted since."""
    stems = {file: list_sibling_stems(to_db_name(file.path)) for file in files}
    wanted = [stem for some in stems.values() for stem in some]
    found = recording_sources.find_by_stems(connection, owner.app, owner.account.account_id, wanted)
    earlier = {}
    for file in files:
        folder, stem = to_db_path(file.path.parent), stems[file][0]
        calls = [
            (call_id, "", source.path)
            for source, call_id in found
            if source.stem in stems[file]
            and (os.path.dirname(source.path) == folder or (source.stem == stem and not os.path.lexists(source.path)))
        ]
        earlier[file] = _keep_closest(file, calls)
    return earlier


def _keep_closest(file: ScannedFile, calls: Iterable[tuple[str, str, str]]) -> list[NamedCall]:
    """Return the calls, given as (callId, source_key, path), whose path shares the most folders with the file's."""
    shared = [
        NamedCall(call_id, key, path, count)
        for call_id, key, path in calls
        if (count := count_shared_folders(to_db_path(file.path), path)) is not None
    ]
    best = max((call.shared_folders for call in shared), default=0)
    return [call for call in shared if call.shared_folders == best]


def list_id_groups(path: Path, root: Path, find_ids: CallIdFinder) -> list[tuple[str, ...]]:
    """Return the ids in the file's name, and in each folder's below the root, the innermost first."""
    names = path.relative_to(root).parts if path.is_relative_to(root) else (path.name,)
    return [ids for name in names[: -_MAX_FOLDERS - 2 : -1] if (ids := find_ids(name))]


def _find_rows_by_ids(
    groups: Sequence[tuple[str, ...]], rows_by_call: _RowsById, rows_by_leg: _RowsById
) -> tuple[list[Cdr], tuple[str, ...]]:
    """Return the rows of the first name whose ids have any, and these ids.

    Ids that end in the same number differ only in the system name: the longest with rows wins.
    """
    for group in groups:
        found: dict[str, list[Cdr]] = {}
        used = []
        for leg_id in group:
            rows = [*rows_by_call.get(to_call_id(leg_id), ()), *rows_by_leg.get(leg_id, ())]
            number = leg_id.rpartition("-")[2] if "." in leg_id else leg_id
            if rows and number not in found:
                found[number] = rows
                used.append(leg_id)
        if found:
            return [row for rows in found.values() for row in rows], tuple(used)
    return [], ()


def _keep_own(rows_by_id: Mapping[str, Iterable[Cdr]], account_id: str) -> dict[str, list[Cdr]]:
    own = {key: [row for row in rows if row.account_id == account_id] for key, rows in rows_by_id.items()}
    return {key: rows for key, rows in own.items() if rows}


def find_rows_by_call(connection: Connection, app: App, calls: set[str], ids: set[str]) -> dict[str, list[Cdr]]:
    """Return the rows of these calls and of these ids' calls, by callId.

    Ids that contain a time are looked up near it first and then everywhere. Ids that follow a system name are looked up
    near it only, because most of them are guesses.
    """
    guesses = {to_call_id(leg_id): begin for leg_id in ids if "-" in leg_id and (begin := _find_begin(leg_id))}
    certain = calls | {call_id for leg_id in ids if (call_id := to_call_id(leg_id)) not in guesses}
    near = guesses | {call_id: begin for call_id in certain if (begin := started_at(call_id))}
    rows_near = cdrs.find_by_call_ids(connection, app, set(near), list(near.values()))
    return rows_near | cdrs.find_by_call_ids(connection, app, certain - rows_near.keys())


def _find_begin(leg_id: str) -> datetime | None:
    """Return the time in a uniqueid, with or without a system's name before it."""
    return started_at(to_call_id(leg_id.rpartition("-")[2]))


def find_rows_by_leg(connection: Connection, app: App, leg_ids: set[str]) -> dict[str, list[Cdr]]:
    """Return rows by leg. Ids that contain a time are looked up near it only, because most have no row."""
    near = {leg_id: begin for leg_id in leg_ids if (begin := _find_begin(leg_id))}
    found_rows: Iterable[Cdr] = (
        *cdrs.find_by_leg_ids(connection, app, near, near.values()),
        *cdrs.find_by_leg_ids(connection, app, leg_ids - near.keys()),
    )
    rows: dict[str, list[Cdr]] = defaultdict(list)
    for row in found_rows:
        rows[row.switch_leg_id].append(row)
    return rows
