"""One call on a simulated Asterisk: events become channels, CDR lines and queue events, as the real switch writes them.

Learned from the files that an Asterisk 20 left of scripted calls: an unanswered attempt has the caller's answer time; the half
`;2` of a Local channel has lines of its own; all lines of a channel are written when it ends.
"""

from dataclasses import dataclass
from typing import Final

from tests.field.scenarios.asterisk.log import AsteriskManner, CdrLine, Channel, QueueLogLine, SwitchLog
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
from tests.field.scenarios.world import World

OUTBOUND_CONTEXT: Final = "from-internal-out"
_DISPOSITIONS = {
    Stop.BUSY: "BUSY",
    Stop.REJECTED: "BUSY",
    Stop.NO_CIRCUIT: "FAILED",
}
_PLACES = {  # of each target: context and last application
    Target.PHONE: ("from-did-direct", "Dial"),
    Target.OUTSIDE: (OUTBOUND_CONTEXT, "Dial"),
    Target.QUEUE: ("ext-queues", "Queue"),
    Target.GROUP: ("ext-group", "Dial"),
    Target.MENU: ("ivr-7", "WaitExten"),
    Target.VOICEMAIL: ("ext-local", "VoiceMail"),
    Target.CONFERENCE: ("ext-meetme", "ConfBridge"),
}
_ANSWERING = (Target.MENU, Target.VOICEMAIL, Target.CONFERENCE)


@dataclass(slots=True, kw_only=True)
class Attempt:
    """A phone that rings, and the line of the channel that dialled it."""

    phone: Party
    phone_channel: Channel
    begin: int
    line: CdrLine
    local_line: CdrLine | None = None  # of the half ;2, which dials the phone
    is_of_queue: bool = False
    connected: int = 0


class AsteriskCall:
    """The state of one call. `channel` is the caller's; `mover` the one that is bridged to an agent's phone."""

    def __init__(self, world: World, manner: AsteriskManner, log: SwitchLog, script: CallScript) -> None:
        self.world, self.manner, self.log, self.script = world, manner, log, script
        self.channels: list[Channel] = []
        caller = script.caller
        endpoint = caller.number if caller.is_agent else world.plan.trunk
        self.channel = self.mover = self.open_channel(manner.technology, endpoint, script.begin)
        self.src, self.src_name = caller.number, caller.name
        self.did = "" if caller.is_agent else script.dialled
        self.dst, self.context, self.app, self.data = script.dialled, "from-internal", "Hangup", ""
        self.answered: dict[Channel, int] = {}  # since when channels are answered
        self.line_begin: int | None = script.begin  # of the next line; None: when its phone begins to ring
        self.queue, self.queue_channel, self.entered = "", self.channel, 0
        self.attempts: dict[str, Attempt] = {}  # that ring
        self.talk: Attempt | None = None
        self.recording = ""

    # Channels and lines.

    def open_channel(self, technology: str, endpoint: str, at: int, half: int = 0) -> Channel:
        channel = Channel(technology=technology, endpoint=endpoint, created=at, half=half)
        self.log.channels.append(channel)
        self.channels.append(channel)
        return channel

    def open_line(self, channel: Channel, dst_channel: Channel | None, start: int) -> CdrLine:
        return CdrLine(
            channel=channel,
            dst_channel=dst_channel,
            src=self.src,
            src_name=self.src_name,
            dst=self.dst,
            context=self.context,
            app=self.app,
            data=self.data,
            start=start,
            linked=self.channel,
            did=self.did if channel is self.channel else "",
            recording=self.recording if channel is self.channel else "",
        )

    def close_line(self, line: CdrLine, end: int, disposition: str, *, answer: int | None = None) -> None:
        """End a line. Its answer is the given one, else that of the caller's channel."""
        known = self.answered.get(line.channel) if answer is None else answer
        line.end, line.disposition = end, disposition
        line.answer = None if known is None or known > end else max(known, line.start)
        self.log.lines.append(line)

    def take_begin(self, at: int) -> int:
        """Return when the next line of the caller's channel begins."""
        begin, self.line_begin = self.line_begin, None
        return at if begin is None else begin

    def log_queue(self, at: int, member: str, event: str, *arguments: Channel | str | int) -> None:
        self.log.queue_lines.append(
            QueueLogLine(
                at=at, channel=self.queue_channel, queue=self.queue, member=member, event=event, arguments=arguments
            )
        )

    # Steps that every call may have.

    def reach(self, event: Reach) -> None:
        self.context, self.app = _PLACES[event.target]
        if self.script.caller.is_agent and event.target is Target.PHONE:
            self.context = "from-internal"
        self.dst = "s" if event.target is Target.MENU else event.name
        self.data = {Target.VOICEMAIL: f"{event.name}@default,u"}.get(event.target, event.name)
        is_answering = event.target in _ANSWERING
        if is_answering and self.line_begin is None:
            self.line_begin = event.at
        if event.target is Target.QUEUE:
            self._enter_queue(event)
            is_answering = self.manner.answers_before_queue
        if event.target is Target.OUTSIDE and self.script.caller.is_agent and self.manner.hides_caller:
            self.src = self.world.main_number
        if is_answering:
            self.answered.setdefault(self.channel, event.at)
        if not self.recording and self.script.is_recorded:
            self.recording = self._name_recording(event)

    def ring(self, event: Ring, phones: list[Party]) -> None:
        """A phone begins to ring, with all `phones` of the same instant."""
        technology, phone = self.manner.technology, event.phone
        is_of_queue = self.app == "Queue"
        if is_of_queue:
            self.data = f"{self.queue},tR,,,60"
        elif phone.is_agent:
            self.data = "&".join(f"{technology}/{one.number}" for one in phones) + ",60,TtrI"
        else:
            self.data = f"{technology}/{phone.number}@{self.world.plan.trunk},30,T"
        if is_of_queue and self.manner.has_local_members:
            self._ring_local(event)
            return
        phone_channel = self.open_channel(
            technology, phone.number if phone.is_agent else self.world.plan.trunk, event.at
        )
        line = self.open_line(self.mover, phone_channel, self.take_begin(event.at))
        self._add_attempt(
            Attempt(phone=phone, phone_channel=phone_channel, begin=event.at, line=line, is_of_queue=is_of_queue)
        )

    def stop(self, event: StopRinging) -> None:
        """A phone stops ringing."""
        attempt = self.attempts.pop(event.phone.number)
        disposition = self.find_disposition(event.reason)
        attempt.phone_channel.ended = event.at
        is_behind_local = attempt.local_line is not None
        if attempt.local_line:
            attempt.local_line.channel.ended = event.at
            self.close_line(attempt.local_line, event.at, disposition)
        if event.reason is Stop.UNREGISTERED:
            attempt.line.dst_channel, disposition = None, "NO ANSWER"
        self.close_line(attempt.line, event.at, "NO ANSWER" if is_behind_local else disposition)
        if attempt.is_of_queue:
            self._log_unanswered(event, attempt)

    def connect(self, event: Connect) -> None:
        """A ringing phone answers."""
        attempt = self.attempts.pop(event.phone.number)
        attempt.connected = event.at
        self.answered.setdefault(self.mover, event.at)
        self.talk = attempt
        if attempt.local_line:
            self.mover = attempt.local_line.channel
            self.answered[self.mover] = event.at
        if attempt.is_of_queue:
            bridged = attempt.line.dst_channel or attempt.phone_channel
            hold, ring = (event.at - self.entered) // 1000, (event.at - attempt.begin) // 1000
            self.log_queue(event.at, attempt.phone.number, "CONNECT", hold, bridged, ring)

    def leave_queue(self, event: LeaveQueue) -> None:
        """The caller leaves the queue unanswered, and the dial plan goes on."""
        outcome = "EXITWITHTIMEOUT" if event.is_timeout else "EXITEMPTY"
        self.log_queue(event.at, "", outcome, 1, 1, (event.at - self.entered) // 1000)
        self.app, self.data = "Hangup", ""
        if self.line_begin is None:  # where no phone rang, the first line goes on
            self.line_begin = event.at

    def hang_up(self, event: HangUp) -> None:
        """The call ends."""
        if self.talk:
            self.end_talk(event)
        elif self.line_begin is not None:
            line = self.open_line(self.channel, None, self.take_begin(event.at))
            self.close_line(line, event.at, "ANSWERED" if self.channel in self.answered else "NO ANSWER")
        if self.app == "Queue" and not self.talk:
            self.log_queue(event.at, "", "ABANDON", 1, 1, (event.at - self.entered) // 1000)
        for channel in self.channels:
            channel.ended = channel.ended or event.at

    def end_talk(self, event: HangUp) -> None:
        """The talk ends with the call."""
        assert self.talk
        self.close_talk(event.at)
        if self.talk.is_of_queue and self.queue:
            outcome = "COMPLETEAGENT" if event.by_agent else "COMPLETECALLER"
            self.log_talk(event.at, outcome)

    def close_talk(self, at: int) -> None:
        """End the lines of the present talk."""
        assert self.talk
        if self.talk.local_line:
            self.close_line(self.talk.local_line, at, "ANSWERED")
        self.close_line(self.talk.line, at, "ANSWERED")

    def log_talk(self, at: int, outcome: str, *before: str) -> None:
        assert self.talk
        hold, seconds = (self.talk.connected - self.entered) // 1000, (at - self.talk.connected) // 1000
        self.log_queue(at, self.talk.phone.number, outcome, *before, hold, seconds, 1)

    def find_disposition(self, reason: Stop) -> str:
        if reason is Stop.NO_CIRCUIT and self.manner.has_circuit_cause:
            return "CONGESTION"
        return _DISPOSITIONS.get(reason, "NO ANSWER")

    def _enter_queue(self, event: Reach) -> None:
        self.queue, self.queue_channel, self.entered = event.name, self.mover, event.at
        self.log_queue(event.at, "", "ENTERQUEUE", "", self.script.caller.number, 1)

    def _ring_local(self, event: Ring) -> None:
        """The queue rings a Local channel, whose second half rings the phone."""
        number = event.phone.number
        first = self.open_channel("Local", f"{number}@from-queue", event.at, half=1)
        second = self.open_channel("Local", f"{number}@from-queue", event.at, half=2)
        first.other_half, second.other_half = second, first
        phone_channel = self.open_channel(self.manner.technology, number, event.at)
        line = self.open_line(self.mover, first, self.take_begin(event.at))
        local_line = self.open_line(second, phone_channel, event.at)
        local_line.dst, local_line.context, local_line.app = number, "from-queue-exten-only", "Dial"
        local_line.data = f"{self.manner.technology}/{number},60,TtrI"
        self._add_attempt(
            Attempt(
                phone=event.phone,
                phone_channel=phone_channel,
                begin=event.at,
                line=line,
                local_line=local_line,
                is_of_queue=True,
            )
        )

    def _add_attempt(self, attempt: Attempt) -> None:
        self.attempts[attempt.phone.number] = attempt

    def _log_unanswered(self, event: StopRinging, attempt: Attempt) -> None:
        rang = event.at - attempt.begin
        if event.reason is Stop.CALLER_GAVE_UP:
            if self.manner.logs_cancelled_rings:
                self.log_queue(event.at, attempt.phone.number, "RINGCANCELED", rang)
        elif event.reason is not Stop.ANSWERED_ELSEWHERE:
            self.log_queue(event.at, attempt.phone.number, "RINGNOANSWER", 0 if event.reason is Stop.REJECTED else rang)

    def _name_recording(self, event: Reach) -> str:
        caller = self.script.caller
        kind = {Target.QUEUE: "q", Target.GROUP: "rg", Target.OUTSIDE: "out"}.get(
            event.target, "internal" if caller.is_agent else "in"
        )
        return f"{kind}-{self.script.dialled if kind == 'in' else event.name}-{caller.number}"
