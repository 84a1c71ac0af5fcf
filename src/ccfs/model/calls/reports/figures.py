"""The figures of an account, a queue or an agent in a period, computed from its statistics and from agents' times."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ccfs.model.calls.agent_time import NO_TIME, AgentTimes, TimesByQueue, merge_times
from ccfs.model.calls.call import Direction
from ccfs.model.calls.statistics import NO_CALLS, ByDirection, CallStatistics, GroupedStatistics, merge_statistics


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures of an account, a queue or an agent."""

    name: str = ""  # of the queue or agent
    calls: CallStatistics = NO_CALLS
    times: AgentTimes = field(default=NO_TIME)  # of the agents

    @property
    def offered(self) -> int:
        """Number of calls."""
        return self.calls.calls

    @property
    def answer_rate(self) -> float | None:
        """The share of answered calls; None without calls."""
        return self.calls.answered / self.offered if self.offered else None

    @property
    def abandon_rate(self) -> float | None:
        """The share of calls that were not answered; None without calls."""
        return self.calls.abandoned / self.offered if self.offered else None

    def get_service_level(self, target_seconds: int) -> float | None:
        """Return the share of calls that were answered within a waiting time; None without calls."""
        return self.calls.count_answered_within(target_seconds) / self.offered if self.offered else None

    @property
    def average_talk(self) -> int | None:
        """The average talk time of answered calls in seconds; None without any."""
        return round(self.calls.talk_seconds / self.calls.answered) if self.calls.answered else None

    @property
    def handling_seconds(self) -> int:
        """Talk time, of which hold is a part, and after-call work."""
        return self.calls.talk_seconds + self.times.after_call

    @property
    def average_handling(self) -> int | None:
        """The average handling time of answered calls in seconds; None without any."""
        return round(self.handling_seconds / self.calls.answered) if self.calls.answered else None


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureTables:
    """The figures of an account, and of its queues and agents by name."""

    account: Figures
    queues: list[Figures]
    agents: list[Figures]


def select_direction(by_direction: ByDirection, direction: Direction | None) -> CallStatistics:
    """Return the statistics of one direction, or of all."""
    if direction is not None:
        return by_direction.get(direction, NO_CALLS)
    return next(iter(by_direction.values())) if len(by_direction) == 1 else merge_statistics(by_direction.values())


def select_group(groups: GroupedStatistics, queue: str, agent: str, direction: Direction | None) -> CallStatistics:
    """Return the statistics of an agent, else of a queue, else of the account."""
    by_direction: ByDirection = groups.account
    if agent or queue:
        by_direction = groups.agents.get(agent, {}) if agent else groups.queues.get(queue, {})
    return select_direction(by_direction, direction)


def build_tables(groups: GroupedStatistics, times: TimesByQueue, direction: Direction | None = None) -> FigureTables:
    """Return the figures of everything in a period. Agents who took no call, but were signed in, are included."""
    by_queue = _merge_by(times, 1)
    by_agent = _merge_by(times, 0)
    queues = {name: select_direction(part, direction) for name, part in groups.queues.items()}
    agents = {name: select_direction(groups.agents.get(name, {}), direction) for name in {*groups.agents, *by_agent}}
    return FigureTables(
        account=Figures(calls=select_direction(groups.account, direction), times=merge_times(times.values())),
        queues=_build_rows(queues, by_queue),
        agents=_build_rows(agents, by_agent),
    )


def _merge_by(times: TimesByQueue, position: int) -> dict[str, AgentTimes]:
    by_name: dict[str, list[AgentTimes]] = {}
    for key, sums in times.items():
        by_name.setdefault(key[position], []).append(sums)
    return {name: merge_times(sums) for name, sums in by_name.items()}


def _build_rows(statistics: Mapping[str, CallStatistics], times: Mapping[str, AgentTimes]) -> list[Figures]:
    rows = (Figures(name=name, calls=calls, times=times.get(name, NO_TIME)) for name, calls in statistics.items())
    return sort_figures(row for row in rows if row.offered or row.times.signed_in)


def sort_figures(rows: Iterable[Figures]) -> list[Figures]:
    """Return the rows with the most calls first."""
    return sorted(rows, key=lambda row: (-row.offered, row.name))
