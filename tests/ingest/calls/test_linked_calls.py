"""Calls whose ids differ and that are one: conferences, and lines without linkedid, in whatever order their lines arrive."""

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest

from ccfs.db import schema
from tests.ingest.ingest_site import CreateSite, IngestSite, make_wav

BEGIN = 1_705_311_042  # 2024-01-15 09:30:42


def write_line(
    channel: str,
    dialled: str,
    leg: str,
    begin: int,
    answer: int | None,
    end: int,
    *,
    app: str,
    call: str = "",
    src: str = "",
) -> str:
    """Return a line of Master.csv with its linkedid, if any; times are seconds after BEGIN."""
    start, answered, ended = (
        "" if second is None else datetime.fromtimestamp(BEGIN + second, UTC).strftime("%Y-%m-%d %H:%M:%S")
        for second in (begin, answer, end)
    )
    talk, disposition = (0, "NO ANSWER") if answer is None else (end - answer, "ANSWERED")
    src = src or "02079460123"
    return (
        f'"","{src}","600","from-trunk","<{src}>","{channel}","{dialled}",{app},"{start}","{answered}","{ended}",'
        f'{end - begin},{talk},"{disposition}","DOCUMENTATION","{BEGIN}.{leg}","","","{call and f"{BEGIN}.{call}"}",{leg}\n'
    )


ROOM = '"ConfBridge","900"'
TRUNK, ANN, BO = "PJSIP/line-0000003c", "PJSIP/1001-0000003d", "PJSIP/1002-0000003e"
CONFERENCE = [
    write_line(TRUNK, ANN, "44", 6, 6, 13, app=ROOM, call="44"),
    write_line(TRUNK, BO, "44", 7, 7, 13, app=ROOM, call="44"),
    write_line(ANN, "", "48", 0, None, 3, app='"Playback","beep"', call="48", src="1001"),
    write_line(ANN, BO, "48", 7, 7, 14, app=ROOM, call="48", src="1001"),
    write_line(BO, "", "49", 8, 8, 8, app=ROOM, call="49", src="1002"),
]
UNLINKED = [
    write_line(TRUNK, "Local/1001@q-00000001;1", "1", 0, 0, 60, app='"Queue","600,t"'),
    write_line("Local/1001@q-00000001;2", "PJSIP/1001-00000002", "3", 0, 5, 20, app='"Dial","PJSIP/1001"'),
    write_line("Local/1001@q-00000001;2", "PJSIP/1002-00000003", "3", 20, 22, 60, app='"Dial","PJSIP/1002"'),
    write_line("PJSIP/1001-00000002", "", "4", 0, 5, 20, app='"AppDial","(Outgoing Line)"'),
]


def read_calls(site: IngestSite) -> list[Any]:
    """Return callId, agent, talk and number of each row."""
    columns = ("call_id", "agent_id", "call_begin", "call_end", "call_id_num", "call_type")
    return [row[:4] + row[5:] for row in sorted(site.read_rows(schema.cdrs, *columns), key=str)]


def list_talks(site: IngestSite) -> dict[str, float]:
    rows = site.read_rows(schema.cdrs, "agent_id", "call_begin", "call_end")
    talks = [(agent, (end - begin).total_seconds()) for agent, begin, end in rows if agent and begin and end > begin]
    assert len(talks) == len(dict(talks))
    return dict(talks)


@pytest.mark.parametrize(
    ("lines", "talks", "call_id"),
    [
        (CONFERENCE, {"1001": 7.0, "1002": 6.0}, f"{BEGIN}-44"),
        (UNLINKED, {"1001": 15.0, "1002": 38.0}, f"{BEGIN}-1"),
    ],
)
def test_lines_of_one_call_are_joined_in_whatever_order_they_arrive(
    create_site: CreateSite, lines: list[str], talks: dict[str, float], call_id: str
) -> None:
    orders = [lines, lines[::-1], [*lines[2:], *lines[:2]]]
    sites = [create_site() for _ in range(len(orders) + 1)]
    sites[0].ingest_asterisk(sites[0].write_file("Master.csv", "".join(lines)))
    for site, order in zip(sites[1:], orders, strict=True):
        for number, line in enumerate(order):
            site.ingest_asterisk(site.write_file(f"Master.csv.{number}", line))
    assert all(read_calls(site) == read_calls(sites[0]) for site in sites[1:])
    assert list_talks(sites[0]) == talks
    assert {row[0] for row in read_calls(sites[0])} == {call_id}
    assert sites[0].read_rows(schema.cdrs, "call_id_num").count(-1) == 1


def test_a_conference_is_recorded_for_the_call_of_those_who_met(each_ingest_site: IngestSite) -> None:
    site = each_ingest_site
    end = BEGIN + 14
    site.write_recording(f"confbridge-900-{BEGIN + 6}.wav", make_wav(1, 8), modified=end)
    for number, order in enumerate((CONFERENCE[3:], CONFERENCE[:2], CONFERENCE[2:3])):
        result = site.ingest_asterisk(site.write_file(f"Master.csv.{number}", "".join(order)))
    assert result["missing"] == []
    [(call_id, agent)] = site.read_rows(schema.recordings, "call_id", "agent_id")
    assert (call_id, agent) == (f"{BEGIN}-44", "1001")


def test_a_recording_of_a_call_that_becomes_part_of_another_goes_with_it(create_site: CreateSite) -> None:
    site = create_site()
    site.write_recording(f"rec-{BEGIN}.48.wav", make_wav(1))
    site.write_recording(f"confbridge-900-{BEGIN + 7}.wav", make_wav(2))
    for number, order in enumerate((CONFERENCE[2:4], CONFERENCE[:2], CONFERENCE[4:])):
        site.ingest_asterisk(site.write_file(f"Master.csv.{number}", "".join(order)))
    assert set(site.read_rows(schema.recordings, "call_id")) == {f"{BEGIN}-44"}
    assert len(site.read_rows(schema.recordings)) == 2


def test_one_room_serves_many_calls_that_stay_apart(create_site: CreateSite) -> None:
    site = create_site()
    for number in range(3):
        shifted = [line.replace(f"{BEGIN}.", f"{BEGIN}.{number}") for line in CONFERENCE]
        text = "".join(shifted).replace("09:30:", f"09:{30 + number}:").replace("-000000", f"-{number:04x}00")
        site.ingest_asterisk(site.write_file(f"Master.csv.{number}", text), "--zone", "UTC")
    assert len({row[0] for row in read_calls(site)}) == 3


def test_files_with_and_without_linkedid_give_one_call(create_site: CreateSite) -> None:
    linked = [
        line.replace(f'"{BEGIN}.{leg}","","",""', f'"{BEGIN}.{leg}","","","{BEGIN}.1"')
        for line in UNLINKED
        for leg in "134"
        if f'"{BEGIN}.{leg}"' in line
    ]
    assert all(f'"{BEGIN}.1",' in line for line in linked)
    for order in itertools.permutations(("".join(linked), "".join(UNLINKED))):
        site = create_site()
        counts = [
            site.ingest_asterisk(site.write_file(f"{number}.csv", text))["cdrs"] for number, text in enumerate(order)
        ]
        assert counts == [4, 0]
        assert {row[0] for row in read_calls(site)} == {f"{BEGIN}-1"}
