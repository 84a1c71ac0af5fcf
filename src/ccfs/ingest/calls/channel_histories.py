"""Channel histories from a channel event log (CEL): find those of legs, merge new events, store holds."""

from collections.abc import Iterable, Sequence
from hashlib import blake2b

from sqlalchemy.engine import Connection

from ccfs.db.tenant.calls import agent_operations, channel_events
from ccfs.db.tenant.calls.channel_events import ChannelEventsRow
from ccfs.ingest.calls.agent_choice import TimedLeg
from ccfs.ingest.context import CallOwner
from ccfs.model.calls.agent_operation import AgentOperation, AgentOperationType
from ccfs.model.calls.call_id import to_call_id
from ccfs.switches.asterisk.legs.cdr_legs import AsteriskLeg
from ccfs.switches.asterisk.legs.channel_history import (
    ChannelHistory,
    ChannelIndex,
    combine_histories,
    list_holds,
    parse_events,
    serialize_events,
)
from ccfs.switches.records import Leg


def find_histories(connection: Connection, owner: CallOwner, legs: Iterable[Leg]) -> list[ChannelHistory]:
    """Return the stored histories of the channels in these legs' calls."""
    legs, app, account_id = list(legs), owner.app, owner.account.account_id
    leg_ids = {leg.switch_leg_id for leg in legs if leg.switch_leg_id}
    # A channel that began another call has that one's id until it joins this call.
    rows = channel_events.find_by_call_ids(connection, app, account_id, {leg.switch_call_id for leg in legs} | leg_ids)
    known = {row.switch_leg_id for row in rows}
    rows += channel_events.find_by_leg_ids(connection, app, account_id, leg_ids - known)
    return [_restore_history(row) for row in rows]


def merge_histories(
    connection: Connection, owner: CallOwner, histories: Sequence[ChannelHistory]
) -> list[ChannelHistory]:
    """Merge these histories into the stored ones. Return those that changed."""
    app, account_id = owner.app, owner.account.account_id
    ids = {history.switch_leg_id for history in histories}
    rows = channel_events.find_by_leg_ids(connection, app, account_id, ids)
    known = {row.switch_leg_id: _restore_history(row) for row in rows}
    merged: dict[str, ChannelHistory] = {}
    for history in histories:
        before = merged.get(history.switch_leg_id) or known.get(history.switch_leg_id)
        merged[history.switch_leg_id] = combine_histories(before, history) if before else history
    changed = [history for leg_id, history in merged.items() if known.get(leg_id) != history]
    channel_events.upsert(connection, app, account_id, [_build_row(history) for history in changed])
    return changed


def save_holds(
    connection: Connection, owner: CallOwner, timed_legs: Sequence[TimedLeg], histories: Sequence[ChannelHistory]
) -> int:
    """Store when agents put the other party on hold. Return the number of new operations."""
    channels = ChannelIndex(histories)
    rows = {}
    for leg, times in timed_legs:
        if not isinstance(leg, AsteriskLeg) or not leg.agent or not times.call_begin or not times.call_end:
            continue
        for begin, end in list_holds(leg, (times.call_begin, times.call_end), channels):
            text = f"{owner.account.account_id}\thold\t{leg.switch_leg_id}\t{begin.isoformat()}"
            row_id = blake2b(text.encode(), digest_size=16).hexdigest()
            rows[row_id] = AgentOperation(
                id=row_id,
                account_id=owner.account.account_id,
                agent_id=leg.agent[:32],
                skill_id=leg.queue[:25],
                call_id=to_call_id(leg.switch_call_id),
                begin=begin,
                end=end,
                op_type=AgentOperationType.HOLD,
                vdn_id=str(owner.vdn.vdn_id),
                cc_id=str(owner.vdn.cc_id),
                call_direction="0",
            )
    known = agent_operations.find_existing_ids(connection, owner.app, {key: row.begin for key, row in rows.items()})
    new = [row for key, row in rows.items() if key not in known]
    agent_operations.add(connection, owner.app, new)
    return len(new)


def _restore_history(row: ChannelEventsRow) -> ChannelHistory:
    return ChannelHistory(
        switch_leg_id=row.switch_leg_id,
        switch_call_id=row.switch_call_id,
        channel=row.channel,
        events=parse_events(row.events),
    )


def _build_row(history: ChannelHistory) -> ChannelEventsRow:
    return ChannelEventsRow(
        switch_leg_id=history.switch_leg_id,
        switch_call_id=history.switch_call_id,
        channel=history.channel,
        begin=history.begin,
        events=serialize_events(history),
    )
