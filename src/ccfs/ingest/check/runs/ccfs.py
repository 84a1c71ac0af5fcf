"""Dry run over CC-FS's own index files and the tree of recordings that they name."""

import os
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from zoneinfo import ZoneInfo

from ccfs.ingest import ccfs as ccfs_pass
from ccfs.ingest.ccfs import CcfsSource
from ccfs.ingest.check.recognition.file_kinds import FileKind
from ccfs.ingest.check.recognition.sources import list_ccfs_paths, list_recordings_folders
from ccfs.ingest.check.recognition.survey import Survey
from ccfs.ingest.check.recognition.switch_kind import SwitchKind
from ccfs.ingest.check.runs.scratch_site import ScratchSite
from ccfs.ingest.check.runs.switch_run import CheckOptions, SwitchRun
from ccfs.ingest.context import CallOwner
from ccfs.ingest.files.contents.damage import DamagedFile, catch_damage
from ccfs.model.calls.agent_operation import AgentSkillChange
from ccfs.model.errors import OperatorError
from ccfs.model.identity.tenancy import MAX_VDN_ID, is_account_id
from ccfs.switches import ccfs
from ccfs.switches.ccfs import IndexRow, list_candidate_paths
from ccfs.switches.ccfs.csv_lexer import SupportsReadline
from ccfs.switches.ccfs.rows import IndexedRecording, IndexRecord

_MAX_VDNS = 10_000
_MAX_NAMED = 500  # recordings whose place in the tree is looked for

_OwnerKey = tuple[str, int, int]  # account id, VDN, call centre


def run_ccfs(site: ScratchSite, survey: Survey, options: CheckOptions) -> SwitchRun | None:
    """Ingest CC-FS's index files into the accounts that they name. Return None if there are no index files."""
    paths = list_ccfs_paths(survey)
    if not paths:
        return None
    keys: Counter[_OwnerKey] = Counter()
    named: list[IndexedRecording] = []
    for record in _iter_records(survey):
        key = _find_owner_key(record)
        if key is not None and (key in keys or len(keys) < _MAX_VDNS):
            keys[key] += 1
        if isinstance(record, IndexedRecording) and len(named) < _MAX_NAMED:
            named.append(record)
    zone = options.zone or options.local_zone
    owners = list(_add_owners(site, zone, keys))
    tree = _find_tree(survey, named)
    run = site.create_run(options.report_progress, options.max_lines)
    done = SwitchRun(
        kind=SwitchKind.CCFS,
        owner=site.add_account("ccfs", zone) if not owners else owners[0],
        indexed_owners=owners,
        run=run,
        cdrs=[*paths],
        recordings=[tree] if tree else [],
    )
    source = CcfsSource(
        app=site.app,
        accounts={owner.account.account_id: owner.account for owner in owners},
        vdns={owner.vdn.vdn_id: owner.vdn for owner in owners},
        sources=paths,
        recordings=tree,
    )
    with done.catch_failure(paths[0]):
        ccfs_pass.ingest(run, source)
    return done


def _add_owners(site: ScratchSite, zone: str, keys: Counter[_OwnerKey]) -> Iterator[CallOwner]:
    """Add the accounts. If two accounts have the same VDN, the one with more rows gets it; rows of the other are rejected."""
    for (account, vdn, call_centre), _ in keys.most_common():
        with suppress(OperatorError):
            yield site.add_account(account, zone, vdn, call_centre)


def _find_owner_key(record: IndexRecord) -> _OwnerKey | None:
    """Return account, VDN and call centre of a row, if these names are valid."""
    if isinstance(record, AgentSkillChange):
        vdn, call_centre = str(record.vdn), str(record.sub_cc_no)
    else:
        vdn, call_centre = record.vdn_id, record.cc_id
    if not is_account_id(record.account_id) or not _is_number(vdn) or not 0 < int(vdn) <= MAX_VDN_ID:
        return None
    return record.account_id, int(vdn), int(call_centre) if _is_number(call_centre) else 1


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 11


def _iter_records(survey: Survey) -> Iterator[IndexRecord]:
    """Yield the readable rows of all index files."""
    for file in survey.list_kind(FileKind.CCFS_INDEX):
        try:
            with catch_damage():
                if file.path.suffix.lower() == ".zip":
                    with zipfile.ZipFile(file.path) as archive:
                        for name in archive.namelist():
                            if name.lower().endswith(".csv"):
                                with archive.open(name) as member:
                                    yield from _parse_index(member, name)
                else:
                    with open(file.path, "rb") as index:
                        yield from _parse_index(index, str(file.path))
        except (DamagedFile, OSError):
            continue  # ingest reports it


def _parse_index(file: SupportsReadline, name: str) -> Iterator[IndexRecord]:
    for _, row in ccfs.parse_index(file, name=name, zone_of=lambda _account: ZoneInfo("UTC")):
        if isinstance(row, IndexRow):
            yield row.row


def _find_tree(survey: Survey, named: Sequence[IndexedRecording]) -> Path | None:
    """Return the folder in which most recordings are where the index expects them, otherwise the folder of all recordings."""
    by_name: dict[str, list[str]] = {}
    for path in survey.recordings:
        by_name.setdefault(path.name, []).append(os.fspath(path))
    roots: Counter[str] = Counter()
    for row in named:
        for candidate in list_candidate_paths(row):
            suffix = f"/{candidate}"
            found = [path for path in by_name.get(candidate.rpartition("/")[2], ()) if path.endswith(suffix)]
            if found:
                roots[found[0].removesuffix(suffix)] += 1
                break
    if roots:
        return Path(roots.most_common(1)[0][0])
    return next(iter(list_recordings_folders(survey)), None)
