"""How long agents were in each state, from their operations, as sums that can be added up."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum, auto
from typing import Final, Protocol

from ccfs.model.calls.agent_operation import AgentOperationType
from ccfs.model.exports.time_window import TimeWindow

MAX_STATE: Final = timedelta(days=1)  # a state that has lasted longer has no end that anybody reported


class AgentState(StrEnum):
    """A state of an agent who is signed in; HOLD is a part of TALKING."""

    READY = auto()
    NOT_READY = auto()
    TALKING = auto()
    HOLD = auto()
    AFTER_CALL = auto()


STATES_BY_TYPE: Final[Mapping[int, AgentState]] = {
    AgentOperationType.SIGN_IN: AgentState.READY,
    AgentOperationType.IDLE: AgentState.READY,
    AgentOperationType.BUSY: AgentState.NOT_READY,
    26: AgentState.NOT_READY,  # on break
    AgentOperationType.TALKING: AgentState.TALKING,
    10: AgentState.TALKING,  # three-way call
    40: AgentState.TALKING,  # internal consultation
    41: AgentState.TALKING,  # internal call
    AgentOperationType.HOLD: AgentState.HOLD,
    AgentOperationType.AFTER_CALL: AgentState.AFTER_CALL,
    AgentOperationType.TRANSFER_OUT: AgentState.AFTER_CALL,  # a transfer ends the talk
}


class OperationTimes(Protocol):
    """The attributes of an operation that sums need."""

    @property
    def agent_id(self) -> str: ...
    @property
    def skill_id(self) -> str: ...
    @property
    def begin(self) -> datetime: ...
    @property
    def end(self) -> datetime | None: ...
    @property
    def op_type(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentTimes:
    """Seconds in each state. `hold` is a part of `talking`."""

    ready: int = 0
    not_ready: int = 0
    talking: int = 0
    hold: int = 0
    after_call: int = 0

    @property
    def signed_in(self) -> int:
        """Seconds in any state."""
        return self.ready + self.not_ready + self.talking + self.after_call

    @property
    def occupancy(self) -> float | None:
        """The share of the time spent on calls of the time in which calls could be taken; None without such a time."""
        busy = self.talking + self.after_call
        return busy / (busy + self.ready) if busy + self.ready else None


NO_TIME: Final = AgentTimes()
TimesByQueue = Mapping[tuple[str, str], AgentTimes]  # by agent and the queue of the operation, "" without one


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSpan:
    """A state of an agent from begin to end."""

    state: AgentState
    begin: datetime
    end: datetime


def merge_times(parts: Iterable[AgentTimes]) -> AgentTimes:
    """Return the sums of all parts."""
    totals = dict.fromkeys(_NAMES, 0)
    for part in parts:
        for name in _NAMES:
            totals[name] += getattr(part, name)
    return AgentTimes(**totals)


def split_operation(operation: OperationTimes, window: TimeWindow, after_call_limit: timedelta) -> list[StateSpan]:
    """Return the states of an operation within a window, which must not end in the future.

    After-call work counts as such for `after_call_limit` at most, and then as ready: a switch that does not report its
    end is in it until the next call. An operation without an end lasts until the window's end, for MAX_STATE at most.
    """
    state = STATES_BY_TYPE.get(operation.op_type)
    if state is None:
        return []
    end = min(operation.end or window.end, operation.begin + MAX_STATE)
    parts = [StateSpan(state=state, begin=operation.begin, end=end)]
    if state is AgentState.AFTER_CALL and end > (limit := operation.begin + after_call_limit):
        ready = StateSpan(state=AgentState.READY, begin=limit, end=end)
        parts = [replace(parts[0], end=limit), ready]
    clipped = (replace(part, begin=max(part.begin, window.begin), end=min(part.end, window.end)) for part in parts)
    return [part for part in clipped if part.end > part.begin]


def sum_operations(
    operations: Iterable[OperationTimes], window: TimeWindow, after_call_limit: timedelta
) -> dict[tuple[str, str], AgentTimes]:
    """Return the seconds of these operations within a window, by agent and queue."""
    sums: dict[tuple[str, str], dict[str, float]] = {}
    for operation in operations:
        for span in split_operation(operation, window, after_call_limit):
            cell = sums.setdefault((operation.agent_id, operation.skill_id), dict.fromkeys(_NAMES, 0.0))
            cell[span.state] += (span.end - span.begin).total_seconds()
    return {key: AgentTimes(**{name: round(value) for name, value in cell.items()}) for key, cell in sums.items()}


def merge_by_queue(parts: Iterable[TimesByQueue]) -> dict[tuple[str, str], AgentTimes]:
    """Return the sums of all parts by agent and queue."""
    by_key: dict[tuple[str, str], list[AgentTimes]] = {}
    for part in parts:
        for key, times in part.items():
            by_key.setdefault(key, []).append(times)
    return {key: merge_times(times) for key, times in by_key.items()}


_NAMES: Final = tuple(field.name for field in fields(AgentTimes))
