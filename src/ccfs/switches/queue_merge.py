"""A leg and what the queue log tells of it: times of waiting, ringing and talking, and why the leg ended. Pure rules."""

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
    """The six times of a CDR row, in UTC; None where there was no such thing."""

    wait_begin: datetime | None = None
    wait_end: datetime | None = None
    ack_begin: datetime | None = None
    ack_end: datetime | None = None
    call_begin: datetime | None = None
    call_end: datetime | None = None


def compute_cdr_times(leg: Leg, visit: QueueVisit | None = None) -> CdrTimes:
    """When a leg waited, rang and talked. `visit`: the one of the same channel and queue, if the queue log has one."""
    if visit is None or not leg.queue:
        return _compute_times_without_visit(leg)
    if is_answering_leg(leg, visit):
        return _compute_answered_times(leg, visit)
    if leg.device_type == DeviceType.AGENT and leg.answer is not None:  # after a transfer: the queue is behind the call
        return replace(_compute_times_without_visit(leg), wait_end=leg.begin)
    entered = _clamp_to_leg(leg, visit.entered_at) or leg.begin
    if leg.device_type == DeviceType.AGENT and not _is_abandoned_while_ringing(leg, visit):
        waiting = min(visit.entered_at or leg.begin, entered)
        return CdrTimes(wait_begin=waiting, wait_end=entered, ack_begin=entered, ack_end=leg.end)
    until = visit.left_at if visit.left_at and not visit.connected_at else leg.end
    return CdrTimes(wait_begin=min(visit.entered_at or leg.begin, until), wait_end=until)


def apply_visit(leg: Leg, visit: QueueVisit | None) -> Leg:
    """The leg with what the queue log adds: why the call left its device, and the agent whom the CDR does not show,
    because the queue rang a number outside."""
    if visit is None or not leg.queue:
        return leg
    reason = _find_leave_reason(leg, visit)
    if leg.device_type == DeviceType.QUEUE and visit.agent and is_answering_leg(leg, visit):
        return replace(
            leg, leave_reason=reason, device_type=DeviceType.AGENT, device_name=visit.agent, agent=visit.agent
        )
    return replace(leg, leave_reason=reason)


def is_answering_leg(leg: Leg, visit: QueueVisit) -> bool:
    """Whether this leg is the one on which the visit's agent answered. An agent whom the log calls by a name and the
    CDR by a number is told by the time alone: attempts that nobody took are not answered."""
    if leg.answer is None or visit.connected_at is None:
        return False
    if leg.device_type == DeviceType.QUEUE:
        return leg.begin <= visit.connected_at < leg.end
    named_otherwise = not visit.agent.isdecimal() or not leg.agent.isdecimal()
    here = leg.begin - _CLOCK_TOLERANCE <= visit.connected_at <= leg.end + _CLOCK_TOLERANCE
    return here and (visit.agent == leg.agent or named_otherwise)


def _compute_times_without_visit(leg: Leg) -> CdrTimes:
    until = leg.answer or leg.end
    if leg.device_type == DeviceType.QUEUE:
        return CdrTimes(wait_begin=leg.begin, wait_end=leg.end)
    return CdrTimes(
        wait_begin=leg.begin,
        wait_end=until,
        ack_begin=leg.begin,
        ack_end=until,
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
    if is_answering_leg(leg, visit):
        return outcome if visit.connected_at is not None and visit.left_at >= visit.connected_at else leg.leave_reason
    if leg.device_type == DeviceType.QUEUE:
        return outcome if visit.connected_at is None else LeaveReason.NORMAL
    return outcome if _is_abandoned_while_ringing(leg, visit) else leg.leave_reason


def _is_abandoned_while_ringing(leg: Leg, visit: QueueVisit) -> bool:
    """Whether the caller gave up while this leg's phone rang: it was the caller who ended that, not the agent."""
    if leg.answer is not None or visit.connected_at is not None or visit.left_at is None:
        return False
    return (
        _LEAVE_REASON_BY_OUTCOME.get(visit.outcome) == LeaveReason.QUEUE_CANCELLED
        and abs(leg.end - visit.left_at) <= _CLOCK_TOLERANCE
    )
