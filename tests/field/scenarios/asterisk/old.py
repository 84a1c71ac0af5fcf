"""CDR lines as Asterisk 11 writes them: one line for each part of the caller's way that ends with a talk, or with the call."""

from collections.abc import Iterable
from dataclasses import replace

from tests.field.scenarios.asterisk.log import CdrLine, Channel


def merge_lines(lines: Iterable[CdrLine], channel: Channel) -> list[CdrLine]:
    """Return the lines of one call with those of `channel`, the caller's, merged."""
    merged: list[CdrLine] = []
    part: list[CdrLine] = []
    for line in sorted(lines, key=lambda one: (one.start, one.disposition == "ANSWERED")):
        if line.channel is not channel:
            merged.append(line)
            continue
        part.append(line)
        if line.dst_channel and line.disposition == "ANSWERED":
            merged.append(_merge_part(part))
            part = []
    return merged + ([_merge_part(part)] if part else [])


def _merge_part(part: list[CdrLine]) -> CdrLine:
    """Return one line: it begins with the first, and says of the last how it ended and which phone was dialled last."""
    last = part[-1]
    dialled = last.dst_channel or next((line.dst_channel for line in reversed(part) if line.app == "Dial"), None)
    is_unanswered_queue = last.app == "Queue" and last.disposition != "ANSWERED"
    disposition = "ANSWERED" if is_unanswered_queue and last.answer is not None else last.disposition
    return replace(
        last,
        start=min(line.start for line in part),
        answer=min((line.answer for line in part if line.answer is not None), default=None),
        end=max(line.end for line in part),
        dst_channel=None if is_unanswered_queue else dialled,
        disposition=disposition,
    )
