"""Build a leg from the variables of a channel."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final
from zoneinfo import ZoneInfo

from ccfs.switches.freeswitch.callflow import CALLFLOW_PEER, Talk, load_queue_entries, load_talks
from ccfs.switches.freeswitch.causes import find_release_cause
from ccfs.switches.freeswitch.parties import UUID, ChannelParties, find_parties, strip_domain
from ccfs.switches.freeswitch.queue_visits import (
    find_cancel_reason,
    find_first_queue,
    find_queue_agent,
    find_talking_agent,
)
from ccfs.switches.freeswitch.recordings import list_named_files
from ccfs.switches.freeswitch.roles import ChannelLeg, assign_roles
from ccfs.switches.freeswitch.tenant_facts import collect_call_facts, find_domain
from ccfs.switches.freeswitch.variables import (
    ChannelVariables,
    get_first_non_empty,
    parse_duration,
    parse_event_micros,
    parse_event_time,
)
from ccfs.switches.records import UnreadableLine

DEFAULT_AGENT_PATTERN: Final = re.compile(r"[0-9]{2,6}")  # of agents' extensions, unless the operator overrules it

_MAX_ID_LENGTH = 128
# The parent channel, nearest first. mod_callcenter calls agents without an originator, but names the member.
_PARENT_VARIABLES = ("originating_leg_uuid", "originator", "cc_member_session_uuid", "call_uuid")


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChannelTimes:
    begin: datetime
    answer: datetime | None
    end: datetime


def build_leg(
    variables: ChannelVariables, *, zone: ZoneInfo, agents: re.Pattern[str] = DEFAULT_AGENT_PATTERN
) -> ChannelLeg:
    """Return the leg of a channel. `zone` applies to local stamps, which are used if epochs are missing.

    Raise UnreadableLine if uuid or times are missing or contradict each other.
    """
    uuid = _require_uuid(variables)
    times = _resolve_times(variables, zone)
    parent = _find_parent(variables, uuid)
    parties = find_parties(variables, agents, is_b_leg=bool(parent))
    queue, cause = strip_domain(variables.get("cc_queue", "")), variables.get("hangup_cause", "")
    started = parse_event_micros(variables, "start")
    talks = tuple(_keep_agent(talk, agents) for talk in load_talks(variables))
    extension = find_talking_agent(variables, talks) or parties.callee_agent
    caller_no, callee_no = _find_numbers(variables, parties, is_first=not parent)
    leg = ChannelLeg(
        switch_call_id=parent or uuid,
        switch_leg_id=uuid,
        source_key=_compute_source_key(uuid, times.begin),
        caller_no=caller_no,
        caller_name=variables.get("caller_id_name", ""),
        callee_no=callee_no,
        begin=times.begin,
        answer=times.answer,
        end=times.end,
        queue=queue,
        first_queue=find_first_queue(variables, queue),
        release_cause=find_release_cause(cause, variables.get("hangup_cause_q850", "")),
        order=(started / 1e6 if started else times.begin.timestamp(), 1.0 if parent else 0.0, uuid),
        recordings=list_named_files(variables),
        facts=collect_call_facts(variables, parties),
        domain=find_domain(variables),
        context=variables.get("context", ""),
        bridged_to=get_first_non_empty(
            variables, "bleg_uuid", "cc_agent_uuid", "bridge_uuid", "last_bridge_to"
        ).lower(),
        direction=parties.direction,
        is_b_leg=bool(parent),
        caller_agent=parties.caller_agent,
        callee_agent=find_queue_agent(variables, extension) if queue else parties.callee_agent,
        callee_side=parties.callee_side,
        hangup_cause=cause,
        queue_side=(variables.get("cc_side") or "member") if queue else "",
        cancel_reason=find_cancel_reason(variables),
        hangup_by=variables.get("sip_hangup_disposition", ""),
        mailbox_agent=parties.mailbox_agent,
        talks=talks,
        queue_entries=tuple(load_queue_entries(variables)),
    )
    [assigned] = assign_roles(leg, [leg])
    return assigned


def _find_numbers(variables: ChannelVariables, parties: ChannelParties, *, is_first: bool) -> tuple[str, str]:
    """Return caller and callee. If a program called a phone first, the phone counts as calling the other party."""
    caller = get_first_non_empty(variables, "pre_transfer_caller_id_number", "caller_id_number")
    callee = get_first_non_empty(variables, "destination_number", "dialed_user")
    phone = parties.callee_agent
    if is_first and parties.direction == "outbound" and phone and not variables.get("cc_queue"):
        reached = get_first_non_empty(variables, CALLFLOW_PEER, "destination_number")
        return (phone, reached) if reached != phone else (caller, callee)
    return caller, callee


def _keep_agent(talk: Talk, agents: re.Pattern[str]) -> Talk:
    """Return the talk, with its number only if it belongs to an agent."""
    is_agent = not talk.is_outside and agents.fullmatch(talk.number) is not None
    return talk._replace(number=talk.number if is_agent else "")


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
    identity = uuid if UUID.fullmatch(uuid) else f"{uuid}\x1f{int(begin.timestamp())}"
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
    """Return begin, answer and end. Durations replace those that are missing or ambiguous."""
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
