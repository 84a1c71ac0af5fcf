"""Figures as rows of a CSV file. Durations are in seconds, shares from 0 to 1; empty: there is nothing to compute it from."""

from collections.abc import Callable
from typing import Final

from ccfs.model.calls.reports.figures import Figures
from ccfs.model.recordings.speech import SpeechShares

HEADING_TEXTS: Final = {  # of the columns, in English; durations are in seconds
    "kind": "Row",
    "name": "Name",
    "offered": "Offered",
    "answered": "Answered",
    "abandoned": "Abandoned",
    "answer_rate": "Answer rate",
    "service_level": "Service level",
    "service_level_seconds": "Service level target (s)",
    "average_wait": "Average wait (s)",
    "wait_p90": "90th percentile wait (s)",
    "talk": "Talk time (s)",
    "average_talk": "Average talk time (s)",
    "hold": "Hold time (s)",
    "after_call": "After-call work (s)",
    "average_handling": "Average handling time (s)",
    "signed_in": "Logged in (s)",
    "ready": "Ready (s)",
    "not_ready": "Not ready (s)",
    "occupancy": "Occupancy",
}
SPEECH_HEADING_TEXTS: Final = {  # shares of the analysed recordings
    "analysed_recordings": "Analysed recordings",
    "silence": "Silence",
    "talk_over": "Talk-over",
    "agent_speaks": "Agent speaks",
    "caller_speaks": "Caller speaks",
    "talk_ratio": "Talk ratio",
}


def build_header(translate: Callable[[str], str]) -> tuple[str, ...]:
    """Return the headings in the language of the file's reader."""
    return tuple(map(translate, HEADING_TEXTS.values()))


def build_speech_header(translate: Callable[[str], str]) -> tuple[str, ...]:
    """Return the headings of `build_speech_cells`."""
    return tuple(map(translate, SPEECH_HEADING_TEXTS.values()))


def build_row(kind: str, figures: Figures, target_seconds: int) -> tuple[str, ...]:
    """Return the cells of a row."""
    calls, times = figures.calls, figures.times
    has_times = kind != "slot"
    return (
        kind,
        figures.name,
        *map(str, (figures.offered, calls.answered, calls.abandoned)),
        _format_share(figures.answer_rate),
        _format_share(figures.get_service_level(target_seconds)),
        str(target_seconds),
        _format_number(calls.average_wait),
        _format_number(calls.wait_percentile(0.9)),
        str(calls.talk_seconds),
        _format_number(figures.average_talk),
        str(times.hold) if has_times else "",
        str(times.after_call) if has_times else "",
        _format_number(figures.average_handling) if has_times else "",
        *(map(str, (times.signed_in, times.ready, times.not_ready)) if kind == "agent" else ("", "", "")),
        _format_share(times.occupancy) if kind == "agent" else "",
    )


def build_speech_cells(shares: SpeechShares | None) -> tuple[str, ...]:
    """Return the cells below `build_speech_header`; empty without recordings that were analysed."""
    if shares is None or not shares.files:
        return ("",) * len(SPEECH_HEADING_TEXTS)
    parts = (shares.silence, shares.overlap, shares.agent, shares.caller, shares.talk_ratio)
    return str(shares.files), *map(_format_share, parts)


def _format_number(number: int | None) -> str:
    return "" if number is None else str(number)


def _format_share(share: float | None) -> str:
    return "" if share is None else f"{share:.4f}"
