"""Merge a leg with its queue visit: when it waited, rang and talked, and why it ended."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ccfs.model.calls.cdr import DeviceType, LeaveReason
from ccfs.switches.records import Leg, QueueVisit

_CLOCK_TOLERANCE = timedelta(seconds=2)  # CDR and queue log are written by the same clock, but not at the same moment

_LEAVE_REASON_BY_OUTCOME = {
    "ABANDON": LeaveReason.QUEUE_CANCELLED,
    "WITHDRAW": LeaveReason.QUEUE_CANCELLED,
    "EXITWITHKEY": LeaveReason.QUEUE_CANCELLED,
    "EXITWITHTIMEOUT": LeaveReason.QUEUE_TIMEOUT,
    "EXITEMPTY": LeaveReason.NOBODY_ON_DUTY,
    "AGENTDUMP": LeaveReason.REJECTED,
    "SYSCOMPAT": LeaveReason.INTERNAL_ERROR,
    "COMPLETEAGENT": LeaveReason.AGENT_HUNG_UP,
    "COMPLETECALLER": LeaveReason.USER_HUNG_UP,
    "TRANSFER": LeaveReason.TRANSFERRED_OUT,
    "BLINDTRANSFER": LeaveReason.TRANSFERRED_OUT,
    "ATTENDEDTRANSFER": LeaveReason.TRANSFERRED_OUT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CdrTimes:
    """The six times of a CDR row, in UTC; None where the leg did not wait, ring or talk."""

    wait_begin: datetime | None = None
    wait_end: datetime | None = None
    ack_begin: datetime | None = None
    ack_end: datetime | None = None
    call_begin: datetime | None = None
    call_end: datetime | None = None


def compute_cdr_times(leg: Leg, visit: QueueVisit | None = None) -> CdrTimes:
    """Return when a leg waited, rang and talked. `visit` is its queue visit, if the queue log has one."""
    if visit is None or not leg.queue or (leg.is_waiting and leg.device_type != DeviceType.QUEUE):
        return _compute_times_without_visit(leg)
    if is_answering_leg(leg, visit):
        return _compute_answered_times(leg, visit)
    if leg.device_type == DeviceType.AGENT and leg.answer is not None:  # after a transfer: the call has left the queue
        return replace(_compute_times_without_visit(leg), wait_end=leg.begin)
    entered = _clamp_to_leg(leg, visit.entered_at) or leg.begin
    if leg.device_type == DeviceType.AGENT and not _is_abandoned_while_ringing(leg, visit):
        wait_begin = min(visit.entered_at or leg.begin, entered)
        return CdrTimes(wait_begin=wait_begin, wait_end=entered, ack_begin=entered, ack_end=leg.end)
    wait_end = visit.left_at if visit.left_at and not visit.connected_at and not leg.is_waiting else leg.end
    return CdrTimes(wait_begin=min(visit.entered_at or leg.begin, wait_end), wait_end=wait_end)


def apply_visit(leg: Leg, visit: QueueVisit | None) -> Leg:
    """Return the leg with the visit's leave reason and, if the CDR names none, the agent.

    CDRs name no agent if the queue rang an outside number.
    """
    if visit is None or not leg.queue:
        return leg
    reason = _find_leave_reason(leg, visit)
    if leg.device_type == DeviceType.QUEUE and visit.agent and is_answering_leg(leg, visit):
        return replace(
            leg, leave_reason=reason, device_type=DeviceType.AGENT, device_name=visit.agent, agent=visit.agent
        )
    return replace(leg, leave_reason=reason)


def is_answering_leg(leg: Leg, visit: QueueVisit) -> bool:
    """Return whether the visit's agent answered on this leg.

    If the log has the agent's name and the CDR a number, the time alone decides, because unanswered attempts have no
    answer. The same applies if the queue rang a Local channel, because a colleague may have picked the call up.
    """
    if leg.answer is None or visit.connected_at is None:
        return False
    if leg.device_type == DeviceType.QUEUE:
        return leg.begin <= visit.connected_at < leg.end
    is_named = not visit.agent.isdecimal() or not leg.agent.isdecimal() or bool(leg.queue_leg_id)
    in_time = leg.begin - _CLOCK_TOLERANCE <= visit.connected_at <= leg.end + _CLOCK_TOLERANCE
    return in_time and (visit.agent == leg.agent or is_named)


def _compute_times_without_visit(leg: Leg) -> CdrTimes:
    ring_end = leg.answer or leg.end
    if leg.device_type == DeviceType.QUEUE or leg.is_waiting:
        return CdrTimes(wait_begin=leg.begin, wait_end=leg.end)
    return CdrTimes(
        wait_begin=leg.begin,
        wait_end=ring_end,
        ack_begin=leg.begin,
        ack_end=ring_end,
        call_begin=leg.answer,
        call_end=leg.end if leg.answer else None,
    )


def _compute_answered_times(leg: Leg, visit: QueueVisit) -> CdrTimes:
    connected = visit.connected_at or leg.end
    entered = min(visit.entered_at or leg.begin, connected)
    rang = min(max(visit.rang_at or connected, entered), connected)
    return CdrTimes(
        wait_begin=entered,
        wait_end=rang,
        ack_begin=rang,
        ack_end=connected,
        call_begin=connected,
        call_end=max(leg.end, connected),
    )


def _clamp_to_leg(leg: Leg, instant: datetime | None) -> datetime | None:
    return min(max(instant, leg.begin), leg.end) if instant else None


def _find_leave_reason(leg: Leg, visit: QueueVisit) -> int:
    outcome = _LEAVE_REASON_BY_OUTCOME.get(visit.outcome)
    if outcome is None or visit.left_at is None:
        return leg.leave_reason
    if leg.leave_reason == LeaveReason.TRANSFERRED_OUT and visit.left_at > leg.end + _CLOCK_TOLERANCE:
        return leg.leave_reason  # behind a Local channel, the queue does not see a transfer
    if is_answering_leg(leg, visit):
        return outcome if visit.connected_at is not None and visit.left_at >= visit.connected_at else leg.leave_reason
    if leg.device_type == DeviceType.QUEUE:
        return outcome if visit.connected_at is None else LeaveReason.NORMAL
    return outcome if _is_abandoned_while_ringing(leg, visit) else leg.leave_reason


def find_exit_reason(visit: QueueVisit) -> LeaveReason | None:
    """Return why the call left the queue, if it left unanswered of its own accord."""
    if visit.connected_at is not None or visit.outcome not in ("EXITWITHTIMEOUT", "EXITEMPTY", "EXITWITHKEY"):
        return None
    return _LEAVE_REASON_BY_OUTCOME[visit.outcome]


def find_pick_up_reason(leg: Leg, visit: QueueVisit) -> int:
    """Return why the leg of an agent who took over the call ended: like the visit, if it was the last talk."""
    if visit.connected_at is None or visit.left_at is None or leg.leave_reason != LeaveReason.NORMAL:
        return leg.leave_reason
    if abs(leg.end - visit.left_at) > _CLOCK_TOLERANCE:
        return leg.leave_reason
    return _LEAVE_REASON_BY_OUTCOME.get(visit.outcome, leg.leave_reason)


def _is_abandoned_while_ringing(leg: Leg, visit: QueueVisit) -> bool:
    """Return whether the caller hung up while this leg's phone rang, rather than the agent rejecting the call."""
    if leg.answer is not None or visit.connected_at is not None or visit.left_at is None:
        return False
    return (
        _LEAVE_REASON_BY_OUTCOME.get(visit.outcome) == LeaveReason.QUEUE_CANCELLED
        and abs(leg.end - visit.left_at) <= _CLOCK_TOLERANCE
    )
