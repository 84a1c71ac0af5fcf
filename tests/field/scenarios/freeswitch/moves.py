"""A call on a simulated FreeSWITCH that goes from one phone to another."""

from collections.abc import Callable
from typing import Any

from tests.field.scenarios.events import (
    BlindTransfer,
    Connect,
    Consult,
    ConsultAnswer,
    HandOver,
    HangUp,
    Join,
    LeaveQueue,
    Park,
    PickUp,
    Reach,
    Retrieve,
    Ring,
    StopRinging,
)
from tests.field.scenarios.freeswitch.call import FreeSwitchCall
from tests.field.scenarios.freeswitch.channels import NORMAL_CLEARING, FsChannel, bridge, transfer, uuid_bridge

_PHONE_MILLISECONDS = 300  # from a phone's own call until the switch acts on it


class MovingFreeSwitchCall(FreeSwitchCall):
    """A call with transfers, pick-ups, parking and conferences."""

    consultation: FsChannel | None = None  # the agent's second line
    colleague: FsChannel | None = None

    def play(self) -> None:
        """Make all channels of the call."""
        handlers: dict[type, Callable[[Any], None]] = {
            Reach: self.reach,
            StopRinging: self.stop,
            Connect: self.connect,
            LeaveQueue: self.leave_queue,
            BlindTransfer: self.transfer_blind,
            PickUp: self.pick_up,
            Consult: self.consult,
            ConsultAnswer: self.answer_consultation,
            HandOver: self.hand_over,
            Park: self.park,
            Retrieve: self.retrieve,
            Join: self.join,
            HangUp: self.hang_up,
        }
        events = self.script.events
        for event in events:
            if isinstance(event, Ring):
                self.ring(event, [one.phone for one in events if isinstance(one, Ring) and one.at == event.at])
            else:
                handlers[type(event)](event)

    def transfer_blind(self, event: BlindTransfer) -> None:
        """The agent's phone refers the caller to another number."""
        self._leave_agent(event.at, "BLIND_TRANSFER")
        transfer(self.channel, event.number, self.context, event.at)
        is_inside = any(one.number == event.number for one in self.world.agents)
        if event.number not in self.world.queues:
            trunk = f"sofia/gateway/{self.world.plan.trunk}/{event.number}"
            data = f"user/{event.number}@{self.domain}" if is_inside else trunk
            self.channel.execute("bridge", data, event.at)

    def pick_up(self, event: PickUp) -> None:
        """A colleague's phone dials the code for pick-ups, and takes the caller's channel."""
        ringing = self.ringing.pop(event.ringing.number)
        picker = self.open_phone(event.phone, f"**{event.ringing.number}", event.at - _PHONE_MILLISECONDS)
        picker.execute("intercept", self.channel.uuid, event.at - _PHONE_MILLISECONDS)
        self._set_local(picker)
        picker.answer(event.at)
        self.channel.answer(event.at)
        if self.queue:
            self._cancel_queue(event.at, "BREAK_OUT")
        uuid_bridge(picker, self.channel, event.at)
        ringing.hang_up(
            event.at, "ORIGINATOR_CANCEL" if "cc_side" in ringing.variables else "PICKED_OFF", "send_cancel"
        )
        self.talk = picker

    def consult(self, event: Consult) -> None:
        if event.by_feature_code:
            assert self.talk
            self.talk.execute("att_xfer", f"user/{event.colleague.number}@{self.domain}", event.at)
            self.colleague = self.call_phone(self.talk, event.colleague, event.at)
            return
        self.consultation = self.open_phone(event.agent, event.colleague.number, event.at)
        self._set_local(self.consultation)
        self.consultation.execute("bridge", f"user/{event.colleague.number}@{self.domain}", event.at)
        self.colleague = self.call_phone(self.consultation, event.colleague, event.at)

    def answer_consultation(self, event: ConsultAnswer) -> None:
        assert self.colleague
        self.colleague.answer(event.at)
        caller = self.consultation or self.talk
        assert caller
        caller.answer(event.at)
        bridge(caller, self.colleague, event.at)

    def hand_over(self, event: HandOver) -> None:
        assert self.colleague
        self._leave_agent(event.at, NORMAL_CLEARING)
        uuid_bridge(self.colleague, self.channel, event.at)
        if self.consultation:
            self.consultation.hang_up(event.at, "ATTENDED_TRANSFER", "send_bye")
        self.talk = self.colleague

    def park(self, event: Park) -> None:
        self._leave_agent(event.at, "BLIND_TRANSFER")
        transfer(self.channel, event.slot, self.context, event.at)
        self.channel.execute("valet_park", f"park@{self.domain} {event.slot}", event.at)

    def retrieve(self, event: Retrieve) -> None:
        """A phone dials the slot."""
        phone = self.open_phone(event.phone, event.slot, event.at - _PHONE_MILLISECONDS)
        self._set_local(phone)
        phone.execute("valet_park", f"park@{self.domain} {event.slot}", event.at)
        phone.answer(event.at)
        uuid_bridge(phone, self.channel, event.at)
        self.talk = phone

    def join(self, event: Join) -> None:
        """A phone dials into the conference."""
        channel = self.open_phone(event.phone, self.channel.profile.destination, event.at - _PHONE_MILLISECONDS)
        self._set_local(channel)
        channel.execute("conference", f"{self.channel.profile.destination}@{self.domain}", event.at)
        channel.answer(event.at)

    def _leave_agent(self, at: int, cause: str) -> None:
        assert self.talk
        self.talk.hang_up(at, cause, "recv_bye" if cause == NORMAL_CLEARING else "recv_refer")
        self.talk = None
        if self.queue:
            self.queue = ""
            self.channel.variables["cc_queue_terminated_epoch"] = str(at // 1000)

    def _set_local(self, channel: FsChannel) -> None:
        if self.manner.is_fusionpbx:
            channel.variables["call_direction"] = "local"
