"""A CDR file of FreeSWITCH, or a piece of one: which format it is, and what is in it. Total: nothing is raised."""

import re
from collections.abc import Iterator, Sequence
from typing import TypeAlias
from zoneinfo import ZoneInfo

from ccfs.switches.found import QueueVisit, UnreadableLine
from ccfs.switches.freeswitch.calls import meet
from ccfs.switches.freeswitch.channel import AGENTS, Channel, channel, queue_visit
from ccfs.switches.freeswitch.csv_lines import facts_of
from ccfs.switches.freeswitch.documents import json_facts, parsed_json, xml_facts
from ccfs.switches.freeswitch.facts import Facts

Found: TypeAlias = Channel | QueueVisit | UnreadableLine
_Numbered: TypeAlias = tuple[int, Facts | UnreadableLine]


def read(
    data: bytes,
    *,
    zone: ZoneInfo,
    agents: re.Pattern[str] = AGENTS,
    columns: Sequence[str] = (),
) -> list[tuple[int, Found]]:
    """All channels and queue visits in a CSV, JSON or XML CDR file, each with the number of its line (1 is the first).

    `data` is a whole document, or whole lines of CSV or JSON lines; `zone` is that of the switch's local stamps;
    `agents` matches whole numbers that are agents' extensions; `columns` are those of the operator's own CSV template
    (see `columns_of`). What cannot be read comes out as an UnreadableLine that says why. Channels of one call meet
    (see `meet`) as far as they are in `data`; give `meet` the channels of several files to have those meet, too.
    """
    channels: list[tuple[int, Channel]] = []
    others: list[tuple[int, Found]] = []
    for number, facts in _all_facts(data, columns):
        try:
            if isinstance(facts, UnreadableLine):
                raise facts
            channels.append((number, channel(facts, zone=zone, agents=agents)))
            if visit := queue_visit(facts, zone=zone):
                others.append((number, visit))
        except UnreadableLine as why:
            others.append((number, why))
    met = meet(leg for _, leg in channels)
    numbered = [(number, leg) for (number, _), leg in zip(channels, met, strict=True)]
    return sorted([*numbered, *others], key=lambda found: found[0])


def _all_facts(data: bytes, columns: Sequence[str]) -> Iterator[_Numbered]:
    begin = data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if begin == b"<":
        yield 1, _xml(data)
    elif begin in (b"{", b"["):
        yield from _json(data)
    else:
        yield from _csv(data, columns)


def _xml(data: bytes) -> Facts | UnreadableLine:
    try:
        return xml_facts(data.strip())
    except UnreadableLine as why:
        return why


def _json(data: bytes) -> Iterator[_Numbered]:
    """One object, an array of objects, or one object a line."""
    try:
        whole = parsed_json(data)
    except UnreadableLine as why:
        if b"\n" not in data.strip():
            yield 1, why
            return
        lines = [(number, line) for number, line in enumerate(data.splitlines(), 1) if line.strip()]
        yield from _json_lines(lines, why)
        return
    for cdr in whole if isinstance(whole, list) else [whole]:
        yield 1, _json_object(cdr)


def _json_lines(lines: Sequence[tuple[int, bytes]], why: UnreadableLine) -> Iterator[_Numbered]:
    """Lines that are objects each; if not even one is, the data was one damaged document."""
    found = [(number, _json_line(line)) for number, line in lines]
    if all(isinstance(facts, UnreadableLine) for _, facts in found):
        yield 1, why
    else:
        yield from found


def _json_line(line: bytes) -> Facts | UnreadableLine:
    try:
        return json_facts(parsed_json(line))
    except UnreadableLine as why:
        return why


def _json_object(cdr: object) -> Facts | UnreadableLine:
    try:
        return json_facts(cdr)
    except UnreadableLine as why:
        return why


def _csv(data: bytes, columns: Sequence[str]) -> Iterator[_Numbered]:
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            yield number, facts_of(line, columns=columns)
        except UnreadableLine as why:
            yield number, why
