"""A call on a simulated Asterisk that goes from one phone to another, and calls that a program places."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.field.scenarios.asterisk.call import OUTBOUND_CONTEXT, AsteriskCall, Attempt
from tests.field.scenarios.asterisk.log import AsteriskManner, CdrLine, Channel, SwitchLog
from tests.field.scenarios.events import (
    AnyEvent,
    BlindTransfer,
    CallScript,
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
    Target,
)
from tests.field.scenarios.world import World

_CHANNEL_MILLISECONDS = 300  # from a phone's own call until the switch acts on it


class MovingAsteriskCall(AsteriskCall):
    """A call with transfers, pick-ups, parking, conferences and forwarding."""

    def __init__(self, world: World, manner: AsteriskManner, log: SwitchLog, script: CallScript) -> None:
        super().__init__(world, manner, log, script)
        self.consultation: CdrLine | None = None
        self.held: CdrLine | None = None  # the caller's, while the agent consults by a feature code
        self.own: CdrLine | None = None  # the agent's, then
        self.queue_line: Attempt | None = None  # of a queue that does not see that the call has left its agent
        self.first_queue, self.first_entered = "", 0  # that queue
        self.parked: CdrLine | None = None
        self.members: list[tuple[int, Channel]] = []  # of the conference

    def play(self) -> None:
        """Log the whole call."""
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
        events: list[AnyEvent] = self.script.events
        for event in events:
            if isinstance(event, Ring):
                self.ring(event, [one.phone for one in events if isinstance(one, Ring) and one.at == event.at])
            else:
                handlers[type(event)](event)

    def transfer_blind(self, event: BlindTransfer) -> None:
        """The agent sends the caller on. Behind a Local channel, the queue does not notice it."""
        talk = self._leave_agent(event.at)
        self.app, self.line_begin = "Dial", event.at
        is_inside = event.number in self.world.queues or any(one.number == event.number for one in self.world.agents)
        if self.manner.hides_caller and not is_inside:
            self.src = self.world.main_number
        if talk.local_line is None and talk.is_of_queue:
            self.dst = talk.line.dst = event.number
            self.context = talk.line.context = "from-internal"
            self.talk = talk
            name = "TRANSFER" if self.manner.is_old else "BLINDTRANSFER"
            self.log_talk(event.at, name, event.number, "from-internal")
        self.talk = None

    def pick_up(self, event: PickUp) -> None:
        """A colleague's phone takes the place of the one that rings."""
        attempt = self.attempts.pop(event.ringing.number)
        picker = self.open_channel(self.manner.technology, event.phone.number, event.at - _CHANNEL_MILLISECONDS)
        attempt.connected = event.at
        self.answered.setdefault(self.mover, event.at)
        if attempt.is_of_queue:
            bridged = attempt.line.dst_channel or picker
            hold, ring = (event.at - self.entered) // 1000, (event.at - attempt.begin) // 1000
            self.log_queue(event.at, attempt.phone.number, "CONNECT", hold, bridged, ring)
        if attempt.local_line:
            self.mover = attempt.local_line.channel
            self.answered[self.mover] = event.at
            self.close_line(attempt.local_line, event.at, "ANSWERED")
            line = replace(attempt.local_line, dst_channel=picker, start=event.at)
            self.talk = replace(attempt, local_line=line)
            return
        self.close_line(attempt.line, event.at, "ANSWERED" if attempt.is_of_queue else "NO ANSWER")
        self.talk = replace(attempt, line=replace(attempt.line, dst_channel=picker, start=event.at))

    def consult(self, event: Consult) -> None:
        """The agent's second line calls a colleague. By a feature code, the agent's own channel does."""
        number = event.colleague.number
        if event.by_feature_code:
            self._consult_by_code(event)
            return
        own = self.open_channel(self.manner.technology, event.agent.number, event.at)
        phone = self.open_channel(self.manner.technology, number, event.at)
        self.consultation = CdrLine(
            channel=own,
            dst_channel=phone,
            src=event.agent.number,
            src_name=event.agent.name,
            dst=number,
            context="from-internal",
            app="Dial",
            data=f"{self.manner.technology}/{number},60,TtrI",
            start=event.at,
            linked=own,
        )

    def answer_consultation(self, event: ConsultAnswer) -> None:
        assert self.consultation
        self.answered[self.consultation.channel] = event.at

    def hand_over(self, event: HandOver) -> None:
        """The caller's channel is bridged to the colleague's phone; its application stays what it was."""
        assert self.consultation
        assert self.consultation.dst_channel
        self.close_line(self.consultation, event.at, "ANSWERED")
        self.consultation.channel.ended = event.at
        if self.talk:
            talk = self._leave_agent(event.at)
            if talk.is_of_queue and talk.local_line is None:
                self.talk = talk
                self.log_talk(event.at, "ATTENDEDTRANSFER", "BRIDGE", "0fe1ca5c-6b7e-4f7e-9a0e-000000000001")
            model = talk.local_line or talk.line
        else:
            model = self._end_consultation_by_code(event)
        line = replace(model, dst_channel=self.consultation.dst_channel, start=event.at)
        self.talk = Attempt(
            phone=event.colleague,
            phone_channel=self.consultation.dst_channel,
            begin=event.at,
            line=line,
            connected=event.at,
        )

    def park(self, event: Park) -> None:
        talk = self._leave_agent(event.at)
        self.parked = replace(talk.line, dst_channel=None, app="Park", data=f"default:{event.slot}", start=event.at)
        self.talk = talk

    def retrieve(self, event: Retrieve) -> None:
        """A phone dials the slot: its own line is short, and the caller's goes on."""
        assert self.talk
        assert self.parked
        self.close_line(self.parked, event.at, "ANSWERED")
        phone = self.open_channel(self.manner.technology, event.phone.number, event.at - _CHANNEL_MILLISECONDS)
        self.answered[phone] = phone.created
        own = replace(
            self.talk.line, channel=phone, dst_channel=None, src=event.phone.number, src_name=event.phone.name
        )
        own.dst, own.context, own.app, own.data = event.slot, "from-internal", "ParkedCall", f"default,{event.slot}"
        own.start, own.did, own.recording = phone.created, "", ""
        self.close_line(own, event.at, "ANSWERED")
        line = replace(self.talk.line, dst_channel=phone, start=event.at)
        self.talk = Attempt(phone=event.phone, phone_channel=phone, begin=event.at, line=line, connected=event.at)

    def join(self, event: Join) -> None:
        channel = self.open_channel(self.manner.technology, event.phone.number, event.at - _CHANNEL_MILLISECONDS)
        self.answered[channel] = event.at
        self.members.append((event.at, channel))

    def hang_up(self, event: HangUp) -> None:
        if self.members:
            self._end_conference(event)
        super().hang_up(event)
        if self.queue_line:
            self.close_line(self.queue_line.line, event.at, "ANSWERED")
            self.queue, self.queue_channel, self.talk = self.first_queue, self.channel, self.queue_line
            self.entered = self.first_entered
            self.log_talk(event.at, "COMPLETEAGENT" if event.by_agent else "COMPLETECALLER")

    def reach(self, event: Reach) -> None:
        place = self.dst, self.context
        super().reach(event)
        if self.mover is not self.channel or (
            event.target is Target.OUTSIDE and not self.script.caller.is_agent
        ):  # the half of a Local channel keeps what it was called by
            self.dst, self.context = place

    def ring(self, event: Ring, phones: list[Any]) -> None:
        if (
            event.phone.is_agent
            or self.script.caller.is_agent
            or self.app != "Dial"
            or self.line_begin != self.script.begin
        ):
            super().ring(event, phones)
            return
        self._ring_forwarded(event)

    def _leave_agent(self, at: int) -> Attempt:
        """End the talk with an agent; where the queue's line is to a Local channel, that line goes on."""
        assert self.talk
        talk, self.talk = self.talk, None
        if talk.local_line is None:
            self.close_line(talk.line, at, "ANSWERED")
            return talk
        self.close_line(talk.local_line, at, "ANSWERED")
        self.dst, self.context = talk.local_line.dst, talk.local_line.context
        if self.queue_line is None:
            self.queue_line, self.first_queue, self.first_entered = talk, self.queue, self.entered
        self.queue = ""
        return talk

    def _ring_forwarded(self, event: Ring) -> None:
        """A phone forwards the call outside, through a Local channel."""
        number = event.phone.number
        first = self.open_channel("Local", f"{number}@from-internal", event.at, half=1)
        second = self.open_channel("Local", f"{number}@from-internal", event.at, half=2)
        first.other_half, second.other_half = second, first
        trunk = self.open_channel(self.manner.technology, self.world.plan.trunk, event.at)
        self.data = f"Local/{number}@from-internal/n,60,Ttr"
        line = self.open_line(self.channel, first, self.take_begin(event.at))
        local_line = self.open_line(second, trunk, event.at)
        local_line.dst, local_line.context = number, OUTBOUND_CONTEXT
        local_line.src = self.world.main_number
        local_line.data = f"{self.manner.technology}/{number}@{self.world.plan.trunk},30,T"
        self.attempts[number] = Attempt(
            phone=event.phone, phone_channel=trunk, begin=event.at, line=line, local_line=local_line
        )

    def _consult_by_code(self, event: Consult) -> None:
        """The agent's channel dials a Local channel, and the caller's line is with that channel meanwhile."""
        assert self.talk
        number, agent = event.colleague.number, self.talk.phone_channel
        self.close_line(self.talk.line, event.at, "ANSWERED")
        first = self.open_channel("Local", f"{number}@from-internal", event.at, half=1)
        second = self.open_channel("Local", f"{number}@from-internal", event.at, half=2)
        first.other_half, second.other_half = second, first
        phone = self.open_channel(self.manner.technology, number, event.at)
        held = replace(self.talk.line, dst_channel=first, start=event.at)
        own = replace(held, channel=agent, src=event.agent.number, src_name=event.agent.name, did="", recording="")
        own.dst, own.context, own.app, own.data = "", "from-internal", "AppDial", "(Outgoing Line)"
        self.answered[agent] = event.at
        asked = replace(held, channel=second, dst_channel=phone, dst=number, context="from-internal")
        asked.did, asked.recording, asked.data = "", "", f"{self.manner.technology}/{number},60,TtrI"
        self.held, self.own, self.consultation = held, own, asked
        self.talk = None

    def _end_consultation_by_code(self, event: HandOver) -> CdrLine:
        """End the lines of a consultation by feature code. Return the caller's line, which goes on."""
        assert self.consultation
        assert self.held
        assert self.own
        first, phone = self.held.dst_channel, self.consultation.dst_channel
        assert first
        assert phone
        self.close_line(self.own, event.at, "ANSWERED")
        self.close_line(self.held, event.at, "ANSWERED")
        self.answered[first] = self.answered[phone] = event.at
        rest = replace(self.consultation, channel=first, dst_channel=None, src="", src_name="", app="", data="")
        rest.start = event.at
        self.close_line(rest, event.at, "ANSWERED")
        own = replace(rest, channel=phone, src=event.colleague.number, dst="", app="AppDial", data="(Outgoing Line)")
        self.close_line(own, self.script.end, "ANSWERED")
        first.ended = event.at
        return self.held

    def _end_conference(self, event: HangUp) -> None:
        """Log a line for each pair of members, and one for the last member alone."""
        others = list(self.members)
        for index, (joined, channel) in enumerate(others):
            line = self.open_line(self.channel, channel, self.take_begin(joined))
            self.close_line(line, event.at, "ANSWERED")
            later: list[tuple[int, Channel | None]] = [*others[index + 1 :]]
            for second_joined, second in later or [(joined, None)]:
                number = channel.endpoint
                pair = replace(line, channel=channel, dst_channel=second, src=number, src_name="", linked=channel)
                pair.context, pair.did, pair.start = "from-internal", "", joined if second else second_joined
                self.close_line(pair, event.at if second else joined, "ANSWERED")
        self.app = "ConfBridge"
