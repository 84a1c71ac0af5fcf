"""Match recordings without an id by a number in the name and by the time of the call.

A number alone proves nothing. Exactly one call may match, and it must include the time in the name or, failing that,
the file's time. In a tree whose files have lost their times, the day in the path and the duration must match.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy.engine import Connection

from ccfs.db.tenant.calls import cdrs
from ccfs.ingest.context import CallOwner
from ccfs.ingest.files.scan import ScannedFile
from ccfs.ingest.recordings.choose_row import find_last_end
from ccfs.ingest.recordings.match import NO_CDR, SEVERAL_CALLS, RecordingMatch
from ccfs.ingest.recordings.number_hints import NumberHints, find_number_hints
from ccfs.ingest.recordings.store_audio import measure_file
from ccfs.model.calls.cdr import Cdr
from ccfs.switches.asterisk.cdr_files.clock import load_zone

_CLOCK_TOLERANCE = timedelta(seconds=2)
_FLUSH_TOLERANCE = timedelta(seconds=60)  # after a call, until its file is written
_MIN_CALLER_DIGITS = 5  # of a number that few calls have
_DAY = timedelta(days=1)
_QUARTER = timedelta(minutes=15)  # offsets of zones are multiples of it
_MAX_CALL = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class _Clue:
    """A file, the hints in its name, and the period in which its call began."""

    match: RecordingMatch
    hints: NumberHints
    first: datetime
    last: datetime


def needs_number(match: RecordingMatch) -> bool:
    """Return whether a file has neither a call nor an id."""
    return not match.rows and match.reason == NO_CDR and not match.ids


def match_by_number(
    connection: Connection,
    owner: CallOwner,
    matches: Sequence[RecordingMatch],
    zone: str,
    *,
    is_watching: bool,
) -> list[RecordingMatch]:
    """Return the matches. Files without a call and without an id get the call that number and time identify, if any.

    `zone` is the zone of times in names. During a watch, the line of a call may still arrive, so the day alone proves
    nothing.
    """
    clues = [clue for match in matches if needs_number(match) and (clue := _find_clue(match, zone))]
    numbers = {number for clue in clues for number in clue.hints.numbers}
    if not numbers:
        return list(matches)
    first, last = min(clue.first for clue in clues), max(clue.last for clue in clues)
    found = cdrs.find_by_numbers(connection, owner.app, owner.account.account_id, numbers, first, last)
    calls = cdrs.find_by_call_ids(connection, owner.app, {row.call_id for row in found}, [row.begin for row in found])
    by_number = _group_calls(found, calls, owner.account.account_id)
    solved = {clue.match.file: _choose_call(clue, by_number, zone, is_watching=is_watching) for clue in clues}
    return [solved.get(match.file, match) for match in matches]


def _find_clue(match: RecordingMatch, zone: str) -> _Clue | None:
    hints = find_number_hints(match.file.path)
    if not hints.numbers:
        return None
    if hints.day is None:
        written = _get_written(match.file)
        return _Clue(match, hints, written - _DAY - _MAX_CALL, written + _DAY)
    midnight = datetime.combine(hints.day, datetime.min.time(), load_zone(zone)).astimezone(UTC)
    return _Clue(match, hints, midnight - _MAX_CALL, midnight + _DAY + _MAX_CALL)


def _group_calls(
    found: Sequence[Cdr], calls: Mapping[str, Sequence[Cdr]], account_id: str
) -> dict[str, dict[str, list[Cdr]]]:
    """Return calls with their rows, by the numbers of both parties."""
    by_number: dict[str, dict[str, list[Cdr]]] = defaultdict(dict)
    for row in found:
        rows = [leg for leg in calls.get(row.call_id, ()) if leg.account_id == account_id]
        for number in (row.caller_no, row.callee_no):
            if rows:
                by_number[number][row.call_id] = rows
    return by_number


def _choose_call(
    clue: _Clue, by_number: Mapping[str, Mapping[str, list[Cdr]]], zone: str, *, is_watching: bool
) -> RecordingMatch:
    fitting: dict[str, list[Cdr]] = {}
    seconds: float | None = None
    for number in clue.hints.numbers:
        for call_id, rows in by_number.get(number, {}).items():
            if seconds is None:
                seconds = measure_file(clue.match.file.path)
            if _is_of_call(clue, number, rows, zone, seconds, is_watching=is_watching):
                fitting[call_id] = rows
    if len(fitting) > 1:
        return replace(clue.match, reason=SEVERAL_CALLS)
    return replace(clue.match, rows=tuple(next(iter(fitting.values())))) if fitting else clue.match


def _is_of_call(clue: _Clue, number: str, rows: Sequence[Cdr], zone: str, seconds: float, *, is_watching: bool) -> bool:
    first, last = min(row.begin for row in rows), find_last_end(rows)
    written, duration = _get_written(clue.match.file), timedelta(seconds=seconds)
    is_certain_number = len(number) >= _MIN_CALLER_DIGITS
    is_written_then = first - _CLOCK_TOLERANCE <= written - duration and written <= last + _FLUSH_TOLERANCE
    if clue.hints.time_of_day is not None:
        is_near = clue.hints.day or (first <= written and (not is_watching or written <= last + _FLUSH_TOLERANCE))
        begins = first - _CLOCK_TOLERANCE, last + _CLOCK_TOLERANCE - duration
        moments = _list_moments(clue, zone, first)
        if is_near and any(begins[0] <= moment <= begins[1] for moment in moments):
            return True
        # The CDR's times may have shown no zone. The file's own time does, and that in the name agrees but for an offset.
        return is_certain_number and is_written_then and any(_is_in_a_zone(moment, *begins) for moment in moments)
    if not is_certain_number:
        return False
    if is_written_then:
        return True
    if is_watching or clue.hints.day is None or written <= last + _FLUSH_TOLERANCE:
        return False
    talk = max((row.call_end - row.call_begin for row in rows if row.call_begin and row.call_end), default=_DAY)
    is_that_day = first.astimezone(load_zone(zone)).date() == clue.hints.day
    return is_that_day and talk - _CLOCK_TOLERANCE <= duration <= last - first + _CLOCK_TOLERANCE


def _is_in_a_zone(moment: datetime, first: datetime, last: datetime) -> bool:
    """Return whether a moment is within a period in any other time zone."""
    return timedelta() <= last - first and (moment - first) % _QUARTER <= last - first


def _list_moments(clue: _Clue, zone: str, first: datetime) -> list[datetime]:
    """Return the instants that the time in the name may mean: on the day in the path, else near the call's begin."""
    assert clue.hints.time_of_day is not None
    local = first.astimezone(load_zone(zone)).date()
    days = [clue.hints.day] if clue.hints.day else [local, local + _DAY]
    return [
        datetime.combine(day, clue.hints.time_of_day, load_zone(zone)).replace(fold=fold).astimezone(UTC)
        for day in days
        for fold in (0, 1)
    ]


def _get_written(file: ScannedFile) -> datetime:
    return datetime.fromtimestamp(min(max(file.modified_ns / 1e9, 0), 4e9), UTC)  # a time stamp may be anything
