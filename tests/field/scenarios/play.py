"""Writing a call's events: each step advances the clock of the call."""

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
    Party,
    PickUp,
    Reach,
    Retrieve,
    Ring,
    Stop,
    StopRinging,
    Target,
)
from tests.field.scenarios.world import World

_SWITCH_MILLISECONDS = 40  # that the switch needs between two steps
RING_TIMEOUT = 15_000  # of a phone, in milliseconds


class Play:
    """A call in progress."""

    def __init__(self, world: World, scenario: str, caller: Party, dialled: str, *, begin: int | None = None) -> None:
        self.world = world
        self.now = world.draw_begin() if begin is None else begin
        self.script = CallScript(scenario=scenario, caller=caller, dialled=dialled, begin=self.now)
        self.script.is_recorded = world.random.random() < 0.8
        self._ringing: list[Party] = []

    def wait(self, low: float, high: float) -> None:
        """Advance the clock by a number of seconds between these."""
        self.now += self.world.draw_seconds(low, high)

    def reach(self, target: Target, name: str) -> None:
        self.now += _SWITCH_MILLISECONDS
        self._add(Reach(at=self.now, target=target, name=name))

    def ring(self, *phones: Party) -> None:
        """Phones begin to ring at the same time."""
        self.now += _SWITCH_MILLISECONDS
        for phone in phones:
            self._add(Ring(at=self.now, phone=phone))
            self._ringing.append(phone)

    def stop(self, reason: Stop) -> None:
        """All ringing phones stop ringing."""
        for phone in self._ringing:
            self._add(StopRinging(at=self.now, phone=phone, reason=reason))
        self._ringing = []

    def ring_out(self, *phones: Party) -> None:
        """Phones ring until the timeout."""
        self.ring(*phones)
        self.now += RING_TIMEOUT
        self.stop(Stop.NO_ANSWER)

    def answer(self, phone: Party, low: float = 1, high: float = 12) -> None:
        """A ringing phone is answered after some seconds."""
        self.wait(low, high)
        self._add(Connect(at=self.now, phone=phone))
        self._ringing.remove(phone)
        self.stop(Stop.ANSWERED_ELSEWHERE)

    def pick_up(self, phone: Party) -> None:
        """A colleague takes the call that rings at one phone."""
        [ringing] = self._ringing
        self.wait(2, 8)
        self._add(PickUp(at=self.now, phone=phone, ringing=ringing))
        self._ringing = []

    def leave_queue(self, *, is_timeout: bool) -> None:
        self._add(LeaveQueue(at=self.now, is_timeout=is_timeout))

    def talk(self) -> None:
        self.now += self.world.draw_talk()

    def transfer_blind(self, agent: Party, number: str) -> None:
        self._add(BlindTransfer(at=self.now, agent=agent, number=number))

    def consult(self, agent: Party, colleague: Party, *, by_feature_code: bool) -> None:
        """The agent asks a colleague back, and hands the caller over."""
        self._add(Consult(at=self.now, agent=agent, colleague=colleague, by_feature_code=by_feature_code))
        self.wait(2, 8)
        self._add(ConsultAnswer(at=self.now, agent=agent, colleague=colleague))
        self.wait(4, 20)
        self._add(HandOver(at=self.now, agent=agent, colleague=colleague))

    def park(self, agent: Party, phone: Party) -> None:
        """The agent parks the caller, another phone fetches the caller."""
        slot = self.world.draw_slot()
        self._add(Park(at=self.now, agent=agent, slot=slot))
        self.wait(4, 20)
        self._add(Retrieve(at=self.now, phone=phone, slot=slot))

    def join(self, phone: Party) -> None:
        self._add(Join(at=self.now, phone=phone))

    def hang_up(self, *, by_agent: bool | None = None) -> CallScript:
        """Someone ends the call: one of both at random, unless it is given. Return the whole call."""
        if by_agent is None:
            by_agent = self.world.random.random() < 0.4
        return self._end(by_agent=by_agent)

    def end_by_switch(self) -> CallScript:
        """The switch ends the call. Return the whole call."""
        return self._end(by_agent=None)

    def _end(self, *, by_agent: bool | None) -> CallScript:
        assert not self._ringing
        self._add(HangUp(at=self.now, by_agent=by_agent))
        return self.script

    def _add(self, event: AnyEvent) -> None:
        self.script.events.append(event)
