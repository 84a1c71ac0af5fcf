"""One channel of FreeSWITCH as a leg of a call: from its facts to a Leg, and to a QueueVisit where it queued.

Pure rules on facts (see facts.py); no format, no file. What only the other channels of the call can tell is calls.py's.
"""

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

DEFAULT_AGENT_PATTERN: Final = re.compile(
    r"[0-9]{2,6}"
)  # numbers that are agents' extensions, if the operator says nothing else

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MAX_ID_LENGTH = 128
# The channel that made this one, nearest first. mod_callcenter calls agents with no originator, but names the member.
_PARENT_VARIABLES = ("originating_leg_uuid", "originator", "cc_member_session_uuid", "call_uuid")
_CALLEE_VARIABLES = ("dialed_user", "destination_number", "dialed_extension", "callee_id_number")
_CALLER_VARIABLES = ("caller_id_number", "user_name", "sip_auth_username")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelLeg(Leg):
    """A Leg, and what ties it to its call's other channels."""

    context: str = ""  # dial-plan context
    bridged_to: str = ""  # the channel that it was last bridged to, as far as it says


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChannelTimes:
    begin: datetime
    answer: datetime | None
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChannelRole:
    """Which part the channel has in its call."""

    device: DeviceType
    name: str
    agent: str
    queue: str
    call_type: CallType


def build_leg(
    facts: ChannelVariables, *, zone: ZoneInfo, agents: re.Pattern[str] = DEFAULT_AGENT_PATTERN
) -> ChannelLeg:
    """The leg that a channel is. `zone` is that of local stamps, used where there are no epochs.

    Raises UnreadableLine where uuid or times are missing or make no sense.
    """
    uuid = _require_uuid(facts)
    times = _resolve_times(facts, zone)
    parent = _find_parent(facts, uuid)
    part = _find_role(facts, agents, is_b=bool(parent))
    cause = facts.get("hangup_cause", "")
    started = parse_event_micros(facts, "start")
    return ChannelLeg(
        switch_call_id=parent or uuid,
        switch_leg_id=uuid,
        source_key=_compute_source_key(uuid, times.begin),
        caller_no=facts.get("caller_id_number", ""),
        caller_name=facts.get("caller_id_name", ""),
        callee_no=get_first_non_empty(facts, "destination_number", "dialed_user"),
        begin=times.begin,
        answer=times.answer,
        end=times.end,
        device_type=part.device,
        device_name=part.name,
        agent=part.agent,
        queue=part.queue,
        call_type=part.call_type,
        release_cause=find_release_cause(cause, facts.get("hangup_cause_q850", "")),
        leave_reason=find_leave_reason(
            cause=cause,
            cancel_reason=facts.get("cc_cancel_reason", "").upper().replace("NONE", ""),
            answered=times.answer is not None,
            to_agent=part.device == DeviceType.AGENT and part.call_type != CallType.OUTBOUND,
            hung_up=_find_hangup_side(facts, part, is_b=bool(parent)),
        ),
        order=(started / 1e6 if started else times.begin.timestamp(), 1.0 if parent else 0.0, uuid),
        recordings=list_named_files(facts),
        context=facts.get("context", ""),
        bridged_to=get_first_non_empty(facts, "bleg_uuid", "cc_agent_uuid", "bridge_uuid", "last_bridge_to").lower(),
    )


def build_queue_visit(facts: ChannelVariables, *, zone: ZoneInfo) -> QueueVisit | None:
    """What the member's channel tells of its way through mod_callcenter's queue; None for any other channel."""
    queue = _strip_domain(facts.get("cc_queue", ""))
    if not queue or facts.get("cc_side", "member") != "member":
        return None
    answered = parse_event_time(facts, "cc_queue_answered", zone)
    return QueueVisit(
        switch_leg_id=_require_uuid(facts),
        queue=queue,
        entered_at=parse_event_time(facts, "cc_queue_joined", zone),
        connected_at=answered,
        left_at=parse_event_time(facts, "cc_queue_terminated", zone)
        or parse_event_time(facts, "cc_queue_canceled", zone),
        agent=_strip_domain(facts.get("cc_agent", "")) if answered else "",
        outcome=_find_outcome(facts, answered=answered is not None),
    )


def _find_outcome(facts: ChannelVariables, *, answered: bool) -> str:
    """The queue's last word in the queue log's words, which found.QueueVisit uses for every switch."""
    if answered:
        return "COMPLETECALLER" if "recv_bye" in facts.get("sip_hangup_disposition", "") else "COMPLETEAGENT"
    reasons = {
        "TIMEOUT": "EXITWITHTIMEOUT",
        "NO_AGENT_TIMEOUT": "EXITEMPTY",
        "EXIT_WITH_KEY": "EXITWITHKEY",
    }
    return reasons.get(facts.get("cc_cancel_reason", "").upper(), "ABANDON")


def _require_uuid(facts: ChannelVariables) -> str:
    uuid = facts.get("uuid", "").lower()
    if not uuid:
        raise UnreadableLine("no uuid")
    if len(uuid) > _MAX_ID_LENGTH:
        raise UnreadableLine(f"uuid is longer than {_MAX_ID_LENGTH} characters")
    return uuid


def _compute_source_key(uuid: str, begin: datetime) -> str:
    """The same for the CSV, JSON and XML record of a channel.

    A real UUID is enough, whatever zone was given for the CSV; an operator's own origination_uuid may come again.
    """
    identity = uuid if _UUID.fullmatch(uuid) else f"{uuid}\x1f{int(begin.timestamp())}"
    return blake2b(f"freeswitch\x1f{identity}".encode(), digest_size=16).hexdigest()


def _find_parent(facts: ChannelVariables, uuid: str) -> str:
    """The uuid of the channel that made this one; empty for an a-leg."""
    named = (facts.get(name, "").lower() for name in _PARENT_VARIABLES)
    parent = next((name for name in named if name and name != uuid and len(name) <= _MAX_ID_LENGTH), "")
    if parent or not facts.get("channel_name", "").startswith("loopback/"):
        return parent
    far_side = facts.get("other_loopback_leg_uuid", "").lower()[:_MAX_ID_LENGTH]
    return far_side if facts["channel_name"].endswith("-b") else ""


def _resolve_times(facts: ChannelVariables, zone: ZoneInfo) -> _ChannelTimes:
    """Begin, answer and end, filled from the durations where they are missing or fall into the hour that comes twice."""
    begin, answer, end = (parse_event_time(facts, event, zone) for event in ("start", "answer", "end"))
    lasted, talked = parse_duration(facts, "duration"), parse_duration(facts, "billsec")
    begin = begin or _subtract(end, lasted) or answer or _subtract(end, talked)
    if begin is None:
        raise UnreadableLine("neither begin nor end is given")
    if end is None or end < begin:
        end = _add(begin, lasted)
    if end is None:
        raise UnreadableLine("it ends before it begins, or not at all")
    if answer and not begin <= answer <= end:
        answer = _subtract(end, talked)
    if answer and not begin <= answer <= end:
        raise UnreadableLine("it was answered at a time outside the call")
    return _ChannelTimes(begin=begin, answer=answer, end=end)


def _subtract(moment: datetime | None, span: timedelta | None) -> datetime | None:
    return moment - span if moment and span is not None else None


def _add(moment: datetime, span: timedelta | None) -> datetime | None:
    return moment + span if span is not None else None


def _find_role(facts: ChannelVariables, agents: re.Pattern[str], *, is_b: bool) -> _ChannelRole:
    """Queue member, agent called, agent calling, or a walk through the dial plan."""
    queue = _strip_domain(facts.get("cc_queue", ""))
    cc_agent = _strip_domain(facts.get("cc_agent", ""))
    callee, caller = _find_agent(facts, _CALLEE_VARIABLES, agents), _find_agent(facts, _CALLER_VARIABLES, agents)
    if queue:
        is_agent = facts.get("cc_side") == "agent"
        device, name = (DeviceType.AGENT, cc_agent or callee) if is_agent else (DeviceType.QUEUE, queue)
        answered = is_agent or facts.get("cc_queue_answered_epoch", "").strip("0")
        agent = (cc_agent or callee) if answered else ""
        return _ChannelRole(device=device, name=name, agent=agent, queue=queue, call_type=CallType.INBOUND)
    if callee:
        call_type = CallType.INTERNAL if caller else CallType.INBOUND
        return _ChannelRole(device=DeviceType.AGENT, name=callee, agent=callee, queue="", call_type=call_type)
    context = facts.get("context", "")
    if caller and not is_b:
        return _ChannelRole(device=DeviceType.AGENT, name=caller, agent=caller, queue="", call_type=CallType.OUTBOUND)
    leaves = is_b or facts.get("direction") == "outbound"
    call_type = CallType.OUTBOUND if leaves else CallType.INBOUND
    return _ChannelRole(device=DeviceType.FLOW, name=context, agent="", queue="", call_type=call_type)


def _find_agent(facts: ChannelVariables, names: tuple[str, ...], agents: re.Pattern[str]) -> str:
    numbers = (_strip_domain(facts.get(name, "")) for name in names)
    return next((number for number in numbers if agents.fullmatch(number)), "")


def _strip_domain(address: str) -> str:
    """1001 of 1001@default."""
    return address.partition("@")[0]


def _find_hangup_side(facts: ChannelVariables, part: _ChannelRole, *, is_b: bool) -> str:
    """Who ended it, from the SIP side: recv_bye means that this channel's phone did, send_bye that the other side did."""
    disposition = facts.get("sip_hangup_disposition", "")
    if disposition not in ("recv_bye", "send_bye"):
        return ""
    agents_phone = is_b if part.call_type != CallType.OUTBOUND else not is_b
    return "agent" if agents_phone == (disposition == "recv_bye") else "user"
