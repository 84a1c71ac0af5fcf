"""Detect the zone of a CDR file.

Its times are local and name no zone, but a uniqueid holds the second in which its channel was created. The zone is the one
in which the times of the lines agree with their uniqueids.
"""

import zoneinfo
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from ccfs.switches.asterisk.cdr import AsteriskCdrRow
from ccfs.switches.asterisk.clock import parse_channel_epoch
from ccfs.switches.records import ZoneGuess

ZoneSample = tuple[int, int]  # local start of a channel's first line, counted as if it were UTC; second of its uniqueid

_MIN_START_DELAY_SECONDS, _MAX_START_DELAY_SECONDS = -2, 120  # seconds from a channel's creation to its first line
_MISFIT_TOLERANCE = 0.02  # share of samples that may disagree before another zone is preferred
_MAX_SAMPLES = 500  # samples that are compared
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
    """Return the earliest local start of each channel that began a call, in order of time.

    Lines without a uniqueid, or whose times have an offset, are no samples.
    """
    earliest: dict[str, ZoneSample] = {}
    for row in rows:
        seconds = parse_channel_epoch(row.uniqueid)
        if seconds is None or row.linkedid not in ("", row.uniqueid):
            continue
        local = _parse_as_utc(row.start)
        if local is not None and (row.uniqueid not in earliest or local < earliest[row.uniqueid][0]):
            earliest[row.uniqueid] = (local, seconds)
    return sorted(earliest.values(), key=lambda sample: sample[1])


def detect_zone(samples: Sequence[ZoneSample], account_zone: str, given: str | None = None) -> ZoneGuess:
    """Return the zone of a file's times: the one given, else the one detected, else the account's.

    Its `report` warns of a mismatch, of another zone than the account's, or that the zone was assumed. Detect again when
    lines have arrived: half a year of calls cannot distinguish zones that differ in the other half.
    """
    few = samples[:: max(1, len(samples) // _MAX_SAMPLES)]
    detected = _choose_best(few, [given or account_zone, account_zone, "UTC", *list_zones()]) if few else None
    if given is not None:
        return ZoneGuess(zone=given, basis="given", report=_describe_mismatch(given, detected))
    if detected is None:
        why = "no zone fits the calls" if few else "no line has a uniqueid with a time"
        return ZoneGuess(
            zone=account_zone, basis="assumed", report=f"{why}: the times are assumed to be {account_zone}'s"
        )
    report = "" if detected == account_zone else f"by the uniqueids, the times are {detected}'s, not {account_zone}'s"
    return ZoneGuess(zone=detected, basis="epoch", report=report)


@lru_cache(maxsize=1)
def list_zones() -> tuple[str, ...]:
    """Return every zone of the database: cities (Area/City) by area, then the rest; each part sorted."""

    def rank(name: str) -> tuple[int, str]:
        area = name.partition("/")[0]
        return _AREAS.index(area) if area in _AREAS else len(_AREAS), name

    return tuple(sorted(zoneinfo.available_timezones(), key=rank))


def _describe_mismatch(given: str, detected: str | None) -> str:
    if detected is None or detected == given:
        return ""
    return f"by the uniqueids, the times are {detected}'s, not {given}'s as given"


def _parse_as_utc(text: str) -> int | None:
    try:
        local = datetime.fromisoformat(text) if text[4:5] == "-" else None
    except ValueError:
        return None
    return None if local is None or local.tzinfo is not None else int(local.replace(tzinfo=UTC).timestamp())


def _choose_best(few: Sequence[ZoneSample], candidates: Sequence[str]) -> str | None:
    """Return the first candidate that fits as well as any, if it fits most of the samples."""
    scores: dict[str, float] = {}
    for name in dict.fromkeys(candidates):
        scores[name] = _score_zone(few, name)
        if scores[name] >= 1 - _MISFIT_TOLERANCE:
            break
    best = max(scores.values())
    return next(name for name in scores if scores[name] >= best - _MISFIT_TOLERANCE) if best > 0.5 else None


def _score_zone(few: Sequence[ZoneSample], name: str) -> float:
    """Return the share of samples whose times agree with their uniqueids in a zone."""
    zone = zoneinfo.ZoneInfo(name)
    hits = 0
    for local, seconds in few:
        offset = datetime.fromtimestamp(seconds, zone).utcoffset()
        hits += (
            offset is not None
            and _MIN_START_DELAY_SECONDS <= local - offset.total_seconds() - seconds <= _MAX_START_DELAY_SECONDS
        )
    return hits / len(few)
