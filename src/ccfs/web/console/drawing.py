"""The line of time of a call as bars: where each begins and how long it is, in thousandths of the call. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ccfs.model.call import Span, Step

WIDTH = 1000
NARROWEST = 4  # so that a second of an hour is still seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One stretch, as drawn."""

    x: int
    width: int
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One leg, as drawn."""

    step: Step
    bars: list[Bar]


def rows(steps: Sequence[Step]) -> list[Row]:
    """The legs with their bars, on one scale."""
    if not steps:
        return []
    begin, end = min(step.begin for step in steps), max(step.end for step in steps)
    whole = max((end - begin).total_seconds(), 1.0)
    return [Row(step=step, bars=[_bar(span, begin, whole) for span in step.spans]) for step in steps]


def _bar(span: Span, begin: datetime, whole: float) -> Bar:
    x = round(min(max((span.begin - begin).total_seconds() / whole, 0.0), 1.0) * WIDTH)
    width = max(round(span.lasts.total_seconds() / whole * WIDTH), NARROWEST)
    x = min(x, WIDTH - NARROWEST)
    return Bar(x=x, width=min(width, WIDTH - x), span=span)
