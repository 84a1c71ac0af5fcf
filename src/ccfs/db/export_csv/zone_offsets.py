"""The wall clocks of accounts, as few numbers that a database can calculate with. No SQL here.

Both engines are told the shifts that Python's zone data knows, so that their lines are the same even where a server has
older zone data. A clock is told for the time around a window; the rare instant outside is left to a slower way.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ccfs.model.exports.time_window import SECOND, TimeWindow

WINDOW_MARGIN = timedelta(days=400)  # before and after the window: a call that began in it has long ended then
DAY = timedelta(days=1)
_EARLIEST = datetime(2, 1, 1, tzinfo=UTC) + WINDOW_MARGIN
_LATEST = datetime(9999, 1, 1, tzinfo=UTC) - WINDOW_MARGIN


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetPeriod:
    """A span of time in which a zone keeps the same distance from UTC: begin is in it, end is not."""

    begin: datetime
    end: datetime
    utc_offset: timedelta  # to be added to UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneOffsets:
    """The accounts of one zone, and the zone's steps around a window: those that matter most come first."""

    accounts: tuple[str, ...]
    zone: ZoneInfo
    periods: tuple[OffsetPeriod, ...]


def compute_zone_offsets(zones: Mapping[str, ZoneInfo], window: TimeWindow) -> tuple[ZoneOffsets, ...]:
    """One clock for each zone of the accounts, the zone with most accounts last."""
    accounts = defaultdict(list)
    for account_id, zone in sorted(zones.items()):
        accounts[zone].append(account_id)
    by_size = sorted(accounts.items(), key=lambda one: (len(one[1]), one[0].key))
    return tuple(
        ZoneOffsets(accounts=tuple(ids), zone=zone, periods=_list_periods_around(window, zone)) for zone, ids in by_size
    )


def _list_periods_around(window: TimeWindow, zone: ZoneInfo) -> tuple[OffsetPeriod, ...]:
    begin = min(max(window.begin, _EARLIEST), _LATEST).replace(microsecond=0) - WINDOW_MARGIN
    end = min(max(window.end, _EARLIEST), _LATEST) + WINDOW_MARGIN
    return tuple(sorted(_iter_periods(zone, begin, end), key=lambda step: step.end <= window.begin))


def _iter_periods(zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[OffsetPeriod]:
    """The steps from begin on, the last one ending at or just after end. No zone turns twice in a day and is back."""
    shift, day = _get_utc_offset(zone, begin), begin
    while day < end:
        if _get_utc_offset(zone, day + DAY) == shift:
            day += DAY
            continue
        turn = _find_transition(zone, day, shift)
        yield OffsetPeriod(begin=begin, end=turn, utc_offset=shift)
        begin = day = turn
        shift = _get_utc_offset(zone, turn)
    yield OffsetPeriod(begin=begin, end=day, utc_offset=shift)


def _find_transition(zone: ZoneInfo, day: datetime, shift: timedelta) -> datetime:
    """The first second with another shift, within a day after `day`."""
    same, other = 0, DAY // SECOND
    while other - same > 1:
        middle = (same + other) // 2
        if _get_utc_offset(zone, day + middle * SECOND) == shift:
            same = middle
        else:
            other = middle
    return day + other * SECOND


def _get_utc_offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()
