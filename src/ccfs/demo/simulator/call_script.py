"""The steps of an inbound call: each one advances the clock and adds CDRs and queue events to the journal."""

from dataclasses import dataclass
from random import Random

from ccfs.demo.simulator.agents import SALES, SUPPORT, AgentRoster
from ccfs.demo.simulator.durations import SimulatedTalk, TalkGenerator
from ccfs.demo.simulator.events import (
    Disposition,
    Journal,
    QueueEvent,
    SimulatedCdr,
    SimulatedChannel,
    SimulatedRecording,
)
from ccfs.demo.simulator.identities import Identities, PhoneIdentity

TRUNK = "carrier"
RING_TIMEOUT_SECONDS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """Shared state of the scenarios of a day."""

    random: Random
    identities: Identities
    roster: AgentRoster
    talks: TalkGenerator
    journal: Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class DialplanQueue:
    """A queue as configured in the dial plan."""

    name: str
    extension: str
    options: str
    timeout: int  # seconds until the caller leaves the queue

    @property
    def app_data(self) -> str:
        return f"{self.name},{self.options},,,{self.timeout}"


QUEUES = {
    SUPPORT: DialplanQueue(name=SUPPORT, extension="600", options="tr", timeout=60),
    SALES: DialplanQueue(name=SALES, extension="601", options="t", timeout=45),
}


@dataclass(kw_only=True)
class SimulatedCall:
    """An inbound call in progress."""

    simulation: Simulation
    customer: PhoneIdentity
    channel: SimulatedChannel
    now: int  # epoch second
    dst: str
    context: str
    answered_at: int | None = None  # when a person, a menu or a mailbox answered the channel
    queue: DialplanQueue = QUEUES[SUPPORT]
    entered_at: int = 0
    last_cdr_end: int | None = None  # end of the call's last CDR; None: no CDR yet

    def play_menu(self, seconds: int) -> None:
        """The dial plan answers and plays a menu."""
        self.answered_at = self.now + 1
        self.now += 1 + seconds

    def enter_queue(self, name: str) -> None:
        self.queue, self.entered_at = QUEUES[name], self.now
        self.dst, self.context = self.queue.extension, "ext-queues"
        self._add_queue_event("NONE", "ENTERQUEUE", "", self.customer.number, 1)

    def wait(self, seconds: int) -> None:
        self.now += seconds

    def wait_until_timeout(self) -> None:
        self.now = self.entered_at + self.queue.timeout
        self._add_queue_event("NONE", "EXITWITHTIMEOUT", 1, 1, self.queue.timeout)

    def ring_unanswered(self, agent: str) -> None:
        """An agent of the queue does not answer."""
        start, callee_channel = self._get_cdr_start(), self.simulation.journal.add_channel(agent, self.now)
        self.now += RING_TIMEOUT_SECONDS
        self._add_queue_event(f"PJSIP/{agent}", "RINGNOANSWER", RING_TIMEOUT_SECONDS * 1000)
        self.add_cdr("Queue", self.queue.app_data, start, "NO ANSWER", callee_channel=callee_channel)

    def abandon(self) -> None:
        """The caller hangs up in the queue."""
        self._add_queue_event("NONE", "ABANDON", 1, 1, self.now - self.entered_at)
        self.end_in_queue()

    def abandon_while_ringing(self, agent: str, seconds: int) -> None:
        """The caller hangs up in the queue after an agent's phone has rung for some seconds."""
        start, callee_channel = self._get_cdr_start(), self.simulation.journal.add_channel(agent, self.now)
        self.now += seconds
        self._add_queue_event(f"PJSIP/{agent}", "RINGCANCELED", seconds * 1000)
        self._add_queue_event("NONE", "ABANDON", 1, 1, self.now - self.entered_at)
        self.add_cdr("Queue", self.queue.app_data, start, "NO ANSWER", callee_channel=callee_channel)

    def end_in_queue(self) -> None:
        """The call ends in the queue, and no phone has rung since its last CDR."""
        start = self.last_cdr_end or self.channel.created_at
        self.add_cdr("Queue", self.queue.app_data, start, "ANSWERED" if self.answered_at else "NO ANSWER")

    def talk_to_agent(self, agent: str, ring: int, talk: SimulatedTalk, *, transfer_to: str = "") -> None:
        """An agent of the queue answers after `ring` seconds. One of them hangs up, or the agent transfers blindly."""
        start, callee_channel = self._get_cdr_start(), self.simulation.journal.add_channel(agent, self.now)
        self.now += ring
        self.answered_at = self.answered_at or self.now
        member, hold = f"PJSIP/{agent}", self.now - self.entered_at
        self._add_queue_event(member, "CONNECT", hold, callee_channel, ring)
        self.now += talk.seconds
        if transfer_to:
            self._add_queue_event(member, "BLINDTRANSFER", transfer_to, "from-internal", hold, talk.seconds, 1)
        else:
            event = self.simulation.random.choice(("COMPLETECALLER", "COMPLETECALLER", "COMPLETEAGENT"))
            self._add_queue_event(member, event, hold, talk.seconds, 1)
        prefix = f"q-{self.queue.extension}-{self.customer.number}"
        recording = self.simulation.talks.build_recording(talk, prefix, named=bool(transfer_to))
        self.add_cdr(
            "Queue", self.queue.app_data, start, "ANSWERED", callee_channel=callee_channel, recording=recording
        )

    def leave_message(self, mailbox: str, seconds: int) -> None:
        start = self.now
        self.answered_at = self.answered_at or start
        self.dst, self.context = f"vm{mailbox}", "voicemail"
        self.now += seconds
        self.add_cdr("VoiceMail", f"{mailbox}@default,u", start, "ANSWERED")

    def add_cdr(
        self,
        app: str,
        data: str,
        start: int,
        disposition: Disposition,
        *,
        callee_channel: SimulatedChannel | None = None,
        answer: int | None = None,
        recording: SimulatedRecording | None = None,
    ) -> None:
        """Add a CDR that ends now. By default its answer time is that of the caller's channel, even if the phone was not
        answered.
        """
        if answer is None and self.answered_at is not None:
            answer = max(start, self.answered_at)
        self.last_cdr_end = self.now
        self.simulation.journal.cdrs.append(
            SimulatedCdr(
                channel=self.channel,
                dst_channel=callee_channel,
                src=self.customer.number,
                name=self.customer.name,
                dst=self.dst,
                context=self.context,
                app=app,
                data=data,
                start=start,
                answer=answer,
                end=self.now,
                disposition=disposition,
                recording=recording,
            )
        )

    def _get_cdr_start(self) -> int:
        """Return the start of the next CDR: the first starts with the channel, the others when a phone begins to ring."""
        return self.now if self.last_cdr_end else self.channel.created_at

    def _add_queue_event(self, member: str, event: str, *arguments: SimulatedChannel | str | int) -> None:
        self.simulation.journal.events.append(
            QueueEvent(
                timestamp=self.now,
                call=self.channel,
                queue=self.queue.name,
                member=member,
                event=event,
                arguments=arguments,
            )
        )
