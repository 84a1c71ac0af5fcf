"""What a queue log tells: agent operations with begin and end, and visits to queues."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b

from sqlalchemy.engine import Connection

from ccfs.model.agent_operation import AgentOperation
from ccfs.model.call_id import call_id
from ccfs.store import agent_operations, queue_visits
from ccfs.store.queue_visits import KeptVisit
from ccfs.switches.asterisk.queue_log import merge
from ccfs.switches.found import AgentEvent, QueueVisit
from ccfs.work.ingest.calls import tell_again, visits_of
from ccfs.work.ingest.context import Owner, Run


def take_events(connection: Connection, run: Run, owner: Owner, events: Sequence[AgentEvent]) -> None:
    """Keep the operations that are new; a lasting one ends the one before it of the same agent."""
    app, account = owner.app, owner.account.account_id
    by_id = {_id(owner, event): event for event in events}
    known = agent_operations.known(connection, app, by_id)
    run.tally.known += len(events) - len(by_id) + len(known)
    fresh = sorted(((event.at, row_id) for row_id, event in by_id.items() if row_id not in known))
    open_before = agent_operations.open_ones(connection, app, account, {event.agent for event in by_id.values()})
    open_now = dict(open_before)
    ends: dict[str, datetime] = {}
    for at, row_id in fresh:
        event = by_id[row_id]
        if event.lasts:
            if event.agent in open_now:
                ends[open_now[event.agent]] = at
            open_now[event.agent] = row_id
        else:
            ends[row_id] = at
    rows = [_row(owner, row_id, by_id[row_id], ends.pop(row_id, None)) for _, row_id in fresh]
    agent_operations.add(connection, app, rows)
    agent_operations.end(connection, app, list(ends.items()))
    run.tally.agent_operations += len(rows)


def take_visits(connection: Connection, owner: Owner, visits: Sequence[QueueVisit]) -> None:
    """Join what was known of these visits, and tell the rows that are there already."""
    known = visits_of(connection, owner, (one.switch_leg_id for one in visits))
    changed: dict[tuple[str, str], QueueVisit] = {}
    for one in visits:
        key = (one.switch_leg_id, one.queue)
        before = changed.get(key) or known.get(key)
        changed[key] = merge(before, one) if before else one
    fresh = {key: one for key, one in changed.items() if known.get(key) != one}
    kept = [KeptVisit(**{name: getattr(one, name) for name in KeptVisit.__slots__}) for one in fresh.values()]
    queue_visits.put(connection, owner.app, owner.account.account_id, kept)
    tell_again(connection, owner, fresh)


def _id(owner: Owner, event: AgentEvent) -> str:
    """32 hex digits, unique in the app: the same queue log may be taken in for two of its accounts."""
    return blake2b(f"{owner.account.account_id}\t{event.line_key}".encode(), digest_size=16).hexdigest()


def _row(owner: Owner, row_id: str, event: AgentEvent, end: datetime | None) -> AgentOperation:
    return AgentOperation(
        id=row_id,
        account_id=owner.account.account_id,
        agent_id=event.agent[:32],
        skill_id=event.queue[:25],
        call_id=call_id(event.switch_leg_id) if event.switch_leg_id else "",
        begin=event.at,
        end=end,
        op_type=event.op_type,
        op_object=event.op_object[:20],
        op_cause=event.op_cause[:20],
        vdn_id=str(owner.vdn.vdn_id),
        cc_id=str(owner.vdn.cc_id),
        phone_no=event.phone_no[:32],
        call_direction="0" if event.switch_leg_id else "",
    )
