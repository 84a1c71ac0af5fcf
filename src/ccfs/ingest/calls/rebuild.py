"""Join legs to calls, and write their rows.

Legs and queue visits may arrive in any order and in different runs. The rows of a call are rebuilt from the facts of its
lines (leg_source.py) whenever more is known of it, so that the result is always the same.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from sqlalchemy.engine import Connection

from ccfs.db.tenant import recordings
from ccfs.db.tenant.calls import cdrs
from ccfs.db.tenant.calls.statistics import call_statistics
from ccfs.db.tenant.ingest import expected_recordings, recording_sources
from ccfs.db.tenant.quality import evaluations
from ccfs.ingest.calls import leg_source
from ccfs.ingest.calls.agent_choice import get_visit_key, merge_visits_into_legs
from ccfs.ingest.calls.cdr_rows import RowsByKey, build_rows, number_legs
from ccfs.ingest.calls.channel_histories import find_histories, save_holds
from ccfs.ingest.calls.known_lines import sort_legs
from ccfs.ingest.calls.leg_source import ASTERISK_MERGER, L, LegMerger
from ccfs.ingest.calls.linked_rows import find_rows, restore_linked_legs, save_links
from ccfs.ingest.calls.operation_corrections import correct_operations
from ccfs.ingest.calls.queue_visits import VisitsByLeg, find_visits
from ccfs.ingest.calls.unclaimed_visits import claim_visits
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.recordings.expected import expect_named_later, expect_recordings
from ccfs.model.calls.call_id import to_call_id
from ccfs.model.calls.cdr import Cdr
from ccfs.switches.asterisk.legs.channel_history import ChannelHistory
from ccfs.switches.records import Leg


def save_legs(
    connection: Connection, run: IngestRun, owner: CallOwner, legs: Sequence[L], merger: LegMerger[L]
) -> None:
    """Store new legs, complete stored ones with what another source reports, and rebuild their calls."""
    saved = _find_related_rows(connection, owner, legs, merger)
    sorted_legs = sort_legs(connection, owner, legs, saved, merger)
    fresh = sorted_legs.fresh
    save_links(connection, owner, fresh, merger)
    calls = _rebuild(connection, run, owner, fresh, saved | sorted_legs.found_rows, merger, sorted_legs.completed)
    expect_recordings(connection, owner, fresh, calls)
    expect_named_later(connection, owner, sorted_legs.named, calls)
    run.result.duplicates += len(legs) - len(fresh)
    run.result.cdrs += len(fresh)


def rebuild_for_visits(connection: Connection, run: IngestRun, owner: CallOwner, visits: VisitsByLeg) -> None:
    """Rebuild the rows of legs whose queue visit is new or changed."""
    leg_ids = {leg_id for leg_id, _ in visits}
    near = [
        instant
        for visit in visits.values()
        for instant in (visit.entered_at, visit.rang_at, visit.connected_at, visit.left_at)
        if instant
    ]
    saved = _find_saved_rows(connection, owner, leg_ids, leg_ids, near)
    _rebuild(connection, run, owner, [], saved, ASTERISK_MERGER)


def rebuild_for_histories(
    connection: Connection, run: IngestRun, owner: CallOwner, histories: Sequence[ChannelHistory]
) -> None:
    """Rebuild the rows of calls whose channels have new events."""
    leg_ids = {history.switch_leg_id for history in histories}
    call_ids = {history.switch_call_id for history in histories} | leg_ids
    near = [instant for history in histories for instant in (history.begin, history.events[-1].occurred_at)]
    saved = _find_saved_rows(connection, owner, call_ids, call_ids, near)
    if saved:
        _rebuild(connection, run, owner, [], saved, ASTERISK_MERGER)


def _find_related_rows(
    connection: Connection, owner: CallOwner, legs: Sequence[L], merger: LegMerger[L]
) -> dict[str, Cdr]:
    """Return the account's rows of these legs' calls and of calls related to them, directly or indirectly, by source_key."""
    related = {leg_id for leg in legs for leg_id in merger.related_ids(leg)}
    call_ids = related | {leg.switch_call_id for leg in legs}
    instants = [leg.begin for leg in legs]
    saved = _find_saved_rows(connection, owner, call_ids, related, instants)
    new = saved
    while unseen := {leg_id for row in new.values() for leg_id in _get_row_relations(row, merger)} - related:
        related |= unseen
        found = _find_saved_rows(connection, owner, unseen, unseen, instants + [row.begin for row in saved.values()])
        new = {key: row for key, row in found.items() if key not in saved}
        saved |= new
    return saved


def _get_row_relations(row: Cdr, merger: LegMerger[L]) -> set[str]:
    """Return the ids of legs that may belong to the same call as the row's leg."""
    if whole := leg_source.find_whole(row):
        return {whole}
    leg = leg_source.restore_leg(row, merger)
    return set(merger.related_ids(leg)) if leg else set()


def _find_saved_rows(
    connection: Connection, owner: CallOwner, switch_call_ids: set[str], leg_ids: set[str], near: Sequence[datetime]
) -> dict[str, Cdr]:
    """Return the account's rows of these calls and of these legs' calls near these times, by source_key.

    Rows that were not built from a switch's line are left out.
    """
    app = owner.app
    call_ids = {to_call_id(switch_call_id) for switch_call_id in switch_call_ids}
    call_ids |= {row.call_id for row in cdrs.find_by_leg_ids(connection, app, leg_ids, near)}
    return find_rows(connection, owner, call_ids, near)


def _rebuild(
    connection: Connection,
    run: IngestRun,
    owner: CallOwner,
    fresh: Sequence[L],
    saved: RowsByKey,
    merger: LegMerger[L],
    completed: Mapping[str, L] = MappingProxyType({}),
) -> dict[str, str]:
    """Rebuild the rows, number their calls, and write what is new or changed. Return callIds by source_key.

    `completed` legs replace those of their rows.
    """
    saved, restored = restore_linked_legs(connection, owner, saved, fresh, merger)
    facts = {leg.source_key: leg_source.serialize_leg(leg, merger) for leg in (*fresh, *completed.values())}
    legs = [*(completed.get(leg.source_key, leg) for leg in restored), *fresh]
    histories = find_histories(connection, owner, legs) if merger.correct_legs else []
    if merger.correct_legs and histories:
        legs = merger.correct_legs(legs, histories)
    legs = merger.join_legs(legs)
    facts |= {leg.source_key: leg_source.describe_part(leg.part_of) for leg in legs if leg.part_of}
    saved, stale = _delete_parts(connection, owner, legs, saved)
    visits = find_visits(connection, owner, (get_visit_key(leg)[0] for leg in legs))
    timed_legs = merge_visits_into_legs(claim_visits(legs, visits), visits)
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
    known = {row.call_id for row in (*saved.values(), *changed)}  # calls that are not only rows of `new`
    cdrs.refresh_call_times(
        connection, owner.app, [*stale, *(row for row in rows.values() if row.call_id in affected & known)]
    )
    # A call counts where its first leg is, and that may have changed.
    call_statistics.mark_dirty(connection, owner.app, [row for row in saved.values() if row.call_id in affected])
    _reassign_calls(connection, owner, {saved[row.source_key].call_id: row for row in changed})
    # Another leg may be the one that talks on a recording of a call that was known before.
    known_calls = {row.call_id for row in changed} | (affected & {row.call_id for row in saved.values()})
    recording_sources.request_recheck(connection, owner.app, owner.account.account_id, known_calls)
    correct_operations(connection, owner, timed_legs, visits)
    run.result.agent_operations += save_holds(connection, owner, timed_legs, histories) if histories else 0
    return {key: row.call_id for key, row in rows.items()}


def _delete_parts(
    connection: Connection, owner: CallOwner, legs: Sequence[Leg], saved: RowsByKey
) -> tuple[RowsByKey, list[Cdr]]:
    """Delete rows of parts that a line no longer reports, because another line does. Return the others, and these."""
    keys = {leg.source_key for leg in legs}
    leg_ids = {leg.switch_leg_id for leg in legs}
    stale = {key: row for key, row in saved.items() if key not in keys and leg_source.find_whole(row) in leg_ids}
    cdrs.delete(connection, owner.app, list(stale.values()))
    remaining = {key: row for key, row in saved.items() if key not in stale} if stale else saved
    return remaining, list(stale.values())


def _reassign_calls(connection: Connection, owner: CallOwner, row_by_old_call: Mapping[str, Cdr]) -> None:
    """Reassign recordings and evaluations whose call has become part of another call."""
    app, account_id = owner.app, owner.account.account_id
    for old, row in row_by_old_call.items():
        if old != row.call_id:
            recordings.reassign_call(connection, app, account_id, old, row.call_id, row.begin)
            expected_recordings.reassign_call(connection, app, account_id, old, row.call_id)
    moved = {old: row.call_id for old, row in row_by_old_call.items() if old != row.call_id}
    evaluations.reassign_calls(connection, app, account_id, moved)
