"""A leg and what the queue log tells of it: times of waiting, ringing and talking, and why the leg ended. Pure rules."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ccfs.model.cdr import Device, LeaveReason
from ccfs.switches.found import Leg, QueueVisit

_SAME = timedelta(seconds=2)  # CDR and queue log are written by the same clock, but not at the same moment

_OUTCOMES = {
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
class Times:
    """The six times of a CDR row, in UTC; None where there was no such thing."""

    wait_begin: datetime | None = None
    wait_end: datetime | None = None
    ack_begin: datetime | None = None
    ack_end: datetime | None = None
    call_begin: datetime | None = None
    call_end: datetime | None = None


def times(leg: Leg, visit: QueueVisit | None = None) -> Times:
    """When a leg waited, rang and talked. `visit`: the one of the same channel and queue, if the queue log has one."""
    if visit is None or not leg.queue:
        return _by_itself(leg)
    if answered_by(leg, visit):
        return _answered(leg, visit)
    if leg.device_type == Device.AGENT and leg.answer is not None:  # after a transfer: the queue is behind the call
        return replace(_by_itself(leg), wait_end=leg.begin)
    entered = _within(leg, visit.entered) or leg.begin
    if leg.device_type == Device.AGENT and not _given_up(leg, visit):
        waiting = min(visit.entered or leg.begin, entered)
        return Times(wait_begin=waiting, wait_end=entered, ack_begin=entered, ack_end=leg.end)
    until = visit.left if visit.left and not visit.connected else leg.end
    return Times(wait_begin=min(visit.entered or leg.begin, until), wait_end=until)


def told(leg: Leg, visit: QueueVisit | None) -> Leg:
    """The leg with what the queue log adds: why the call left its device, and the agent whom the CDR does not show,
    because the queue rang a number outside."""
    if visit is None or not leg.queue:
        return leg
    reason = _reason(leg, visit)
    if leg.device_type == Device.QUEUE and visit.agent and answered_by(leg, visit):
        return replace(leg, leave_reason=reason, device_type=Device.AGENT, device_name=visit.agent, agent=visit.agent)
    return replace(leg, leave_reason=reason)


def answered_by(leg: Leg, visit: QueueVisit) -> bool:
    """Whether this leg is the one on which the visit's agent answered. An agent whom the log calls by a name and the
    CDR by a number is told by the time alone: attempts that nobody took are not answered."""
    if leg.answer is None or visit.connected is None:
        return False
    if leg.device_type == Device.QUEUE:
        return leg.begin <= visit.connected < leg.end
    named_otherwise = not visit.agent.isdecimal() or not leg.agent.isdecimal()
    here = leg.begin - _SAME <= visit.connected <= leg.end + _SAME
    return here and (visit.agent == leg.agent or named_otherwise)


def _by_itself(leg: Leg) -> Times:
    until = leg.answer or leg.end
    if leg.device_type == Device.QUEUE:
        return Times(wait_begin=leg.begin, wait_end=leg.end)
    return Times(
        wait_begin=leg.begin,
        wait_end=until,
        ack_begin=leg.begin,
        ack_end=until,
        call_begin=leg.answer,
        call_end=leg.end if leg.answer else None,
    )


def _answered(leg: Leg, visit: QueueVisit) -> Times:
    connected = visit.connected or leg.end
    entered = min(visit.entered or leg.begin, connected)
    rang = min(max(visit.rang or connected, entered), connected)
    return Times(
        wait_begin=entered,
        wait_end=rang,
        ack_begin=rang,
        ack_end=connected,
        call_begin=connected,
        call_end=max(leg.end, connected),
    )


def _within(leg: Leg, instant: datetime | None) -> datetime | None:
    return min(max(instant, leg.begin), leg.end) if instant else None


def _reason(leg: Leg, visit: QueueVisit) -> int:
    outcome = _OUTCOMES.get(visit.outcome)
    if outcome is None or visit.left is None:
        return leg.leave_reason
    if answered_by(leg, visit):
        return outcome if visit.connected is not None and visit.left >= visit.connected else leg.leave_reason
    if leg.device_type == Device.QUEUE:
        return outcome if visit.connected is None else LeaveReason.NORMAL
    return outcome if _given_up(leg, visit) else leg.leave_reason


def _given_up(leg: Leg, visit: QueueVisit) -> bool:
    """Whether the caller gave up while this leg's phone rang: it was the caller who ended that, not the agent."""
    if leg.answer is not None or visit.connected is not None or visit.left is None:
        return False
    return _OUTCOMES.get(visit.outcome) == LeaveReason.QUEUE_CANCELLED and abs(leg.end - visit.left) <= _SAME
