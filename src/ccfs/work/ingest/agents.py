"""What a queue log tells: agent operations with begin and end, and visits to queues."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from itertools import pairwise
from operator import attrgetter

from sqlalchemy.engine import Connection

from ccfs.model.agent_operation import AgentOperation
from ccfs.model.call_id import call_id
from ccfs.store import agent_operations, queue_visits
from ccfs.store.agent_operations import Span
from ccfs.store.queue_visits import KeptVisit
from ccfs.switches.asterisk.queue_log import merge
from ccfs.switches.found import AgentEvent, QueueVisit
from ccfs.work.ingest.calls import Visits, visits_of
from ccfs.work.ingest.context import Owner, Run


def take_events(connection: Connection, run: Run, owner: Owner, events: Sequence[AgentEvent]) -> None:
    """Keep the operations that are new; a lasting one ends where the next one of the same agent begins, in whatever
    order the two come."""
    by_id = {_id(owner, event): event for event in events}
    known = agent_operations.known(connection, owner.app, {row_id: event.at for row_id, event in by_id.items()})
    run.tally.known += len(events) - len(by_id) + len(known)
    rows = [_row(owner, row_id, event) for row_id, event in by_id.items() if row_id not in known]
    before = _before(connection, owner, [row for row in rows if row.end is None])
    ends = _ends(before, rows)
    agent_operations.add(connection, owner.app, [replace(row, end=ends.get(row.id, row.end)) for row in rows])
    agent_operations.end(connection, owner.app, [(one, ends[one.id]) for one in before if one.id in ends])
    run.tally.agent_operations += len(rows)


def _before(connection: Connection, owner: Owner, rows: Sequence[AgentOperation]) -> list[Span]:
    """The operations kept already beside which new lasting ones come: those that last, and of agents who did something
    since, all that lasted till then or began later."""
    firsts: dict[str, datetime] = {}
    for row in rows:
        firsts[row.agent_id] = min(row.begin, firsts.get(row.agent_id, row.begin))
    app, account = owner.app, owner.account.account_id
    found = agent_operations.lasting(connection, app, account, firsts)
    late = {one.agent_id for one in found if one.begin > firsts[one.agent_id]}
    if late:
        since = min(firsts[agent] for agent in late)
        found = [one for one in found if one.agent_id not in late]
        found += agent_operations.lasting(connection, app, account, late, since)
    return found


def _ends(before: Sequence[Span], rows: Sequence[AgentOperation]) -> dict[str, datetime]:
    """By id, when operations end that lasted on, or longer: when the same agent's next one begins."""
    chains: dict[str, list[Span]] = defaultdict(list)
    for one in [*before, *(Span(row.id, row.agent_id, row.begin, None) for row in rows if row.end is None)]:
        chains[one.agent_id].append(one)
    ends = {}
    for chain in chains.values():
        chain.sort(key=attrgetter("begin"))  # those of one second stay in the order in which they were written
        for one, following in pairwise(chain):
            if one.end is None or one.end > following.begin:
                ends[one.id] = following.begin
    return ends


def take_visits(connection: Connection, owner: Owner, visits: Sequence[QueueVisit]) -> Visits:
    """Join these visits with what was known of them; those that tell something new."""
    known = visits_of(connection, owner, (one.switch_leg_id for one in visits))
    joined: dict[tuple[str, str], QueueVisit] = {}
    for one in visits:
        key = (one.switch_leg_id, one.queue)
        before = joined.get(key) or known.get(key)
        joined[key] = merge(before, one) if before else one
    fresh = {key: one for key, one in joined.items() if known.get(key) != one}
    kept = [KeptVisit(**{name: getattr(one, name) for name in KeptVisit.__slots__}) for one in fresh.values()]
    queue_visits.put(connection, owner.app, owner.account.account_id, kept)
    return fresh


def _id(owner: Owner, event: AgentEvent) -> str:
    """32 hex digits, unique in the app: the same queue log may be taken in for two of its accounts."""
    return blake2b(f"{owner.account.account_id}\t{event.line_key}".encode(), digest_size=16).hexdigest()


def _row(owner: Owner, row_id: str, event: AgentEvent) -> AgentOperation:
    return AgentOperation(
        id=row_id,
        account_id=owner.account.account_id,
        agent_id=event.agent[:32],
        skill_id=event.queue[:25],
        call_id=call_id(event.switch_leg_id) if event.switch_leg_id else "",
        begin=event.at,
        end=None if event.lasts else event.at,
        op_type=event.op_type,
        op_object=event.op_object[:20],
        op_cause=event.op_cause[:20],
        vdn_id=str(owner.vdn.vdn_id),
        cc_id=str(owner.vdn.cc_id),
        phone_no=event.phone_no[:32],
        call_direction="0" if event.switch_leg_id else "",
    )
