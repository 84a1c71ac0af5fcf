"""Detect the zone of a CDR file.

Its times are local and do not name a zone, but a uniqueid contains the second in which its channel was created. The
right zone is the one in which the times of the lines agree with their uniqueids.
"""

import zoneinfo
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from ccfs.switches.asterisk.cdr_files.cdr import AsteriskCdrRow
from ccfs.switches.asterisk.cdr_files.clock import format_offset, load_zone, parse_channel_epoch, parse_local_seconds
from ccfs.switches.asterisk.cdr_files.line_zones import MAX_DELAY_SECONDS, MIN_DELAY_SECONDS, find_offset
from ccfs.switches.records import ZoneGuess

ZoneSample = tuple[int, int]  # local start of a channel's first line, counted as if it were UTC; second of its uniqueid

_MAX_ENTRY_DELAY_SECONDS = 30  # between the start of a queue's line and the caller's entry in the queue log
_NEWEST_SAMPLES, _MIN_NEW_MISFITS = 10, 2  # samples that show a change of the clocks, and misfits that prove it
_MISFIT_TOLERANCE = 0.02  # share of samples that may disagree before another zone is preferred
_MAX_SAMPLES = 500  # samples that are compared
# of zones that are alike for half a year, one that most people know; the most people first
_LARGEST = (
    "Europe/Berlin",
    "Europe/London",
    "Europe/Paris",
    "Europe/Madrid",
    "Europe/Rome",
    "Europe/Moscow",
    "Europe/Istanbul",
    "Europe/Kyiv",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Phoenix",
    "America/Anchorage",
    "America/Sao_Paulo",
    "America/Mexico_City",
    "America/Bogota",
    "America/Lima",
    "America/Caracas",
    "America/Santiago",
    "America/Halifax",
    "America/Havana",
    "Pacific/Honolulu",
    "Asia/Shanghai",
    "Asia/Kolkata",
    "Asia/Tokyo",
    "Asia/Jakarta",
    "Asia/Dhaka",
    "Asia/Karachi",
    "Asia/Bangkok",
    "Asia/Riyadh",
    "Asia/Dubai",
    "Asia/Tehran",
    "Asia/Tashkent",
    "Asia/Yangon",
    "Asia/Kathmandu",
    "Africa/Lagos",
    "Africa/Cairo",
    "Africa/Johannesburg",
    "Africa/Nairobi",
    "Australia/Sydney",
    "Australia/Brisbane",
    "Australia/Adelaide",
    "Pacific/Auckland",
)
_AREAS = (
    "Asia",
    "Europe",
    "America",
    "Australia",
    "Africa",
    "Pacific",
    "Atlantic",
    "Indian",
    "Antarctica",
)  # most calls first


def collect_samples(rows: Iterable[AsteriskCdrRow]) -> list[ZoneSample]:
    """Return the earliest local start of each channel that began a call, in order of time, otherwise of all channels.

    Lines without a uniqueid and times with an offset are not samples.
    """
    earliest: dict[str, ZoneSample] = {}
    others: dict[str, ZoneSample] = {}
    for row in rows:
        seconds, local = parse_channel_epoch(row.uniqueid), parse_local_seconds(row.start)
        if seconds is None or local is None:
            continue
        channels = earliest if row.linkedid in ("", row.uniqueid) else others
        if row.uniqueid not in channels or local < channels[row.uniqueid][0]:
            channels[row.uniqueid] = (local, seconds)
    return sorted((earliest or others).values(), key=lambda sample: sample[1])


def collect_offset_samples(rows: Iterable[AsteriskCdrRow]) -> list[ZoneSample]:
    """Return samples of times with an offset, in order of time. They reveal the zone of the switch's other times."""
    samples = []
    for row in rows:
        try:
            start = datetime.fromisoformat(row.start)
        except ValueError:
            continue
        if start.tzinfo is not None:
            samples.append((int(start.replace(tzinfo=UTC).timestamp()), int(start.timestamp())))
    return sorted(samples, key=lambda sample: sample[1])


def collect_queue_samples(rows: Iterable[AsteriskCdrRow], entries: Iterable[tuple[str, int]]) -> list[ZoneSample]:
    """Return samples of lines without uniqueids: local starts of queue calls, and the seconds when callers entered queues.

    `entries` are queues and seconds of the queue log. One offset must pair most of the lines with entries, and twice as
    many as any other.
    """
    seconds_by_queue: dict[str, list[int]] = defaultdict(list)
    for queue, second in entries:
        seconds_by_queue[queue].append(second)
    pairs: dict[int, dict[int, int]] = defaultdict(dict)  # offset → local start → second
    starts = set()
    for row in rows:
        local = parse_local_seconds(row.start) if row.lastapp.lower() == "queue" else None
        queue = row.lastdata.replace("|", ",").partition(",")[0]
        if local is None or queue not in seconds_by_queue:
            continue
        starts.add(local)
        for second in seconds_by_queue[queue]:
            offset = find_offset(local + _MAX_ENTRY_DELAY_SECONDS, second)
            if offset is not None and abs(local - second - offset) <= _MAX_ENTRY_DELAY_SECONDS:
                pairs[offset].setdefault(local, second)
    counts = sorted(map(len, pairs.values()), reverse=True)
    if not counts or counts[0] < 2 or counts[0] * 2 < len(starts) or (len(counts) > 1 and counts[1] * 2 > counts[0]):
        return []
    best = max(pairs, key=lambda offset: len(pairs[offset]))
    return sorted(((best + second, second) for second in pairs[best].values()), key=lambda sample: sample[1])


def detect_zone(
    samples: Sequence[ZoneSample],
    account_zone: str,
    given: str | None = None,
    *,
    known: str = "",
    is_local: bool = True,
) -> ZoneGuess:
    """Return the zone of a file's times: the given one, the detected one, the known one, or the account's, in this order.

    `known` is the zone that was detected before, in this file or another one of its switch; `is_local` is whether times
    need a zone at all. The `report` warns of a mismatch, of a zone other than the account's, and of an assumed zone.
    Detect again when more lines have arrived: half a year of calls cannot distinguish zones that differ in the other
    half.
    """
    few = samples[:: max(1, len(samples) // _MAX_SAMPLES)]
    first = [given or known or account_zone, account_zone, "UTC", *list_zones()]
    detected = _choose_best(few, first) if few else None
    if given is not None:
        return ZoneGuess(zone=given, basis="given", report=_describe_mismatch(given, detected, samples))
    if not is_local:
        return ZoneGuess(zone=detected or known or account_zone, basis="not needed")
    zone = detected or known
    if not zone:
        why = "no zone fits the calls" if few else "no line has a uniqueid with a time"
        return ZoneGuess(
            zone=account_zone, basis="assumed", report=f"{why}: the times are assumed to be {account_zone}'s"
        )
    basis = "epoch" if detected else "known"
    if zone == account_zone or not detected:
        return ZoneGuess(zone=zone, basis=basis)
    place = describe_zone(zone, samples)
    return ZoneGuess(zone=zone, basis=basis, report=f"by the uniqueids, the times are {place}, not {account_zone}'s")


def describe_zone(zone: str, samples: Sequence[ZoneSample]) -> str:
    """Return the offsets of a zone during the samples. Many zones fit, so a city's name would be arbitrary."""
    zone_info = load_zone(zone)
    offsets = {datetime.fromtimestamp(second, zone_info).utcoffset() for _, second in samples}
    seconds = sorted(int(offset.total_seconds()) for offset in offsets if offset is not None)
    return " and ".join(format_offset(offset) for offset in seconds)


def list_alike(samples: Sequence[ZoneSample], zone: str) -> list[str]:
    """Return other populous zones in which the samples would have the same times."""
    offsets = {second: datetime.fromtimestamp(second, load_zone(zone)).utcoffset() for _, second in samples}
    return [
        name
        for name in _LARGEST
        if name != zone
        and all(
            datetime.fromtimestamp(second, load_zone(name)).utcoffset() == offset for second, offset in offsets.items()
        )
    ]


@lru_cache(maxsize=1)
def list_zones() -> tuple[str, ...]:
    """Return every zone of the database: the most populous ones, then cities by area, then the rest."""

    def rank(name: str) -> tuple[int, int, str]:
        area = name.partition("/")[0]
        size = _LARGEST.index(name) if name in _LARGEST else len(_LARGEST)
        return size, _AREAS.index(area) if area in _AREAS else len(_AREAS), name

    return tuple(sorted(zoneinfo.available_timezones(), key=rank))


def _describe_mismatch(given: str, detected: str | None, samples: Sequence[ZoneSample]) -> str:
    if detected is None or detected == given:
        return ""
    return f"by the uniqueids, the times are {describe_zone(detected, samples)}, not {given}'s as given"


def _choose_best(few: Sequence[ZoneSample], candidates: Sequence[str]) -> str | None:
    """Return the first of the best-fitting candidates, if it fits most of the samples.

    Of equal candidates, one that fits the newest samples better wins, because clocks may have changed recently.
    """
    newest = few[-_NEWEST_SAMPLES:]
    scores: dict[str, float] = {}
    for name in dict.fromkeys(candidates):
        scores[name] = _score_zone(few, name)
        if scores[name] == 1:
            break
    best = max(scores.values())
    if best <= 0.5:
        return None
    fitting = [name for name in scores if scores[name] >= best - _MISFIT_TOLERANCE]
    misfits = {name: round(len(newest) * (1 - _score_zone(newest, name))) for name in fitting}
    return next(name for name in fitting if misfits[name] < min(misfits.values()) + _MIN_NEW_MISFITS)


def _score_zone(few: Sequence[ZoneSample], name: str) -> float:
    """Return the share of samples whose times agree with their uniqueids in a zone."""
    return count_agreeing(few, name) / len(few)


def count_agreeing(samples: Sequence[ZoneSample], name: str) -> int:
    """Return the number of samples whose times agree with their uniqueids in a zone."""
    zone = load_zone(name)
    hits = 0
    for local, seconds in samples:
        offset = datetime.fromtimestamp(seconds, zone).utcoffset()
        hits += (
            offset is not None and MIN_DELAY_SECONDS <= local - offset.total_seconds() - seconds <= MAX_DELAY_SECONDS
        )
    return hits
