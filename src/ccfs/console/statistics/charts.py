"""Column charts: positions and heights in per cent of the drawing, so that it fits any screen. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Final

MAX_AXIS_LABELS: Final = 7  # that fit a phone's screen
NICE_STEPS: Final = (1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10)  # tops of scales, close to each other, with round halves
MIN_HEIGHT_PERCENT: Final = 0.8  # so that small amounts stay visible
NICE_SECONDS: Final = (
    10,
    16,
    20,
    30,
    40,
    60,
    80,
    120,
    160,
    240,
    300,
    360,
    480,
    600,
    720,
    960,
    1200,
    1800,
    2400,
    3600,
    5400,
    7200,
    10800,
    14400,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartSegment:
    """A part of a column."""

    css_class: str
    y: str
    height: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartColumn:
    """One column, with a tooltip over the whole height of the drawing."""

    x: str
    width: str
    tooltip: str
    segments: list[ChartSegment]
    link: str = ""  # URL of the calls that the column counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart."""

    columns: list[ChartColumn]
    ticks: list[tuple[str, float]]  # (y, value) from the top down
    x_labels: list[tuple[str, str]]  # (x, text)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartValue:
    """The values of a column: amounts by CSS class, the first one lowest if they are stacked."""

    tooltip: str
    amounts: Sequence[tuple[str, float]]
    axis_label: str = ""  # below the column
    link: str = ""


def build_chart(values: Sequence[ChartValue], scale: Callable[[float], float], *, is_stacked: bool = True) -> Chart:
    """Return the chart of some values; `scale` returns the scale's top for the largest of them.

    Amounts that are no parts of a sum are not stacked: each begins at the axis, and later ones cover earlier ones.
    """
    combine = sum if is_stacked else max
    top = scale(max((combine([amount for _, amount in value.amounts] or [0]) for value in values), default=0))
    step = 100 / max(len(values), 1)
    share = 0.72 if len(values) < 60 else 0.84
    columns = [
        ChartColumn(
            x=_format_percent(step * (index + (1 - share) / 2)),
            width=_format_percent(step * share),
            tooltip=value.tooltip,
            segments=_build_segments(value, top, is_stacked=is_stacked),
            link=value.link,
        )
        for index, value in enumerate(values)
    ]
    labels = [(index, value.axis_label) for index, value in enumerate(values) if value.axis_label]
    x_labels = [
        (_format_percent(step * (index + 0.5)), text)
        for index, text in labels[:: ceil(len(labels) / MAX_AXIS_LABELS) or 1]
    ]
    return Chart(columns=columns, ticks=[("0%", top), ("50%", top / 2), ("100%", 0)], x_labels=x_labels)


def _build_segments(value: ChartValue, top: float, *, is_stacked: bool) -> list[ChartSegment]:
    segments, y = [], 100.0
    for css_class, amount in value.amounts:
        y = y if is_stacked else 100.0
        height = min(max(amount / top * 100, MIN_HEIGHT_PERCENT), y) if amount > 0 else 0
        y -= height
        if height:
            segments.append(ChartSegment(css_class=css_class, y=_format_percent(y), height=_format_percent(height)))
    return segments


def _format_percent(number: float) -> str:
    return f"{number:.3f}%"


def round_up_count(largest: float) -> float:
    """Return the top of a scale of counts, whose half is an integer: an even number from 2."""
    if largest <= 10:
        return max(2 * ceil(largest / 2), 2)
    return _round_up(largest)


def round_up_share(_largest: float) -> float:
    """Return the top of a scale of shares."""
    return 1.0


def round_up_seconds(largest: float) -> float:
    """Return the top of a scale of durations: round in seconds, minutes, or hours."""
    return next((top for top in NICE_SECONDS if largest <= top), 0) or round_up_count(largest / 3600) * 3600


def round_up_bytes(largest: float) -> float:
    """Return the top of a scale of sizes: round in its unit."""
    unit = 1024.0 ** min(max(floor(log10(max(largest, 1)) / log10(1024)), 0), 4)
    return _round_up(largest / unit) * unit


def _round_up(largest: float) -> float:
    power = 10.0 ** floor(log10(max(largest, 1)))
    return next(top for top in (round(step * power, 6) for step in NICE_STEPS) if largest <= top)
