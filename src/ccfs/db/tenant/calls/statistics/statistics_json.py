"""Statistics as JSON, as rows store them: lists of numbers, because JSON reads a list faster than an object. Pure."""

import json
from collections.abc import Mapping
from dataclasses import astuple
from typing import Any, Final

from ccfs.model.calls.agent_time import AgentTimes, TimesByQueue
from ccfs.model.calls.call import Direction
from ccfs.model.calls.statistics import ByDirection, CallStatistics, GroupedStatistics

_DIRECTIONS: Final = tuple(Direction)


def serialize_directions(statistics: ByDirection) -> str:
    """Return statistics by direction as JSON."""
    return _dump(_pack(statistics))


def parse_directions(text: str) -> dict[Direction, CallStatistics]:
    """Return statistics by direction from JSON."""
    return _unpack(json.loads(text))


def serialize_groups(groups: GroupedStatistics) -> str:
    """Return the statistics of queues and agents as JSON, without those of the account."""
    return _dump(
        [{name: _pack(statistics) for name, statistics in kind.items()} for kind in (groups.queues, groups.agents)]
    )


def parse_groups(account: str, details: str) -> GroupedStatistics:
    """Return grouped statistics from the JSON of the account and of the queues and agents."""
    queues, agents = json.loads(details) if details else ({}, {})
    return GroupedStatistics(
        account=parse_directions(account),
        queues={name: _unpack(values) for name, values in queues.items()},
        agents={name: _unpack(values) for name, values in agents.items()},
    )


def serialize_times(times: TimesByQueue) -> str:
    """Return the agents' times by agent and queue as JSON."""
    return _dump([[agent, queue, *astuple(sums)] for (agent, queue), sums in sorted(times.items())])


def parse_times(text: str) -> dict[tuple[str, str], AgentTimes]:
    """Return the agents' times by agent and queue from JSON."""
    return {
        (agent, queue): AgentTimes(ready=ready, not_ready=not_ready, talking=talking, hold=hold, after_call=after_call)
        for agent, queue, ready, not_ready, talking, hold, after_call in json.loads(text)
    }


def _dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _pack(statistics: ByDirection) -> dict[int, list[Any]]:
    return {
        _DIRECTIONS.index(direction): [
            part.talk_seconds,
            _flatten(part.answered_by_wait),
            _flatten(part.abandoned_by_wait),
            part.wait_seconds,
        ]
        for direction, part in statistics.items()
    }


def _unpack(values: Mapping[str, tuple[int, list[int], list[int], int]]) -> dict[Direction, CallStatistics]:
    return {
        _DIRECTIONS[int(index)]: CallStatistics(
            talk_seconds=talk,
            answered_by_wait=_unflatten(answered),
            abandoned_by_wait=_unflatten(abandoned),
            wait_seconds=wait,
        )
        for index, (talk, answered, abandoned, wait) in values.items()
    }


def _flatten(waits: Mapping[int, int]) -> list[int]:
    """Return seconds and number of calls in turn."""
    return [number for pair in sorted(waits.items()) for number in pair]


def _unflatten(row: list[int]) -> dict[int, int]:
    return dict(zip(row[::2], row[1::2], strict=True))
