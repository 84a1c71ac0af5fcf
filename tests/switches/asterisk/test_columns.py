"""Columns of a CDR file are detected from its lines; a line that cannot be split is rejected with a reason."""

import csv
import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccfs.switches.asterisk.cdr_files import cdr
from ccfs.switches.asterisk.legs import cdr_legs
from ccfs.switches.asterisk.legs.cdr_legs import AsteriskCdrFormat
from ccfs.switches.records import UnreadableLine

CALL = {
    "accountcode": "",
    "src": "02079460123",
    "dst": "1001",
    "dcontext": "from-trunk",
    "clid": '"Ann Lee" <02079460123>',
    "channel": "PJSIP/trunk-0000001a",
    "dstchannel": "PJSIP/1001-0000001b",
    "lastapp": "Dial",
    "lastdata": "PJSIP/1001,20",
    "start": "2024-01-15 09:30:42",
    "answer": "2024-01-15 09:30:50",
    "end": "2024-01-15 09:31:10",
    "duration": "28",
    "billsec": "20",
    "disposition": "ANSWERED",
    "amaflags": "DOCUMENTATION",
    "uniqueid": "1705311042.118",
    "userfield": "",
    "peeraccount": "",
    "linkedid": "1705311042.118",
    "sequence": "301",
    "recordingfile": "q-600-02079460123-20240115-093042-1705311042.118.wav",
    "did": "02079460100",
    "calldate": "2024-01-15 09:30:42",
}
CSV = "accountcode src dst dcontext clid channel dstchannel lastapp lastdata start answer end duration billsec disposition amaflags"
CUSTOM = "clid src dst dcontext channel dstchannel lastapp lastdata start answer end duration billsec disposition amaflags accountcode"
TABLE = "calldate clid src dst dcontext channel dstchannel lastapp lastdata duration billsec disposition amaflags accountcode uniqueid userfield"


def build_line(names: str, **overrides: str) -> bytes:
    out = io.StringIO()
    values = [{**CALL, **overrides}.get(name, "") for name in names.split()]
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(values)
    return out.getvalue().encode()


def parse_row(line: bytes, columns: str | None = None) -> cdr.AsteriskCdrRow:
    row = cdr.parse_row(line, cdr.detect_layout([line], columns))
    assert row is not None
    return row


@pytest.mark.parametrize(
    "names",
    [
        CSV,
        f"{CSV} uniqueid",
        f"{CSV} uniqueid userfield",
        f"{CSV} peeraccount linkedid sequence",
        f"{CSV} uniqueid peeraccount linkedid sequence",
        f"{CSV} uniqueid userfield peeraccount linkedid sequence",
        CUSTOM,
        f"{CUSTOM} uniqueid userfield",
        f"{CUSTOM} uniqueid userfield sequence",
        f"{CUSTOM} uniqueid userfield linkedid",
        f"{CUSTOM} uniqueid userfield linkedid sequence",
        f"{CUSTOM} uniqueid userfield peeraccount linkedid sequence",
        TABLE,
        f"{TABLE} did recordingfile cnum cnam outbound_cnum outbound_cnam dst_cnam linkedid peeraccount sequence",
    ],
)
@pytest.mark.parametrize("disposition", ["ANSWERED", "NO ANSWER"])
def test_a_known_column_order_is_detected_from_the_lines(names: str, disposition: str) -> None:
    answer = CALL["answer"] if disposition == "ANSWERED" else ""
    row = parse_row(build_line(names, disposition=disposition, answer=answer))
    expected = {**CALL, "answer": answer, "disposition": disposition}
    for name in names.replace("calldate", "start").split():
        assert getattr(row, name, "") == expected.get(name, ""), name


def test_a_lone_seventeenth_column_is_the_userfield_if_it_is_no_uniqueid() -> None:
    assert parse_row(build_line(f"{CSV} userfield", userfield="gold")).userfield == "gold"
    assert parse_row(build_line(f"{CSV} userfield", userfield="gold")).uniqueid == ""


def test_a_header_names_the_columns_and_is_no_record() -> None:
    header = b"uniqueid,calldate,src,dst,clid,channel,duration,billsec,disposition,Surprise\n"
    line = build_line("uniqueid calldate src dst clid channel duration billsec disposition amaflags")
    layout = cdr.detect_layout([header, line])
    assert cdr.parse_row(header, layout) is None
    row = cdr.parse_row(line, layout)
    assert row is not None
    assert (row.uniqueid, row.start, row.duration, row.amaflags) == ("1705311042.118", "2024-01-15 09:30:42", "28", "")


def test_given_columns_overrule_the_lines() -> None:
    names = "end start disposition uniqueid src colour dst"
    row = parse_row(build_line(names), names.replace(" ", ", "))
    assert (row.src, row.dst, row.end) == ("02079460123", "1001", "2024-01-15 09:31:10")


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ("src,dst", "the columns lack start"),
        ("start,end,src", "the columns lack disposition"),
        ("start,disposition", "the columns lack both end and duration"),
        ("start,end,disposition,src,src", "the columns have src twice"),
    ],
)
def test_columns_without_a_required_one_are_rejected(columns: str, reason: str) -> None:
    with pytest.raises(UnreadableLine, match=reason):
        cdr.detect_layout([], columns)


def test_lines_in_no_known_order_require_columns() -> None:
    with pytest.raises(UnreadableLine, match="--columns"):
        cdr.detect_layout([b"a,b,c\n", b"\n", b'"open\n'])


def test_a_file_may_gain_columns() -> None:
    early, late = (
        build_line(f"{CSV} uniqueid userfield"),
        build_line(f"{CSV} uniqueid userfield peeraccount linkedid sequence"),
    )
    row = cdr.parse_row(late, cdr.detect_layout([early]))
    assert row is not None
    assert row.linkedid == "1705311042.118"


def test_a_line_that_lost_its_uniqueid_is_rejected() -> None:
    layout = cdr.detect_layout([build_line(f"{CSV} uniqueid userfield")])
    with pytest.raises(UnreadableLine, match="16 fields instead of 18"):
        cdr.parse_row(build_line(CSV), layout)


def test_a_caller_id_in_undoubled_quotes_is_read_as_old_versions_wrote_it() -> None:
    line = build_line(f"{CUSTOM} uniqueid userfield").replace(
        b'"""Ann Lee"" <02079460123>"', b'""Ann Lee" <02079460123>"'
    )
    assert b',""' in b"," + line
    assert parse_row(line).clid == '"Ann Lee" <02079460123>'


def test_bytes_that_are_not_utf_8_stay_readable() -> None:
    line = build_line(CSV).replace(b"Ann Lee", b"J\xfcrgen \xe4\xb8\xad")
    assert parse_row(line).clid == '"J\\xfcrgen 中" <02079460123>'


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (build_line(CSV)[:-20], "a quote is not closed"),
        (build_line(CSV).replace(b"Ann", b"A\0n"), "NUL"),
        (build_line(CSV, lastdata="x" * 70_000), "longer than 65536 bytes"),
        (build_line(CSV, disposition="WELL"), "disposition"),
        (build_line(CSV, start="yesterday"), "the start time is not a time"),
        (build_line(CSV, start=""), "no start time"),
        (build_line(CSV, end="2024-02-30 10:00:00"), "the end time is not a time"),
        (build_line(CSV, billsec="²"), "the billsec is not a number"),
        (build_line(CSV, duration="nan"), "the duration is not a number of seconds"),
        (b"one,two\n", "2 fields instead of 16"),
    ],
)
def test_an_unreadable_line_is_rejected_with_a_reason_without_phone_numbers(line: bytes, reason: str) -> None:
    reading = AsteriskCdrFormat(layout=cdr.detect_layout([build_line(CSV)]), zone="Europe/London")
    with pytest.raises(UnreadableLine, match=reason) as refusal:
        cdr_legs.parse_leg(line, reading)
    assert "02079460123" not in str(refusal.value)


@pytest.mark.parametrize("line", [b"", b"\n", b"\r\n", b"  \n"])
def test_an_empty_line_gives_no_record(line: bytes) -> None:
    assert cdr.parse_row(line, cdr.detect_layout([build_line(CSV)])) is None


@given(st.permutations(list(CALL)))
def test_a_line_gives_an_equal_row_in_any_column_order(names: list[str]) -> None:
    plain, mixed = [name for name in CALL if name != "calldate"], [name for name in names if name != "calldate"]
    usual = cdr_legs.parse_leg(
        build_line(" ".join(plain)),
        AsteriskCdrFormat(layout=cdr.detect_layout([], ",".join(plain)), zone="Asia/Shanghai"),
    )
    reordered = cdr_legs.parse_leg(
        build_line(" ".join(mixed)),
        AsteriskCdrFormat(layout=cdr.detect_layout([], ",".join(mixed)), zone="Asia/Shanghai"),
    )
    assert usual == reordered


@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 400))
def test_no_bytes_raise_anything_but_unreadable_line(noise: bytes, at: int, until: int) -> None:
    good_line = build_line(f"{CSV} uniqueid userfield peeraccount linkedid sequence")
    cdr_format = AsteriskCdrFormat(layout=cdr.detect_layout([good_line]), zone="Europe/Berlin")
    for line in (noise, good_line[:at] + noise + good_line[until:]):
        try:
            leg = cdr_legs.parse_leg(line, cdr_format)
        except UnreadableLine:
            continue
        assert leg is None or "\0" not in repr(leg)


@given(st.lists(st.binary(max_size=80), max_size=5), st.none() | st.text(max_size=40))
def test_no_sample_raises_anything_but_unreadable_line(sample: list[bytes], columns: str | None) -> None:
    layout = None
    with suppress(UnreadableLine):
        layout = cdr.detect_layout(sample, columns)
    assert layout is None or layout.names
