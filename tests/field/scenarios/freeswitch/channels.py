"""Channels of a simulated FreeSWITCH, their caller profiles, and what the core does with them.

Learned from FreeSWITCH's source: a transfer and a uuid_bridge give a channel a new caller profile and end the one before; a channel
that is bridged to an originator swaps caller and callee; a channel whose latest profile has an originator is a b-leg.
"""

from copy import copy
from dataclasses import dataclass, field
from random import Random
from typing import Final
from uuid import UUID

NORMAL_CLEARING: Final = "NORMAL_CLEARING"
_Q850 = {
    "NORMAL_CLEARING": 16,
    "USER_BUSY": 17,
    "NO_USER_RESPONSE": 18,
    "NO_ANSWER": 19,
    "CALL_REJECTED": 21,
    "UNALLOCATED_NUMBER": 1,
    "NORMAL_CIRCUIT_CONGESTION": 34,
    "SUBSCRIBER_ABSENT": 20,
}


@dataclass(slots=True, kw_only=True)
class Profile:
    """One caller profile. Instants in milliseconds; 0: never."""

    caller_name: str = ""
    caller_number: str = ""
    callee_name: str = ""
    callee_number: str = ""
    ani: str = ""
    username: str = ""
    destination: str
    context: str
    uuid: str = ""
    channel_name: str = ""
    created: int = 0
    answered: int = 0
    bridged: int = 0
    transferred: int = 0
    hung_up: int = 0
    originator: "Profile | None" = None
    originatees: list["Profile"] = field(default_factory=list)  # the latest first


@dataclass(eq=False, slots=True, kw_only=True)
class FsChannel:
    """One channel. Its variables are those of the CDR, without the times."""

    uuid: str
    direction: str  # "inbound": a phone or a trunk called; "outbound": the switch did
    name: str
    created: int
    answered: int = 0
    ended: int = 0
    variables: dict[str, str] = field(default_factory=dict)
    arrays: dict[str, list[str]] = field(default_factory=dict)  # variables with several values
    applications: list[tuple[str, str, int]] = field(default_factory=list)
    profiles: list[Profile] = field(default_factory=list)  # the earliest first
    is_in_dialplan: bool = False
    is_b_leg_display: bool = False  # caller and callee are swapped for display

    @property
    def profile(self) -> Profile:
        """The latest profile."""
        return self.profiles[-1]

    @property
    def is_b_leg(self) -> bool:
        """Whether `log-b-leg` must be on for the channel to be logged."""
        return self.profile.originator is not None

    def add_profile(self, profile: Profile, at: int) -> None:
        """Give the channel a new profile; the one before ends."""
        profile.uuid, profile.channel_name, profile.created, profile.answered = self.uuid, self.name, at, self.answered
        profile.bridged = profile.transferred = 0
        if self.profiles:
            self.profile.transferred = at
        self.profiles.append(profile)

    def execute(self, application: str, data: str, at: int) -> None:
        """Run an application of the dial plan."""
        self.applications.append((application, data, at))
        self.variables |= {"last_app": application, "last_arg": data}

    def answer(self, at: int) -> None:
        if not self.answered:
            self.answered = self.profile.answered = at

    def hang_up(self, at: int, cause: str, disposition: str = "") -> None:
        if self.ended:
            return
        self.ended = self.profile.hung_up = at
        self.variables["hangup_cause"] = cause
        self.variables["hangup_cause_q850"] = str(_Q850.get(cause, 16))
        if disposition:
            self.variables["sip_hangup_disposition"] = disposition


def draw_uuid(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=4))


def transfer(channel: FsChannel, destination: str, context: str, at: int) -> None:
    """Send a channel to another destination of the dial plan."""
    profile = copy(channel.profile)
    profile.destination, profile.context = destination, context
    profile.originator, profile.originatees = None, []
    channel.add_profile(profile, at)
    _note_transfer(channel, f"bl_xfer:{destination}/{context}/XML", at)


def set_originatee(caller: FsChannel, callee: FsChannel) -> None:
    """Note at the caller which channel it called, or is bridged to."""
    caller.profile.originatees.insert(0, _clone(callee.profile))
    caller.profile.callee_number = callee.profile.destination
    caller.profile.callee_name = "Outbound Call"


def bridge(caller: FsChannel, callee: FsChannel, at: int) -> None:
    """Bridge a caller to the channel that it has called."""
    set_originatee(caller, callee)
    _set_bridge_variables(caller, callee)
    caller.profile.bridged = callee.profile.bridged = at
    caller.variables["last_sent_callee_id_number"] = callee.profile.destination
    caller.variables["last_bridge_role"], callee.variables["last_bridge_role"] = "originator", "originatee"


def uuid_bridge(originator: FsChannel, originatee: FsChannel, at: int) -> None:
    """Bridge two channels of their own: the queue's, a pick-up's, and those of a transfer."""
    if originator.direction == "outbound" and not originator.is_in_dialplan:
        _flip(originator)
        originator.is_in_dialplan = True
    if originator.is_b_leg_display if originator.direction == "inbound" else not originator.is_in_dialplan:
        _invert(originator)
    is_inbound = originatee.direction == "inbound"
    if not originatee.is_b_leg_display if is_inbound else originatee.is_in_dialplan:
        _invert(originatee)
        originatee.is_b_leg_display = is_inbound
    for channel in (originatee, originator):
        profile = copy(channel.profile)
        profile.originator, profile.originatees = None, []
        channel.add_profile(profile, at)
    first, second = originator.profile, originatee.profile
    second.originator = _clone(first)
    first.originatees = [_clone(second)]
    first.callee_name, first.callee_number = second.callee_name, second.callee_number
    second.caller_name, second.caller_number = first.caller_name, first.caller_number
    first.bridged = second.bridged = at
    _set_bridge_variables(originator, originatee)
    _note_transfer(originator, f"uuid_br:{originatee.uuid}", at)
    _note_transfer(originatee, f"uuid_br:{originator.uuid}", at)


def _clone(profile: Profile) -> Profile:
    clone = copy(profile)
    clone.originator, clone.originatees = None, []
    return clone


def _set_bridge_variables(first: FsChannel, second: FsChannel) -> None:
    for channel, other in ((first, second), (second, first)):
        channel.variables |= {
            "bridge_uuid": other.uuid,
            "last_bridge_to": other.uuid,
            "bridge_channel": other.name,
            "signal_bond": other.uuid,
        }


def _note_transfer(channel: FsChannel, text: str, at: int) -> None:
    source = f"{at // 1000}:{channel.uuid}:{text}"
    channel.arrays.setdefault("transfer_history", []).append(source)
    channel.variables["transfer_source"] = source


def _flip(channel: FsChannel) -> None:
    profile = channel.profile
    channel.variables["pre_transfer_caller_id_number"] = profile.caller_number
    profile.caller_name, profile.caller_number = profile.callee_name, profile.callee_number
    profile.callee_name = profile.callee_number = ""


def _invert(channel: FsChannel) -> None:
    profile = channel.profile
    profile.caller_name, profile.callee_name = profile.callee_name or "Unknown", profile.caller_name
    profile.caller_number, profile.callee_number = profile.callee_number or "Unknown", profile.caller_number
