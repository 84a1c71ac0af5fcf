"""A call, consisting of its legs (CDR rows): its summary. timeline.py has its timeline."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, auto
from typing import Final, Protocol, TypeVar

from ccfs.model.calls.cdr import LAST_LEG, CallType, Cdr, DeviceType


class Direction(StrEnum):
    """The direction of a call, derived from the interface's call types."""

    INBOUND = auto()
    OUTBOUND = auto()
    INTERNAL = auto()


INBOUND_CALL_TYPES: Final = (0, 1, 5, 13, 15, 17, 21, 30, 32, 33)  # this and the lists below: D0840
INTERNAL_CALL_TYPES: Final = (int(CallType.INTERNAL), 51, 52, 53)
MAX_LEG_SPREAD: Final = timedelta(days=31)  # the legs of one call begin within it of each other
MAX_CALL_SECONDS: Final = 2**31 - 1  # the largest number of the columns of talk and waiting time
OUTBOUND_CALL_TYPES: Final = (2, 3, 4, *range(7, 13), 14, 16, 18, 20, 22, 23, 31, 34, 35, *range(40, 46))
CALL_TYPES_BY_DIRECTION: Final[dict[Direction, tuple[int, ...]]] = {
    Direction.INBOUND: INBOUND_CALL_TYPES,
    Direction.OUTBOUND: OUTBOUND_CALL_TYPES,
    Direction.INTERNAL: INTERNAL_CALL_TYPES,
}


def classify_direction(call_type: int) -> Direction:
    """Return the direction for a call type; unlisted types are outbound, as most of the interface's types are."""
    matching = (direction for direction, types in CALL_TYPES_BY_DIRECTION.items() if call_type in types)
    return next(matching, Direction.OUTBOUND)


def direction_index(call_type: int) -> int:
    """Return the direction for a call type as stored in the database: 0 inbound, 1 outbound, 2 internal."""
    return list(Direction).index(classify_direction(call_type))


class LegTimes(Protocol):
    """The attributes of a leg that statistics need, provided by a Cdr or by a row with these columns."""

    @property
    def call_id_num(self) -> int: ...
    @property
    def call_type(self) -> int: ...
    @property
    def device_type(self) -> int: ...
    @property
    def begin(self) -> datetime: ...
    @property
    def wait_begin(self) -> datetime | None: ...
    @property
    def wait_end(self) -> datetime | None: ...
    @property
    def call_begin(self) -> datetime | None: ...
    @property
    def call_end(self) -> datetime | None: ...


T = TypeVar("T", bound=LegTimes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The summary of a call."""

    call_id: str
    switch_call_id: str
    account_id: str
    begin: datetime
    end: datetime
    caller_no: str
    caller_name: str
    callee_no: str
    direction: Direction
    agents: tuple[str, ...]  # in the order of their legs
    queues: tuple[str, ...]
    talk: timedelta  # with agents; between the parties in a call without agents
    wait: timedelta
    is_answered: bool
    leave_reason: int  # of the last leg


def sort_legs(legs: Iterable[T]) -> list[T]:
    """Return a call's legs sorted by number, with the last one (-1) at the end."""
    return sorted(legs, key=lambda leg: (leg.call_id_num == LAST_LEG, leg.call_id_num, leg.begin))


def leg_end(leg: Cdr) -> datetime:
    """Return the latest instant of a leg."""
    instants = (leg.begin, leg.wait_begin, leg.wait_end, leg.ack_begin, leg.ack_end, leg.call_begin, leg.call_end)
    return max(instant for instant in instants if instant is not None)


def leg_talk_seconds(leg: LegTimes) -> int:
    """Return the talk time of a leg in whole seconds; 0 if nobody talked."""
    if leg.call_begin is None or leg.call_end is None:
        return 0
    return min(max(0, int((leg.call_end - leg.call_begin).total_seconds())), MAX_CALL_SECONDS)


def call_talk_seconds(legs: Sequence[LegTimes]) -> int:
    """Return the talk time in whole seconds: with agents, or between the parties in a call without agents.

    0 means that the call was not answered.
    """
    return sum(map(leg_talk_seconds, [leg for leg in legs if leg.device_type == DeviceType.AGENT] or legs))


def call_wait_time(legs: Iterable[LegTimes]) -> timedelta:
    """Return the waiting time of a call.

    Overlapping waits of several legs count only once, for example if phones ring one after the other while the caller
    is in a queue.
    """
    return merge_spans((leg.wait_begin, leg.wait_end) for leg in legs)


def merge_spans(spans: Iterable[tuple[datetime | None, datetime | None]]) -> timedelta:
    """Return the time that these spans cover together; those without a begin or an end are ignored."""
    total, until = timedelta(), None
    for begin, end in sorted((begin, end) for begin, end in spans if begin and end):
        begin = max(begin, until) if until else begin
        if end > begin:
            total, until = total + (end - begin), end
    return total


def build_call(legs: Sequence[Cdr]) -> Call:
    """Return the call that consists of these legs; there must be at least one."""
    ordered = sort_legs(legs)
    first, last = ordered[0], ordered[-1]
    talk = call_talk_seconds(ordered)
    return Call(
        call_id=first.call_id,
        switch_call_id=first.switch_call_id,
        account_id=first.account_id,
        begin=min(leg.begin for leg in ordered),
        end=max(map(leg_end, ordered)),
        caller_no=first.caller_no,
        caller_name=first.caller_name,
        callee_no=first.callee_no,
        direction=classify_direction(first.call_type),
        agents=_unique_names(leg.agent_id for leg in ordered),
        queues=_unique_names(leg.current_skill_id for leg in ordered),
        talk=timedelta(seconds=talk),
        wait=call_wait_time(ordered),
        is_answered=talk > 0,
        leave_reason=last.leave_reason,
    )


def _unique_names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name))
