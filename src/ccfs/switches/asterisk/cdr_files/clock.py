"""Convert the local times of a CDR line to instants in UTC."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from ccfs.switches.asterisk.cdr_files.cdr import AsteriskCdrRow
from ccfs.switches.asterisk.cdr_files.columns import UNIQUE_ID
from ccfs.switches.records import UnreadableLine

_CLOCK_TOLERANCE = timedelta(seconds=2)  # readings of one clock may be rounded differently
_UNSET_TIMES = ("", "0000-00-00 00:00:00")
_MAX_DURATION_SECONDS = 10**8  # some three years
_FIXED_ZONE = re.compile(r"UTC([+-])([0-9]{2}):([0-9]{2})")
_OFFSETS_IN_HOUR = {f"{m:02}:{s:02}": timedelta(minutes=m, seconds=s) for m in range(60) for s in range(60)}


def parse_channel_epoch(unique_id: str) -> int | None:
    """Return the second since 1970 from a channel id `[systemname-]seconds.counter`; None if it has none."""
    match = UNIQUE_ID.fullmatch(unique_id)
    return int(match[1]) if match else None


def parse_creation(unique_id: str) -> tuple[int, int] | None:
    """Return second and counter of a channel id, which sort channels by creation; None if it has none."""
    match = UNIQUE_ID.fullmatch(unique_id)
    return (int(match[1]), int(match[2])) if match else None


def parse_leg_times(row: AsteriskCdrRow, zone: str) -> tuple[datetime, datetime | None, datetime]:
    """Return begin, answer (None: not answered) and end of a line in UTC, in this order.

    If a clock change makes an hour ambiguous, the uniqueid and the durations decide. If the clock was set back during a
    call, the call ends when it begins, or after its duration. Raise UnreadableLine.
    """
    duration, billsec = _parse_seconds(row.duration, "duration"), _parse_seconds(row.billsec, "billsec")
    if row.start in _UNSET_TIMES:
        raise UnreadableLine("the line has no start time")
    begins = list_possible_instants(row.start, zone, "start")
    begin = begins[0] if len(begins) == 1 else _choose_instant(begins, _get_channel_creation(row))
    end = _find_end(row, zone, begin, duration)
    end = max(end, begin)
    if row.disposition != "ANSWERED":
        return begin, None, end
    # Answer is set even on unanswered attempts, if the dial plan itself had answered: only the disposition counts.
    if row.answer in _UNSET_TIMES:
        answer = begin if billsec is None else end - timedelta(seconds=billsec)
    else:
        answers = list_possible_instants(row.answer, zone, "answer")
        answer = answers[0] if len(answers) == 1 else _choose_instant(answers, end - timedelta(seconds=billsec or 0))
    return begin, min(max(answer, begin), end), end


def load_zone(name: str) -> tzinfo:
    """Return the zone with an IANA name, or with an offset in the form of `format_offset`."""
    fixed = _FIXED_ZONE.fullmatch(name)
    if not fixed:
        return ZoneInfo(name)
    offset = timedelta(hours=int(fixed[2]), minutes=int(fixed[3]))
    return timezone(-offset if fixed[1] == "-" else offset)


def format_offset(seconds: int) -> str:
    """Return an offset as the name of a zone: UTC-03:00."""
    hours, minutes = divmod(abs(seconds) // 60, 60)
    return f"UTC{'-' if seconds < 0 else '+'}{hours:02}:{minutes:02}"


def parse_local_seconds(text: str) -> int | None:
    """Return a local time as seconds since 1970, as if it were UTC; None for any other text and for times with an offset."""
    try:
        local = datetime.fromisoformat(text) if text[4:5] == "-" else None
    except ValueError:
        return None
    return None if local is None or local.tzinfo is not None else int(local.replace(tzinfo=UTC).timestamp())


def is_clock_set_back(row: AsteriskCdrRow) -> bool:
    """Return whether the switch's clock was set back during the call: it ended before it began."""
    if row.duration[:1] == "-" or row.billsec[:1] == "-":
        return True
    return bool(row.end) and row.end[:10] == row.start[:10] and row.end < row.start and row.duration in ("", "0")


def list_possible_instants(text: str, zone: str, what: str) -> tuple[datetime, ...]:
    """Return the instants that a time may mean, earliest first: one, or two if the clocks changed."""
    hour, rest = _find_hour_start(zone, text[:14]), _OFFSETS_IN_HOUR.get(text[14:])
    if hour is not None and rest is not None:
        return (hour + rest,)
    try:
        return _parse_unusual_time(text, zone)
    except (ValueError, OverflowError, OSError):
        raise UnreadableLine(f"the {what} time is not a time") from None


def choose_event_instant(text: str, unique_id: str, zone: str, what: str) -> datetime:
    """Return the instant of an event. If its hour occurs twice, choose the first instant after the channel was created."""
    instants = list_possible_instants(text, zone, what)
    second = parse_channel_epoch(unique_id)
    if second is None:
        return instants[0]
    created = datetime.fromtimestamp(second, UTC)
    return next((instant for instant in instants if instant >= created), instants[-1])


def _get_channel_creation(row: AsteriskCdrRow) -> datetime | None:
    seconds = parse_channel_epoch(row.uniqueid)
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _find_end(row: AsteriskCdrRow, zone: str, begin: datetime, duration: float | None) -> datetime:
    if row.end not in _UNSET_TIMES:
        ends = list_possible_instants(row.end, zone, "end")
        end = ends[0] if len(ends) == 1 else _choose_instant(ends, begin + timedelta(seconds=duration or 0))
        if end >= begin or not duration:
            return end
    if duration is None:
        raise UnreadableLine("the line has neither an end time nor a duration")
    try:
        return begin + timedelta(seconds=duration)
    except OverflowError:
        raise UnreadableLine("the end time is not a time") from None


def _choose_instant(candidates: tuple[datetime, ...], near: datetime | None) -> datetime:
    """Return the first candidate that is not before `near`: a channel's line starts after the channel was created."""
    if len(candidates) == 1 or near is None:
        return candidates[0]
    return next((instant for instant in candidates if instant >= near - _CLOCK_TOLERANCE), candidates[-1])


def _parse_seconds(text: str, what: str) -> float | None:
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        raise UnreadableLine(f"the {what} is not a number") from None
    if not number < _MAX_DURATION_SECONDS:
        raise UnreadableLine(f"the {what} is not a number of seconds")
    return max(number, 0.0)  # negative if the clock was set back


@lru_cache(maxsize=4096)
def _find_hour_start(zone: str, text: str) -> datetime | None:
    """Return the start of the local hour "YYYY-MM-DD HH:"; None if the clocks change in it, or if it is not an hour."""
    if len(text) != 14 or text[4] != "-" or text[7] != "-" or text[10] not in " T" or text[13] != ":":
        return None
    zone_info = load_zone(zone)
    try:
        times = [datetime.fromisoformat(text + rest) for rest in ("00:00", "15:00", "30:00", "45:00", "59:59")]
        offsets = {zone_info.utcoffset(time.replace(fold=fold)) for time in times for fold in (0, 1)}
        offset = offsets.pop() if len(offsets) == 1 else None
        return None if offset is None else times[0].replace(tzinfo=UTC) - offset
    except (ValueError, OverflowError):
        return None


def _parse_unusual_time(text: str, zone: str) -> tuple[datetime, ...]:
    """Parse the other forms that cdr_custom can write (seconds since 1970, with an offset), and ambiguous local times."""
    if text.replace(".", "", 1).isdecimal() and text.partition(".")[0].isdecimal() and len(text.partition(".")[0]) < 12:
        return (datetime.fromtimestamp(float(text), UTC),)
    if len(text) < 19 or text[4] != "-":
        raise ValueError(text)
    local = datetime.fromisoformat(text)
    if local.tzinfo is not None:
        return (local.astimezone(UTC),)
    zone_info = load_zone(zone)
    return tuple(sorted({local.replace(tzinfo=zone_info, fold=fold).astimezone(UTC) for fold in (0, 1)}))
