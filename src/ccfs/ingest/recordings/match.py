"""Match recordings to calls: by the CDR lines that name a file, and by the ids in its name."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from ccfs.db.tenant import ingest_state
from ccfs.db.tenant.calls import cdrs
from ccfs.ingest.calls.agent_choice import RecordedRowRank, rank_recorded_row
from ccfs.ingest.context import CallOwner
from ccfs.ingest.files.scan import ScannedFile, to_db_name
from ccfs.model.calls.call_id import started_at, to_call_id
from ccfs.model.calls.cdr import Cdr
from ccfs.model.identity.tenancy import App

CallIdFinder = Callable[[str], tuple[str, ...]]  # from a file's name to the ids of the switch in it


@dataclass(frozen=True, slots=True)
class RecordingMatch:
    """A file and the row of its call; None where no CDR matches."""

    file: ScannedFile
    state: str  # UNMATCHED or REPORTED if it is unchanged since; else ""
    row: Cdr | None


def match_files(
    connection: Connection, owner: CallOwner, due: Sequence[tuple[ScannedFile, str]], find_ids: CallIdFinder
) -> list[RecordingMatch]:
    """Match files, each with its state of the last run, to the account's rows."""
    app, account_id = owner.app, owner.account.account_id
    ids = {file: find_ids(file.path.name) for file, _ in due}
    names = {file: to_db_name(file.path) for file in ids}
    expected_calls = ingest_state.find_expected_calls(connection, app, account_id, names.values())
    naming_lines = ingest_state.find_lines_naming(connection, app, account_id, names.values())
    call_ids = {
        file: [*filter(None, [expected_calls.get(names[file])]), *map(to_call_id, file_ids)]
        for file, file_ids in ids.items()
    }
    rows_by_call = _find_rows_by_call(connection, app, {call_id for some in call_ids.values() for call_id in some})
    rows_by_leg = _find_rows_by_leg(connection, app, {leg_id for some in ids.values() for leg_id in some})
    matches = []
    for file, state in due:
        rows = [row for call_id in call_ids[file] for row in rows_by_call.get(call_id, ())]
        rows += [row for leg_id in ids[file] for row in rows_by_leg.get(leg_id, ())]
        own = [row for row in rows if row.account_id == account_id]
        best = _find_best_match(own, ids[file], naming_lines.get(names[file], ""))
        matches.append(RecordingMatch(file, state, best))
    return matches


def _find_rows_by_call(connection: Connection, app: App, call_ids: set[str]) -> dict[str, list[Cdr]]:
    """Return rows by callId. Ids that hold their time are looked up near it first, and then everywhere."""
    near = {call_id: begin for call_id in call_ids if (begin := started_at(call_id))}
    rows_near = cdrs.find_by_call_ids(connection, app, set(near), list(near.values()))
    return rows_near | cdrs.find_by_call_ids(connection, app, call_ids - rows_near.keys())


def _find_rows_by_leg(connection: Connection, app: App, leg_ids: set[str]) -> dict[str, list[Cdr]]:
    """Return rows by leg. Ids that hold their time are looked up near it only, because most have no row of their own."""
    near = {leg_id: begin for leg_id in leg_ids if (begin := started_at(to_call_id(leg_id)))}
    found_rows: Iterable[Cdr] = (
        *cdrs.find_by_leg_ids(connection, app, near, near.values()),
        *cdrs.find_by_leg_ids(connection, app, leg_ids - near.keys()),
    )
    rows: dict[str, list[Cdr]] = defaultdict(list)
    for row in found_rows:
        rows[row.switch_leg_id].append(row)
    return rows


def _find_best_match(rows: Sequence[Cdr], leg_ids: Sequence[str], line_key: str) -> Cdr | None:
    """Return the row of the leg that was most probably recorded, or None without rows."""

    def rank(row: Cdr) -> RecordedRowRank:
        return rank_recorded_row(row, names_leg=row.switch_leg_id in leg_ids, names_file=row.source_key == line_key)

    return min(rows, key=rank, default=None)
