"""Correct agent operations from a queue log by the CDRs of their calls: the agent's number, the call, the end of talk."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    """Return the numbers of members whom the queue log lists by name.

    The number is known if the queue rang exactly one phone that was answered in the second of the connection. The
    member may have answered it, or another agent who picked the call up or to whom the phone was forwarded.
    """
    numbers: dict[str, str] = {}
    answered: dict[tuple[str, str], list[TimedLeg]] = defaultdict(list)
    for leg, times in timed_legs:
        if leg.agent and leg.answer:
            answered[get_visit_key(leg)].append((leg, times))
    for key, visit in visits.items():
        if not visit.agent or visit.agent.isdecimal():
            continue
        answering = [(leg, times) for leg, times in answered.get(key, ()) if is_answering_leg(leg, visit)]
        if not answering:
            continue
        picked_up = [leg for leg, times in answering if times.call_begin is None and not leg.is_waiting]
        rung = {_find_rung_agent(leg, timed_legs, attempts) for leg in picked_up or [leg for leg, _ in answering]}
        if len(rung) == 1 and (number := rung.pop()).isdecimal():
            numbers.setdefault(visit.agent, number)
    return numbers


def _find_rung_agent(leg: Leg, timed_legs: Sequence[TimedLeg], attempts: Sequence[tuple[OperationSpan, str]]) -> str:
    """Return the agent whose phone the queue rang on a leg.

    A phone that forwards a call is immediately followed by a Local channel, and the queue log reports no attempt for
    it.
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
    """Return the numbers of members who did not answer: a queue's leg rang unanswered until the attempt ended.

    If several phones rang at once, `known` (numbers by name) must leave exactly one name and one number.
    """
    numbers: dict[str, str] = {}
    ended = _EventsByCall([(call_id, attempt.begin, attempt.agent_id) for attempt, call_id in attempts])
    stopped = _EventsByCall(_list_stopped_phones(timed_legs, visits))
    for attempt, call_id in [*attempts, *attempts]:  # once more, because a later attempt may tell who another one is
        if attempt.agent_id.isdecimal() or attempt.agent_id in known or attempt.agent_id in numbers:
            continue
        at_once = ended.find_near(call_id, attempt.begin)
        others = {known.get(name) or numbers.get(name, name) for name in at_once - {attempt.agent_id}}
        ringing = stopped.find_near(call_id, attempt.begin)
        is_complete = others <= ringing and len(ringing) == len(at_once)
        left = ringing - others if is_complete else ringing if not others else set()
        if len(left) == 1 and (number := left.pop()).isdecimal():
            numbers[attempt.agent_id] = number
    return numbers


def _list_stopped_phones(timed_legs: Sequence[TimedLeg], visits: VisitsByLeg) -> Iterator[tuple[str, datetime, str]]:
    """Yield call, end and number of each unanswered queue leg, also under the call of the waiting channel."""
    for leg, times in timed_legs:
        key = get_visit_key(leg)
        if leg.agent and key in visits and times.call_begin is None and times.ack_end:
            for call_id in {to_call_id(leg.switch_call_id), to_call_id(key[0])}:
                yield call_id, times.ack_end, leg.rung_agent or leg.agent


class _EventsByCall:
    """Agent events indexed by call and second, because a call may have thousands."""

    def __init__(self, events: Iterable[tuple[str, datetime, str]]) -> None:
        self._by_second: dict[tuple[str, int], list[tuple[datetime, str]]] = defaultdict(list)
        for call_id, instant, agent in events:
            self._by_second[call_id, int(instant.timestamp())].append((instant, agent))

    def find_near(self, call_id: str, instant: datetime) -> set[str]:
        """Return the agents of a call's events at this time."""
        second = int(instant.timestamp())
        near = (event for at in (second - 1, second, second + 1) for event in self._by_second.get((call_id, at), ()))
        return {agent for at, agent in near if abs(at - instant) <= _CLOCK_TOLERANCE}


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
