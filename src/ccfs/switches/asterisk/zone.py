"""The zone of a CDR file. Its times are local and name no zone, but a uniqueid carries the second in which its channel
was made: the zone is the one that puts the lines where their uniqueids say. Pure rules over the zone database."""

import zoneinfo
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from ccfs.switches.asterisk.cdr import AsteriskCdrRow
from ccfs.switches.asterisk.clock import parse_channel_epoch
from ccfs.switches.records import ZoneGuess

ZoneSample = tuple[int, int]  # local start of a channel's first line, counted as if it were UTC; second of its uniqueid

_MIN_START_DELAY_SECONDS, _MAX_START_DELAY_SECONDS = (
    -2,
    120,
)  # seconds after its channel was made in which a first line starts
_MISFIT_TOLERANCE = 0.02  # part of the samples that may be astray before another zone is believed
_MAX_SAMPLES = 500  # samples looked at
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
    """What the lines tell of their zone: of each channel that began a call its earliest local start. In order of time.

    Lines without a uniqueid, or whose times carry their zone themselves, tell nothing.
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
    """The zone to read a file's times in: the one given, else the one found, else the account's.

    `report` is what the operator should know: a mismatch, another zone than the account's, or that it was assumed.
    Look again when lines have come: half a year of calls cannot tell zones apart that differ in the other half.
    """
    few = samples[:: max(1, len(samples) // _MAX_SAMPLES)]
    found = _choose_best(few, [given or account_zone, account_zone, "UTC", *list_zones()]) if few else None
    if given is not None:
        return ZoneGuess(zone=given, basis="given", report=_describe_mismatch(given, found))
    if found is None:
        why = "no zone fits the calls" if few else "no line has a uniqueid with a time"
        return ZoneGuess(
            zone=account_zone, basis="assumed", report=f"{why}: the times are taken to be {account_zone}'s"
        )
    other = "" if found == account_zone else f"the times are {found}'s by the uniqueids, not {account_zone}'s"
    return ZoneGuess(zone=found, basis="epoch", report=other)


@lru_cache(maxsize=1)
def list_zones() -> tuple[str, ...]:
    """Every zone of the database: places (Area/City) by area, then the rest; each part sorted."""

    def rank(name: str) -> tuple[int, str]:
        area = name.partition("/")[0]
        return _AREAS.index(area) if area in _AREAS else len(_AREAS), name

    return tuple(sorted(zoneinfo.available_timezones(), key=rank))


def _describe_mismatch(given: str, found: str | None) -> str:
    if found is None or found == given:
        return ""
    return f"the times are {found}'s by the uniqueids, not {given}'s as given"


def _parse_as_utc(text: str) -> int | None:
    try:
        local = datetime.fromisoformat(text) if text[4:5] == "-" else None
    except ValueError:
        return None
    return None if local is None or local.tzinfo is not None else int(local.replace(tzinfo=UTC).timestamp())


def _choose_best(few: Sequence[ZoneSample], candidates: Sequence[str]) -> str | None:
    """The first candidate that fits as well as any does, if that is most of the samples."""
    scores: dict[str, float] = {}
    for name in dict.fromkeys(candidates):
        scores[name] = _score_zone(few, name)
        if scores[name] >= 1 - _MISFIT_TOLERANCE:
            break
    best = max(scores.values())
    return next(name for name in scores if scores[name] >= best - _MISFIT_TOLERANCE) if best > 0.5 else None


def _score_zone(few: Sequence[ZoneSample], name: str) -> float:
    """The part of the samples that a zone puts where their uniqueids say."""
    place = zoneinfo.ZoneInfo(name)
    hits = 0
    for local, seconds in few:
        offset = datetime.fromtimestamp(seconds, place).utcoffset()
        hits += (
            offset is not None
            and _MIN_START_DELAY_SECONDS <= local - offset.total_seconds() - seconds <= _MAX_START_DELAY_SECONDS
        )
    return hits / len(few)
