"""Choose the row of the leg to which a recording belongs."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ccfs.model.calls.cdr import CallType, Cdr, DeviceType

_CLOCK_TOLERANCE = timedelta(seconds=2)  # between the time of a file and those of a CDR, which are whole seconds
_FLUSH_TOLERANCE = timedelta(seconds=60)  # after a call, until its file is written; later times are of a copy


def choose_row(
    rows: Sequence[Cdr],
    source_keys: Collection[str],
    leg_ids: Collection[str],
    begin: datetime,
    end: datetime,
    numbers: Collection[str] = (),
) -> Cdr:
    """Return the row whose talk is on the recording, which lasted from `begin` to `end` by its file.

    The order of preference is: legs that talked before others; legs whose talk overlaps the recording; agents' legs;
    legs whose line names the file; legs during whose talk the recording begins; agents whose number is one of the
    `numbers` in the file name; legs whose id is in the name; the earliest leg. If nobody talked, the row has an agent
    only if the agent placed the call: an agent whose phone rang unanswered is not on the recording.
    """
    has_time = _is_time_of_call(rows, begin, end)

    def rank(row: Cdr) -> tuple[bool, bool, bool, bool, bool, bool, bool, str]:
        return (
            not _has_talk(row),
            has_time and _is_apart(row, begin, end),
            row.device_type != DeviceType.AGENT,
            row.source_key not in source_keys,
            not (has_time and _is_in_talk(row, begin)),
            row.agent_id not in numbers,
            row.switch_leg_id not in leg_ids,
            row.leg_order,
        )

    row = min(rows, key=rank)
    is_heard = _has_talk(row) or row.call_type == CallType.OUTBOUND
    return row if is_heard else replace(row, agent_id="")


def find_last_end(rows: Sequence[Cdr]) -> datetime:
    """Return the latest time in the rows of a call."""
    times = (time for row in rows for time in (row.begin, row.wait_end, row.ack_end, row.call_end) if time)
    return max(times)


def _has_talk(row: Cdr) -> bool:
    return row.call_begin is not None and (row.call_end is None or row.call_end > row.call_begin)


def _is_in_talk(row: Cdr, moment: datetime) -> bool:
    if row.call_begin is None or row.call_end is None:
        return False
    return row.call_begin - _CLOCK_TOLERANCE <= moment < row.call_end - _CLOCK_TOLERANCE / 2


def _is_apart(row: Cdr, begin: datetime, end: datetime) -> bool:
    """Return whether a row's talk and the recording overlap no more than inexact clocks explain."""
    if row.call_begin is None or row.call_end is None:
        return False
    common = min(end, row.call_end) - max(begin, row.call_begin)
    return common < _CLOCK_TOLERANCE and 2 * common < min(row.call_end - row.call_begin, end - begin)


def _is_time_of_call(rows: Sequence[Cdr], begin: datetime, end: datetime) -> bool:
    """Return whether the file's time matches the call. The time of a copied file does not."""
    first = min(row.begin for row in rows)
    return first - _CLOCK_TOLERANCE <= begin and end <= find_last_end(rows) + _FLUSH_TOLERANCE
