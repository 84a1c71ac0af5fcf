"""Find the parties of a channel: the calling extension, the called extension, and outside numbers.

A short number may be an extension or an outside number (10086, 911). The gateway, the profile, the context and the
registered user decide. The agent pattern decides alone only if a channel has none of them.
"""

import re
from dataclasses import dataclass

from ccfs.switches.freeswitch.variables import ChannelVariables, get_first_non_empty

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

INSIDE, OUTSIDE, UNKNOWN = "inside", "outside", ""
FIRST_CONTEXT = "first_context"  # our own name: dial-plan context in which the channel began

_CALLER_VARIABLES = ("user_name", "sip_auth_username", "caller_id_number")
_CALLEE_VARIABLES = ("dialed_user", "destination_number", "dialed_extension", "callee_id_number")
# Applications that answer a call themselves: the number that leads to one is a service's, not a phone's.
_JOINING_APPLICATIONS = frozenset({"intercept", "eavesdrop", "three_way"})  # they join a call that others began
_SERVICE_APPLICATIONS = _JOINING_APPLICATIONS | {
    *("conference", "voicemail", "ivr", "park", "valet_park", "fifo", "echo", "delay_echo")
}
_BRIDGE_VARIABLES = ("bridge_uuid", "last_bridge_to", "cc_agent_uuid", "bridge_channel", "bleg_uuid")
_GATEWAY_VARIABLES = ("sip_gateway_name", "sip_gateway")
_CHANNEL_PROFILE = re.compile(r"sofia/([^/]{1,64})/")
_MAX_LEGS_LENGTH = 16 * 1024  # characters of originated_legs
_LEG_SEPARATOR = re.compile(r"\|:|ARRAY::")  # "ARRAY::uuid;name;number|:uuid;name;number"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelParties:
    """The extensions and the sides of a channel, according to its own variables."""

    direction: str = ""  # "inbound": a phone or trunk dialled; "outbound": the switch dialled; "" if unknown
    caller_agent: str = ""  # extension that calls, else ""
    callee_agent: str = ""  # extension that was called, or that answered; else ""
    caller_side: str = UNKNOWN
    callee_side: str = UNKNOWN
    mailbox_agent: str = ""  # extension that rang before a mailbox answered in its place, else ""


def find_parties(variables: ChannelVariables, agents: re.Pattern[str], *, is_b_leg: bool) -> ChannelParties:
    """Return the parties. `agents` must match the whole extension."""
    direction = variables.get("direction", "") or ("outbound" if is_b_leg else "")
    caller_side = _find_caller_side(variables, direction)
    callee_side = _find_callee_side(variables, direction)
    return ChannelParties(
        direction=direction,
        caller_agent=_find_agent(variables, _CALLER_VARIABLES, agents) if caller_side != OUTSIDE else "",
        callee_agent=_find_callee_agent(variables, agents, direction, callee_side, is_b_leg=is_b_leg),
        caller_side=caller_side,
        callee_side=callee_side,
        mailbox_agent=_find_agent(variables, _CALLEE_VARIABLES, agents) if _is_in_mailbox(variables) else "",
    )


def strip_domain(address: str) -> str:
    """Return 1001 of 1001@default."""
    return address.partition("@")[0]


def _find_caller_side(variables: ChannelVariables, direction: str) -> str:
    if variables.get("call_direction") in ("inbound", "outbound", "local"):  # FusionPBX's dial plan sets it
        return OUTSIDE if variables["call_direction"] == "inbound" else INSIDE
    if direction == "outbound":
        return UNKNOWN
    side = _find_phone_side(variables, "user_name", "sip_auth_username")
    return OUTSIDE if side == UNKNOWN and get_first_non_empty(variables, FIRST_CONTEXT, "context") == "public" else side


def _find_callee_side(variables: ChannelVariables, direction: str) -> str:
    if direction == "outbound":
        return _find_phone_side(variables, "dialed_user", "dialed_extension")
    if variables.get("call_direction") == "outbound" or _is_bridged_outside(variables):
        return OUTSIDE
    is_service = variables.get("cc_queue") or variables.get("last_app") in _SERVICE_APPLICATIONS
    return INSIDE if is_service or _is_in_mailbox(variables) else UNKNOWN


def _is_in_mailbox(variables: ChannelVariables) -> bool:
    """Return whether a mailbox answered the channel last: FreeSWITCH's application, or FusionPBX's in Lua."""
    application, argument = variables.get("last_app", ""), variables.get("last_arg", "")
    if application == "lua":
        return "voicemail" in argument.split() or argument.startswith("voicemail.lua")
    return application == "voicemail" or (application == "bridge" and argument.startswith("loopback/app=voicemail"))


def _find_phone_side(variables: ChannelVariables, *user_variables: str) -> str:
    """Return the side of the phone or trunk to which the channel leads."""
    if get_first_non_empty(variables, *_GATEWAY_VARIABLES):
        return OUTSIDE
    if get_first_non_empty(variables, *user_variables):
        return INSIDE
    return find_channel_side(variables.get("sofia_profile_name", "") or variables.get("channel_name", ""))


def find_channel_side(name: str) -> str:
    """Return OUTSIDE for a SIP profile or channel that is not of an internal profile, else UNKNOWN."""
    if name.startswith("sofia/gateway/"):
        return OUTSIDE
    channel = _CHANNEL_PROFILE.match(name)
    profile = channel[1] if channel else name
    is_known = profile and "/" not in profile
    return OUTSIDE if is_known and not profile.startswith("internal") else UNKNOWN


def _is_bridged_outside(variables: ChannelVariables) -> bool:
    if find_channel_side(variables.get("bridge_channel", "")) == OUTSIDE:
        return True
    return variables.get("last_app") == "bridge" and "sofia/gateway/" in variables.get("last_arg", "")


def _find_callee_agent(
    variables: ChannelVariables, agents: re.Pattern[str], direction: str, side: str, *, is_b_leg: bool
) -> str:
    """Return the extension that answered, otherwise the called one.

    An a-leg names the extension that answered in originated_legs and last_sent_callee_id_number, because its b-legs may
    not be logged.
    """
    if side == OUTSIDE:
        return ""
    if direction == "outbound":
        # dialed_user of a phone that has asked a colleague back is the colleague's; the destination_number of a phone that a
        # program called first is the one that it was connected to then.
        names = ("destination_number", *_CALLEE_VARIABLES) if is_b_leg else _CALLEE_VARIABLES
        return _find_agent(variables, names, agents)
    is_service = side == INSIDE
    number = _find_answering_number(variables, is_service)
    if agents.fullmatch(number):
        return number
    return "" if is_service else _find_agent(variables, _CALLEE_VARIABLES, agents)


def _find_answering_number(variables: ChannelVariables, is_service: bool) -> str:
    """Return the number that answered according to an a-leg, otherwise ""."""
    if variables.get("last_app") in _JOINING_APPLICATIONS:
        return ""
    if is_service and not get_first_non_empty(variables, *_BRIDGE_VARIABLES):
        return ""
    return _find_originated_number(variables) or strip_domain(variables.get("last_sent_callee_id_number", ""))


def _find_originated_number(variables: ChannelVariables) -> str:
    """Return the number of the leg in originated_legs to which the channel was bridged last, otherwise ""."""
    peer = get_first_non_empty(variables, "bridge_uuid", "last_bridge_to", "cc_agent_uuid").lower()
    text = variables.get("originated_legs", "")[:_MAX_LEGS_LENGTH]
    for leg in _LEG_SEPARATOR.split(text) if peer else ():
        uuid, _, rest = leg.strip().partition(";")
        if uuid.lower() == peer:
            return strip_domain(rest.rpartition(";")[2])
    return ""


def _find_agent(variables: ChannelVariables, names: tuple[str, ...], agents: re.Pattern[str]) -> str:
    numbers = (strip_domain(variables.get(name, "")) for name in names)
    return next((number for number in numbers if agents.fullmatch(number)), "")
