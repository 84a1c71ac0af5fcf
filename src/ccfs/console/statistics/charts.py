"""Columns of a chart: where each begins and how high it is, in per cent of the drawing, so that it fits any screen. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Final

MAX_AXIS_LABELS: Final = 7  # that a telephone's screen has room for
NICE_STEPS: Final = (1, 2, 4, 5, 6, 8, 10)  # tops of scales, whose halves are round, too
MIN_HEIGHT_PERCENT: Final = 0.8  # per cent: what is there is seen
NICE_SECONDS: Final = (10, 20, 30, 60, 120, 240, 300, 600, 1200, 1800)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartSegment:
    """A stretch of a column."""

    css_class: str  # its class
    y: str
    height: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartColumn:
    """One column, and the whole height of the drawing for who points at it."""

    x: str
    width: str
    tooltip: str
    segments: list[ChartSegment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart."""

    columns: list[ChartColumn]
    ticks: list[tuple[str, float]]  # (y, value) from the top down
    x_labels: list[tuple[str, str]]  # (x, text)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartValue:
    """What a column shows: amounts by class, which stand on each other, the first one lowest."""

    tooltip: str
    amounts: Sequence[tuple[str, float]]
    axis_label: str = ""  # below it; empty: none


def build_chart(values: Sequence[ChartValue], scale: Callable[[float], float]) -> Chart:
    """The chart of some values; `scale` tells the scale's top for the largest of them."""
    top = scale(max((sum(amount for _, amount in one.amounts) for one in values), default=0))
    step = 100 / max(len(values), 1)
    share = 0.72 if len(values) < 60 else 0.84
    columns = [
        ChartColumn(
            x=_format_percent(step * (place + (1 - share) / 2)),
            width=_format_percent(step * share),
            tooltip=one.tooltip,
            segments=_build_segments(one, top),
        )
        for place, one in enumerate(values)
    ]
    marked = [(place, one.axis_label) for place, one in enumerate(values) if one.axis_label]
    marks = [
        (_format_percent(step * (place + 0.5)), text)
        for place, text in marked[:: ceil(len(marked) / MAX_AXIS_LABELS) or 1]
    ]
    return Chart(columns=columns, ticks=[("0%", top), ("50%", top / 2), ("100%", 0)], x_labels=marks)


def _build_segments(value: ChartValue, top: float) -> list[ChartSegment]:
    parts, y = [], 100.0
    for kind, amount in value.amounts:
        height = min(max(amount / top * 100, MIN_HEIGHT_PERCENT), y) if amount > 0 else 0
        y -= height
        if height:
            parts.append(ChartSegment(css_class=kind, y=_format_percent(y), height=_format_percent(height)))
    return parts


def _format_percent(number: float) -> str:
    return f"{number:.3f}%"


def round_up_count(largest: float) -> float:
    """The top of a scale of numbers of things: at least 2, so that its half is one."""
    return max(_round_up(largest), 2)


def round_up_seconds(largest: float) -> float:
    """The top of a scale of time: round in seconds, minutes, or hours."""
    return next((top for top in NICE_SECONDS if largest <= top), 0) or _round_up(largest / 3600) * 3600


def round_up_bytes(largest: float) -> float:
    """The top of a scale of bytes: round in its unit."""
    unit = 1024.0 ** min(max(floor(log10(max(largest, 1)) / log10(1024)), 0), 4)
    return _round_up(largest / unit) * unit


def _round_up(largest: float) -> float:
    power = 10.0 ** floor(log10(max(largest, 1)))
    return next(step * power for step in NICE_STEPS if largest <= step * power)
