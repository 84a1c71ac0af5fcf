"""Durations and UTC offsets as text for users: 5:30, 1:05:30, UTC+08:00."""

import re
from datetime import datetime
from typing import Final

_DURATION: Final = re.compile(r"(?:(?:(\d{1,5}):)?(\d{1,5}):)?(\d{1,5})", re.ASCII)

_MAX_TYPED_LENGTH: Final = 40
_MINUTES: Final = re.compile(r"\d{1,5}(?:[.,]\d{1,3})?", re.ASCII)
_WITH_UNITS: Final = re.compile(
    r"(?:(\d{1,5}(?:[.,]\d{1,3})?)\s?(?:h|hr|hrs|hours?|小时))?\s?"
    r"(?:(\d{1,5}(?:[.,]\d{1,3})?)\s?(?:m|mins?|minutes?|分钟?))?\s?"
    r"(?:(\d{1,5}(?:[.,]\d{1,3})?)\s?(?:s|secs?|seconds?|秒钟?))?",
    re.ASCII,
)


def parse_duration(text: str) -> int | None:
    """Return the seconds of ``h:mm:ss``, ``m:ss`` or ``s``, with at most 5 digits each; None for any other text."""
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def parse_typed_duration(text: str) -> int | None:
    """Return the seconds of a duration as people type it: ``3 min``, ``180s``, ``1h 5m``, ``3:00``; a plain number is minutes.

    None for any other text.
    """
    if _MINUTES.fullmatch(text):
        return round(float(text.replace(",", ".")) * 60)
    match = _WITH_UNITS.fullmatch(text.strip().lower()) if len(text) <= _MAX_TYPED_LENGTH else None
    if match is not None and any(match.groups()):
        hours, minutes, seconds = (float((part or "0").replace(",", ".")) for part in match.groups())
        return round(hours * 3600 + minutes * 60 + seconds)
    return parse_duration(text) if ":" in text else None


def format_duration(seconds: int) -> str:
    """Return ``m:ss``, or ``h:mm:ss`` for durations of an hour or more."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def format_utc_offset(instant: datetime) -> str:
    """Return the UTC offset of an aware instant, such as ``UTC+08:00``."""
    offset = f"{instant:%z}"
    return f"UTC{offset[:3]}:{offset[3:5]}"
