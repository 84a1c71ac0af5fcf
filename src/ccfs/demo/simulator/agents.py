"""Agents: their shifts and lunch breaks, and reserving a free agent for a call."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import chain
from random import Random

from ccfs.demo.simulator.asterisk_writer import LocalDay
from ccfs.demo.simulator.events import QueueEvent

SUPPORT, SALES = "600", "sales"

_HOUR_SECONDS = 3600
_LUNCH_HOURS = 0.5
_MAX_DELAY_HOURS = 0.08  # maximum delay of arrival, lunch and departure


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedAgent:
    """One agent with the planned times of the day, in hours after midnight."""

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
    """The working time of one agent, in epoch seconds."""

    agent: SimulatedAgent
    starts_at: int
    lunch_starts_at: int
    lunch_ends_at: int
    ends_at: int


class AgentRoster:
    """All agents and when they are busy. An agent has one call at a time and none at lunch."""

    def __init__(self, random: Random, local_day: LocalDay) -> None:
        self._random = random
        self._shifts = [_plan_shift(random, local_day, agent) for agent in AGENTS]
        self._busy_times = {
            shift.agent.number: [(shift.lunch_starts_at, shift.lunch_ends_at)] for shift in self._shifts
        }

    def reserve_agent(self, start: int, end: int, *, queue: str = "", excluded: Collection[str] = ()) -> str | None:
        """Reserve an agent who is free from start to end. Return the agent's number, or None if nobody is free.

        With `queue`, only its members; never one of `excluded`.
        """
        free = [number for number in self._iter_free_agents(start, end, queue) if number not in excluded]
        if not free:
            return None
        number = self._random.choice(free)
        self._busy_times[number].append((start, end))
        return number

    def iter_events(self) -> Iterator[QueueEvent]:
        """Yield the agents' events in the queue log."""
        return chain.from_iterable(map(_iter_shift_events, self._shifts))

    def _iter_free_agents(self, start: int, end: int, queue: str) -> Iterator[str]:
        for shift in self._shifts:
            number = shift.agent.number
            is_free = all(end <= busy_from or busy_until <= start for busy_from, busy_until in self._busy_times[number])
            if (
                is_free
                and shift.starts_at <= start
                and end <= shift.ends_at
                and (not queue or queue in shift.agent.queues)
            ):
                yield number


def _plan_shift(random: Random, local_day: LocalDay, agent: SimulatedAgent) -> _Shift:
    arrival, lunch, departure = (
        local_day.to_epoch(plan + random.uniform(0, _MAX_DELAY_HOURS))
        for plan in (agent.arrival_hour, agent.lunch_hour, agent.departure_hour)
    )
    back = lunch + round((_LUNCH_HOURS + random.uniform(0, _MAX_DELAY_HOURS)) * _HOUR_SECONDS)
    return _Shift(agent=agent, starts_at=arrival, lunch_starts_at=lunch, lunch_ends_at=back, ends_at=departure)


def _iter_shift_events(shift: _Shift) -> Iterator[QueueEvent]:
    for at, call, event, reason in (
        (shift.starts_at, "MANAGER", "ADDMEMBER", ""),
        (shift.lunch_starts_at, "NONE", "PAUSE", "lunch"),
        (shift.lunch_ends_at, "NONE", "UNPAUSE", ""),
        (shift.ends_at, "MANAGER", "REMOVEMEMBER", ""),
    ):
        queues = [(queue, event) for queue in shift.agent.queues]
        all_queues = [("NONE", f"{event}ALL")] if call == "NONE" else []
        for queue, name in all_queues + queues:
            yield QueueEvent(
                timestamp=at, call=call, queue=queue, member=shift.agent.member, event=name, arguments=(reason,)
            )
