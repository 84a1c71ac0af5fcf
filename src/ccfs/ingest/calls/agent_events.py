"""Convert agent events of a queue log to agent operations with a begin and an end."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from itertools import pairwise
from operator import attrgetter

from sqlalchemy.engine import Connection

from ccfs.db.tenant.calls import agent_operations
from ccfs.db.tenant.calls.agent_operations import OperationSpan
from ccfs.db.tenant.calls.statistics import call_statistics
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.model.calls.agent_operation import SHIFT_STATES, AgentOperation, AgentOperationType
from ccfs.model.calls.call_id import to_call_id
from ccfs.switches.records import AgentEvent

_CALL_STATES = (AgentOperationType.TALKING, AgentOperationType.AFTER_CALL, AgentOperationType.TRANSFER_OUT)


def save_events(connection: Connection, run: IngestRun, owner: CallOwner, events: Sequence[AgentEvent]) -> None:
    """Store new operations.

    A state ends when the agent's next state begins, whichever of the two arrives first.
    """
    by_id: dict[str, AgentEvent] = {}
    for event in events:
        row_id = _compute_id(owner, event.source_key)
        by_id[row_id] = min(event, by_id.get(row_id, event), key=_get_queue_order)
    written_ids = {row_id: _compute_id(owner, event.written_key) for row_id, event in by_id.items()}
    times = {any_id: event.occurred_at for row_id, event in by_id.items() for any_id in (row_id, written_ids[row_id])}
    stored = agent_operations.find_existing_ids(connection, owner.app, times)
    known = {row_id for row_id, written_id in written_ids.items() if row_id in stored or written_id in stored}
    queues = {any_id: by_id[row_id] for row_id in known for any_id in (row_id, written_ids[row_id])}
    agent_operations.set_first_queues(
        connection, owner.app, {row_id: event.queue[:25] for row_id, event in queues.items() if event.is_state}, times
    )
    run.result.duplicates += len(events) - len(by_id) + len(known)
    rows = [_build_row(owner, row_id, event) for row_id, event in by_id.items() if row_id not in known]
    before = _find_affected_operations(connection, owner, [row for row in rows if row.end is None])
    ends = _compute_ends(before, rows)
    agent_operations.add(connection, owner.app, [replace(row, end=ends.get(row.id, row.end)) for row in rows])
    agent_operations.close_operations(
        connection, owner.app, [(span, ends[span.id]) for span in before if span.id in ends]
    )
    run.result.agent_operations += len(rows)


def end_calls(connection: Connection, owner: CallOwner, started_at: datetime) -> None:
    """End the agents' operations in calls when the switch starts. Sign-ins and pauses survive a start."""
    app, account_id = owner.app, owner.account.account_id
    spans = agent_operations.list_lasting_in_calls(connection, app, account_id, _CALL_STATES, started_at)
    agent_operations.close_operations(connection, app, [(span, started_at) for span in spans])
    if spans:
        call_statistics.mark_instants(connection, app, [(account_id, started_at)])


def end_talks(connection: Connection, owner: CallOwner, talks: Mapping[tuple[str, datetime], datetime]) -> None:
    """End talks where the CDR of the agent's phone ends; `talks` maps (agent, begin) to the end."""
    app, account_id = owner.app, owner.account.account_id
    agents = {agent for agent, _ in talks}
    since = min((begin for _, begin in talks), default=None)
    if since is None:
        return
    ends = []
    for span in agent_operations.list_open_operations(connection, app, account_id, agents, since):
        end = talks.get((span.agent_id, span.begin))
        if end is not None and (span.end is None or span.end > end):
            ends.append((span, end))
    agent_operations.close_operations(connection, app, ends)
    call_statistics.mark_instants(connection, app, [(account_id, end) for _, end in ends])


def rename_agent(connection: Connection, owner: CallOwner, name: str, number: str) -> None:
    """Assign the operations stored under a member's name to the agent's number.

    Duplicates of operations that are already stored under the number are dropped.
    """
    app, account_id = owner.app, owner.account.account_id
    stored = agent_operations.list_of_agents(connection, app, account_id, (name, number))
    same = {(span.begin, *kind) for span, *kind in stored if span.agent_id == number and kind[0] in SHIFT_STATES}
    renamed = [(span, kind) for span, *kind in stored if span.agent_id == name]
    if not renamed:
        return
    agent_operations.delete(connection, app, [span for span, kind in renamed if (span.begin, *kind) in same])
    agent_operations.rename_agent(connection, app, account_id, name, number)
    call_statistics.mark_instants(connection, app, [(account_id, span.begin) for span, _ in renamed])
    since = min(span.begin for span, _ in renamed)
    spans = agent_operations.list_open_operations(connection, app, account_id, [number], since)
    ends = _compute_ends(spans, [])
    agent_operations.close_operations(connection, app, [(span, ends[span.id]) for span in spans if span.id in ends])


def _get_queue_order(event: AgentEvent) -> tuple[bool, str]:
    """Return a sort key that determines an operation's queue, independent of the order in which lines are read."""
    return not event.queue, event.queue


def _find_affected_operations(
    connection: Connection, owner: CallOwner, rows: Sequence[AgentOperation]
) -> list[OperationSpan]:
    """Return the stored operations whose end a new state may change.

    These are all open ones and, for agents with later activity, those that were open at that time or began later.
    """
    firsts: dict[str, datetime] = {}
    for row in rows:
        firsts[row.agent_id] = min(row.begin, firsts.get(row.agent_id, row.begin))
    app, account_id = owner.app, owner.account.account_id
    spans = agent_operations.list_open_operations(connection, app, account_id, firsts)
    late_agents = {span.agent_id for span in spans if span.begin > firsts[span.agent_id]}
    if late_agents:
        since = min(firsts[agent] for agent in late_agents)
        spans = [span for span in spans if span.agent_id not in late_agents]
        spans += agent_operations.list_open_operations(connection, app, account_id, late_agents, since)
    return spans


def _compute_ends(before: Sequence[OperationSpan], rows: Sequence[AgentOperation]) -> dict[str, datetime]:
    """Map ids of operations to their new ends: the start of the agent's next state.

    An operation without duration, such as an unanswered call, does not end another one.
    """
    chains: dict[str, list[OperationSpan]] = defaultdict(list)
    for span in [*before, *(OperationSpan(row.id, row.agent_id, row.begin, None) for row in rows if row.end is None)]:
        if span.begin != span.end:
            chains[span.agent_id].append(span)
    ends = {}
    for chain in chains.values():
        chain.sort(key=attrgetter("begin"))  # states of one second stay in the order in which they were written
        for span, following in pairwise(chain):
            if span.end is None or span.end > following.begin:
                ends[span.id] = following.begin
    return ends


def _compute_id(owner: CallOwner, source_key: str) -> str:
    """Return 32 hex digits, unique in the app: one queue log may be ingested for two of its accounts."""
    return blake2b(f"{owner.account.account_id}\t{source_key}".encode(), digest_size=16).hexdigest()


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
        reason=event.reason[:40],
    )
