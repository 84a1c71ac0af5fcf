"""Channel variables: the mapping of FreeSWITCH's variable names to text that all three CDR formats contain."""

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

_UNCLEAN_CHARACTERS = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")  # not allowed in a database column or a CSV cell
# Characters that switch_url_encode always encodes.
_UNENCODED_CHARACTERS = re.compile(r"[\r\n #&+:;<=>?@\[\\\]^`{|}\"]|%(?![0-9A-Fa-f]{2})")
_NUMBER = re.compile(r"[0-9]{1,17}")
_EARLIEST_YEAR, _LATEST_YEAR = 1971, 3000  # a time outside is damaged
_MAX_EPOCH_SECONDS = 32_503_680_000  # seconds since the epoch: the year 3000
_MAX_DURATION_SECONDS = 10 * 365 * 86_400  # seconds


def collect_texts(table: object) -> dict[str, str]:
    """Return the texts and whole numbers of a parsed object as text; {} if it is not an object."""
    texts = {}
    for name, value in table.items() if isinstance(table, Mapping) else ():
        if isinstance(value, float) and math.isfinite(value) and value.is_integer():
            value = int(value)
        if isinstance(value, (str, int)) and not isinstance(value, bool):
            texts[str(name)] = str(value)
    return texts


def decode_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Return variables with their URL encoding decoded, if they have any.

    FreeSWITCH encodes all variables of a document or none (encode-values). An encoded value has none of the characters
    that are encoded: one such character anywhere proves that nothing is encoded.
    """
    if any(_UNENCODED_CHARACTERS.search(value) for value in variables.values()):
        return dict(variables)
    return {name: unquote(value, errors="replace") for name, value in variables.items()}


def clean_text(value: str) -> str:
    """Return a text without control characters, halves of surrogate pairs, and surrounding blanks."""
    return _UNCLEAN_CHARACTERS.sub("", value).strip()


def clean_values(values: Mapping[str, str]) -> dict[str, str]:
    """Clean each value with `clean_text`."""
    return {name: clean_text(value) for name, value in values.items()}


def get_first_non_empty(variables: ChannelVariables, *names: str) -> str:
    """Return the first of these variables that is not empty, else ""."""
    return next((variables[name] for name in names if variables.get(name)), "")


def parse_duration(variables: ChannelVariables, name: str) -> timedelta | None:
    """Return a duration in whole seconds, or None."""
    value = variables.get(name, "")
    if not _NUMBER.fullmatch(value) or int(value) > _MAX_DURATION_SECONDS:
        return None
    return timedelta(seconds=int(value))


def parse_event_micros(variables: ChannelVariables, event: str) -> int | None:
    """Return the microseconds since the epoch of an event, from {event}_uepoch or {event}_epoch; None if it is 0."""
    for name, unit in ((f"{event}_uepoch", 1), (f"{event}_epoch", 1_000_000)):
        value = variables.get(name, "")
        if value.strip("0") == "":
            continue
        if not _NUMBER.fullmatch(value) or int(value) * unit >= _MAX_EPOCH_SECONDS * 1_000_000:
            raise UnreadableLine(f"{name} is not a time: {value[:40]!r}")
        return int(value) * unit
    return None


def parse_event_time(variables: ChannelVariables, event: str, zone: ZoneInfo) -> datetime | None:
    """Return the second of an event in UTC: from the epochs, otherwise from {event}_stamp, local time in `zone`.

    FreeSWITCH truncates stamps to seconds; epochs are truncated here, so that all formats agree.
    """
    if (since_epoch := parse_event_micros(variables, event)) is not None:
        return datetime.fromtimestamp(since_epoch // 1_000_000, UTC)
    if not (stamp := variables.get(f"{event}_stamp", "")):
        return None
    try:
        local = parse_local(stamp)
        if not _EARLIEST_YEAR <= local.year < _LATEST_YEAR:
            raise InvalidTime(f"{stamp} is no time of a call")
        return to_utc(local, zone)
    except InvalidTime as error:
        raise UnreadableLine(f"{event}_stamp: {error}") from None
