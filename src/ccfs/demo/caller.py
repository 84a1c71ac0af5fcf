"""A customer's way through the demo's switch, step by step: each step moves the caller's clock on and is written down.

No plot here: who calls when, and what comes of it, is told in `stories`.
"""

from dataclasses import dataclass
from random import Random

from ccfs.demo.floor import SALES, SUPPORT, Floor
from ccfs.demo.journal import Cdr, Channel, Disposition, Journal, QueueEvent, Recording
from ccfs.demo.people import Cast, Person
from ccfs.demo.tape import Talk, Tape

TRUNK = "carrier"
NO_ANSWER = 15  # seconds that a phone rings in vain


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What the stories of a day share."""

    random: Random
    cast: Cast
    floor: Floor
    tape: Tape
    journal: Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A queue as the dial plan calls it."""

    name: str
    extension: str
    options: str
    timeout: int  # seconds until the caller is sent on

    @property
    def data(self) -> str:
        return f"{self.name},{self.options},,,{self.timeout}"


QUEUES = {
    SUPPORT: Queue(name=SUPPORT, extension="600", options="tr", timeout=60),
    SALES: Queue(name=SALES, extension="601", options="t", timeout=45),
}


@dataclass(kw_only=True)
class Caller:
    """An inbound call under way."""

    scene: Scene
    person: Person
    channel: Channel
    now: int  # epoch second
    dst: str
    context: str
    up: int | None = None  # when the channel was answered, be it by a person, a menu or a mailbox
    queue: Queue = QUEUES[SUPPORT]
    entered: int = 0
    told: int | None = None  # up to when CDR lines tell of this call; None: there is no line yet

    def hears_menu(self, seconds: int) -> None:
        """The dial plan answers and reads out a menu."""
        self.up = self.now + 1
        self.now += 1 + seconds

    def enters(self, name: str) -> None:
        self.queue, self.entered = QUEUES[name], self.now
        self.dst, self.context = self.queue.extension, "ext-queues"
        self._log("NONE", "ENTERQUEUE", "", self.person.number, 1)

    def waits(self, seconds: int) -> None:
        self.now += seconds

    def waits_until_timeout(self) -> None:
        self.now = self.entered + self.queue.timeout
        self._log("NONE", "EXITWITHTIMEOUT", 1, 1, self.queue.timeout)

    def rings_in_vain(self, agent: str) -> None:
        """An agent of the queue does not answer."""
        start, rung = self._line_starts(), self.scene.journal.channel(agent, self.now)
        self.now += NO_ANSWER
        self._log(f"PJSIP/{agent}", "RINGNOANSWER", NO_ANSWER * 1000)
        self.line("Queue", self.queue.data, start, "NO ANSWER", rung=rung)

    def gives_up(self) -> None:
        """Hangs up in the queue."""
        self._log("NONE", "ABANDON", 1, 1, self.now - self.entered)
        self.leaves_unheard()

    def gives_up_while_ringing(self, agent: str, seconds: int) -> None:
        """Hangs up in the queue when an agent's phone has rung for some seconds."""
        start, rung = self._line_starts(), self.scene.journal.channel(agent, self.now)
        self.now += seconds
        self._log(f"PJSIP/{agent}", "RINGCANCELED", seconds * 1000)
        self._log("NONE", "ABANDON", 1, 1, self.now - self.entered)
        self.line("Queue", self.queue.data, start, "NO ANSWER", rung=rung)

    def leaves_unheard(self) -> None:
        """The call ends in the queue, and no phone has rung since its last line."""
        start = self.told or self.channel.made
        self.line("Queue", self.queue.data, start, "ANSWERED" if self.up else "NO ANSWER")

    def talks(self, agent: str, ring: int, talk: Talk, *, sent_to: str = "") -> None:
        """An agent of the queue answers after `ring` seconds; the talk ends by one of them or by a blind transfer."""
        start, rung = self._line_starts(), self.scene.journal.channel(agent, self.now)
        self.now += ring
        self.up = self.up or self.now
        member, hold = f"PJSIP/{agent}", self.now - self.entered
        self._log(member, "CONNECT", hold, rung, ring)
        self.now += talk.seconds
        if sent_to:
            self._log(member, "BLINDTRANSFER", sent_to, "from-internal", hold, talk.seconds, 1)
        else:
            ended = self.scene.random.choice(("COMPLETECALLER", "COMPLETECALLER", "COMPLETEAGENT"))
            self._log(member, ended, hold, talk.seconds, 1)
        kind = f"q-{self.queue.extension}-{self.person.number}"
        recording = self.scene.tape.recording(talk, kind, named=bool(sent_to))
        self.line("Queue", self.queue.data, start, "ANSWERED", rung=rung, recording=recording)

    def leaves_message(self, mailbox: str, seconds: int) -> None:
        start = self.now
        self.up = self.up or start
        self.dst, self.context = f"vm{mailbox}", "voicemail"
        self.now += seconds
        self.line("VoiceMail", f"{mailbox}@default,u", start, "ANSWERED")

    def line(
        self,
        app: str,
        data: str,
        start: int,
        disposition: Disposition,
        *,
        rung: Channel | None = None,
        answer: int | None = None,
        recording: Recording | None = None,
    ) -> None:
        """Ends a CDR line now. Unless said otherwise, it is answered from when the caller's channel was: so are lines
        of phones that rang in vain."""
        if answer is None and self.up is not None:
            answer = max(start, self.up)
        self.told = self.now
        self.scene.journal.cdrs.append(
            Cdr(
                channel=self.channel,
                other=rung,
                src=self.person.number,
                name=self.person.name,
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

    def _line_starts(self) -> int:
        """A call's first line starts with its channel, the others when a phone begins to ring."""
        return self.now if self.told else self.channel.made

    def _log(self, member: str, event: str, *arguments: Channel | str | int) -> None:
        self.scene.journal.events.append(
            QueueEvent(
                at=self.now,
                call=self.channel,
                queue=self.queue.name,
                member=member,
                event=event,
                arguments=arguments,
            )
        )
