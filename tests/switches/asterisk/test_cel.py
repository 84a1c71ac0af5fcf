"""Channel event logs: columns in any order, headers, tables, local times, events of old and new versions."""

import csv
import io
import itertools
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from ccfs.switches.asterisk import cel
from ccfs.switches.asterisk.legs.channel_history import ChannelEvent
from ccfs.switches.records import UnreadableLine

SECOND = 1_705_311_042  # 2024-01-15 09:30:42 UTC
SAMPLE = (  # cel_custom.conf.sample
    "eventtype eventtime cid_name cid_num cid_ani cid_rdnis cid_dnid exten context channame appname appdata amaflags"
    " accountcode uniqueid linkedid peer userfield userdeftype extra"
)
SHORT = "eventtype eventtime cid_name cid_num exten context channame appname appdata uniqueid linkedid peer extra"
SAMPLE_ORDER, SHORT_ORDER = SAMPLE.split(), SHORT.split()
TABLE_ORDER = ["id", *SAMPLE_ORDER[:17], "userdeftype", "extra"]
BRIDGE = '{"bridge_id":"9c1d4f5c","bridge_technology":"simple_bridge"}'


def make_events(system: str = "pbx-") -> list[dict[str, str]]:
    """Return the events of a call from a trunk to 1001, which answers after two seconds."""
    caller, phone = ("PJSIP/line-00000000", f"{system}{SECOND}.9"), ("PJSIP/1001-00000001", f"{system}{SECOND}.10")
    steps = [
        ("CHAN_START", 0.1, caller, {}),
        ("APP_START", 0.2, caller, {"appname": "Dial", "appdata": "PJSIP/1001,12,TtrI"}),
        ("CHAN_START", 0.3, phone, {}),
        ("ANSWER", 2.1, phone, {"appname": "AppDial", "appdata": "(Outgoing Line)"}),
        ("ANSWER", 2.2, caller, {"appname": "Dial", "appdata": "PJSIP/1001,12,TtrI"}),
        ("BRIDGE_ENTER", 2.3, phone, {"extra": BRIDGE}),
        ("BRIDGE_ENTER", 2.4, caller, {"peer": phone[0], "extra": BRIDGE}),
        ("STREAM_BEGIN", 3.0, caller, {"extra": '{"class":"default"}'}),
        ("STREAM_END", 4.0, caller, {}),
        ("STREAM_BEGIN", 4.5, caller, {"extra": '{"sound":"beep","format":"slin"}'}),
        ("STREAM_END", 4.6, caller, {}),
        ("BRIDGE_EXIT", 6.1, phone, {"extra": BRIDGE}),
        ("HANGUP", 6.2, phone, {"extra": '{"hangupcause":16,"hangupsource":"PJSIP/line-00000000","dialstatus":""}'}),
        ("CHAN_END", 6.2, phone, {}),
        ("HANGUP", 6.3, caller, {"extra": '{"hangupcause":16,"hangupsource":"","dialstatus":"ANSWER"}'}),
        ("CHAN_END", 6.4, caller, {}),
        ("LINKEDID_END", 6.5, caller, {}),
    ]
    return [
        {
            "id": str(number), "eventtype": kind, "eventtime": f"{SECOND + after:.6f}", "cid_name": "O'Neil, \"Bob\"", "cid_num":
            "02079460123", "exten": "600", "context": "from-trunk", "channame": channel, "amaflags": "3", "uniqueid": leg_id,
            "linkedid": f"{system}{SECOND}.9", **more,
        }
        for number, (kind, after, (channel, leg_id), more) in enumerate(steps, 1)
    ]  # fmt: skip


def write_csv(events: list[dict[str, str]], order: list[str], **dialect: Any) -> list[bytes]:
    text = io.StringIO(newline="")
    writer = csv.writer(text, **{"quoting": csv.QUOTE_ALL, "lineterminator": "\n", **dialect})
    writer.writerows([event.get(name, "") for name in order] for event in events)
    return text.getvalue().encode().splitlines(keepends=True)


def read(lines: list[bytes], zone: str = "UTC") -> dict[str, list[ChannelEvent]]:
    """Return events by uniqueid; all are of one call."""
    layout = cel.detect_layout(lines)
    assert cel.fits(lines, layout)
    histories = [history for line in lines if (history := cel.parse_line(line, layout, zone))]
    assert len({history.switch_call_id for history in histories}) == 1
    assert all(history.channel.startswith("PJSIP/") for history in histories)
    found: dict[str, list[ChannelEvent]] = {}
    for history in histories:
        found.setdefault(history.switch_leg_id, []).extend(history.events)
    return found


EXPECTED = read(write_csv(make_events(), SHORT_ORDER))


def test_events_have_their_instants_and_details() -> None:
    assert [(event.kind, event.detail) for event in EXPECTED[f"pbx-{SECOND}.9"]] == [
        *[("ANSWER", ""), ("BRIDGE_ENTER", ""), ("STREAM_BEGIN", "default"), ("STREAM_END", ""), ("STREAM_END", "")],
        ("HANGUP", "16"),
    ]
    assert EXPECTED[f"pbx-{SECOND}.10"][0].occurred_at == datetime(2024, 1, 15, 9, 30, 44, 100_000, UTC)


@pytest.mark.parametrize(
    "order", [SAMPLE_ORDER, SHORT_ORDER, TABLE_ORDER, SAMPLE_ORDER[::-1], [*SHORT_ORDER[5:], *SHORT_ORDER[:5]]]
)
@pytest.mark.parametrize("has_header", [False, True])
def test_columns_may_have_any_order(order: list[str], has_header: bool) -> None:
    header = [{name: name for name in order}] if has_header else []
    assert read(write_csv([*header, *make_events()], order)) == EXPECTED


@pytest.mark.parametrize(
    "dialect", [{"delimiter": ";"}, {"delimiter": "\t", "quoting": csv.QUOTE_MINIMAL}, {"quoting": csv.QUOTE_MINIMAL}]
)
def test_tables_may_have_any_dialect(dialect: dict[str, Any]) -> None:
    assert read(write_csv(make_events(), TABLE_ORDER, **dialect)) == EXPECTED


def test_ids_without_a_systems_name_are_not_taken_for_times() -> None:
    for order in itertools.permutations(("eventtime", "uniqueid", "linkedid")):
        found = read(write_csv(make_events(system=""), ["eventtype", *order, "channame", "extra"]))
        assert {leg_id: len(events) for leg_id, events in found.items()} == {f"{SECOND}.9": 6, f"{SECOND}.10": 4}


def test_names_of_a_headers_columns_may_be_those_of_other_programs() -> None:
    names = ["event_type", "event_time", "channel", "unique_id", "linked_id", "eventextra"]
    columns = ["eventtype", "eventtime", "channame", "uniqueid", "linkedid", "extra"]
    header = dict(zip(columns, names, strict=True))
    assert read(write_csv([header, *make_events()], columns)) == EXPECTED


def test_local_times_are_read_in_the_zone_that_their_ids_show() -> None:
    events = make_events()
    for event in events:
        event["eventtime"] = f"2024-01-15 06:30:{float(event['eventtime']) - SECOND + 42:06.3f}"
    lines = write_csv(events, SAMPLE_ORDER)
    assert read(lines, "America/Sao_Paulo") == EXPECTED
    samples = cel.collect_samples(lines, cel.detect_layout(lines))
    assert {local - second for local, second in samples} == {-3 * 3600}


def test_old_versions_write_the_cause_as_text() -> None:
    events = make_events()
    for event in events:
        event["extra"] = "1,SIP/line-00000000,CHANUNAVAIL" if event["eventtype"] == "HANGUP" else ""
    found = read(write_csv(events, SAMPLE_ORDER))
    assert [event.detail for events in found.values() for event in events if event.kind == "HANGUP"] == ["1", "1"]


@pytest.mark.parametrize("extra", ["", "{", "[1]", '{"hangupcause":"x"}', "{" * 5000, '{"a":' * 3000])
def test_a_damaged_extra_costs_the_cause_only(extra: str) -> None:
    lines = write_csv(make_events(), SHORT_ORDER)
    layout = cel.detect_layout(lines)
    [damaged] = write_csv([make_events()[12] | {"extra": extra}], SHORT_ORDER)
    history = cel.parse_line(damaged, layout, "UTC")
    assert history is not None
    assert not history.events[0].detail.isdecimal()


def test_lines_of_other_files_are_refused() -> None:
    for text in (
        b'"","02079460123","600","from-trunk"\n',
        b"1705311042|1705311042.9|600|NONE|ENTERQUEUE||1|1\n",
        b"",
        b"{}\n",
    ):
        with pytest.raises(UnreadableLine):
            cel.detect_layout([text] * 5)
    layout = cel.detect_layout(write_csv(make_events(), SHORT_ORDER))
    for line in (
        b'"HANGUP","1705311042.1"\n',
        b'"HANGUP","never","","","","","PJSIP/1-1","","","1.9","1.9","",""\n',
        b"\0\n",
    ):
        with pytest.raises(UnreadableLine):
            cel.parse_line(line, layout, "UTC")
    assert not cel.fits([b"1,2,3\n"] * 3, layout)


def test_time_grows_no_faster_than_the_length_of_a_line() -> None:
    lines = write_csv(make_events(), SHORT_ORDER)
    layout = cel.detect_layout(lines)

    def measure(length: int) -> float:
        long = [
            write_csv([make_events()[12] | {name: text * (length // len(text))}], SHORT_ORDER)[0]
            for name, text in itertools.product(
                ("extra", "channame", "uniqueid", "eventtime"), ("{", "1,", "1.", "pbx-", '{"a":')
            )
        ]
        start = time.process_time()
        for line in long:
            try:
                cel.parse_line(line, layout, "UTC")
            except UnreadableLine:
                continue
        cel.fits(long, layout)
        return time.process_time() - start

    assert measure(60_000) < 40 * max(measure(6_000), 0.002)
