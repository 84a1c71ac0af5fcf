"""The form of a link: what it opens, for how long, how often, and what its page shows. Pure, but for hashing the password."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ccfs.console.annotations.annotation_form import END_TOLERANCE_MS
from ccfs.model.formats.numbers import parse_number
from ccfs.model.identity.user import MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH, is_valid_password
from ccfs.model.recordings.annotation import format_offset, parse_offset
from ccfs.model.recordings.guest_link import (
    LIFETIME_HOURS,
    MAX_PLAYS,
    MAX_TITLE_LENGTH,
    MIN_PASSAGE_MS,
    GuestLinkDraft,
)
from ccfs.model.recordings.tracks import PlacedRecording

DEFAULT_HOURS: Final = 168
MAX_NUMBER: Final = 999_999  # of hours or plays in a form, before it is judged
Translate = Callable[..., str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkForm:
    """A form that was accepted: the recording, the link without its password, and the password."""

    placed: PlacedRecording
    draft: GuestLinkDraft
    password: str


def list_lifetimes(max_days: int) -> list[int]:
    """Return the hours that a user may choose from."""
    return [hours for hours in LIFETIME_HOURS if hours <= max_days * 24]


def choose_default_hours(max_days: int) -> int:
    """Return the hours that a new form has: a week, or the longest lifetime below it."""
    return max(hours for hours in list_lifetimes(max_days) if hours <= DEFAULT_HOURS)


def parse_link_form(
    fields: Mapping[str, str], recordings: Sequence[PlacedRecording], max_days: int, now: datetime, translate: Translate
) -> LinkForm | tuple[str, str]:
    """Return the link, or the wrong field and what is wrong. Positions are times of the call, as in annotations."""
    placed = next((one for one in recordings if one.recording.file_name == fields.get("recording")), None)
    if placed is None:
        return "recording", translate("Choose a recording.")
    start_ms, end_ms, field, problem = _parse_span(fields, placed, translate)
    if problem:
        return field, problem
    hours, plays = parse_number(fields.get("hours", ""), MAX_NUMBER), fields.get("plays", "").strip()
    if hours is None or hours not in list_lifetimes(max_days):
        return "hours", translate("Choose how long the link is valid.")
    max_plays = parse_number(plays, MAX_NUMBER) if plays else MAX_PLAYS
    if max_plays is None or not 1 <= max_plays <= MAX_PLAYS:
        return "plays", translate("Enter a number of plays from 1 to {most}, or leave the field empty.", most=MAX_PLAYS)
    title, password = _clean_title(fields.get("title", "")), fields.get("link_password", "")
    if len(title) > MAX_TITLE_LENGTH:
        return "title", translate("A title can have up to {most} characters.", most=MAX_TITLE_LENGTH)
    if password and not is_valid_password(password):
        sizes = {"least": MIN_PASSWORD_LENGTH, "most": MAX_PASSWORD_LENGTH}
        return "link_password", translate("A password must have {least} to {most} characters.", **sizes)
    draft = GuestLinkDraft(
        start_ms=start_ms,
        end_ms=end_ms,
        title=title,
        shows_date=fields.get("shows_date") == "yes",
        max_plays=max_plays,
        expires_at=now + timedelta(hours=hours),
    )
    return LinkForm(placed=placed, draft=draft, password=password)


def _parse_span(
    fields: Mapping[str, str], placed: PlacedRecording, translate: Translate
) -> tuple[int, int | None, str, str]:
    """Return begin and end within the recording, 0 and None for all of it; and the wrong field and what is wrong, if any is."""
    texts = {name: fields.get(name, "").strip() for name in ("from", "to")}
    places = {name: parse_offset(text) for name, text in texts.items() if text}
    for name, place in places.items():
        if place is None:
            return 0, None, name, translate("Enter a position in minutes and seconds, such as 1:30.")
        if not placed.offset_ms - END_TOLERANCE_MS <= place <= placed.end_ms + END_TOLERANCE_MS:
            limits = {"begin": format_offset(placed.offset_ms), "end": format_offset(placed.end_ms)}
            return 0, None, name, translate("This recording runs from {begin} to {end}.", **limits)
    begin, end = places.get("from"), places.get("to")
    start_ms = 0 if begin is None else max(begin - placed.offset_ms, 0)
    end_ms = None if end is None else end - placed.offset_ms
    if (placed.length_ms if end_ms is None else end_ms) - start_ms < MIN_PASSAGE_MS:
        return 0, None, "to" if "to" in places else "from", translate("The end must be after the position.")
    return start_ms, end_ms, "", ""


def _clean_title(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
