"""Build a leg from the variables of a channel, and a queue visit if the channel queued."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final
from zoneinfo import ZoneInfo

from ccfs.model.calls.cdr import CallType, DeviceType
from ccfs.switches.freeswitch.causes import find_leave_reason, find_release_cause
from ccfs.switches.freeswitch.recordings import list_named_files
from ccfs.switches.freeswitch.variables import (
    ChannelVariables,
    get_first_non_empty,
    parse_duration,
    parse_event_micros,
    parse_event_time,
)
from ccfs.switches.records import Leg, QueueVisit, UnreadableLine

DEFAULT_AGENT_PATTERN: Final = re.compile(r"[0-9]{2,6}")  # of agents' extensions, unless the operator overrules it

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MAX_ID_LENGTH = 128
# The parent channel, nearest first. mod_callcenter calls agents without an originator, but names the member.
_PARENT_VARIABLES = ("originating_leg_uuid", "originator", "cc_member_session_uuid", "call_uuid")
_CALLEE_VARIABLES = ("dialed_user", "destination_number", "dialed_extension", "callee_id_number")
_CALLER_VARIABLES = ("caller_id_number", "user_name", "sip_auth_username")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelLeg(Leg):
    """A leg, and what joins it to its call's other channels."""

    context: str = ""  # dial-plan context
    bridged_to: str = ""  # the channel that it was last bridged to, if known


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChannelTimes:
    begin: datetime
    answer: datetime | None
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChannelRole:
    """The channel's part in its call."""

    device: DeviceType
    name: str
    agent: str
    queue: str
    call_type: CallType


def build_leg(
    variables: ChannelVariables, *, zone: ZoneInfo, agents: re.Pattern[str] = DEFAULT_AGENT_PATTERN
) -> ChannelLeg:
    """Return the leg of a channel. `zone` is that of local stamps, used where epochs are missing.

    Raise UnreadableLine if uuid or times are missing or contradict each other.
    """
    uuid = _require_uuid(variables)
    times = _resolve_times(variables, zone)
    parent = _find_parent(variables, uuid)
    role = _find_role(variables, agents, is_b_leg=bool(parent))
    cause = variables.get("hangup_cause", "")
    started = parse_event_micros(variables, "start")
    return ChannelLeg(
        switch_call_id=parent or uuid,
        switch_leg_id=uuid,
        source_key=_compute_source_key(uuid, times.begin),
        caller_no=variables.get("caller_id_number", ""),
        caller_name=variables.get("caller_id_name", ""),
        callee_no=get_first_non_empty(variables, "destination_number", "dialed_user"),
        begin=times.begin,
        answer=times.answer,
        end=times.end,
        device_type=role.device,
        device_name=role.name,
        agent=role.agent,
        queue=role.queue,
        call_type=role.call_type,
        release_cause=find_release_cause(cause, variables.get("hangup_cause_q850", "")),
        leave_reason=find_leave_reason(
            cause=cause,
            cancel_reason=variables.get("cc_cancel_reason", "").upper().replace("NONE", ""),
            answered=times.answer is not None,
            to_agent=role.device == DeviceType.AGENT and role.call_type != CallType.OUTBOUND,
            hung_up=_find_hangup_side(variables, role, is_b_leg=bool(parent)),
        ),
        order=(started / 1e6 if started else times.begin.timestamp(), 1.0 if parent else 0.0, uuid),
        recordings=list_named_files(variables),
        context=variables.get("context", ""),
        bridged_to=get_first_non_empty(
            variables, "bleg_uuid", "cc_agent_uuid", "bridge_uuid", "last_bridge_to"
        ).lower(),
    )


def build_queue_visit(variables: ChannelVariables, *, zone: ZoneInfo) -> QueueVisit | None:
    """Return the queue visit of a member's channel of mod_callcenter; None for any other channel."""
    queue = _strip_domain(variables.get("cc_queue", ""))
    if not queue or variables.get("cc_side", "member") != "member":
        return None
    answered = parse_event_time(variables, "cc_queue_answered", zone)
    return QueueVisit(
        switch_leg_id=_require_uuid(variables),
        queue=queue,
        entered_at=parse_event_time(variables, "cc_queue_joined", zone),
        connected_at=answered,
        left_at=parse_event_time(variables, "cc_queue_terminated", zone)
        or parse_event_time(variables, "cc_queue_canceled", zone),
        agent=_strip_domain(variables.get("cc_agent", "")) if answered else "",
        outcome=_find_outcome(variables, answered=answered is not None),
    )


def _find_outcome(variables: ChannelVariables, *, answered: bool) -> str:
    """Return the last event of the visit in the words of Asterisk's queue log, which QueueVisit has for every switch."""
    if answered:
        return "COMPLETECALLER" if "recv_bye" in variables.get("sip_hangup_disposition", "") else "COMPLETEAGENT"
    reasons = {
        "TIMEOUT": "EXITWITHTIMEOUT",
        "NO_AGENT_TIMEOUT": "EXITEMPTY",
        "EXIT_WITH_KEY": "EXITWITHKEY",
    }
    return reasons.get(variables.get("cc_cancel_reason", "").upper(), "ABANDON")


def _require_uuid(variables: ChannelVariables) -> str:
    uuid = variables.get("uuid", "").lower()
    if not uuid:
        raise UnreadableLine("no uuid")
    if len(uuid) > _MAX_ID_LENGTH:
        raise UnreadableLine(f"uuid is longer than {_MAX_ID_LENGTH} characters")
    return uuid


def _compute_source_key(uuid: str, begin: datetime) -> str:
    """Return one key for the CSV, JSON and XML record of a channel.

    A real UUID is enough, whatever zone was given for the CSV; an operator's own origination_uuid may be used again.
    """
    identity = uuid if _UUID.fullmatch(uuid) else f"{uuid}\x1f{int(begin.timestamp())}"
    return blake2b(f"freeswitch\x1f{identity}".encode(), digest_size=16).hexdigest()


def _find_parent(variables: ChannelVariables, uuid: str) -> str:
    """Return the uuid of the parent channel; "" for an a-leg."""
    named = (variables.get(name, "").lower() for name in _PARENT_VARIABLES)
    parent = next((name for name in named if name and name != uuid and len(name) <= _MAX_ID_LENGTH), "")
    if parent or not variables.get("channel_name", "").startswith("loopback/"):
        return parent
    far_side = variables.get("other_loopback_leg_uuid", "").lower()[:_MAX_ID_LENGTH]
    return far_side if variables["channel_name"].endswith("-b") else ""


def _resolve_times(variables: ChannelVariables, zone: ZoneInfo) -> _ChannelTimes:
    """Return begin, answer and end. Durations fill those that are missing or ambiguous."""
    begin, answer, end = (parse_event_time(variables, event, zone) for event in ("start", "answer", "end"))
    duration, billsec = parse_duration(variables, "duration"), parse_duration(variables, "billsec")
    begin = begin or _subtract(end, duration) or answer or _subtract(end, billsec)
    if begin is None:
        raise UnreadableLine("the call has neither begin nor end")
    if end is None or end < begin:
        end = _add(begin, duration)
    if end is None:
        raise UnreadableLine("the call ends before it begins, or has no end")
    if answer and not begin <= answer <= end:
        answer = _subtract(end, billsec)
    if answer and not begin <= answer <= end:
        raise UnreadableLine("the call was answered before its begin or after its end")
    return _ChannelTimes(begin=begin, answer=answer, end=end)


def _subtract(instant: datetime | None, duration: timedelta | None) -> datetime | None:
    return instant - duration if instant and duration is not None else None


def _add(instant: datetime, duration: timedelta | None) -> datetime | None:
    return instant + duration if duration is not None else None


def _find_role(variables: ChannelVariables, agents: re.Pattern[str], *, is_b_leg: bool) -> _ChannelRole:
    """Return the role: queue member, agent called, agent calling, or dial plan only."""
    queue = _strip_domain(variables.get("cc_queue", ""))
    cc_agent = _strip_domain(variables.get("cc_agent", ""))
    callee, caller = (
        _find_agent(variables, _CALLEE_VARIABLES, agents),
        _find_agent(variables, _CALLER_VARIABLES, agents),
    )
    if queue:
        is_agent = variables.get("cc_side") == "agent"
        device, name = (DeviceType.AGENT, cc_agent or callee) if is_agent else (DeviceType.QUEUE, queue)
        answered = is_agent or variables.get("cc_queue_answered_epoch", "").strip("0")
        agent = (cc_agent or callee) if answered else ""
        return _ChannelRole(device=device, name=name, agent=agent, queue=queue, call_type=CallType.INBOUND)
    if callee:
        call_type = CallType.INTERNAL if caller else CallType.INBOUND
        return _ChannelRole(device=DeviceType.AGENT, name=callee, agent=callee, queue="", call_type=call_type)
    context = variables.get("context", "")
    if caller and not is_b_leg:
        return _ChannelRole(device=DeviceType.AGENT, name=caller, agent=caller, queue="", call_type=CallType.OUTBOUND)
    is_outbound = is_b_leg or variables.get("direction") == "outbound"
    call_type = CallType.OUTBOUND if is_outbound else CallType.INBOUND
    return _ChannelRole(device=DeviceType.FLOW, name=context, agent="", queue="", call_type=call_type)


def _find_agent(variables: ChannelVariables, names: tuple[str, ...], agents: re.Pattern[str]) -> str:
    numbers = (_strip_domain(variables.get(name, "")) for name in names)
    return next((number for number in numbers if agents.fullmatch(number)), "")


def _strip_domain(address: str) -> str:
    """Return 1001 of 1001@default."""
    return address.partition("@")[0]


def _find_hangup_side(variables: ChannelVariables, role: _ChannelRole, *, is_b_leg: bool) -> str:
    """Return who hung up: recv_bye means this channel's phone, send_bye the other side."""
    disposition = variables.get("sip_hangup_disposition", "")
    if disposition not in ("recv_bye", "send_bye"):
        return ""
    is_agents_phone = is_b_leg if role.call_type != CallType.OUTBOUND else not is_b_leg
    return "agent" if is_agents_phone == (disposition == "recv_bye") else "user"
