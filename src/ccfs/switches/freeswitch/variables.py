"""Facts of one channel: what all three CDR formats come down to, a flat table of FreeSWITCH's variable names to text.

Cleaning and reading of single values only; what they mean for a call is channel.py's business.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from ccfs.model.exports.time_window import InvalidTime, parse_local, to_utc
from ccfs.switches.records import UnreadableLine

ChannelVariables: TypeAlias = Mapping[str, str]

_UNCLEAN_CHARACTERS = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")  # no database column and no CSV cell wants these
_UNENCODED_CHARACTERS = re.compile(
    r"[\r\n #&+:;<=>?@\[\\\]^`{|}\"]|%(?![0-9A-Fa-f]{2})"
)  # what switch_url_encode never lets through
_NUMBER = re.compile(r"[0-9]{1,17}")
_EARLIEST_YEAR, _LATEST_YEAR = 1971, 3000  # a time outside is damage
_MAX_EPOCH_SECONDS = 32_503_680_000  # seconds since the epoch: the year 3000
_MAX_DURATION_SECONDS = 10 * 365 * 86_400  # seconds


def collect_texts(table: object) -> dict[str, str]:
    """The texts and whole numbers of a parsed table, as text; all else is left out, and no table is an empty one."""
    found = {}
    for name, value in table.items() if isinstance(table, Mapping) else ():
        if isinstance(value, float) and math.isfinite(value) and value.is_integer():
            value = int(value)
        if isinstance(value, (str, int)) and not isinstance(value, bool):
            found[str(name)] = str(value)
    return found


def decode_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Variables with their url-encoding undone, if they have any.

    FreeSWITCH encodes all variables of a document or none (encode-values), and an encoded value holds none of the
    characters that are encoded: one such character anywhere says that nothing is encoded.
    """
    if any(_UNENCODED_CHARACTERS.search(value) for value in variables.values()):
        return dict(variables)
    return {name: unquote(value, errors="replace") for name, value in variables.items()}


def clean_text(value: str) -> str:
    """A text without control characters, halves of surrogate pairs, and blanks around."""
    return _UNCLEAN_CHARACTERS.sub("", value).strip()


def clean_values(values: Mapping[str, str]) -> dict[str, str]:
    """Values cleaned each as `clean_text` does."""
    return {name: clean_text(value) for name, value in values.items()}


def get_first_non_empty(facts: ChannelVariables, *names: str) -> str:
    """The first of these facts that is not empty."""
    return next((facts[name] for name in names if facts.get(name)), "")


def parse_duration(facts: ChannelVariables, name: str) -> timedelta | None:
    """A duration in whole seconds, None where there is none."""
    value = facts.get(name, "")
    if not _NUMBER.fullmatch(value) or int(value) > _MAX_DURATION_SECONDS:
        return None
    return timedelta(seconds=int(value))


def parse_event_micros(facts: ChannelVariables, event: str) -> int | None:
    """Microseconds since the epoch of start, answer or end from {event}_uepoch or {event}_epoch; None where it is 0."""
    for name, unit in ((f"{event}_uepoch", 1), (f"{event}_epoch", 1_000_000)):
        value = facts.get(name, "")
        if value.strip("0") == "":
            continue
        if not _NUMBER.fullmatch(value) or int(value) * unit >= _MAX_EPOCH_SECONDS * 1_000_000:
            raise UnreadableLine(f"{name} is not a time: {value[:40]!r}")
        return int(value) * unit
    return None


def parse_event_time(facts: ChannelVariables, event: str, zone: ZoneInfo) -> datetime | None:
    """The whole second of start, answer or end in UTC: from the epochs, else from {event}_stamp, local time in `zone`.

    Stamps are cut to seconds by FreeSWITCH; epochs are cut here, so that all formats tell the same instants.
    """
    if (since_epoch := parse_event_micros(facts, event)) is not None:
        return datetime.fromtimestamp(since_epoch // 1_000_000, UTC)
    if not (stamp := facts.get(f"{event}_stamp", "")):
        return None
    try:
        at = parse_local(stamp)
        if not _EARLIEST_YEAR <= at.year < _LATEST_YEAR:
            raise InvalidTime(f"{stamp} is no time of a call")
        return to_utc(at, zone)
    except InvalidTime as why:
        raise UnreadableLine(f"{event}_stamp: {why}") from None
