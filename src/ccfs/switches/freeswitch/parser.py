"""A CDR file of FreeSWITCH, or a piece of one: which format it is, and what is in it. Total: nothing is raised."""

import re
from collections.abc import Iterator, Sequence
from typing import TypeAlias
from zoneinfo import ZoneInfo

from ccfs.switches.freeswitch.csv_lines import parse_csv_variables
from ccfs.switches.freeswitch.documents import extract_json_variables, parse_json, parse_xml_variables
from ccfs.switches.freeswitch.join_legs import join_call_legs
from ccfs.switches.freeswitch.legs import DEFAULT_AGENT_PATTERN, ChannelLeg, build_leg, build_queue_visit
from ccfs.switches.freeswitch.variables import ChannelVariables
from ccfs.switches.records import QueueVisit, UnreadableLine

FreeSwitchRecord: TypeAlias = ChannelLeg | QueueVisit | UnreadableLine
_NumberedVariables: TypeAlias = tuple[int, ChannelVariables | UnreadableLine]


def parse_cdr_data(
    data: bytes,
    *,
    zone: ZoneInfo,
    agents: re.Pattern[str] = DEFAULT_AGENT_PATTERN,
    columns: Sequence[str] = (),
) -> list[tuple[int, FreeSwitchRecord]]:
    """All channels and queue visits in a CSV, JSON or XML CDR file, each with the number of its line (1 is the first).

    `data` is a whole document, or whole lines of CSV or JSON lines; `zone` is that of the switch's local stamps;
    `agents` matches whole numbers that are agents' extensions; `columns` are those of the operator's own CSV template
    (see `columns_of`). What cannot be read comes out as an UnreadableLine that says why. Channels of one call meet
    (see `meet`) as far as they are in `data`; give `meet` the channels of several files to have those meet, too.
    """
    channels: list[tuple[int, ChannelLeg]] = []
    others: list[tuple[int, FreeSwitchRecord]] = []
    for number, facts in _iter_variables(data, columns):
        try:
            if isinstance(facts, UnreadableLine):
                raise facts
            channels.append((number, build_leg(facts, zone=zone, agents=agents)))
            if visit := build_queue_visit(facts, zone=zone):
                others.append((number, visit))
        except UnreadableLine as why:
            others.append((number, why))
    met = join_call_legs(leg for _, leg in channels)
    numbered = [(number, leg) for (number, _), leg in zip(channels, met, strict=True)]
    return sorted([*numbered, *others], key=lambda found: found[0])


def _iter_variables(data: bytes, columns: Sequence[str]) -> Iterator[_NumberedVariables]:
    begin = data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if begin == b"<":
        yield 1, _parse_xml(data)
    elif begin in (b"{", b"["):
        yield from _iter_json(data)
    else:
        yield from _iter_csv(data, columns)


def _parse_xml(data: bytes) -> ChannelVariables | UnreadableLine:
    try:
        return parse_xml_variables(data.strip())
    except UnreadableLine as why:
        return why


def _iter_json(data: bytes) -> Iterator[_NumberedVariables]:
    """One object, an array of objects, or one object a line."""
    try:
        whole = parse_json(data)
    except UnreadableLine as why:
        if b"\n" not in data.strip():
            yield 1, why
            return
        lines = [(number, line) for number, line in enumerate(data.splitlines(), 1) if line.strip()]
        yield from _iter_json_lines(lines, why)
        return
    for cdr in whole if isinstance(whole, list) else [whole]:
        yield 1, _parse_json_object(cdr)


def _iter_json_lines(lines: Sequence[tuple[int, bytes]], why: UnreadableLine) -> Iterator[_NumberedVariables]:
    """Lines that are objects each; if not even one is, the data was one damaged document."""
    found = [(number, _parse_json_line(line)) for number, line in lines]
    if all(isinstance(facts, UnreadableLine) for _, facts in found):
        yield 1, why
    else:
        yield from found


def _parse_json_line(line: bytes) -> ChannelVariables | UnreadableLine:
    try:
        return extract_json_variables(parse_json(line))
    except UnreadableLine as why:
        return why


def _parse_json_object(cdr: object) -> ChannelVariables | UnreadableLine:
    try:
        return extract_json_variables(cdr)
    except UnreadableLine as why:
        return why


def _iter_csv(data: bytes, columns: Sequence[str]) -> Iterator[_NumberedVariables]:
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            yield number, parse_csv_variables(line, columns=columns)
        except UnreadableLine as why:
            yield number, why
