"""The CSV export: equal bytes from both engines, and exactly those that Python's csv writes of the protocol's cells."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.resources import files
from itertools import pairwise
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from ccfs.db.engine import Database
from ccfs.db.export_csv import CsvChunk, get_header, iter_csv_chunks
from ccfs.db.export_csv.chunk import iter_lines
from ccfs.db.export_csv.zone_offsets import compute_zone_offsets
from ccfs.model.calls.agent_operation import AgentOperation, AgentSkillChange
from ccfs.model.calls.cdr import Cdr
from ccfs.model.exports.export import ExportFilter, ExportTable
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.recording import Recording
from tests.db.export_csv.random_rows import (
    ACCOUNT_ZONES,
    CELL_FORMATTERS,
    CLOCK_CHANGES,
    DAY,
    FOUR_YEAR_WINDOW,
    HOUR,
    ROWS,
    SECOND,
    YEAR_WINDOW,
    ZONE_INFOS,
    ZONES,
    insert_rows,
    instants,
)


def get_sort_key(row: Any) -> tuple[Any, ...]:
    """Return the key by which an export sorts its rows."""
    match row:
        case Cdr():
            number = row.call_id_num
            return row.begin, row.call_id.encode(), number < 0, number, row.source_key.encode()
        case Recording():
            return row.call_begin, row.call_id.encode(), row.file_name.encode()
        case AgentOperation():
            return row.begin, row.id.encode()
        case _:
            return row.operate_time, row.id.encode()


def format_expected(app: App, table: ExportTable, rows: Sequence[Any], *, tail: bool = True) -> bytes:
    """Return the lines that Python's csv writes of the protocol's cells, in order."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    width = len(get_header(table, with_tail=tail))
    for row in sorted(rows, key=get_sort_key):
        writer.writerow(CELL_FORMATTERS[table](row, developer=app.ak, zone=ACCOUNT_ZONES[row.account_id])[:width])
    return file.getvalue().encode()


def export_rows(connection: Connection, app: App, table: ExportTable, **other: Any) -> bytes:
    """Return the lines of a year's rows of all accounts, unless `other` differs; check the number of rows."""
    arguments: dict[str, Any] = {
        "window": YEAR_WINDOW,
        "filter": ExportFilter(),
        "zones": ACCOUNT_ZONES,
        "with_tail": True,
    }
    chunks = list(iter_csv_chunks(connection, app, table, **(arguments | other)))
    for chunk in chunks:
        assert len(list(csv.reader(io.StringIO(chunk.csv.decode(), newline="")))) == chunk.row_count
        assert len(list(iter_lines(chunk.csv))) == chunk.row_count
    return b"".join(chunk.csv for chunk in chunks)


@pytest.mark.parametrize("table", ROWS)
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(data=st.data(), begin=instants(), hours=st.integers(0, 72), tail=st.booleans())
def test_random_rows_are_exported_as_python_writes_them(
    database: Database, app: App, table: ExportTable, data: st.DataObject, begin: datetime, hours: int, tail: bool
) -> None:
    rows = data.draw(st.lists(ROWS[table], max_size=12))
    window = TimeWindow(begin=begin, end=begin + hours * HOUR)
    with database.engine.connect() as connection:  # never committed
        insert_rows(connection, app, rows)
        in_window = [row for row in rows if get_sort_key(row)[0] in window]
        assert export_rows(connection, app, table, window=window, with_tail=tail) == format_expected(
            app, table, in_window, tail=tail
        )
        assert export_rows(connection, app, table, window=FOUR_YEAR_WINDOW) == format_expected(app, table, rows)


CALL = Cdr(account_id="100", cc_id="1", vdn_id="8", call_id="1772953200-1", begin=CLOCK_CHANGES[0], source_key="00")


def make_calls(**columns: Sequence[Any]) -> list[Cdr]:
    """Return as many calls as each column has values."""
    rows = zip(*columns.values(), strict=True)
    return [
        replace(CALL, source_key=f"{number:02}", **dict(zip(columns, row, strict=True)))
        for number, row in enumerate(rows)
    ]


@pytest.fixture
def insert_and_read(database: Database, app: App) -> Iterator[Callable[[Sequence[Any]], Connection]]:
    """Add rows and return a connection that reads them."""
    with database.engine.connect() as connection:

        def insert(rows: Sequence[Any]) -> Connection:
            insert_rows(connection, app, rows)
            return connection

        yield insert


InsertRows = Callable[[Sequence[Any]], Connection]


def read_column(lines: bytes, name: str, table: ExportTable = "call") -> list[str]:
    """Return the values of a column."""
    index = get_header(table, with_tail=True).index(name)
    return [cells[index] for cells in csv.reader(io.StringIO(lines.decode(), newline=""))]


def test_times_are_in_the_zone_of_the_rows_account(insert_and_read: InsertRows, app: App) -> None:
    accounts = list(ZONES)
    rows = make_calls(account_id=accounts, call_end=[datetime(2026, 7, 1, 12, tzinfo=UTC)] * len(accounts))
    times = read_column(export_rows(insert_and_read(rows), app, "call"), "call_end")
    assert dict(zip(accounts, times, strict=True)) == {
        "100": "2026-07-01 20:00:00",
        "200": "2026-07-01 08:00:00",
        "300": "2026-07-01 22:30:00",
        "40'0": "2026-07-01 17:45:00",
        "500": "2026-07-01 14:00:00",
        "600": "2026-07-01 15:30:00",
        "7\\00": "2026-07-01 20:00:00",
    }


def test_the_repeated_hour_of_a_clock_change_is_exported_in_order(insert_and_read: InsertRows, app: App) -> None:
    half_hours = [CLOCK_CHANGES[1] + number * HOUR / 2 for number in (-2, -1, 0, 1)]
    lines = export_rows(
        insert_and_read(make_calls(account_id=["200"] * 4, begin=half_hours, call_begin=half_hours)), app, "call"
    )
    assert [text[11:] for text in read_column(lines, "call_begin")] == ["01:00:00", "01:30:00", "01:00:00", "01:30:00"]


def test_the_window_includes_its_begin_and_excludes_its_end(insert_and_read: InsertRows, app: App) -> None:
    window = TimeWindow(begin=CLOCK_CHANGES[6], end=CLOCK_CHANGES[6] + DAY)
    tick = timedelta(microseconds=1)
    begins = [window.begin - tick, window.begin, window.end - tick, window.end]
    lines = export_rows(insert_and_read(make_calls(begin=begins, caller_no="abcd")), app, "call", window=window)
    assert read_column(lines, "caller_no") == ["b", "c"]


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        (ExportFilter(), "abcd"),
        (ExportFilter(account_id="200"), "bd"),
        (ExportFilter(account_id="200", agent_id="512"), "b"),
        (ExportFilter(call_id="x"), "ab"),
        (ExportFilter(call_id="x", caller_no="1", callee_no="2"), "a"),
        (ExportFilter(account_id="none of mine"), ""),
        (ExportFilter(caller_no="1' OR '1'='1"), ""),
    ],
)
def test_all_filters_must_match(insert_and_read: InsertRows, app: App, filter_: ExportFilter, expected: str) -> None:
    rows = make_calls(
        account_id=["100", "200", "100", "200"],
        agent_id=["512", "512", "513", "513"],
        call_id=["x", "x", "y", "y"],
        caller_no=["1", "1", "1", "2"],
        callee_no=["2", "3", "2", "2"],
        user_wanted_skill_id="abcd",
    )
    assert sorted(
        read_column(export_rows(insert_and_read(rows), app, "call", filter=filter_), "user_wanted_skill_id")
    ) == list(expected)


def test_skill_changes_are_filtered_by_the_exact_agent_id(insert_and_read: InsertRows, app: App) -> None:
    change = AgentSkillChange(
        id="1", account_id="100", sub_cc_no=1, vdn=8, agent_id="512", operate_time=CLOCK_CHANGES[0], operate_id=1,
        operate_type=1, skill_list="7;9",
    )  # fmt: skip
    connection = insert_and_read([change])
    export = partial(export_rows, connection, app, "agentSkillInfo")
    assert export(filter=ExportFilter(agent_id="512", call_id="no such column")) == export()
    assert export(filter=ExportFilter(agent_id="0512")) == export(filter=ExportFilter(agent_id="five")) == b""


def test_rows_of_another_app_and_of_accounts_without_a_zone_are_not_exported(
    insert_and_read: InsertRows, app: App, other_app: App
) -> None:
    connection = insert_and_read(make_calls(account_id=["100", "gone"]))
    assert read_column(export_rows(connection, app, "call"), "account_id") == ["100"]
    assert export_rows(connection, other_app, "call") == b""
    assert export_rows(connection, app, "call", zones={}) == b""


def test_many_rows_are_exported_in_bounded_chunks(insert_and_read: InsertRows, app: App) -> None:
    connection = insert_and_read(
        make_calls(caller_no=["a\nb" if number == 700 else str(number) for number in range(1200)])
    )
    chunks = list(iter_csv_chunks(connection, app, "call", YEAR_WINDOW, ExportFilter(), ACCOUNT_ZONES, with_tail=False))
    assert sum(chunk.row_count for chunk in chunks) == 1200
    assert max(chunk.row_count for chunk in chunks) < 1000


def test_the_connection_is_usable_after_an_export_that_is_closed_early(insert_and_read: InsertRows, app: App) -> None:
    connection = insert_and_read(make_calls(caller_no=[str(number) for number in range(1200)]))
    started = iter_csv_chunks(connection, app, "call", YEAR_WINDOW, ExportFilter(), ACCOUNT_ZONES, with_tail=False)
    assert next(started).row_count < 1000
    started.close()  # type: ignore[attr-defined]
    connection.rollback()
    assert export_rows(connection, app, "call") == b""


def test_an_error_during_an_export_is_raised(insert_and_read: InsertRows, app: App) -> None:
    with files("tzdata.zoneinfo.Asia").joinpath("Shanghai").open("rb") as file:
        unknown = ZoneInfo.from_file(file, key="Nowhere/Unknown")  # like a zone that the server does not know
    ends = [*[None] * 1500, datetime(1999, 1, 1, tzinfo=UTC)]  # the last is far from the window
    begins = [CLOCK_CHANGES[6] + number * SECOND for number in range(len(ends))]
    chunks = iter_csv_chunks(
        insert_and_read(make_calls(begin=begins, call_end=ends)),
        app,
        "call",
        YEAR_WINDOW,
        ExportFilter(),
        {"100": unknown},
        with_tail=False,
    )
    assert next(chunks).row_count < 1000
    with pytest.raises(DBAPIError):
        list(chunks)


def test_a_chunk_is_split_between_rows_only() -> None:
    chunk = CsvChunk(3, b'a,"x\r\ny"\r\nb,"""\r\n"\r\nc,\r\n')
    assert [piece.row_count for piece in chunk.split(2, 999)] == [2, 1]
    assert chunk.split(2, 999)[1].csv == b"c,\r\n"
    assert chunk.split(9, 10) == (CsvChunk(1, b'a,"x\r\ny"\r\n'), CsvChunk(2, b'b,"""\r\n"\r\nc,\r\n'))
    assert chunk.split(9, 9) == (CsvChunk(0, b""), chunk)
    assert chunk.split(3, 999) == (chunk, CsvChunk(0, b""))


@pytest.mark.parametrize("zone", [*ZONE_INFOS, "Africa/Casablanca", "Antarctica/Troll", "Asia/Gaza"])
def test_the_periods_of_a_zone_have_its_offsets(zone: str) -> None:
    (offsets,) = compute_zone_offsets({"1": ZoneInfo(zone)}, YEAR_WINDOW)
    periods = sorted(offsets.periods, key=attrgetter("begin"))
    assert all(period.end == following.begin for period, following in pairwise(periods))
    for period in periods:
        for instant in (period.begin, period.begin + (period.end - period.begin) / 2, period.end - SECOND):
            assert instant.astimezone(ZoneInfo(zone)).utcoffset() == period.utc_offset
