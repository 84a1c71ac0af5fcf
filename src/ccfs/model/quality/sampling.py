"""Sampling rules: how many calls of each agent are drawn at random for evaluation, and which. Pure.

A draw can be repeated: the calls of an agent are put in the order of SHA-256 of the rule's seed, the agent and the callId, and
the first ones are taken.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum, auto
from typing import Final
from zoneinfo import ZoneInfo

from ccfs.model.calls.statistics_slots import DAY, get_midnight
from ccfs.model.exports.time_window import TimeWindow, to_local

MAX_RULES: Final = 20  # of an account
MAX_CALLS: Final = 20  # of an agent in a period
MAX_QUEUES: Final = 50
MAX_PERIODS: Final = 5  # that are drawn at once; calls of earlier ones are no longer drawn
MAX_MIN_TALK_SECONDS: Final = 86_400


class SamplingPeriod(StrEnum):
    """The period that a rule draws calls of, once it is over."""

    DAY = auto()
    WEEK = auto()  # from Monday


class SampleState(StrEnum):
    """The state of a drawn call."""

    OPEN = auto()  # to be scored
    DONE = auto()
    SKIPPED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingRule:
    """A rule of an account."""

    id: int
    account_id: str
    form: int
    form_name: str
    is_form_retired: bool = False  # then it draws nothing
    calls: int  # of each agent in each period
    period: SamplingPeriod
    min_talk_seconds: int
    direction: str  # of Direction; "": any
    queues: tuple[str, ...]  # (): all
    seed: str
    author: str
    drawn_until: datetime  # the end of the last period that was drawn


def get_period_start(period: SamplingPeriod, instant: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant at which the period of a zone's clock began that contains an instant."""
    return get_midnight(_get_first_day(period, to_local(instant, zone).date()), zone)


def _get_first_day(period: SamplingPeriod, day: date) -> date:
    return day if period is SamplingPeriod.DAY else day - DAY * day.weekday()


def list_due_periods(rule: SamplingRule, zone: ZoneInfo, now: datetime) -> list[TimeWindow]:
    """Return the periods that have ended since the last draw, the oldest first, and of these the last MAX_PERIODS.

    A rule whose form is retired has none.
    """
    if rule.is_form_retired:
        return []
    end, periods = get_period_start(rule.period, now, zone), list[TimeWindow]()
    length = DAY if rule.period is SamplingPeriod.DAY else 7 * DAY
    while end > rule.drawn_until and len(periods) < MAX_PERIODS:
        begin = get_midnight(to_local(end, zone).date() - length, zone)
        periods.append(TimeWindow(begin=begin, end=end))
        end = begin
    return periods[::-1]


def order_calls(seed: str, agent_id: str, call_ids: Iterable[str]) -> Iterator[str]:
    """Yield an agent's calls in the order in which a rule with this seed draws them, each once."""

    def digest(call_id: str) -> bytes:
        return hashlib.sha256(f"{seed}\n{agent_id}\n{call_id}".encode()).digest()

    yield from sorted(set(call_ids), key=digest)


def get_first_draw(period: SamplingPeriod, zone: ZoneInfo, now: datetime) -> datetime:
    """Return up to when a new rule counts as drawn: it draws the last whole period first."""
    begin = get_period_start(period, now, zone)
    return begin - timedelta(microseconds=1)
