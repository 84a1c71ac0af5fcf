"""Recognise a CDR line that another source has written in a different form, and complete the known line from it.

Asterisk writes a call's line to each of its backends. Durations may be truncated, rounded or exact, times local or in
UTC, and columns may be missing: cdr_csv has neither uniqueid nor linkedid unless they are enabled.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from ccfs.switches.asterisk.legs.cdr_legs import AsteriskLeg

_BEGIN_TOLERANCE = timedelta(seconds=1)  # exclusive: begins are cut to seconds, or exact
_END_TOLERANCE = timedelta(
    seconds=2
)  # exclusive: an end is cut, or is a begin that was cut and a duration that was rounded
MAX_LINES_PER_SECOND = 200  # that are compared; a file in which more lines begin at once is damaged
_MIN_CUT = 40  # characters; a column of a table may cut longer names


def find_twins(legs: Iterable[AsteriskLeg], known: Sequence[AsteriskLeg]) -> dict[str, AsteriskLeg]:
    """Map the `source_key` of legs to the known legs of the same lines. Each known leg is the twin of at most one."""
    by_begin: dict[int, list[AsteriskLeg]] = {}
    for leg in known:
        beginning = by_begin.setdefault(int(leg.begin.timestamp()), [])
        if len(beginning) < MAX_LINES_PER_SECOND:
            beginning.append(leg)
    twins: dict[str, AsteriskLeg] = {}
    used: set[str] = set()
    for leg in legs:
        second = int(leg.begin.timestamp())
        near = (other for at in (second, second - 1, second + 1) for other in by_begin.get(at, ()))
        twin = next((other for other in near if other.source_key not in used and is_same_line(leg, other)), None)
        if twin is not None:
            used.add(twin.source_key)
            twins[leg.source_key] = twin
    return twins


def is_same_line(leg: AsteriskLeg, other: AsteriskLeg) -> bool:
    """Return whether two legs are of the same line of the switch, as far as the fields of both show."""
    return (
        _agree(leg.switch_leg_id, other.switch_leg_id)
        and _is_same_name(leg.channel, other.channel)
        and _is_same_name(leg.dstchannel, other.dstchannel)
        and abs(leg.begin - other.begin) < _BEGIN_TOLERANCE
        and abs(leg.end - other.end) < _END_TOLERANCE
        and (leg.answer is None) == (other.answer is None)
        and _agree(leg.app, other.app)
        and _agree(leg.context, other.context)
        and _agree(leg.order[1], other.order[1])  # the sequence, 0 if there is none
    )


def complete_line(known: AsteriskLeg, leg: AsteriskLeg) -> AsteriskLeg:
    """Return the known leg, completed by missing ids and sequence, and by whether either line names a recording."""
    if not known.order[1] and (leg.order[1] or (leg.switch_leg_id and not known.switch_leg_id)):
        known = replace(known, order=leg.order)
    if not known.switch_leg_id and leg.switch_leg_id:
        known = replace(known, switch_leg_id=leg.switch_leg_id, switch_call_id=leg.switch_call_id)
    elif known.switch_call_id == known.switch_leg_id and leg.switch_leg_id:  # there may have been no linkedid
        known = replace(known, switch_call_id=leg.switch_call_id)
    return replace(known, names_files=known.names_files or leg.names_files)


def find_completed(pairs: Mapping[str, AsteriskLeg], legs: Iterable[AsteriskLeg]) -> dict[str, AsteriskLeg]:
    """Return the known legs that further lines complete, by `source_key`; `pairs` maps keys of further lines to known legs."""
    completed: dict[str, AsteriskLeg] = {}
    for leg in legs:
        if (known := pairs.get(leg.source_key)) is None:
            continue
        known = completed.get(known.source_key, known)
        if (new := complete_line(known, leg)) != known:
            completed[known.source_key] = new
    return completed


def _agree(one: float | str, other: float | str) -> bool:
    return one == other or not one or not other


def _is_same_name(one: str, other: str) -> bool:
    if one == other:
        return True
    shorter, longer = sorted((one, other), key=len)
    return len(shorter) >= _MIN_CUT and longer.startswith(shorter)
