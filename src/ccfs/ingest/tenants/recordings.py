"""Recordings of a switch with many tenants: each file goes to the only owner whose call it matches, or to nobody.

A leg's id in the file name is the strongest evidence, followed by a CDR that names the file, then by a call's id. Calls
without a tenant count as if they had an owner, so that no other tenant gets their recordings. A folder named after a
tenant overrides weaker evidence.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from sqlalchemy.engine import Connection

from ccfs.db.tenant.ingest import expected_recordings, recording_sources, unassigned_records
from ccfs.ingest.context import CallOwner
from ccfs.ingest.files.scan import ScannedFile, to_db_name
from ccfs.ingest.recordings.expected import NO_ACCOUNT_ID
from ccfs.ingest.recordings.file_names import is_date_or_number, list_sibling_stems, list_stems
from ccfs.ingest.recordings.match import (
    CallIdFinder,
    DueFiles,
    RecordingMatch,
    find_named_calls,
    find_rows_by_call,
    find_rows_by_leg,
    list_id_groups,
    match_files,
)
from ccfs.ingest.tenants.routers import IGNORED, UNKNOWN, CallRouter, Owner, Unknown, group_by_app
from ccfs.model.calls.call_id import to_call_id
from ccfs.model.identity.tenancy import Account, App

OTHER_FOLDER = "the folder of this recording is another tenant's than its call"
UNASSIGNED_CALL = "the call of this recording is assigned to no tenant yet"
SEVERAL_TENANTS = "calls of several tenants match this recording; it is stored for none"

_Ids = dict[ScannedFile, set[str]]  # ids of the switch in the names of each file and its folders


class _Evidence(NamedTuple):
    """The strength of the evidence that a file belongs to a call, in ascending order."""

    has_leg_id: bool = False  # of the owner's leg
    is_named: bool = False  # by a CDR
    shared_folders: int = 0  # with the path in the CDR
    has_call_id: bool = False


class TenantMatcher:
    """Matches files for every owner, like `match_files` for one."""

    def __init__(self, router: CallRouter, source: str) -> None:
        self._router, self._source = router, source

    def list_apps(self) -> list[App]:
        """Return the owners' apps."""
        return [owners[0].app for owners in group_by_app(self._router.list_owners())]

    def __call__(
        self, connection: Connection, home: CallOwner, due: DueFiles, find_ids: CallIdFinder, root: Path
    ) -> list[RecordingMatch]:
        """Match each file to the rows of one owner. Files in folders of ignored tenants are left out."""
        folders = {file: self._find_folder_owner(file.path, root) for file, _ in due}
        due = [(file, state) for file, state in due if folders[file] is not IGNORED]
        files = [file for file, _ in due]
        ids = {file: _list_ids(file, root, find_ids) for file in files}
        found: dict[ScannedFile, list[RecordingMatch]] = defaultdict(list)
        for owner, own_files in self._find_candidates(connection, files, ids).items():
            own_due = [(file, state) for file, state in due if file in own_files]
            for match in match_files(connection, owner, own_due, find_ids, root):
                found[match.file].append(match)
        unassigned = self._find_unassigned(connection, home, files, ids)
        matches = []
        for file, state in due:
            nobody = RecordingMatch(file=file, owner=home, state=state)
            matches.append(_choose_match(nobody, found[file], unassigned.get(file), folders[file]))
        return matches

    def _find_folder_owner(self, path: Path, root: Path) -> Owner | Unknown | None:
        """Return the owner after whom a folder between the root and the file is named, the outermost first."""
        for name in path.relative_to(root).parts[:-1] if path.is_relative_to(root) else ():
            owner = None if is_date_or_number(name) else self._router.find_folder_owner(name)
            if owner:
                return owner
        return None

    def _find_candidates(
        self, connection: Connection, files: Sequence[ScannedFile], ids: _Ids
    ) -> dict[CallOwner, set[ScannedFile]]:
        """Return the files that may belong to a call of each owner."""
        stems = {
            file: {*list_stems(to_db_name(file.path)), *list_sibling_stems(to_db_name(file.path))} for file in files
        }
        by_stem = _invert(stems)
        by_id = _invert(ids)
        by_id |= {to_call_id(name): some for name, some in by_id.items()}
        candidates: dict[CallOwner, set[ScannedFile]] = defaultdict(set)
        for owners in group_by_app(self._router.list_owners()) if files else ():
            app = owners[0].app
            of_account = {owner.account.account_id: owner for owner in reversed(owners)}
            pairs = expected_recordings.list_accounts(connection, app, by_stem)
            pairs |= recording_sources.list_accounts(connection, app, by_stem)
            claims = [(account_id, by_stem[stem]) for account_id, stem in pairs]
            claims += [
                (account_id, by_id[name]) for account_id, name in _find_accounts(connection, app, set(_join(ids)))
            ]
            for account_id, some in claims:
                if account_id in of_account:
                    candidates[of_account[account_id]] |= some
        return candidates

    def _find_unassigned(
        self, connection: Connection, home: CallOwner, files: Sequence[ScannedFile], ids: _Ids
    ) -> dict[ScannedFile, _Evidence]:
        """Return the files that may belong to a call without an owner."""
        nobody = replace(home, account=Account(account_id=NO_ACCOUNT_ID, zone=home.account.zone))
        named = find_named_calls(connection, nobody, files)
        rows = unassigned_records.find_by_ids(connection, home.app, self._source, _join(ids))
        legs, calls = {row.leg_id for row in rows}, {row.call_id for row in rows}
        evidence = {}
        for file in files:
            names = [call.shared_folders for call in named[file]]
            found = _Evidence(bool(legs & ids[file]), bool(names), max(names, default=0), bool(calls & ids[file]))
            if found != _Evidence():
                evidence[file] = found
        return evidence


def _choose_match(
    nobody: RecordingMatch,
    matches: Sequence[RecordingMatch],
    unassigned: _Evidence | None,
    folder: Owner | Unknown | None,
) -> RecordingMatch:
    """Return the match of the only owner with the best evidence, or the reason why no owner gets the file."""
    ranked = [(_weigh(match), match) for match in matches if match.rows]
    if not ranked:
        reasons = [match.reason for match in matches]
        return replace(nobody, reason=UNASSIGNED_CALL if unassigned else next(iter(reasons), nobody.reason))
    best = max(evidence for evidence, _ in ranked)
    chosen = [match for evidence, match in ranked if evidence == best]
    if isinstance(folder, CallOwner):
        chosen = [match for match in chosen if _is_same_account(match.owner, folder)]
    if unassigned and unassigned >= best:
        return replace(nobody, reason=UNASSIGNED_CALL)
    if len(chosen) > 1:
        return replace(nobody, reason=SEVERAL_TENANTS)
    if not chosen:
        return replace(nobody, reason=OTHER_FOLDER)
    if folder is UNKNOWN and not best.has_leg_id:
        return replace(nobody, reason=OTHER_FOLDER)
    return chosen[0]


def _weigh(match: RecordingMatch) -> _Evidence:
    is_named = bool(match.source_keys) and not match.is_by_history
    return _Evidence(
        has_leg_id=any(row.switch_leg_id in match.leg_ids for row in match.rows),
        is_named=is_named,
        shared_folders=match.shared_folders if is_named else 0,
        has_call_id=bool(match.leg_ids),
    )


def _is_same_account(owner: CallOwner, other: CallOwner) -> bool:
    return (owner.app.id, owner.account.account_id) == (other.app.id, other.account.account_id)


def _list_ids(file: ScannedFile, root: Path, find_ids: CallIdFinder) -> set[str]:
    return {name for group in list_id_groups(file.path, root, find_ids) for name in group}


def _find_accounts(connection: Connection, app: App, ids: set[str]) -> set[tuple[str, str]]:
    """Return (account, id) of the rows with these leg ids or callIds."""
    legs = find_rows_by_leg(connection, app, ids)
    calls = find_rows_by_call(connection, app, set(), ids)
    return {(row.account_id, name) for found in (legs, calls) for name, rows in found.items() for row in rows}


def _invert(names: dict[ScannedFile, set[str]]) -> dict[str, set[ScannedFile]]:
    files: dict[str, set[ScannedFile]] = defaultdict(set)
    for file, some in names.items():
        for name in some:
            files[name].add(file)
    return files


def _join(ids: _Ids) -> Collection[str]:
    return set[str]().union(*ids.values())
