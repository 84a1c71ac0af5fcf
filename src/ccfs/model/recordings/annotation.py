"""Marks: a moment of a recording that somebody said something about. Pure rules."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

MAX_TEXT_LENGTH: Final = 500  # characters
MAX_PER_RECORDING: Final = 200  # of one recording
_OFFSET = re.compile(r"(?:(?:(\d{1,2}):)?(\d{1,3}):)?(\d{1,5})(?:[.,](\d{1,3})\d*)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """What somebody said of a moment."""

    id: int
    offset_ms: int  # from the recording's begin
    text: str
    author: str  # the user's name
    created_at: datetime


def parse_offset(text: str) -> int | None:
    """Milliseconds of "75", "1:15", "0:01:15.5"; None if it is no such time, or beyond a day."""
    match = _OFFSET.fullmatch(text.strip())
    if match is None:
        return None
    hours, minutes, seconds, parts = match.groups()
    found = (int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds)) * 1000 + int(
        (parts or "").ljust(3, "0") or 0
    )
    return found if found <= 86_400_000 else None


def format_offset(at_ms: int) -> str:
    """As `at_of` reads it: minutes, or hours and minutes, and seconds, with tenths where there are any."""
    seconds, rest = divmod(at_ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    tenths = f".{rest // 100}" if rest >= 100 else ""
    return f"{hours}:{minutes:02}:{seconds:02}{tenths}" if hours else f"{minutes}:{seconds:02}{tenths}"


def clean_text(text: str) -> str | None:
    """The text as it is kept: one line, no more than LONGEST characters; None if nothing is left, or too much."""
    line = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return line if 0 < len(line) <= MAX_TEXT_LENGTH else None
