"""Parse a CDR file of FreeSWITCH, or a part of one, in any of its formats. Raise nothing."""

import re
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from operator import itemgetter
from typing import TypeAlias
from zoneinfo import ZoneInfo

from ccfs.switches.freeswitch.formats.csv_lines import parse_csv_variables
from ccfs.switches.freeswitch.formats.documents import (
    XML_REPAIR,
    extract_json_variables,
    parse_json,
    parse_xml_variables,
)
from ccfs.switches.freeswitch.formats.xml_repair import RepairNote
from ccfs.switches.freeswitch.join_legs import join_call_legs
from ccfs.switches.freeswitch.legs import DEFAULT_AGENT_PATTERN, build_leg
from ccfs.switches.freeswitch.queue_visits import build_queue_visits
from ccfs.switches.freeswitch.roles import ChannelLeg
from ccfs.switches.freeswitch.variables import ChannelVariables
from ccfs.switches.records import QueueVisit, UnreadableLine

FreeSwitchRecord: TypeAlias = ChannelLeg | QueueVisit | RepairNote | UnreadableLine
MAX_UNREADABLE = 10_000  # lines, of data that is read to its end although more of them cannot be read than can
NumberedVariables: TypeAlias = tuple[int, ChannelVariables | UnreadableLine]


def parse_cdr_data(
    data: bytes,
    *,
    zone: ZoneInfo,
    agents: re.Pattern[str] = DEFAULT_AGENT_PATTERN,
    columns: Sequence[str] = (),
) -> list[tuple[int, FreeSwitchRecord]]:
    """Return all channels and queue visits in a CSV, JSON or XML CDR file, each with its line number, starting at 1.

    `data` is a complete document, or complete lines of CSV or JSON; `zone` applies to the switch's local stamps;
    `agents` must match whole extensions; `columns` are those of the operator's own CSV template (see `parse_columns`).
    Anything that cannot be parsed is returned as an UnreadableLine with the reason, and what an XML document lost in
    its repair as a RepairNote. Channels of the same call in `data` are joined; `join_call_legs` joins those of several
    files.
    """
    return parse_channels(_iter_variables(data, columns), zone=zone, agents=agents)


def parse_channels(
    numbered_variables: Iterable[NumberedVariables],
    *,
    zone: ZoneInfo,
    agents: re.Pattern[str] = DEFAULT_AGENT_PATTERN,
) -> list[tuple[int, FreeSwitchRecord]]:
    """Return the same as `parse_cdr_data` for variables that were read already, or for the reason why they could not be."""
    channels: list[tuple[int, ChannelLeg]] = []
    others: list[tuple[int, FreeSwitchRecord]] = []
    for number, variables in numbered_variables:
        try:
            if isinstance(variables, UnreadableLine):
                raise variables
            leg = build_leg(variables, zone=zone, agents=agents)
            channels.append((number, leg))
            if repair := variables.get(XML_REPAIR):
                others.append((number, RepairNote(repair)))
            others += [(number, visit) for visit in build_queue_visits(variables, leg, zone=zone)]
        except UnreadableLine as error:
            others.append((number, error))
    joined = join_call_legs(leg for _, leg in channels)
    numbered = [(number, leg) for (number, _), leg in zip(channels, joined, strict=True)]
    return sorted([*numbered, *others], key=itemgetter(0))


def _iter_variables(data: bytes, columns: Sequence[str]) -> Iterator[NumberedVariables]:
    first_byte = data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if first_byte == b"<":
        yield 1, _parse_xml(data)
    elif first_byte in (b"{", b"["):
        yield from _iter_json(data)
    else:
        yield from _iter_csv(data.removeprefix(b"\xef\xbb\xbf"), columns)


def _parse_xml(data: bytes) -> ChannelVariables | UnreadableLine:
    try:
        return parse_xml_variables(data.strip())
    except UnreadableLine as error:
        return error


def _iter_json(data: bytes) -> Iterator[NumberedVariables]:
    """Parse one object, an array of objects, or one object per line. Objects that are not CDRs are reported once."""
    try:
        whole = parse_json(data)
    except UnreadableLine as error:
        if b"\n" not in data.strip():
            yield 1, error
            return
        yield from _iter_json_lines(data, error)
        return
    reasons = set[str]()
    for cdr in whole if isinstance(whole, list) else [whole]:
        variables = _parse_json_object(cdr)
        if isinstance(variables, UnreadableLine):
            if str(variables) in reasons:
                continue  # an array may have a million objects that are no CDRs
            reasons.add(str(variables))
        yield 1, variables


def _iter_json_lines(data: bytes, error: UnreadableLine) -> Iterator[NumberedVariables]:
    """Parse lines with one object each. If no line is an object, the data is one damaged document."""
    lines = ((number, line) for number, line in enumerate(BytesIO(data), 1) if line.strip())
    parsed = list(_leave_out_rest((number, _parse_json_line(line)) for number, line in lines))
    if all(isinstance(variables, UnreadableLine) for _, variables in parsed):
        yield 1, error
    else:
        yield from parsed


def _parse_json_line(line: bytes) -> ChannelVariables | UnreadableLine:
    try:
        return extract_json_variables(parse_json(line))
    except UnreadableLine as error:
        return error


def _parse_json_object(cdr: object) -> ChannelVariables | UnreadableLine:
    try:
        return extract_json_variables(cdr)
    except UnreadableLine as error:
        return error


def _iter_csv(data: bytes, columns: Sequence[str]) -> Iterator[NumberedVariables]:
    lines = (
        (number, line) for number, line in enumerate(BytesIO(data.removeprefix(b"\xef\xbb\xbf")), 1) if line.strip()
    )
    yield from _leave_out_rest((number, _parse_csv_line(line, columns)) for number, line in lines)


def _parse_csv_line(line: bytes, columns: Sequence[str]) -> ChannelVariables | UnreadableLine:
    try:
        return parse_csv_variables(line, columns=columns)
    except UnreadableLine as error:
        return error


def _leave_out_rest(parsed: Iterable[NumberedVariables]) -> Iterator[NumberedVariables]:
    """Yield the lines. Stop if most of many lines are unreadable: a damaged document may have millions of short ones."""
    unreadable = 0
    for count, (number, variables) in enumerate(parsed, 1):
        yield number, variables
        unreadable += isinstance(variables, UnreadableLine)
        if unreadable > MAX_UNREADABLE and 2 * unreadable > count:
            yield number, UnreadableLine(f"{unreadable} of {count} lines cannot be read; the rest is not read")
            return
