"""Queue visits that no CDR reports, because the dial plan continued after the queue.

A line of Asterisk holds only the last application. If a caller left the queue unanswered and reached a mailbox, an
announcement or another queue on the same line, only the queue log shows the visit.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from ccfs.model.calls.cdr import DeviceType
from ccfs.switches.records import Leg, QueueVisit

_CLOCK_TOLERANCE = timedelta(seconds=2)  # CDR and queue log are written by the same clock, but not at the same moment
_VisitsByLeg = Mapping[tuple[str, str], QueueVisit]  # by leg and queue


def claim_visits(legs: Sequence[Leg], visits: _VisitsByLeg) -> list[Leg]:
    """Return the legs, each with the queue of an unclaimed visit of its channel that begins during the leg.

    If a leg already has a queue, an earlier visit becomes the queue from which the caller came.
    """
    claimed = {(leg.queue_leg_id or leg.switch_leg_id, leg.queue) for leg in legs if leg.queue}
    unclaimed: dict[str, list[QueueVisit]] = defaultdict(list)
    for key, visit in visits.items():
        if key not in claimed and visit.entered_at is not None:
            unclaimed[visit.switch_leg_id].append(visit)
    return [_claim(leg, unclaimed.get(leg.switch_leg_id, ())) for leg in legs] if unclaimed else list(legs)


def _claim(leg: Leg, visits: Sequence[QueueVisit]) -> Leg:
    near = [visit for visit in visits if visit.entered_at and _is_during(leg, visit)]
    if not near:
        return leg
    first, last = (choose(near, key=lambda visit: visit.entered_at or leg.begin) for choose in (min, max))
    if leg.queue:
        return replace(leg, first_queue=first.queue)
    leg = replace(leg, queue=last.queue, first_queue=first.queue)
    if leg.device_type == DeviceType.FLOW and last.connected_at is None:
        return replace(leg, device_type=DeviceType.QUEUE, device_name=last.queue)
    return leg


def _is_during(leg: Leg, visit: QueueVisit) -> bool:
    assert visit.entered_at is not None
    return leg.begin - _CLOCK_TOLERANCE <= visit.entered_at <= leg.end + _CLOCK_TOLERANCE
