"""The demo's agents at work: shifts, lunch, and who is free to take a call. No calls here."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import chain
from random import Random

from ccfs.demo.asterisk_writer import LocalDay
from ccfs.demo.events import QueueEvent

SUPPORT, SALES = "600", "sales"

_HOUR_SECONDS = 3600
_LUNCH_HOURS = 0.5  # hours
_MAX_DELAY_HOURS = 0.08  # hours that people come and go later than planned, at most


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedAgent:
    """One agent and the plan for the day, in hours after midnight."""

    number: str
    queues: tuple[str, ...]
    arrival_hour: float
    lunch_hour: float
    departure_hour: float

    @property
    def member(self) -> str:
        return f"PJSIP/{self.number}"


AGENTS = (
    SimulatedAgent(number="1001", queues=(SUPPORT,), arrival_hour=8.2, lunch_hour=12.0, departure_hour=16.9),
    SimulatedAgent(number="1002", queues=(SUPPORT,), arrival_hour=8.3, lunch_hour=12.75, departure_hour=17.2),
    SimulatedAgent(number="1003", queues=(SUPPORT, SALES), arrival_hour=9.4, lunch_hour=13.5, departure_hour=18.25),
    SimulatedAgent(number="1004", queues=(SUPPORT, SALES), arrival_hour=8.25, lunch_hour=13.0, departure_hour=17.0),
    SimulatedAgent(number="1005", queues=(SALES,), arrival_hour=8.4, lunch_hour=12.25, departure_hour=17.5),
    SimulatedAgent(number="1006", queues=(SALES,), arrival_hour=9.0, lunch_hour=14.0, departure_hour=18.3),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shift:
    """When an agent is there, in epoch seconds."""

    agent: SimulatedAgent
    starts_at: int
    lunch_starts_at: int
    lunch_ends_at: int
    ends_at: int


class AgentRoster:
    """Who is there, and who is busy: an agent has one call at a time, and none at lunch."""

    def __init__(self, random: Random, place: LocalDay) -> None:
        self._random = random
        self._shifts = [_plan_shift(random, place, agent) for agent in AGENTS]
        self._busy_times = {one.agent.number: [(one.lunch_starts_at, one.lunch_ends_at)] for one in self._shifts}

    def reserve_agent(self, start: int, end: int, *, queue: str = "", but: Collection[str] = ()) -> str | None:
        """The number of an agent who is free from start to end, and is busy then from now on; None if nobody is.

        With `queue`, one of its members; nobody of `but`.
        """
        free = [number for number in self._iter_free_agents(start, end, queue) if number not in but]
        if not free:
            return None
        number = self._random.choice(free)
        self._busy_times[number].append((start, end))
        return number

    def iter_events(self) -> Iterator[QueueEvent]:
        """What the queue log says of the agents' day."""
        return chain.from_iterable(map(_iter_shift_events, self._shifts))

    def _iter_free_agents(self, start: int, end: int, queue: str) -> Iterator[str]:
        for one in self._shifts:
            number = one.agent.number
            free = all(end <= begun or ended <= start for begun, ended in self._busy_times[number])
            if free and one.starts_at <= start and end <= one.ends_at and (not queue or queue in one.agent.queues):
                yield number


def _plan_shift(random: Random, place: LocalDay, agent: SimulatedAgent) -> _Shift:
    comes, lunch, leaves = (
        place.to_epoch(plan + random.uniform(0, _MAX_DELAY_HOURS))
        for plan in (agent.arrival_hour, agent.lunch_hour, agent.departure_hour)
    )
    back = lunch + round((_LUNCH_HOURS + random.uniform(0, _MAX_DELAY_HOURS)) * _HOUR_SECONDS)
    return _Shift(agent=agent, starts_at=comes, lunch_starts_at=lunch, lunch_ends_at=back, ends_at=leaves)


def _iter_shift_events(one: _Shift) -> Iterator[QueueEvent]:
    for at, call, event, reason in (
        (one.starts_at, "MANAGER", "ADDMEMBER", ""),
        (one.lunch_starts_at, "NONE", "PAUSE", "lunch"),
        (one.lunch_ends_at, "NONE", "UNPAUSE", ""),
        (one.ends_at, "MANAGER", "REMOVEMEMBER", ""),
    ):
        queues = [(queue, event) for queue in one.agent.queues]
        everywhere = [("NONE", f"{event}ALL")] if call == "NONE" else []
        for queue, word in everywhere + queues:
            yield QueueEvent(
                timestamp=at, call=call, queue=queue, member=one.agent.member, event=word, arguments=(reason,)
            )
