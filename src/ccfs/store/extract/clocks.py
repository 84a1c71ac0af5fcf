"""The wall clocks of accounts, as few numbers that a database can calculate with. No SQL here.

Both engines are told the shifts that Python's zone data knows, so that their lines are the same even where a server has
older zone data. A clock is told for the time around a window; the rare instant outside is left to a slower way.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ccfs.model.window import SECOND, Window

REACH = timedelta(days=400)  # before and after the window: a call that began in it has long ended then
DAY = timedelta(days=1)
_FIRST = datetime(2, 1, 1, tzinfo=UTC) + REACH
_LAST = datetime(9999, 1, 1, tzinfo=UTC) - REACH


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A span of time in which a zone keeps the same distance from UTC: begin is in it, end is not."""

    begin: datetime
    end: datetime
    shift: timedelta  # to be added to UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The accounts of one zone, and the zone's steps around a window: those that matter most come first."""

    accounts: tuple[str, ...]
    zone: ZoneInfo
    steps: tuple[Step, ...]


def clocks(zones: Mapping[str, ZoneInfo], window: Window) -> tuple[Clock, ...]:
    """One clock for each zone of the accounts, the zone with most accounts last."""
    accounts = defaultdict(list)
    for account_id, zone in sorted(zones.items()):
        accounts[zone].append(account_id)
    by_size = sorted(accounts.items(), key=lambda one: (len(one[1]), one[0].key))
    return tuple(Clock(accounts=tuple(ids), zone=zone, steps=_around(window, zone)) for zone, ids in by_size)


def _around(window: Window, zone: ZoneInfo) -> tuple[Step, ...]:
    begin = min(max(window.begin, _FIRST), _LAST).replace(microsecond=0) - REACH
    end = min(max(window.end, _FIRST), _LAST) + REACH
    return tuple(sorted(_steps(zone, begin, end), key=lambda step: step.end <= window.begin))


def _steps(zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[Step]:
    """The steps from begin on, the last one ending at or just after end. No zone turns twice in a day and is back."""
    shift, day = _shift(zone, begin), begin
    while day < end:
        if _shift(zone, day + DAY) == shift:
            day += DAY
            continue
        turn = _turn(zone, day, shift)
        yield Step(begin=begin, end=turn, shift=shift)
        begin = day = turn
        shift = _shift(zone, turn)
    yield Step(begin=begin, end=day, shift=shift)


def _turn(zone: ZoneInfo, day: datetime, shift: timedelta) -> datetime:
    """The first second with another shift, within a day after `day`."""
    same, other = 0, DAY // SECOND
    while other - same > 1:
        middle = (same + other) // 2
        if _shift(zone, day + middle * SECOND) == shift:
            same = middle
        else:
            other = middle
    return day + other * SECOND


def _shift(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()
