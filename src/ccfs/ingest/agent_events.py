"""What a queue log tells: agent operations with begin and end, and visits to queues."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from itertools import pairwise
from operator import attrgetter

from sqlalchemy.engine import Connection

from ccfs.db.tenant import agent_operations, queue_visits
from ccfs.db.tenant.agent_operations import OperationSpan
from ccfs.db.tenant.queue_visits import QueueVisitRow
from ccfs.ingest.calls import VisitsByLeg, find_visits
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.model.calls.agent_operation import AgentOperation
from ccfs.model.calls.call_id import to_call_id
from ccfs.switches.asterisk.queue_log import combine_visits
from ccfs.switches.records import AgentEvent, QueueVisit


def save_events(connection: Connection, run: IngestRun, owner: CallOwner, events: Sequence[AgentEvent]) -> None:
    """Keep the operations that are new; a lasting one ends where the next one of the same agent begins, in whatever
    order the two come."""
    by_id = {_compute_id(owner, event): event for event in events}
    known = agent_operations.find_existing_ids(
        connection, owner.app, {row_id: event.occurred_at for row_id, event in by_id.items()}
    )
    run.result.duplicates += len(events) - len(by_id) + len(known)
    rows = [_build_row(owner, row_id, event) for row_id, event in by_id.items() if row_id not in known]
    before = _find_affected_operations(connection, owner, [row for row in rows if row.end is None])
    ends = _compute_ends(before, rows)
    agent_operations.add(connection, owner.app, [replace(row, end=ends.get(row.id, row.end)) for row in rows])
    agent_operations.close_operations(connection, owner.app, [(one, ends[one.id]) for one in before if one.id in ends])
    run.result.agent_operations += len(rows)


def _find_affected_operations(
    connection: Connection, owner: CallOwner, rows: Sequence[AgentOperation]
) -> list[OperationSpan]:
    """The operations kept already beside which new lasting ones come: those that last, and of agents who did something
    since, all that lasted till then or began later."""
    firsts: dict[str, datetime] = {}
    for row in rows:
        firsts[row.agent_id] = min(row.begin, firsts.get(row.agent_id, row.begin))
    app, account = owner.app, owner.account.account_id
    found = agent_operations.list_open_operations(connection, app, account, firsts)
    late = {one.agent_id for one in found if one.begin > firsts[one.agent_id]}
    if late:
        since = min(firsts[agent] for agent in late)
        found = [one for one in found if one.agent_id not in late]
        found += agent_operations.list_open_operations(connection, app, account, late, since)
    return found


def _compute_ends(before: Sequence[OperationSpan], rows: Sequence[AgentOperation]) -> dict[str, datetime]:
    """By id, when operations end that lasted on, or longer: when the same agent's next one begins."""
    chains: dict[str, list[OperationSpan]] = defaultdict(list)
    for one in [*before, *(OperationSpan(row.id, row.agent_id, row.begin, None) for row in rows if row.end is None)]:
        chains[one.agent_id].append(one)
    ends = {}
    for chain in chains.values():
        chain.sort(key=attrgetter("begin"))  # those of one second stay in the order in which they were written
        for one, following in pairwise(chain):
            if one.end is None or one.end > following.begin:
                ends[one.id] = following.begin
    return ends


def merge_visits(connection: Connection, owner: CallOwner, visits: Sequence[QueueVisit]) -> VisitsByLeg:
    """Join these visits with what was known of them; those that tell something new."""
    known = find_visits(connection, owner, (one.switch_leg_id for one in visits))
    joined: dict[tuple[str, str], QueueVisit] = {}
    for one in visits:
        key = (one.switch_leg_id, one.queue)
        before = joined.get(key) or known.get(key)
        joined[key] = combine_visits(before, one) if before else one
    fresh = {key: one for key, one in joined.items() if known.get(key) != one}
    kept = [QueueVisitRow(**{name: getattr(one, name) for name in QueueVisitRow.__slots__}) for one in fresh.values()]
    queue_visits.upsert(connection, owner.app, owner.account.account_id, kept)
    return fresh


def _compute_id(owner: CallOwner, event: AgentEvent) -> str:
    """32 hex digits, unique in the app: the same queue log may be taken in for two of its accounts."""
    return blake2b(f"{owner.account.account_id}\t{event.source_key}".encode(), digest_size=16).hexdigest()


def _build_row(owner: CallOwner, row_id: str, event: AgentEvent) -> AgentOperation:
    return AgentOperation(
        id=row_id,
        account_id=owner.account.account_id,
        agent_id=event.agent[:32],
        skill_id=event.queue[:25],
        call_id=to_call_id(event.switch_leg_id) if event.switch_leg_id else "",
        begin=event.occurred_at,
        end=None if event.is_state else event.occurred_at,
        op_type=event.op_type,
        op_object=event.op_object[:20],
        op_cause=event.op_cause[:20],
        vdn_id=str(owner.vdn.vdn_id),
        cc_id=str(owner.vdn.cc_id),
        phone_no=event.phone_no[:32],
        call_direction="0" if event.switch_leg_id else "",
    )
