"""The demo's agents at work: shifts, lunch, and who is free to take a call. No calls here."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import chain
from random import Random

from ccfs.demo.journal import QueueEvent
from ccfs.demo.pen import LocalDay

SUPPORT, SALES = "600", "sales"

_HOUR = 3600
_LUNCH = 0.5  # hours
_LATE = 0.08  # hours that people come and go later than planned, at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One agent and the plan for the day, in hours after midnight."""

    number: str
    queues: tuple[str, ...]
    comes: float
    lunch: float
    leaves: float

    @property
    def member(self) -> str:
        return f"PJSIP/{self.number}"


AGENTS = (
    Agent(number="1001", queues=(SUPPORT,), comes=8.2, lunch=12.0, leaves=16.9),
    Agent(number="1002", queues=(SUPPORT,), comes=8.3, lunch=12.75, leaves=17.2),
    Agent(number="1003", queues=(SUPPORT, SALES), comes=9.4, lunch=13.5, leaves=18.25),
    Agent(number="1004", queues=(SUPPORT, SALES), comes=8.25, lunch=13.0, leaves=17.0),
    Agent(number="1005", queues=(SALES,), comes=8.4, lunch=12.25, leaves=17.5),
    Agent(number="1006", queues=(SALES,), comes=9.0, lunch=14.0, leaves=18.3),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Presence:
    """When an agent is there, in epoch seconds."""

    agent: Agent
    comes: int
    lunch: int
    back: int
    leaves: int


class Floor:
    """Who is there, and who is busy: an agent has one call at a time, and none at lunch."""

    def __init__(self, random: Random, place: LocalDay) -> None:
        self._random = random
        self._there = [_presence(random, place, agent) for agent in AGENTS]
        self._busy = {one.agent.number: [(one.lunch, one.back)] for one in self._there}

    def take(self, start: int, end: int, *, queue: str = "", but: Collection[str] = ()) -> str | None:
        """The number of an agent who is free from start to end, and is busy then from now on; None if nobody is.

        With `queue`, one of its members; nobody of `but`.
        """
        free = [number for number in self._members(start, end, queue) if number not in but]
        if not free:
            return None
        number = self._random.choice(free)
        self._busy[number].append((start, end))
        return number

    def events(self) -> Iterator[QueueEvent]:
        """What the queue log says of the agents' day."""
        return chain.from_iterable(map(_day_of, self._there))

    def _members(self, start: int, end: int, queue: str) -> Iterator[str]:
        for one in self._there:
            number = one.agent.number
            free = all(end <= begun or ended <= start for begun, ended in self._busy[number])
            if free and one.comes <= start and end <= one.leaves and (not queue or queue in one.agent.queues):
                yield number


def _presence(random: Random, place: LocalDay, agent: Agent) -> _Presence:
    comes, lunch, leaves = (
        place.at(plan + random.uniform(0, _LATE)) for plan in (agent.comes, agent.lunch, agent.leaves)
    )
    back = lunch + round((_LUNCH + random.uniform(0, _LATE)) * _HOUR)
    return _Presence(agent=agent, comes=comes, lunch=lunch, back=back, leaves=leaves)


def _day_of(one: _Presence) -> Iterator[QueueEvent]:
    for at, call, event, reason in (
        (one.comes, "MANAGER", "ADDMEMBER", ""),
        (one.lunch, "NONE", "PAUSE", "lunch"),
        (one.back, "NONE", "UNPAUSE", ""),
        (one.leaves, "MANAGER", "REMOVEMEMBER", ""),
    ):
        queues = [(queue, event) for queue in one.agent.queues]
        everywhere = [("NONE", f"{event}ALL")] if call == "NONE" else []
        for queue, word in everywhere + queues:
            yield QueueEvent(at=at, call=call, queue=queue, member=one.agent.member, event=word, arguments=(reason,))
