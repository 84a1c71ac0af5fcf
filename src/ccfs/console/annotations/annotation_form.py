"""The form of an annotation: its fields, where in the call's recordings they point, and what is wrong with them. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ccfs.model.recordings.annotation import (
    MAX_TAG_LENGTH,
    MAX_TAGS,
    MAX_TEXT_LENGTH,
    AnnotationDraft,
    clean_text,
    format_offset,
    parse_offset,
    parse_tags,
)
from ccfs.model.recordings.tracks import PlacedRecording

END_TOLERANCE_MS = 500  # the player's clock and the decoded length differ by less
FIELD_NAMES = ("offset", "end", "text", "tags")
Translate = Callable[..., str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedForm:
    """An annotation to store, and its recording."""

    placed: PlacedRecording
    draft: AnnotationDraft


def parse_form(
    fields: Mapping[str, str], placed: Sequence[PlacedRecording], preferred: str, translate: Translate
) -> AcceptedForm | dict[str, str]:
    """Return the annotation, or the problems by field. Positions are times of the call.

    Of several recordings at a position, the annotation is of the `preferred` one.
    """
    problems: dict[str, str] = {}
    offset_ms, end_ms = parse_offset(fields["offset"]), parse_offset(fields["end"])
    text, tags = clean_text(fields["text"]), parse_tags(fields["tags"])
    recording = None if offset_ms is None else _find_recording(placed, offset_ms, preferred)
    if offset_ms is None:
        problems["offset"] = translate("Enter a position in minutes and seconds, such as 1:30.")
    elif recording is None:
        problems["offset"] = _describe_range(placed, translate)
    if fields["end"].strip():
        problems |= _check_end(offset_ms, end_ms, recording, translate)
    if text is None:
        problems["text"] = translate("An annotation must have 1 to {most} characters.", most=MAX_TEXT_LENGTH)
    if tags is None:
        problems["tags"] = translate(
            "Enter at most {count} tags of at most {most} characters each.", count=MAX_TAGS, most=MAX_TAG_LENGTH
        )
    if problems or offset_ms is None or recording is None or text is None or tags is None:
        return problems
    length = recording.length_ms
    draft = AnnotationDraft(
        offset_ms=min(offset_ms - recording.offset_ms, length),
        end_ms=None if end_ms is None else min(end_ms - recording.offset_ms, length),
        text=text,
        tags=tags,
    )
    return AcceptedForm(placed=recording, draft=draft)


def _find_recording(placed: Sequence[PlacedRecording], at_ms: int, preferred: str) -> PlacedRecording | None:
    here = [one for one in placed if one.offset_ms <= at_ms <= one.end_ms + END_TOLERANCE_MS]
    return next((one for one in here if one.recording.file_name == preferred), here[0] if here else None)


def _describe_range(placed: Sequence[PlacedRecording], translate: Translate) -> str:
    begin, end = min(one.offset_ms for one in placed), max(one.end_ms for one in placed)
    return translate(
        "Nothing was recorded at this position. Recordings of this call run from {begin} to {end}.",
        begin=format_offset(begin),
        end=format_offset(end),
    )


def _check_end(
    offset_ms: int | None, end_ms: int | None, recording: PlacedRecording | None, translate: Translate
) -> dict[str, str]:
    if end_ms is None:
        return {"end": translate("Enter a position in minutes and seconds, such as 1:30.")}
    if offset_ms is not None and end_ms <= offset_ms:
        return {"end": translate("The end must be after the position.")}
    if recording is not None and end_ms > recording.end_ms + END_TOLERANCE_MS:
        return {"end": translate("This recording ends at {end}.", end=format_offset(recording.end_ms))}
    return {}
