"""The line of time of a call as bars: where each begins and how long it is, in thousandths of the call. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ccfs.model.calls.call import LegSpan, TimelineStep

TIMELINE_WIDTH = 1000
MIN_BAR_WIDTH = 4  # so that a second of an hour is still seen


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineBar:
    """One stretch, as drawn."""

    x: int
    width: int
    span: LegSpan


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineRow:
    """One leg, as drawn."""

    step: TimelineStep
    bars: list[TimelineBar]


def build_timeline_rows(steps: Sequence[TimelineStep]) -> list[TimelineRow]:
    """The legs with their bars, on one scale."""
    if not steps:
        return []
    begin, end = min(step.begin for step in steps), max(step.end for step in steps)
    whole = max((end - begin).total_seconds(), 1.0)
    return [TimelineRow(step=step, bars=[_build_bar(span, begin, whole) for span in step.spans]) for step in steps]


def _build_bar(span: LegSpan, begin: datetime, whole: float) -> TimelineBar:
    x = round(min(max((span.begin - begin).total_seconds() / whole, 0.0), 1.0) * TIMELINE_WIDTH)
    width = max(round(span.duration.total_seconds() / whole * TIMELINE_WIDTH), MIN_BAR_WIDTH)
    x = min(x, TIMELINE_WIDTH - MIN_BAR_WIDTH)
    return TimelineBar(x=x, width=min(width, TIMELINE_WIDTH - x), span=span)
