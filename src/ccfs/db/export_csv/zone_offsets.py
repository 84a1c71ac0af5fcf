"""UTC offsets of the accounts' time zones, as a few numbers with which a database can calculate.

Both engines use the offsets from Python's time zone data, so that their lines are equal even if a server has older
data. The offsets cover the time around a window; the few instants outside it are converted in a slower way.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ccfs.model.exports.time_window import SECOND, TimeWindow

WINDOW_MARGIN = timedelta(days=400)  # before and after the window: longer than any call that began in it
DAY = timedelta(days=1)
_EARLIEST = datetime(2, 1, 1, tzinfo=UTC) + WINDOW_MARGIN
_LATEST = datetime(9999, 1, 1, tzinfo=UTC) - WINDOW_MARGIN


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetPeriod:
    """A period with a constant UTC offset: it includes begin but not end."""

    begin: datetime
    end: datetime
    utc_offset: timedelta  # to be added to UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneOffsets:
    """The accounts of a zone, and the zone's offset periods around a window, those in the window first."""

    accounts: tuple[str, ...]
    zone: ZoneInfo
    periods: tuple[OffsetPeriod, ...]


def compute_zone_offsets(zones: Mapping[str, ZoneInfo], window: TimeWindow) -> tuple[ZoneOffsets, ...]:
    """Return the offsets for each time zone of the accounts. The zone with the most accounts comes last."""
    accounts = defaultdict(list)
    for account_id, zone in sorted(zones.items()):
        accounts[zone].append(account_id)
    by_size = sorted(accounts.items(), key=lambda item: (len(item[1]), item[0].key))
    return tuple(
        ZoneOffsets(accounts=tuple(ids), zone=zone, periods=_list_periods_around(window, zone)) for zone, ids in by_size
    )


def _list_periods_around(window: TimeWindow, zone: ZoneInfo) -> tuple[OffsetPeriod, ...]:
    begin = min(max(window.begin, _EARLIEST), _LATEST).replace(microsecond=0) - WINDOW_MARGIN
    end = min(max(window.end, _EARLIEST), _LATEST) + WINDOW_MARGIN
    return tuple(sorted(_iter_periods(zone, begin, end), key=lambda period: period.end <= window.begin))


def _iter_periods(zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[OffsetPeriod]:
    """Yield the periods starting at begin; the last one ends at `end` or less than a day later.

    No zone changes its offset twice within a day and returns to the first.
    """
    offset, day = _get_utc_offset(zone, begin), begin
    while day < end:
        if _get_utc_offset(zone, day + DAY) == offset:
            day += DAY
            continue
        transition = _find_transition(zone, day, offset)
        yield OffsetPeriod(begin=begin, end=transition, utc_offset=offset)
        begin = day = transition
        offset = _get_utc_offset(zone, transition)
    yield OffsetPeriod(begin=begin, end=day, utc_offset=offset)


def _find_transition(zone: ZoneInfo, day: datetime, offset: timedelta) -> datetime:
    """Return the first second with another offset, by binary search within a day after `day`."""
    before, after = 0, DAY // SECOND
    while after - before > 1:
        middle = (before + after) // 2
        if _get_utc_offset(zone, day + middle * SECOND) == offset:
            before = middle
        else:
            after = middle
    return day + after * SECOND


def _get_utc_offset(zone: ZoneInfo, instant: datetime) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()
