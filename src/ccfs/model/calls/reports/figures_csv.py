"""Figures as rows of a CSV file. Durations are in seconds, shares from 0 to 1; empty: there is nothing to compute it from."""

from typing import Final

from ccfs.model.calls.reports.figures import Figures
from ccfs.model.recordings.speech import SpeechShares

HEADER: Final = (
    *("kind", "name", "offered", "answered", "abandoned", "answer_rate", "service_level", "service_level_seconds"),
    *("average_wait", "wait_p90", "talk", "average_talk", "hold", "after_call", "average_handling"),
    *("signed_in", "ready", "not_ready", "occupancy"),
)
SPEECH_HEADER: Final = ("analysed_recordings", "silence", "talk_over", "agent_speaks", "caller_speaks", "talk_ratio")


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
    """Return the cells of SPEECH_HEADER; empty without recordings that were analysed."""
    if shares is None or not shares.files:
        return ("",) * len(SPEECH_HEADER)
    parts = (shares.silence, shares.overlap, shares.agent, shares.caller, shares.talk_ratio)
    return str(shares.files), *map(_format_share, parts)


def _format_number(number: int | None) -> str:
    return "" if number is None else str(number)


def _format_share(share: float | None) -> str:
    return "" if share is None else f"{share:.4f}"
