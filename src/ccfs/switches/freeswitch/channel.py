"""One channel of FreeSWITCH as a leg of a call: from its facts to a Leg, and to a QueueVisit where it queued.

Pure rules on facts (see facts.py); no format, no file. What only the other channels of the call can tell is calls.py's.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final
from zoneinfo import ZoneInfo

from ccfs.model.cdr import CallType, Device
from ccfs.switches.found import Leg, QueueVisit, UnreadableLine
from ccfs.switches.freeswitch.causes import leave_reason, release_cause
from ccfs.switches.freeswitch.facts import Facts, first, micros, moment, seconds
from ccfs.switches.freeswitch.recordings import named_recordings

AGENTS: Final = re.compile(r"[0-9]{2,6}")  # numbers that are agents' extensions, if the operator says nothing else

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LONGEST_ID = 128
# The channel that made this one, nearest first. mod_callcenter calls agents with no originator, but names the member.
_PARENTS = ("originating_leg_uuid", "originator", "cc_member_session_uuid", "call_uuid")
_CALLEES = ("dialed_user", "destination_number", "dialed_extension", "callee_id_number")
_CALLERS = ("caller_id_number", "user_name", "sip_auth_username")


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel(Leg):
    """A Leg, and what ties it to its call's other channels."""

    context: str = ""  # dial-plan context
    bridged_to: str = ""  # the channel that it was last bridged to, as far as it says


@dataclass(frozen=True, slots=True, kw_only=True)
class _Times:
    begin: datetime
    answer: datetime | None
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Which part the channel has in its call."""

    device: Device
    name: str
    agent: str
    queue: str
    call_type: CallType


def channel(facts: Facts, *, zone: ZoneInfo, agents: re.Pattern[str] = AGENTS) -> Channel:
    """The leg that a channel is. `zone` is that of local stamps, used where there are no epochs.

    Raises UnreadableLine where uuid or times are missing or make no sense.
    """
    uuid = _uuid(facts)
    times = _times(facts, zone)
    parent = _parent(facts, uuid)
    part = _part(facts, agents, is_b=bool(parent))
    cause = facts.get("hangup_cause", "")
    started = micros(facts, "start")
    return Channel(
        switch_call_id=parent or uuid,
        switch_leg_id=uuid,
        line_key=_line_key(uuid, times.begin),
        caller_no=facts.get("caller_id_number", ""),
        caller_name=facts.get("caller_id_name", ""),
        callee_no=first(facts, "destination_number", "dialed_user"),
        begin=times.begin,
        answer=times.answer,
        end=times.end,
        device_type=part.device,
        device_name=part.name,
        agent=part.agent,
        queue=part.queue,
        call_type=part.call_type,
        release_cause=release_cause(cause, facts.get("hangup_cause_q850", "")),
        leave_reason=leave_reason(
            cause=cause,
            cancel_reason=facts.get("cc_cancel_reason", "").upper().replace("NONE", ""),
            answered=times.answer is not None,
            to_agent=part.device == Device.AGENT and part.call_type != CallType.OUTBOUND,
            hung_up=_hung_up(facts, part, is_b=bool(parent)),
        ),
        order=(started / 1e6 if started else times.begin.timestamp(), 1.0 if parent else 0.0, uuid),
        recordings=named_recordings(facts),
        context=facts.get("context", ""),
        bridged_to=first(facts, "bleg_uuid", "cc_agent_uuid", "bridge_uuid", "last_bridge_to").lower(),
    )


def queue_visit(facts: Facts, *, zone: ZoneInfo) -> QueueVisit | None:
    """What the member's channel tells of its way through mod_callcenter's queue; None for any other channel."""
    queue = _local_part(facts.get("cc_queue", ""))
    if not queue or facts.get("cc_side", "member") != "member":
        return None
    answered = moment(facts, "cc_queue_answered", zone)
    return QueueVisit(
        switch_leg_id=_uuid(facts),
        queue=queue,
        entered=moment(facts, "cc_queue_joined", zone),
        connected=answered,
        left=moment(facts, "cc_queue_terminated", zone) or moment(facts, "cc_queue_canceled", zone),
        agent=_local_part(facts.get("cc_agent", "")) if answered else "",
        outcome=_outcome(facts, answered=answered is not None),
    )


def _outcome(facts: Facts, *, answered: bool) -> str:
    """The queue's last word in the queue log's words, which found.QueueVisit uses for every switch."""
    if answered:
        return "COMPLETECALLER" if "recv_bye" in facts.get("sip_hangup_disposition", "") else "COMPLETEAGENT"
    reasons = {
        "TIMEOUT": "EXITWITHTIMEOUT",
        "NO_AGENT_TIMEOUT": "EXITEMPTY",
        "EXIT_WITH_KEY": "EXITWITHKEY",
    }
    return reasons.get(facts.get("cc_cancel_reason", "").upper(), "ABANDON")


def _uuid(facts: Facts) -> str:
    uuid = facts.get("uuid", "").lower()
    if not uuid:
        raise UnreadableLine("no uuid")
    if len(uuid) > _LONGEST_ID:
        raise UnreadableLine(f"uuid is longer than {_LONGEST_ID} characters")
    return uuid


def _line_key(uuid: str, begin: datetime) -> str:
    """The same for the CSV, JSON and XML record of a channel.

    A real UUID is enough, whatever zone was given for the CSV; an operator's own origination_uuid may come again.
    """
    identity = uuid if _UUID.fullmatch(uuid) else f"{uuid}\x1f{int(begin.timestamp())}"
    return blake2b(f"freeswitch\x1f{identity}".encode(), digest_size=16).hexdigest()


def _parent(facts: Facts, uuid: str) -> str:
    """The uuid of the channel that made this one; empty for an a-leg."""
    named = (facts.get(name, "").lower() for name in _PARENTS)
    parent = next((name for name in named if name and name != uuid and len(name) <= _LONGEST_ID), "")
    if parent or not facts.get("channel_name", "").startswith("loopback/"):
        return parent
    far_side = facts.get("other_loopback_leg_uuid", "").lower()[:_LONGEST_ID]
    return far_side if facts["channel_name"].endswith("-b") else ""


def _times(facts: Facts, zone: ZoneInfo) -> _Times:
    """Begin, answer and end, filled from the durations where they are missing or fall into the hour that comes twice."""
    begin, answer, end = (moment(facts, event, zone) for event in ("start", "answer", "end"))
    lasted, talked = seconds(facts, "duration"), seconds(facts, "billsec")
    begin = begin or _less(end, lasted) or answer or _less(end, talked)
    if begin is None:
        raise UnreadableLine("neither begin nor end is given")
    if end is None or end < begin:
        end = _plus(begin, lasted)
    if end is None:
        raise UnreadableLine("it ends before it begins, or not at all")
    if answer and not begin <= answer <= end:
        answer = _less(end, talked)
    if answer and not begin <= answer <= end:
        raise UnreadableLine("it was answered at a time outside the call")
    return _Times(begin=begin, answer=answer, end=end)


def _less(moment: datetime | None, span: timedelta | None) -> datetime | None:
    return moment - span if moment and span is not None else None


def _plus(moment: datetime, span: timedelta | None) -> datetime | None:
    return moment + span if span is not None else None


def _part(facts: Facts, agents: re.Pattern[str], *, is_b: bool) -> _Part:
    """Queue member, agent called, agent calling, or a walk through the dial plan."""
    queue = _local_part(facts.get("cc_queue", ""))
    cc_agent = _local_part(facts.get("cc_agent", ""))
    callee, caller = _agent(facts, _CALLEES, agents), _agent(facts, _CALLERS, agents)
    if queue:
        is_agent = facts.get("cc_side") == "agent"
        device, name = (Device.AGENT, cc_agent or callee) if is_agent else (Device.QUEUE, queue)
        answered = is_agent or facts.get("cc_queue_answered_epoch", "").strip("0")
        agent = (cc_agent or callee) if answered else ""
        return _Part(device=device, name=name, agent=agent, queue=queue, call_type=CallType.INBOUND)
    if callee:
        call_type = CallType.INTERNAL if caller else CallType.INBOUND
        return _Part(device=Device.AGENT, name=callee, agent=callee, queue="", call_type=call_type)
    context = facts.get("context", "")
    if caller and not is_b:
        return _Part(device=Device.AGENT, name=caller, agent=caller, queue="", call_type=CallType.OUTBOUND)
    leaves = is_b or facts.get("direction") == "outbound"
    call_type = CallType.OUTBOUND if leaves else CallType.INBOUND
    return _Part(device=Device.FLOW, name=context, agent="", queue="", call_type=call_type)


def _agent(facts: Facts, names: tuple[str, ...], agents: re.Pattern[str]) -> str:
    numbers = (_local_part(facts.get(name, "")) for name in names)
    return next((number for number in numbers if agents.fullmatch(number)), "")


def _local_part(address: str) -> str:
    """1001 of 1001@default."""
    return address.partition("@")[0]


def _hung_up(facts: Facts, part: _Part, *, is_b: bool) -> str:
    """Who ended it, from the SIP side: recv_bye means that this channel's phone did, send_bye that the other side did."""
    disposition = facts.get("sip_hangup_disposition", "")
    if disposition not in ("recv_bye", "send_bye"):
        return ""
    agents_phone = is_b if part.call_type != CallType.OUTBOUND else not is_b
    return "agent" if agents_phone == (disposition == "recv_bye") else "user"
