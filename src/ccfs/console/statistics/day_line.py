"""The time line of an agent's day: states and calls as bars in thousandths of the hours shown. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from ccfs.model.calls.agent_time import (
    AgentState,
    AgentTimes,
    OperationTimes,
    StateSpan,
    merge_times,
    split_operation,
    sum_operations,
)
from ccfs.model.exports.time_window import TimeWindow

LINE_WIDTH: Final = 1000
MIN_BAR_WIDTH: Final = 1.5  # so that a short call stays visible
MAX_HOUR_LABELS: Final = 9  # more would touch each other beside the columns of a team
HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayBar:
    """A bar of the line."""

    css_class: str
    x: float
    width: float
    begin: datetime
    end: datetime
    link: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HourMark:
    """An hour of the axis."""

    x: float
    text: str


def split_operations(
    operations: Iterable[OperationTimes], window: TimeWindow, after_call_limit: timedelta
) -> list[StateSpan]:
    """Return the states within a window in order of time; hold after the talk that it is a part of."""
    spans = [span for operation in operations for span in split_operation(operation, window, after_call_limit)]
    return sorted(spans, key=lambda span: (span.state is AgentState.HOLD, span.begin))


def sum_states(operations: Iterable[OperationTimes], window: TimeWindow, after_call_limit: timedelta) -> AgentTimes:
    """Return the seconds in each state within a window."""
    return merge_times(sum_operations(operations, window, after_call_limit).values())


def choose_axis(spans: Sequence[tuple[datetime, datetime]], day: TimeWindow) -> TimeWindow:
    """Return the full hours of a day in which something happened; the usual working hours without anything."""
    if not spans:
        return TimeWindow(begin=min(day.begin + 8 * HOUR, day.end - HOUR), end=min(day.begin + 18 * HOUR, day.end))
    first, last = min(begin for begin, _ in spans), max(end for _, end in spans)
    begin = day.begin + (first - day.begin) // HOUR * HOUR
    hours = -((begin - last) // HOUR)
    return TimeWindow(begin=max(begin, day.begin), end=min(begin + max(hours, 1) * HOUR, max(day.end, last)))


def place_bar(begin: datetime, end: datetime, axis: TimeWindow) -> tuple[float, float]:
    """Return x and width of a span on the axis."""
    total = (axis.end - axis.begin).total_seconds()
    x = min(max((begin - axis.begin).total_seconds() / total, 0.0), 1.0) * LINE_WIDTH
    right = min(max((end - axis.begin).total_seconds() / total, 0.0), 1.0) * LINE_WIDTH
    width = max(right - x, MIN_BAR_WIDTH)
    return round(min(x, LINE_WIDTH - width), 2), round(width, 2)


def build_state_bars(spans: Iterable[StateSpan], axis: TimeWindow) -> list[DayBar]:
    """Return the bars of states."""
    bars = []
    for span in spans:
        x, width = place_bar(span.begin, span.end, axis)
        bars.append(DayBar(css_class=span.state, x=x, width=width, begin=span.begin, end=span.end))
    return bars


def build_hours(axis: TimeWindow, zone: ZoneInfo) -> list[HourMark]:
    """Return the marks of the axis, as the account's clock shows them."""
    hours = max(round((axis.end - axis.begin) / HOUR), 1)
    step = -(-hours // MAX_HOUR_LABELS)
    return [
        HourMark(x=round(number * LINE_WIDTH / hours, 2), text=f"{(axis.begin + number * HOUR).astimezone(zone):%H:%M}")
        for number in range(0, hours + 1, step)
    ]
