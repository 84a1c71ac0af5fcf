"""Columns of a chart: where each begins and how high it is, in per cent of the drawing, so that it fits any screen. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Final

MOST_MARKS: Final = 7  # that a telephone's screen has room for
STEPS: Final = (1, 2, 4, 5, 6, 8, 10)  # tops of scales, whose halves are round, too
LEAST: Final = 0.8  # per cent: what is there is seen
SECONDS: Final = (10, 20, 30, 60, 120, 240, 300, 600, 1200, 1800)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A stretch of a column."""

    kind: str  # its class
    y: str
    height: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column, and the whole height of the drawing for who points at it."""

    x: str
    width: str
    says: str
    parts: list[Part]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart."""

    columns: list[Column]
    ticks: list[tuple[str, float]]  # (y, value) from the top down
    marks: list[tuple[str, str]]  # (x, text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What a column shows: amounts by class, which stand on each other, the first one lowest."""

    says: str
    amounts: Sequence[tuple[str, float]]
    mark: str = ""  # below it; empty: none


def chart(values: Sequence[Value], scale: Callable[[float], float]) -> Chart:
    """The chart of some values; `scale` tells the scale's top for the largest of them."""
    top = scale(max((sum(amount for _, amount in one.amounts) for one in values), default=0))
    step = 100 / max(len(values), 1)
    share = 0.72 if len(values) < 60 else 0.84
    columns = [
        Column(
            x=_per_cent(step * (place + (1 - share) / 2)),
            width=_per_cent(step * share),
            says=one.says,
            parts=_parts(one, top),
        )
        for place, one in enumerate(values)
    ]
    marked = [(place, one.mark) for place, one in enumerate(values) if one.mark]
    marks = [(_per_cent(step * (place + 0.5)), text) for place, text in marked[:: ceil(len(marked) / MOST_MARKS) or 1]]
    return Chart(columns=columns, ticks=[("0%", top), ("50%", top / 2), ("100%", 0)], marks=marks)


def _parts(value: Value, top: float) -> list[Part]:
    parts, y = [], 100.0
    for kind, amount in value.amounts:
        height = min(max(amount / top * 100, LEAST), y) if amount > 0 else 0
        y -= height
        if height:
            parts.append(Part(kind=kind, y=_per_cent(y), height=_per_cent(height)))
    return parts


def _per_cent(number: float) -> str:
    return f"{number:.3f}%"


def numbers(largest: float) -> float:
    """The top of a scale of numbers of things: at least 2, so that its half is one."""
    return max(_round(largest), 2)


def seconds(largest: float) -> float:
    """The top of a scale of time: round in seconds, minutes, or hours."""
    return next((top for top in SECONDS if largest <= top), 0) or _round(largest / 3600) * 3600


def sizes(largest: float) -> float:
    """The top of a scale of bytes: round in its unit."""
    unit = 1024.0 ** min(max(floor(log10(max(largest, 1)) / log10(1024)), 0), 4)
    return _round(largest / unit) * unit


def _round(largest: float) -> float:
    power = 10.0 ** floor(log10(max(largest, 1)))
    return next(step * power for step in STEPS if largest <= step * power)
