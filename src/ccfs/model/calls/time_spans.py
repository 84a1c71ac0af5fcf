"""Sets of time spans: union, intersection and difference. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSpan:
    """The time from one instant to another, which is not earlier."""

    begin: datetime
    end: datetime


def merge_spans(spans: Iterable[TimeSpan]) -> list[TimeSpan]:
    """Return the union: spans in order, of which no two overlap or touch. Empty spans are left out."""
    merged: list[TimeSpan] = []
    for span in sorted(spans, key=lambda span: (span.begin, span.end)):
        if span.end <= span.begin:
            continue
        if merged and span.begin <= merged[-1].end:
            merged[-1] = TimeSpan(begin=merged[-1].begin, end=max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


def subtract_spans(spans: Sequence[TimeSpan], taken: Sequence[TimeSpan]) -> list[TimeSpan]:
    """Return what `spans` have and `taken` have not. Both are unions in order, as `merge_spans` returns them."""
    left: list[TimeSpan] = []
    for span in spans:
        begin = span.begin
        for other in taken:
            if other.end <= begin or other.begin >= span.end:
                continue
            if other.begin > begin:
                left.append(TimeSpan(begin=begin, end=other.begin))
            begin = max(begin, other.end)
        if begin < span.end:
            left.append(TimeSpan(begin=begin, end=span.end))
    return left


def intersect_spans(spans: Sequence[TimeSpan], others: Sequence[TimeSpan]) -> list[TimeSpan]:
    """Return what both have, for unions in order."""
    common = [
        TimeSpan(begin=max(span.begin, other.begin), end=min(span.end, other.end))
        for span in spans
        for other in others
        if span.begin < other.end and other.begin < span.end
    ]
    return merge_spans(common)
