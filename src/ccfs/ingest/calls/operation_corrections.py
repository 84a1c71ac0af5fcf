"""Correct agent operations of a queue log by the CDRs of their calls: the agent's number, the call, and where talk ended."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from ccfs.db.tenant.calls import agent_operations, member_names
from ccfs.db.tenant.calls.agent_operations import OperationSpan
from ccfs.ingest.calls.agent_choice import TimedLeg, get_visit_key
from ccfs.ingest.calls.agent_events import end_talks, rename_agent
from ccfs.ingest.calls.queue_visits import VisitsByLeg
from ccfs.ingest.context import CallOwner
from ccfs.model.calls.call_id import to_call_id
from ccfs.model.calls.cdr import DeviceType
from ccfs.switches.queue_merge import is_answering_leg
from ccfs.switches.records import Leg

_CLOCK_TOLERANCE = timedelta(seconds=1)  # between the ends of a CDR's leg and of the queue log's attempt


def correct_operations(
    connection: Connection, owner: CallOwner, timed_legs: Sequence[TimedLeg], visits: VisitsByLeg
) -> None:
    """Correct the operations of these calls."""
    if not visits:
        return
    app, account_id = owner.app, owner.account.account_id
    known = member_names.list_numbers(connection, app, account_id)
    calls = {to_call_id(leg_id) for leg_id, _ in visits} | {to_call_id(leg.switch_call_id) for leg, _ in timed_legs}
    attempts = agent_operations.list_unanswered_attempts(connection, app, account_id, calls)
    answered = find_member_numbers(timed_legs, visits, attempts)
    found = answered | find_unanswered_numbers(timed_legs, visits, attempts, answered | known)
    new = {name: number for name, number in found.items() if name not in known}
    member_names.add(connection, app, account_id, new)
    for name, number in new.items():
        rename_agent(connection, owner, name, number)
    calls_by_leg = {to_call_id(leg.switch_leg_id): to_call_id(leg.switch_call_id) for leg, _ in timed_legs if leg.queue}
    moved = {old: call_id for old, call_id in calls_by_leg.items() if old != call_id}
    agent_operations.reassign_calls(connection, app, account_id, moved)
    end_talks(connection, owner, find_short_talks(timed_legs, visits))


def find_member_numbers(
    timed_legs: Sequence[TimedLeg], visits: VisitsByLeg, attempts: Sequence[tuple[OperationSpan, str]] = ()
) -> dict[str, str]:
    """Return the numbers of members whom the queue log names by a text.

    The CDR has one phone of a number that the queue rang and that was answered at the second of the connection, by the
    member or by another agent, who picked the call up or to whom the phone was forwarded.
    """
    numbers: dict[str, str] = {}
    for key, visit in visits.items():
        if not visit.agent or visit.agent.isdecimal():
            continue
        answering = [
            (leg, times)
            for leg, times in timed_legs
            if get_visit_key(leg) == key and leg.agent and leg.answer and is_answering_leg(leg, visit)
        ]
        if not answering:
            continue
        picked_up = [leg for leg, times in answering if times.call_begin is None and not leg.is_waiting]
        rung = {_find_rung_agent(leg, timed_legs, attempts) for leg in picked_up or [leg for leg, _ in answering]}
        if len(rung) == 1 and (number := rung.pop()).isdecimal():
            numbers.setdefault(visit.agent, number)
    return numbers


def _find_rung_agent(leg: Leg, timed_legs: Sequence[TimedLeg], attempts: Sequence[tuple[OperationSpan, str]]) -> str:
    """Return the agent whose phone the queue rang on a leg.

    A phone that forwards a call is followed by a Local channel at once, and the queue log reports no attempt for it.
    """
    if leg.queue_leg_id:
        for other, times in timed_legs:
            is_before = other.device_type == DeviceType.AGENT and not other.queue_leg_id and other.order < leg.order
            if not is_before or times.call_begin or get_visit_key(other) != get_visit_key(leg):
                continue
            is_logged = any(abs(attempt.begin - other.end) <= _CLOCK_TOLERANCE for attempt, _ in attempts)
            if abs(other.end - leg.begin) <= _CLOCK_TOLERANCE and not is_logged and other.agent != leg.rung_agent:
                return other.agent
    return leg.rung_agent or leg.agent


def find_unanswered_numbers(
    timed_legs: Sequence[TimedLeg],
    visits: VisitsByLeg,
    attempts: Sequence[tuple[OperationSpan, str]],
    known: Mapping[str, str],
) -> dict[str, str]:
    """Return the numbers of members who did not answer: one leg of a queue rang in vain until the attempt ended.

    Where several rang at once, `known`, numbers by names, leaves one name and one number.
    """
    numbers: dict[str, str] = {}
    by_call: dict[str, list[OperationSpan]] = defaultdict(list)
    for attempt, call_id in attempts:
        by_call[call_id].append(attempt)
    for attempt, call_id in [*attempts, *attempts]:  # once more, because a later attempt may tell who another one is
        if attempt.agent_id.isdecimal() or attempt.agent_id in known or attempt.agent_id in numbers:
            continue
        at_once = {other.agent_id for other in by_call[call_id] if abs(other.begin - attempt.begin) <= _CLOCK_TOLERANCE}
        others = {known.get(name) or numbers.get(name, name) for name in at_once - {attempt.agent_id}}
        ringing = _find_ringing(timed_legs, visits, attempt, call_id)
        is_complete = others <= ringing and len(ringing) == len(at_once)
        left = ringing - others if is_complete else ringing if not others else set()
        if len(left) == 1 and (number := left.pop()).isdecimal():
            numbers[attempt.agent_id] = number
    return numbers


def _find_ringing(
    timed_legs: Sequence[TimedLeg], visits: VisitsByLeg, attempt: OperationSpan, call_id: str
) -> set[str]:
    """Return the numbers of the legs of a call's queue that stopped ringing when an attempt ended."""
    return {
        leg.rung_agent or leg.agent
        for leg, times in timed_legs
        if leg.agent
        and get_visit_key(leg) in visits
        and call_id in (to_call_id(leg.switch_call_id), to_call_id(get_visit_key(leg)[0]))
        and times.call_begin is None
        and times.ack_end
        and abs(times.ack_end - attempt.begin) <= _CLOCK_TOLERANCE
    }


def find_short_talks(timed_legs: Sequence[TimedLeg], visits: VisitsByLeg) -> dict[tuple[str, datetime], datetime]:
    """Return agent, begin and end of talks that ended before the call left the agent's queue.

    Behind a Local channel, app_queue does not see that an agent transfers the call.
    """
    talks = {}
    for leg, times in timed_legs:
        visit = visits.get(get_visit_key(leg))
        if visit is None or visit.connected_at is None or times.call_end is None or not leg.agent:
            continue
        if leg.queue_leg_id and is_answering_leg(leg, visit):
            talks[leg.agent, visit.connected_at] = times.call_end
    return talks
