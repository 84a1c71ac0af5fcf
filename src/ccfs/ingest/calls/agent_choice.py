"""Choose the agent of each leg: a queue's leg counts for the agent who answered, unless the agent has a leg of its own."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from ccfs.ingest.calls.queue_visits import VisitsByLeg
from ccfs.model.calls.cdr import Cdr, DeviceType
from ccfs.switches.queue_merge import CdrTimes, apply_visit, compute_cdr_times
from ccfs.switches.records import Leg, QueueVisit

TimedLeg = tuple[Leg, CdrTimes]
_TalksByAgent = Mapping[tuple[str, str], Sequence[tuple[datetime, datetime]]]  # by call and agent


def merge_visits_into_legs(legs: Sequence[Leg], visits: VisitsByLeg, saved: Iterable[Cdr]) -> list[TimedLeg]:
    """Return the legs and their times with what their queue visits add; `saved`: rows of other legs of these calls."""
    talks = _find_talks(legs, saved)
    return [_merge_visit(leg, visits.get((leg.switch_leg_id, leg.queue)), talks) for leg in legs]


def _find_talks(legs: Iterable[Leg], saved: Iterable[Cdr]) -> _TalksByAgent:
    """Return when agents talked on legs of their own."""
    talks = defaultdict(list)
    for row in saved:
        if row.device_type == DeviceType.AGENT and row.call_begin and row.call_end and not row.user_wanted_skill_id:
            talks[row.switch_call_id, row.agent_id].append((row.begin, row.call_end))
    for leg in legs:
        if leg.device_type == DeviceType.AGENT and leg.answer:
            talks[leg.switch_call_id, leg.agent].append((leg.begin, leg.end))
    return talks


def _merge_visit(leg: Leg, visit: QueueVisit | None, talks: _TalksByAgent) -> TimedLeg:
    """Merge a queue visit. Where the agent has a leg of its own in the call, the queue's leg only counts as waiting."""
    merged = apply_visit(leg, visit)
    times = compute_cdr_times(merged, visit)
    if leg.device_type == DeviceType.QUEUE and merged.device_type == DeviceType.AGENT and visit and visit.connected_at:
        own_talks = talks.get((leg.switch_call_id, merged.agent), [])
        if any(begin <= visit.connected_at <= end for begin, end in own_talks):
            waiting = CdrTimes(wait_begin=times.wait_begin, wait_end=times.ack_end)
            return replace(leg, leave_reason=merged.leave_reason), waiting
    return merged, times
