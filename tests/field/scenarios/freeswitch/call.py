"""One call on a simulated FreeSWITCH: events become channels, as mod_sofia, mod_dptools and mod_callcenter make them."""

from typing import Final

from tests.field.scenarios.events import (
    CallScript,
    Connect,
    HangUp,
    LeaveQueue,
    Party,
    Reach,
    Ring,
    Stop,
    StopRinging,
    Target,
)
from tests.field.scenarios.freeswitch.channels import (
    NORMAL_CLEARING,
    FsChannel,
    Profile,
    bridge,
    draw_uuid,
    transfer,
    uuid_bridge,
)
from tests.field.scenarios.freeswitch.dialled import FreeSwitchChannels, FreeSwitchManner
from tests.field.scenarios.world import World

CAUSES: Final = {
    Stop.NO_ANSWER: "NO_ANSWER",
    Stop.BUSY: "USER_BUSY",
    Stop.REJECTED: "CALL_REJECTED",
    Stop.CALLER_GAVE_UP: "ORIGINATOR_CANCEL",
    Stop.ANSWERED_ELSEWHERE: "LOSE_RACE",
    Stop.PICKED_UP: "PICKED_OFF",
    Stop.NOT_FOUND: "UNALLOCATED_NUMBER",
    Stop.NO_CIRCUIT: "NORMAL_CIRCUIT_CONGESTION",
    Stop.UNREGISTERED: "USER_NOT_REGISTERED",
}
_APPLICATIONS = {
    Target.PHONE: "bridge",
    Target.OUTSIDE: "bridge",
    Target.GROUP: "bridge",
    Target.QUEUE: "callcenter",
    Target.MENU: "ivr",
    Target.CONFERENCE: "conference",
}


class FreeSwitchCall(FreeSwitchChannels):
    """The steps that every call may have."""

    def __init__(self, world: World, manner: FreeSwitchManner, script: CallScript) -> None:
        super().__init__(world, manner, script)
        self.ringing: dict[str, FsChannel] = {}
        self.talk: FsChannel | None = None
        self.queue = self.member_uuid = ""
        self.first_target: Target | None = None  # what the dial plan led the caller to first
        self.last_cause = NORMAL_CLEARING  # why the last phone stopped ringing

    def reach(self, event: Reach) -> None:
        channel, at = self.channel, event.at
        self.first_target = self.first_target or event.target
        self._set_direction(event)
        if event.target is Target.VOICEMAIL:
            self.reach_voicemail(event)
            return
        is_elsewhere = channel.profile.destination != event.name or channel.profile.context == "public"
        if is_elsewhere and (event.target is not Target.OUTSIDE or self.script.is_originated):
            transfer(channel, event.name, self.context, at)
        if event.target is Target.QUEUE:
            self._enter_queue(event)
            return
        if event.target in (Target.MENU, Target.CONFERENCE):
            channel.answer(at)
        data = event.name
        if event.target in (Target.PHONE, Target.OUTSIDE):
            data = f"sofia/gateway/{self.world.plan.trunk}/{event.name}"
            data = f"user/{event.name}@{self.domain}" if event.target is Target.PHONE else data
        if event.target is Target.GROUP and self.manner.is_fusionpbx:
            channel.execute("lua", "app.lua ring_groups", at)
        else:
            channel.execute(_APPLICATIONS[event.target], data, at)

    def reach_voicemail(self, event: Reach) -> None:
        """FusionPBX transfers to *99; the sample dial plan bridges to a mailbox behind a loopback channel."""
        channel, at, box = self.channel, event.at, event.name
        if self.manner.is_fusionpbx:
            transfer(channel, f"*99{box}", self.context, at)
            channel.answer(at)
            channel.execute("lua", "app.lua voicemail", at)
            return
        channel.answer(at)
        data = f"app=voicemail:default {self.domain} {box}"
        channel.execute("bridge", f"loopback/{data}", at)
        first = self.call_phone(channel, Party(number=data), at)
        first.name = first.variables["channel_name"] = first.profile.channel_name = f"loopback/{data}-a"
        del first.variables["sip_gateway_name"], first.variables["sofia_profile_name"]
        second = self.open_channel("inbound", f"loopback/{data}-b", at, Profile(destination=data, context=self.context))
        second.profile.caller_number = channel.profile.caller_number
        second.variables |= {"other_loopback_leg_uuid": first.uuid}
        first.variables |= {"other_loopback_leg_uuid": second.uuid}
        second.answer(at)
        second.execute("voicemail", f"default {self.domain} {box}", at)
        first.answer(at)
        bridge(channel, first, at)

    def ring(self, event: Ring, phones: list[Party]) -> None:
        """A phone begins to ring, with all `phones` of the same instant."""
        phone = event.phone
        if phone.number == self.script.caller.number:  # a program calls the caller's own phone
            return
        if self.queue and self.talk is None:
            self.ringing[phone.number] = self._call_agent(phone, event.at)
            return
        channel = self.channel
        if phones[0] == phone:
            channel.arrays.pop("originated_legs", None)
        self.ringing[phone.number] = self.call_phone(channel, phone, event.at)

    def stop(self, event: StopRinging) -> None:
        """A phone stops ringing."""
        callee = self.ringing.pop(event.phone.number)
        cause = CAUSES[event.reason]
        if event.reason is Stop.UNREGISTERED:  # no channel was created at all
            self.channels.remove(callee)
            self.channel.arrays.pop("originated_legs", None)
            self.channel.profile.originatees.clear()
        callee.hang_up(event.at, cause, "send_refuse" if event.reason in (Stop.BUSY, Stop.REJECTED) else "send_cancel")
        if not self.queue:
            self.channel.arrays.setdefault("originate_causes", []).append(f"{callee.uuid};{cause}")
            self.channel.variables["originate_disposition"] = cause
            self.last_cause = cause

    def connect(self, event: Connect) -> None:
        """A ringing phone answers."""
        if event.phone.number == self.script.caller.number:
            self.channel.answer(event.at)
            return
        callee = self.ringing.pop(event.phone.number)
        callee.answer(event.at)
        if self.queue and self.talk is None:
            self._bridge_agent(callee, event)
        else:
            self.channel.answer(event.at)
            bridge(self.channel, callee, event.at)
        self.talk = callee

    def leave_queue(self, event: LeaveQueue) -> None:
        reason = "TIMEOUT" if event.is_timeout else "NO_AGENT_TIMEOUT"
        self._cancel_queue(event.at, reason)

    def hang_up(self, event: HangUp) -> None:
        """The call ends."""
        at, channel = event.at, self.channel
        if self.queue and self.talk is None:
            self._cancel_queue(at, "BREAK_OUT")
        is_outbound = self.script.caller.is_agent and self.first_target is Target.OUTSIDE
        is_by_caller = event.by_agent is not None and event.by_agent == is_outbound
        if self.talk:
            self.talk.hang_up(at, NORMAL_CLEARING, "send_bye" if is_by_caller else "recv_bye")
            if "cc_agent" in channel.variables and "cc_queue_terminated_epoch" not in channel.variables:
                channel.variables["cc_queue_terminated_epoch"] = str(at // 1000)
        cause = NORMAL_CLEARING if channel.answered else self.last_cause
        channel.hang_up(
            at, cause, "recv_bye" if is_by_caller or (not self.talk and event.by_agent is not None) else "send_bye"
        )
        for other in self.channels:
            other.hang_up(at, NORMAL_CLEARING, "send_bye")

    def _set_direction(self, event: Reach) -> None:
        if not self.manner.is_fusionpbx or not self.script.caller.is_agent:
            return
        self.channel.variables["call_direction"] = "outbound" if event.target is Target.OUTSIDE else "local"

    # The queue: mod_callcenter.

    def _enter_queue(self, event: Reach) -> None:
        channel = self.channel
        channel.answer(event.at)
        self.queue, self.talk = event.name, None
        queue = f"{event.name}@{self.domain}"
        channel.execute("callcenter", queue, event.at)
        self.member_uuid = draw_uuid(self.world.random)
        channel.variables |= {
            "cc_side": "member",
            "cc_member_uuid": self.member_uuid,
            "cc_queue": queue,
            "cc_queue_joined_epoch": str(event.at // 1000),
        }

    def name_agent(self, phone: Party) -> str:
        """Return the agent as mod_callcenter knows it."""
        if not self.manner.is_fusionpbx:
            return f"{phone.number}@{self.domain}"
        return f"0c0ffee0-1111-4222-8333-{int(phone.number):012d}"

    def _call_agent(self, phone: Party, at: int) -> FsChannel:
        callee = self.call_phone(self.channel, phone, at, has_session=False)
        callee.variables |= {
            "cc_queue": f"{self.queue}@{self.domain}",
            "cc_member_uuid": self.member_uuid,
            "cc_side": "agent",
            "cc_member_session_uuid": self.channel.uuid,
            "cc_agent": self.name_agent(phone),
            "cc_agent_type": "callback",
        }
        return callee

    def _bridge_agent(self, callee: FsChannel, event: Connect) -> None:
        channel = self.channel
        channel.variables |= {
            "cc_agent": self.name_agent(event.phone),
            "cc_queue_answered_epoch": str(event.at // 1000),
            "cc_agent_uuid": callee.uuid,
            "cc_cause": "answered",
            "cc_agent_bridged": "true",
        }
        channel.variables.pop("cc_queue_terminated_epoch", None)
        uuid_bridge(channel, callee, event.at)
        channel.profile.callee_number = event.phone.number

    def _cancel_queue(self, at: int, reason: str) -> None:
        self.queue = ""
        self.channel.variables |= {
            "cc_queue_canceled_epoch": str(at // 1000),
            "cc_cause": "cancel",
            "cc_cancel_reason": reason,
        }
