"""Annotations: comments on a moment or a passage of a recording, with tags."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ccfs.model.formats.durations import format_duration, parse_duration

MAX_TEXT_LENGTH: Final = 500  # characters
MAX_PER_RECORDING: Final = 200
MAX_TAGS: Final = 10  # of an annotation
MAX_TAG_LENGTH: Final = 30  # characters
_MAX_OFFSET_MS: Final = 86_400_000  # a day
_TAG_SEPARATOR = re.compile("[,;，；、]")
_OFFSET = re.compile(r"((?:(?:\d{1,2}:)?\d{1,3}:)?\d{1,5})(?:[.,](\d{1,3})\d*)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotationDraft:
    """The fields that a user enters."""

    offset_ms: int  # from the recording's begin
    end_ms: int | None = None  # of a passage; None: a moment
    text: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """A comment on a moment or a passage of a recording."""

    id: int
    offset_ms: int  # from the recording's begin
    end_ms: int | None = None  # of a passage; None: a moment
    text: str
    tags: tuple[str, ...] = ()
    author: str  # the user's name
    created_at: datetime
    changed_at: datetime | None = None  # when it was last edited


def parse_offset(text: str) -> int | None:
    """Return the milliseconds for "75", "1:15" or "0:01:15.5"; None for any other text or if longer than a day."""
    match = _OFFSET.fullmatch(text.strip())
    seconds = parse_duration(match[1]) if match else None
    if match is None or seconds is None:
        return None
    offset_ms = seconds * 1000 + int((match[2] or "").ljust(3, "0"))
    return offset_ms if offset_ms <= _MAX_OFFSET_MS else None


def format_offset(offset_ms: int) -> str:
    """Return an offset in a format that `parse_offset` accepts: m:ss or h:mm:ss, with tenths unless they are 0."""
    seconds, milliseconds = divmod(offset_ms, 1000)
    tenths = f".{milliseconds // 100}" if milliseconds >= 100 else ""
    return format_duration(seconds) + tenths


def clean_text(text: str) -> str | None:
    """Return the text on a single line; None if it is empty or longer than MAX_TEXT_LENGTH."""
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return line if 0 < len(line) <= MAX_TEXT_LENGTH else None


def parse_tags(text: str) -> tuple[str, ...] | None:
    """Return the tags of a list with commas: in lower case, each once. None if there are too many or one is too long."""
    if len(text) > MAX_TAGS * (MAX_TAG_LENGTH + 2):
        return None
    lines = ("".join(letter if letter.isprintable() else " " for letter in part) for part in _TAG_SEPARATOR.split(text))
    tags = tuple(dict.fromkeys(tag for line in lines if (tag := " ".join(line.lower().split()))))
    return tags if len(tags) <= MAX_TAGS and all(len(tag) <= MAX_TAG_LENGTH for tag in tags) else None
