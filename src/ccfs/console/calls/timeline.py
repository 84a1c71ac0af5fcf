"""The timeline of a call: a row for each leg, whose spans are bars in thousandths of the call. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ccfs.model.calls.call import LegSpan, TimelineStep

TIMELINE_WIDTH = 1000
MIN_BAR_WIDTH = 4  # so that a second of an hour stays visible


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineBar:
    """The bar of a span."""

    x: int
    width: int
    span: LegSpan


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineRow:
    """The bars of a leg."""

    step: TimelineStep
    bars: list[TimelineBar]


def build_timeline_rows(steps: Sequence[TimelineStep]) -> list[TimelineRow]:
    """Return the rows of the legs, on one scale."""
    if not steps:
        return []
    begin, end = min(step.begin for step in steps), max(step.end for step in steps)
    seconds = max((end - begin).total_seconds(), 1.0)
    return [TimelineRow(step=step, bars=[_build_bar(span, begin, seconds) for span in step.spans]) for step in steps]


def _build_bar(span: LegSpan, begin: datetime, seconds: float) -> TimelineBar:
    x = round(min(max((span.begin - begin).total_seconds() / seconds, 0.0), 1.0) * TIMELINE_WIDTH)
    width = max(round(span.duration.total_seconds() / seconds * TIMELINE_WIDTH), MIN_BAR_WIDTH)
    x = min(x, TIMELINE_WIDTH - MIN_BAR_WIDTH)
    return TimelineBar(x=x, width=min(width, TIMELINE_WIDTH - x), span=span)
