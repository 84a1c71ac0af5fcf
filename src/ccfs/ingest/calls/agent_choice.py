"""Choose the agent of each leg: a queue's leg counts for the agent who answered, unless the agent has a leg of its own."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from operator import attrgetter

from ccfs.ingest.calls.queue_visits import VisitsByLeg
from ccfs.model.calls.cdr import DeviceType, LeaveReason
from ccfs.switches.queue_merge import (
    CdrTimes,
    apply_visit,
    compute_cdr_times,
    find_exit_reason,
    find_pick_up_reason,
)
from ccfs.switches.records import Leg, QueueVisit

TimedLeg = tuple[Leg, CdrTimes]
_TalksByAgent = Mapping[tuple[str, str], Sequence[tuple[datetime, datetime]]]  # by call and agent


def get_visit_key(leg: Leg) -> tuple[str, str]:
    """Return leg and queue of the visit that the leg belongs to."""
    return leg.queue_leg_id or leg.switch_leg_id, leg.queue


def merge_visits_into_legs(legs: Sequence[Leg], visits: VisitsByLeg) -> list[TimedLeg]:
    """Merge queue visits into the legs and their times. Takes all legs of each call."""
    talks = _find_talks(legs)
    last_legs = {get_visit_key(leg): leg.source_key for leg in sorted(legs, key=attrgetter("order")) if leg.queue}
    merged = []
    for leg in legs:
        visit = visits.get(get_visit_key(leg))
        timed_leg = _merge_visit(leg, visit, talks)
        is_last = last_legs.get(get_visit_key(leg)) == leg.source_key
        timed_leg = _apply_exit(leg, timed_leg, visit, is_last=is_last) if visit else timed_leg
        merged.append(_extend_wait(timed_leg, visits))
    return _keep_longest_answer(merged, visits)


def _apply_exit(leg: Leg, timed_leg: TimedLeg, visit: QueueVisit, *, is_last: bool) -> TimedLeg:
    """Set the last leg's reason for leaving the queue. Earlier attempts keep the ending that their lines report."""
    merged, times = timed_leg
    exit_reason = find_exit_reason(visit)
    if is_last and exit_reason is not None and times.call_begin is None:
        return replace(merged, leave_reason=exit_reason), times
    return (replace(merged, leave_reason=leg.leave_reason), times) if leg.is_waiting and not is_last else timed_leg


def _extend_wait(timed_leg: TimedLeg, visits: VisitsByLeg) -> TimedLeg:
    """Extend the wait of a leg whose caller came from an earlier queue back to when the caller entered that queue."""
    leg, times = timed_leg
    first = visits.get((leg.switch_leg_id, leg.first_queue)) if leg.first_queue not in ("", leg.queue) else None
    if first is None or first.entered_at is None or times.wait_begin is None:
        return timed_leg
    return leg, replace(times, wait_begin=min(first.entered_at, times.wait_begin))


def _keep_longest_answer(timed_legs: Sequence[TimedLeg], visits: VisitsByLeg) -> list[TimedLeg]:
    """Return the legs. If several match the connection of one visit, only those that talked keep it.

    After a pick-up, app_queue writes one answered line for the phone that rang and another for the phone that took the
    call. The queue log names the first phone, but reports the outcome of the second.
    """
    talkers: dict[tuple[str, str], set[str]] = defaultdict(set)
    for leg, times in timed_legs:
        if leg.agent and _is_talk(times):
            talkers[get_visit_key(leg)].add(leg.agent)
    kept = []
    for leg, times in timed_legs:
        key = get_visit_key(leg)
        visit = visits.get(key) if leg.agent and key in talkers else None
        if visit and times.call_begin is not None and not _is_talk(times):
            leg = replace(leg, leave_reason=LeaveReason.AGENT_NO_ANSWER)
            times = replace(times, call_begin=None, call_end=None)
        elif visit and visit.agent not in talkers[key] and _is_talk(times):
            leg = replace(leg, leave_reason=find_pick_up_reason(leg, visit))
        kept.append((leg, times))
    return kept


def _is_talk(times: CdrTimes) -> bool:
    return times.call_begin is not None and times.call_end is not None and times.call_end > times.call_begin


def _find_talks(legs: Iterable[Leg]) -> _TalksByAgent:
    """Return when agents talked on legs of their own."""
    talks = defaultdict(list)
    for leg in legs:
        if leg.device_type == DeviceType.AGENT and leg.answer:
            talks[leg.switch_call_id, leg.agent].append((leg.begin, leg.end))
    return talks


def _merge_visit(leg: Leg, visit: QueueVisit | None, talks: _TalksByAgent) -> TimedLeg:
    """Merge a queue visit. If the agent has a leg of its own in the call, the queue's leg counts as waiting only."""
    merged = apply_visit(leg, visit)
    times = compute_cdr_times(merged, visit)
    if leg.device_type == DeviceType.QUEUE and merged.device_type == DeviceType.AGENT and visit and visit.connected_at:
        own_talks = talks.get((leg.switch_call_id, merged.agent), [])
        if any(begin <= visit.connected_at <= end for begin, end in own_talks):
            waiting = CdrTimes(wait_begin=times.wait_begin, wait_end=times.ack_end)
            return replace(leg, leave_reason=merged.leave_reason), waiting
    return merged, times
