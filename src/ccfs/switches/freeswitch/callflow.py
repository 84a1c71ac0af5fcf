"""The callflow of a document: whom the caller reached first, whom the channel talked to and when, which queues it entered.

A channel gets a new caller profile whenever it is transferred or bridged to another one. The profile before ends then. Each
profile names the other party: the originatee is the channel that was called, or that the queue, a pick-up or a transfer bridged;
the originator is that on whose part this happened.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ccfs.switches.freeswitch.parties import FIRST_CONTEXT, OUTSIDE, find_channel_side, strip_domain
from ccfs.switches.freeswitch.variables import ChannelVariables, clean_text

# Our own names of variables.
CALLFLOW_TALKS: Final = "callflow_talks"  # JSON list of Talk, each as a list
CALLFLOW_PEER: Final = "callflow_peer"  # number that the channel was bridged to first
QUEUE_ENTRIES: Final = "queue_entries"  # JSON list of queue and second of each run of mod_callcenter

MAX_PROFILES: Final = 100  # of a channel; a document with more is damaged
_MAX_NUMBER: Final = 64  # characters
_MICROSECONDS: Final = 1_000_000


class Talk(NamedTuple):
    """One conversation of a channel. Seconds since 1970."""

    peer: str  # uuid of the other channel
    number: str  # of the other party
    is_outside: bool  # whether the other channel is one of a trunk
    begin: int
    end: int  # 0: until the channel ended
    caller: str = (
        ""  # who called on the other channel, where this one has joined it: a pick-up, a parked call, a transfer
    )
    callee: str = ""  # whom that caller had reached


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerProfile:
    """One caller profile of a document, with those of the other party."""

    caller: Mapping[str, str]
    times: Mapping[str, str] = field(default_factory=dict)
    originator: Mapping[str, str] = field(default_factory=dict)
    originatee: Mapping[str, str] = field(default_factory=dict)


def describe_callflow(profiles: Sequence[CallerProfile], transfer_history: str) -> dict[str, str]:
    """Return what the profiles, latest first, report about the channel, as variables; {} if there are none.

    The numbers are those of the first profile that the dial plan reached outside its public context. If another channel
    was bridged to this one, its caller and callee are swapped: the caller is the number that the network announced.
    """
    if not profiles:
        return {}
    earliest = profiles[::-1][:MAX_PROFILES]
    first = next((profile for profile in earliest if profile.caller.get("context") != "public"), earliest[0])
    talks = list_talks(earliest, transfer_history)
    numbers = {name: first.caller.get(name, "") for name in ("destination_number", "context")}
    oldest, is_swapped = earliest[0].caller, any(profile.originator for profile in earliest[1:])
    numbers["caller_id_name"] = oldest.get("caller_id_name", "")
    numbers["caller_id_number"] = (oldest.get("ani", "") if is_swapped else "") or oldest.get("caller_id_number", "")
    return {
        **{name: value for name, value in numbers.items() if value},
        FIRST_CONTEXT: oldest.get("context", ""),
        CALLFLOW_TALKS: json.dumps(talks) if talks else "",
        CALLFLOW_PEER: talks[0].number if talks else "",
        "originator": earliest[0].originator.get("uuid", ""),
    }


def list_talks(profiles: Iterable[CallerProfile], transfer_history: str) -> list[Talk]:
    """Return the conversations of a channel according to its profiles, earliest first."""
    talks = []
    for profile in profiles:
        other = profile.originatee or profile.originator
        begin = _parse_seconds(profile.times.get("bridged_time", ""))
        end = _parse_seconds(profile.times.get("transfer_time", "")) or _parse_seconds(
            profile.times.get("hangup_time", "")
        )
        if not begin or not other.get("uuid") or (end and end < begin):
            continue
        number = other.get("destination_number" if profile.originatee else "caller_id_number", "")
        is_outside = find_channel_side(other.get("chan_name", "")) == OUTSIDE
        talk = Talk(other["uuid"].lower(), strip_domain(number)[:_MAX_NUMBER], is_outside, begin, end)
        if profile.originatee and f":uuid_br:{other['uuid']}" in transfer_history:
            joined = [other.get(name, "")[:_MAX_NUMBER] for name in ("ani", "destination_number")]
            talk = talk._replace(caller=joined[0], callee=joined[1])
        talks.append(talk)
    return talks


def load_talks(variables: ChannelVariables) -> list[Talk]:
    """Return the conversations that `describe_callflow` found."""
    text = variables.get(CALLFLOW_TALKS, "")
    return [Talk(*values) for values in json.loads(text)] if text else []


def describe_queue_entries(applications: Iterable[Mapping[str, str]]) -> str:
    """Return, as JSON, the mod_callcenter queues, each with the second in which the caller entered it; "" if none."""
    entries = [
        (strip_domain(clean_text(application.get("app_data", "")))[:_MAX_NUMBER], _parse_seconds(stamp))
        for application in applications
        if application.get("app_name") == "callcenter" and (stamp := application.get("app_stamp", ""))
    ]
    return json.dumps(entries[:MAX_PROFILES]) if entries else ""


def load_queue_entries(variables: ChannelVariables) -> list[tuple[str, int]]:
    """Return the queues that `describe_queue_entries` found, each with the second in which the caller entered it."""
    text = variables.get(QUEUE_ENTRIES, "")
    return [(queue, second) for queue, second in json.loads(text)] if text else []


def _parse_seconds(text: str) -> int:
    """Return a number of microseconds in whole seconds; 0 if it is not a number, or not a time."""
    is_time = text.isascii() and text.isdecimal() and 15 <= len(text) <= 17
    return int(text) // _MICROSECONDS if is_time else 0
