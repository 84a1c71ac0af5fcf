"""Times of CDR exports in the formats of spreadsheets and other programs. All are converted to `2026-11-28 14:03:05`.

28/11/2026 14:03, 11/28/2026 2:03:05 PM, 28.11.26 14:03:05, 2026/11/28 14:03:05, 20261128140305.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from ccfs.switches.records import UnreadableLine

AMBIGUOUS_DATES = "the dates may be day/month or month/day, and no line tells which: export them as YYYY-MM-DD"
ORDERS = ("ymd", "dmy", "mdy")  # of year, month and day
_HALF = r"(?P<{}>[AaPp]\.?\s?[Mm]\.?|上午|下午)"  # of the day
_FORM = re.compile(
    r"(?P<one>[0-9]{1,4})(?P<mark>[-/.])(?P<two>[0-9]{1,2})(?P=mark)(?P<three>[0-9]{2,4})(?:T|,? {1,2})"
    rf"(?:{_HALF.format('before')} ?)?(?P<hour>[0-9]{{1,2}}):(?P<minute>[0-9]{{2}})"
    rf"(?::(?P<second>[0-9]{{2}})(?P<fraction>\.[0-9]{{1,9}})?)?(?:\s?{_HALF.format('after')})?"
)
_DIGITS = re.compile(r"(20[0-9]{2})([01][0-9])([0-3][0-9])T?([0-2][0-9])([0-5][0-9])([0-5][0-9])")
_DURATION = re.compile(r"(?:([0-9]{1,4}):)?([0-9]{1,2}):([0-9]{2})(?P<fraction>\.[0-9]{1,9})?")
_DECIMAL_COMMA = re.compile(r"[0-9]{1,9},[0-9]{1,9}")
_MAX_LENGTH = 40  # characters of a time
_MAX_OFFSET_SECONDS = 15 * 3600  # of a zone, and the delay of a channel's line
_QUARTER_SECONDS = 900  # offsets of zones are multiples of it


class DatedLine(NamedTuple):
    """The start of a line as written, and the second in its uniqueid, if it has one."""

    start: str
    epoch: int | None


def is_time(text: str) -> bool:
    """Return whether a text is a time in one of these formats."""
    return len(text) <= _MAX_LENGTH and bool(_DIGITS.fullmatch(text) or _FORM.fullmatch(text))


def detect_order(lines: Iterable[DatedLine]) -> str:
    """Return the order of day, month and year; "" if all dates are in Asterisk's format.

    Day numbers above 12 reveal it, or else the uniqueids. Raise UnreadableLine if neither do.
    """
    dated = [line for line in lines if is_time(line.start) and not is_iso(line.start)]
    fitting = [order for order in ORDERS if dated and all(_parse(line.start, order) for line in dated)]
    if len(fitting) > 1:
        hits = {order: _count_agreeing(dated, order) for order in fitting}
        best = max(hits.values())
        fitting = [order for order in fitting if best and hits[order] == best]
        if len(fitting) != 1:
            raise UnreadableLine(AMBIGUOUS_DATES)
    return fitting[0] if fitting else ""


def convert_time(text: str, order: str) -> str:
    """Return a time as `YYYY-MM-DD HH:MM:SS`; "" for a date of zeros; the text itself if its format is unknown."""
    if is_iso(text) or not is_time(text):
        return text
    if not any(map(int, re.findall("[0-9]+", text)[:3])):
        return ""
    parsed = _parse(text, order)
    return text if parsed is None else parsed.isoformat(" ")


def add_seconds(text: str, converted: str, epoch: int | None) -> str:
    """Return a converted start. If it was written without seconds, use those of its channel's creation.

    This is valid only if the channel was created in the same minute, because later lines of a channel start at any
    time.
    """
    if has_seconds(text) or epoch is None or len(converted) != 19:
        return converted
    local = int(datetime.fromisoformat(converted).replace(tzinfo=UTC).timestamp())
    is_same_minute = (local - epoch // 60 * 60) % _QUARTER_SECONDS == 0
    return f"{converted[:17]}{epoch % 60:02}" if is_same_minute else converted


def has_seconds(text: str) -> bool:
    """Return whether a time includes seconds."""
    match = _FORM.fullmatch(text)
    return match is None or match["second"] is not None


def convert_duration(text: str) -> str:
    """Return a duration such as `00:01:05` or `65,5` in seconds with a decimal point; any other text as it is."""
    if match := _DURATION.fullmatch(text):
        hours, minutes, seconds = (int(part or 0) for part in match.groups()[:3])
        return f"{hours * 3600 + minutes * 60 + seconds}{match['fraction'] or ''}"
    return text.replace(",", ".") if _DECIMAL_COMMA.fullmatch(text) else text


def is_iso(text: str) -> bool:
    """Return whether a time is in Asterisk's format: year first, hyphens, with seconds."""
    return text[4:5] == "-" and text[7:8] == "-" and text[16:17] == ":"


def _count_agreeing(lines: Sequence[DatedLine], order: str) -> int:
    count = 0
    for line in lines:
        parsed = _parse(line.start, order) if line.epoch is not None else None
        if parsed and line.epoch is not None:
            count += abs(parsed.replace(tzinfo=UTC).timestamp() - line.epoch) <= _MAX_OFFSET_SECONDS
    return count


def _parse(text: str, order: str) -> datetime | None:
    """Return the local time of a text; None if it is not a time in this order."""
    try:
        if digits := _DIGITS.fullmatch(text):
            return datetime(*map(int, digits.groups())) if order == "ymd" else None  # type: ignore[arg-type]
        match = _FORM.fullmatch(text)
        if match is None:
            return None
        parts = dict(zip(order, (match["one"], match["two"], match["three"]), strict=True))
        if len(parts["m"]) > 2 or len(parts["d"]) > 2 or len(parts["y"]) not in ((4,) if order == "ymd" else (2, 4)):
            return None
        year = int(parts["y"]) + (2000 if len(parts["y"]) == 2 else 0)
        hour = _find_hour(int(match["hour"]), match["before"] or match["after"] or "")
        moment = datetime(year, int(parts["m"]), int(parts["d"]), hour, int(match["minute"]), int(match["second"] or 0))
        return moment.replace(microsecond=int(float(match["fraction"] or 0) * 1_000_000))
    except ValueError:
        return None


def _find_hour(hour: int, half: str) -> int:
    if not half:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError(half)
    return hour % 12 + (12 if half[:1] in "Pp下" else 0)
