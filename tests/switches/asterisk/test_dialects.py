"""CDR files in the dialects of the programs that export them give the rows that Asterisk's own file gives."""

import csv
import io
import time

import pytest

from ccfs.switches.asterisk.cdr_files import cdr
from ccfs.switches.asterisk.cdr_files.csv_dialect import DIALECTS, CsvDialect, split_fields
from ccfs.switches.asterisk.channels import parse_caller_name, parse_caller_number
from ccfs.switches.records import UnreadableLine
from tests.switches.asterisk.test_columns import CALL, CSV, CUSTOM, build_line

TABLE = ["calldate", "clid", "src", "dst", "channel", "dstchannel", "lastapp", "duration", "billsec", "disposition"]
TABLE += ["uniqueid", "did", "linkedid"]
ROW = [CALL[name] for name in TABLE]


def write_lines(delimiter: str, quote: str, escape: bool, rows: list[list[str]]) -> list[bytes]:
    out = io.StringIO()
    writer = csv.writer(
        out,
        delimiter=delimiter,
        quotechar=quote or None,
        escapechar="\\" if escape else None,
        doublequote=not escape,
        quoting=csv.QUOTE_ALL if quote else csv.QUOTE_NONE,
        lineterminator="\n",
    )
    writer.writerows(rows)
    return out.getvalue().encode().splitlines(keepends=True)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(("quote", "escape"), [('"', False), ('"', True), ("'", False), ("'", True), ("", True)])
def test_a_table_is_read_in_the_dialect_of_its_export(delimiter: str, quote: str, escape: bool) -> None:
    named = [*ROW]
    named[1] = '"Ann, O\'Neil; \\ Lee" <02079460123>'
    lines = write_lines(delimiter, quote, escape, [TABLE, named, named])
    layout = cdr.detect_layout(lines)
    row = cdr.parse_row(lines[1], layout)
    assert row is not None
    assert (row.clid, row.src, row.linkedid, row.start) == (named[1], *(CALL[n] for n in ("src", "linkedid", "start")))
    assert cdr.parse_row(lines[0], layout) is None


def test_bare_tabs_with_quotes_in_names_are_read_as_mysql_batch_writes_them() -> None:
    lines = [("\t".join(fields) + "\n").encode() for fields in (TABLE, ROW, [*ROW[:-1], ""])]
    layout = cdr.detect_layout(lines)
    rows = [cdr.parse_row(line, layout) for line in lines[1:]]
    assert [row and (row.clid, row.linkedid) for row in rows] == [(CALL["clid"], CALL["linkedid"]), (CALL["clid"], "")]


@pytest.mark.parametrize("word", ["NULL", "\\N"])
def test_an_unquoted_null_is_empty_and_a_quoted_one_is_a_name(word: str) -> None:
    line = f'{word},"{word}","a,{word},b",{word}'
    assert split_fields(line, DIALECTS[0]) == ["", word, f"a,{word},b", ""]
    header = ",".join(TABLE).encode()
    text = ",".join(f'"{value}"' for value in ["2024-01-15 09:30:42", "NULL", *ROW[2:-2]]) + f",{word},{word}\n"
    row = cdr.parse_row(text.encode(), cdr.detect_layout([header, text.encode()]))
    assert row is not None
    assert (row.clid, row.did, row.linkedid, row.uniqueid) == ("NULL", "", "", CALL["uniqueid"])


def test_a_line_of_another_dialect_is_read_where_it_fits_the_columns() -> None:
    usual = write_lines(",", '"', False, [TABLE, ROW])
    [other] = write_lines(";", '"', True, [ROW])
    layout = cdr.detect_layout([*usual, usual[1], other])
    assert layout.dialect == DIALECTS[0]
    assert cdr.parse_row(other, layout) == cdr.parse_row(usual[1], layout)


def test_a_field_may_have_line_ends() -> None:
    layout = cdr.detect_layout(write_lines(",", '"', False, [TABLE, ROW]))
    [first, second] = write_lines(",", '"', False, [[ROW[0], '"Ann\nLee" <02079460123>', *ROW[2:]]])
    assert [layout.is_open(first), layout.is_record(second), layout.is_record(first + second)] == [True, False, True]
    row = cdr.parse_row(first + second, layout)
    assert row is not None
    assert row.clid == '"Ann Lee" <02079460123>'


@pytest.mark.parametrize(
    ("names", "values"),
    [
        (f"{CSV} uniqueid userfield own", ["900123", ""]),
        (f"{CSV} own uniqueid linkedid sequence", ["red", "blue"]),
        (f"{CUSTOM} own1 own2 uniqueid userfield linkedid", ["7", ""]),
        (f"{CUSTOM} uniqueid userfield linkedid peeraccount sequence", ["", ""]),
    ],
)
def test_own_columns_do_not_hide_the_ids(names: str, values: list[str]) -> None:
    calls = [("1705311042.118", "1705311042.118"), ("1705311642.131", "1705311642.130")]
    lines = [
        build_line(names, own=value, own1=value, own2=value, uniqueid=unique, linkedid=linked)
        for (unique, linked), value in zip(calls, values, strict=True)
    ]
    layout = cdr.detect_layout(lines)
    rows = [cdr.parse_row(line, layout) for line in lines]
    has_linked = "linkedid" in names
    assert [row and (row.uniqueid, row.linkedid) for row in rows] == [
        (unique, linked if has_linked else "") for unique, linked in calls
    ]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("calldate,start,src,dst,channel,duration,disposition", "2024-01-15 09:30:42"),
        ("calldate,src_num,dst_num,src_chan,duration,disposition", "2024-01-15 09:30:42"),
        ("start,source,destination,src_channel,endtime,disposition", "2024-01-15 09:30:42"),
    ],
)
def test_columns_of_other_programs_are_known(header: str, expected: str) -> None:
    values = {"duration": "28", "disposition": "NOANSWER", "endtime": CALL["end"]}
    times = dict.fromkeys(("calldate", "start"), expected)
    numbers = dict.fromkeys(("src", "src_num", "source"), "02079460123")
    fields = [(values | times | numbers).get(name, "1001") for name in header.split(",")]
    line = ",".join(fields).encode()
    row = cdr.parse_row(line, cdr.detect_layout([header.encode(), line]))
    assert row is not None
    assert (row.start, row.src, row.dst, row.channel) == (expected, "02079460123", "1001", "1001")
    assert row.disposition == "NO ANSWER"


@pytest.mark.parametrize("name", ["filename", "record", "mixmonitor", "recordfile", "recording"])
def test_the_recording_has_many_names_in_headers(name: str) -> None:
    header = f"start,src,dst,channel,duration,disposition,{name}".encode()
    line = b"2024-01-15 09:30:42,02079460123,1001,PJSIP/a-1,5,ANSWERED,ann.wav"
    row = cdr.parse_row(line, cdr.detect_layout([header, line]))
    assert row is not None
    assert row.recordingfile == "ann.wav"


def test_columns_without_caller_and_channel_are_rejected() -> None:
    with pytest.raises(UnreadableLine, match="neither the caller"):
        cdr.detect_layout([b"start,endtime,disposition,dst,billsec\n"])


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("gbk", "\u5f20\u4f1f"), ("latin-1", "J\u00fcrgen"), ("", "\u5f20\u4f1f"), ("big5", "\u5f35\u5049")],
)
def test_names_are_read_in_the_operators_encoding(encoding: str, name: str) -> None:
    line = build_line(CSV, clid=f'"{name}" <02079460123>').decode().encode(encoding or "utf-8")
    row = cdr.parse_row(line, cdr.detect_layout([line], encoding=encoding))
    assert row is not None
    assert row.clid == f'"{name}" <02079460123>'


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("text", ['"', '""', "\\", "NULL", ',"', "'", "a\\", '"a', "|\t;"])
def test_splitting_takes_time_in_proportion_to_the_length(dialect: CsvDialect, text: str) -> None:
    line = text * (60_000 // len(text))
    started = time.perf_counter()
    for candidate in (line, f'"{line}', f"{line},NULL"):
        try:
            split_fields(candidate, dialect)
        except UnreadableLine:
            continue
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize("text", [" ", '"', "<", ' "', " <"])
def test_a_caller_id_is_parsed_in_bounded_time(text: str) -> None:
    started = time.perf_counter()
    parse_caller_name(text * 30_000)
    parse_caller_number(text * 30_000)
    assert time.perf_counter() - started < 2
