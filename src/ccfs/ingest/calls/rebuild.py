"""Join legs to calls, and write their rows.

Legs and queue visits may arrive in any order and in different runs. The rows of a call are rebuilt from the facts of its
lines (leg_source.py) whenever more is known of it, so that the result is always the same.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.engine import Connection

from ccfs.db.tenant import ingest_state, recording_sources, recordings
from ccfs.db.tenant.calls import call_statistics, cdrs
from ccfs.ingest.calls import leg_source
from ccfs.ingest.calls.agent_choice import get_visit_key, merge_visits_into_legs
from ccfs.ingest.calls.cdr_rows import RowsByKey, build_rows, number_legs
from ccfs.ingest.calls.leg_source import ASTERISK_MERGER, L, LegMerger
from ccfs.ingest.calls.operation_corrections import correct_operations
from ccfs.ingest.calls.queue_visits import VisitsByLeg, find_visits
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.recordings.expected import expect_recordings
from ccfs.model.calls.call_id import to_call_id
from ccfs.model.calls.cdr import Cdr


def save_legs(
    connection: Connection, run: IngestRun, owner: CallOwner, legs: Sequence[L], merger: LegMerger[L]
) -> None:
    """Store the legs that are new, and rebuild the rows of their calls."""
    related = {leg_id for leg in legs for leg_id in merger.related_ids(leg)}
    call_ids = related | {leg.switch_call_id for leg in legs}
    saved = _find_saved_rows(connection, owner, call_ids, related, [leg.begin for leg in legs])
    fresh = list({leg.source_key: leg for leg in legs if leg.source_key not in saved}.values())
    _rebuild(connection, owner, fresh, saved, merger)
    expect_recordings(connection, owner, fresh)
    run.result.duplicates += len(legs) - len(fresh)
    run.result.cdrs += len(fresh)


def rebuild_for_visits(connection: Connection, owner: CallOwner, visits: VisitsByLeg) -> None:
    """Rebuild the rows of legs whose queue visit is new or changed."""
    leg_ids = {leg_id for leg_id, _ in visits}
    near = [
        instant
        for visit in visits.values()
        for instant in (visit.entered_at, visit.rang_at, visit.connected_at, visit.left_at)
        if instant
    ]
    saved = _find_saved_rows(connection, owner, leg_ids, leg_ids, near)
    _rebuild(connection, owner, [], saved, ASTERISK_MERGER)


def _find_saved_rows(
    connection: Connection, owner: CallOwner, switch_call_ids: set[str], leg_ids: set[str], near: Sequence[datetime]
) -> dict[str, Cdr]:
    """Return the account's rows, by source_key, of these calls and of the calls of these legs, near these times.

    Rows that were not built from a switch's line are left out.
    """
    app, account_id = owner.app, owner.account.account_id
    call_ids = {to_call_id(switch_call_id) for switch_call_id in switch_call_ids}
    call_ids |= {row.call_id for row in cdrs.find_by_leg_ids(connection, app, leg_ids, near)}
    rows = (row for call in cdrs.find_by_call_ids(connection, app, call_ids, near).values() for row in call)
    return {row.source_key: row for row in rows if row.account_id == account_id and row.leg_order}


def _rebuild(
    connection: Connection, owner: CallOwner, fresh: Sequence[L], saved: RowsByKey, merger: LegMerger[L]
) -> None:
    """Rebuild the rows, number their calls, and write what is new or changed."""
    restored = [leg for row in saved.values() if (leg := leg_source.restore_leg(row, merger))]
    facts = {leg.source_key: leg_source.serialize_leg(leg, merger) for leg in fresh}
    legs = merger.join_legs([*restored, *fresh])
    visits = find_visits(connection, owner, (get_visit_key(leg)[0] for leg in legs if leg.queue))
    timed_legs = merge_visits_into_legs(legs, visits)
    built = build_rows(connection, owner, timed_legs, saved, facts)
    calls: dict[str, list[Cdr]] = defaultdict(list)
    for row in (dict(saved) | {row.source_key: row for row in built}).values():
        calls[row.call_id].append(row)
    rows = {row.source_key: row for call in calls.values() for row in number_legs(call)}
    new = [row for key, row in rows.items() if key not in saved]
    changed = [rows[key] for key, old in saved.items() if rows[key] != old]
    cdrs.add(connection, owner.app, new)
    cdrs.update(connection, owner.app, changed)
    affected = {row.call_id for row in new}
    affected |= {call_id for row in changed for call_id in (row.call_id, saved[row.source_key].call_id)}
    # A call counts where its first leg is, and that may have changed.
    call_statistics.mark_dirty(connection, owner.app, [row for row in saved.values() if row.call_id in affected])
    _reassign_calls(connection, owner, {saved[row.source_key].call_id: row for row in changed})
    # Another leg may be the one that talks on a recording of a call that was known before.
    known_calls = {row.call_id for row in changed} | (affected & {row.call_id for row in saved.values()})
    recording_sources.request_recheck(connection, owner.app, owner.account.account_id, known_calls)
    correct_operations(connection, owner, timed_legs, visits)


def _reassign_calls(connection: Connection, owner: CallOwner, row_by_old_call: Mapping[str, Cdr]) -> None:
    """Reassign the recordings of calls that have become part of another call."""
    app, account_id = owner.app, owner.account.account_id
    for old, row in row_by_old_call.items():
        if old != row.call_id:
            recordings.reassign_call(connection, app, account_id, old, row.call_id, row.begin)
            ingest_state.reassign_call(connection, app, account_id, old, row.call_id)
