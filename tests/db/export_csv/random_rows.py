"""Rows of random content for tests of the CSV export: strategies, zones, windows, and the insertion of rows."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from ccfs.db.tenant import recordings
from ccfs.db.tenant.calls import agent_operations, cdrs
from ccfs.model.calls.agent_operation import AgentOperation, AgentSkillChange
from ccfs.model.calls.cdr import LAST_LEG, Cdr
from ccfs.model.exports.export import ExportTable
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.recording import Recording
from tests.db import sample_rows
from tests.protocol.index_cells import (
    format_agent_opr_cells,
    format_agent_skill_cells,
    format_call_cells,
    format_record_cells,
)

DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
CLOCK_CHANGES = [  # of New York, Berlin and Lord Howe, the last of Tehran, and a day without one
    datetime(2026, 3, 8, 7, tzinfo=UTC),
    datetime(2026, 11, 1, 6, tzinfo=UTC),
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 4, 4, 15, tzinfo=UTC),
    datetime(2026, 10, 3, 15, 30, tzinfo=UTC),
    datetime(2022, 9, 21, 19, 30, tzinfo=UTC),
    datetime(2026, 1, 1, tzinfo=UTC),
]
ZONES = {
    "100": "Asia/Shanghai",
    "200": "America/New_York",
    "300": "Australia/Lord_Howe",
    "40'0": "Asia/Kathmandu",
    "500": "Europe/Berlin",
    "600": "Asia/Tehran",
    "7\\00": "Asia/Shanghai",
}
ZONE_INFOS = {zone: ZoneInfo(zone) for zone in ZONES.values()}
ACCOUNT_ZONES = {account: ZONE_INFOS[zone] for account, zone in ZONES.items()}
CELL_FORMATTERS: dict[ExportTable, Callable[..., list[str]]] = {
    "call": format_call_cells,
    "record": format_record_cells,
    "agentOprInfo": format_agent_opr_cells,
    "agentSkillInfo": format_agent_skill_cells,
}
TIME_COLUMNS: dict[ExportTable, str] = {
    "call": "begin",
    "record": "call_begin",
    "agentOprInfo": "begin",
    "agentSkillInfo": "operate_time",
}

texts = st.sampled_from(
    [
        "",
        "",
        "512",
        "+442079460123",
        'a "b"',
        "a,b",
        "a\r\nb",
        "\n",
        "\r",
        '"',
        ",",
        " x ",
        "王小明",
        "📞é",
        "\\.",
        "NULL",
        "\x1f",
    ]
) | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
numbers = st.integers(-(2**31), 2**31 - 1)
microseconds = st.sampled_from([0, 0, 1, 499_999, 500_000, 999_999])


@st.composite
def instants(draw: st.DrawFn, far: bool = False) -> datetime:
    """Return instants around clock changes; with `far`, up to 80 years away."""
    spread = 80 * 365 * DAY if far and draw(st.booleans()) else 2 * HOUR
    seconds = draw(st.integers(-(spread // SECOND), spread // SECOND) | st.integers(-2, 2))
    return draw(st.sampled_from(CLOCK_CHANGES)) + seconds * SECOND + timedelta(microseconds=draw(microseconds))


YEAR_WINDOW = TimeWindow(begin=datetime(2026, 1, 1, tzinfo=UTC) - DAY, end=datetime(2027, 1, 1, tzinfo=UTC))
FOUR_YEAR_WINDOW = TimeWindow(begin=datetime(2022, 1, 1, tzinfo=UTC), end=datetime(2027, 1, 1, tzinfo=UTC))
times = st.none() | instants() | instants(far=True)


def build_rows(row_type: type, **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return rows with random values in the fields that `fixed` does not name."""
    by_type: dict[Any, st.SearchStrategy[Any]] = {str: texts, int: numbers, datetime: instants()}
    values = {field.name: by_type.get(field.type, times) for field in fields(row_type) if field.name not in fixed}
    return st.builds(row_type, **(values | fixed | {"account_id": st.sampled_from(list(ZONES))}))


UNIQUE = st.uuids().map(str)
NUMBERED = st.integers(1, 5) | st.just(LAST_LEG)
ROWS: dict[ExportTable, st.SearchStrategy[Any]] = {
    "call": build_rows(Cdr, source_key=UNIQUE, call_id=st.sampled_from(["é", "a", "B", "z-1"]), call_id_num=NUMBERED),
    "record": build_rows(
        Recording, blob=st.just(sample_rows.make_blob_ref("1/a")), file_name=UNIQUE, call_id=st.sampled_from("aBé")
    ),
    "agentOprInfo": build_rows(AgentOperation, id=UNIQUE),
    "agentSkillInfo": build_rows(AgentSkillChange, id=UNIQUE, agent_id=numbers.map(str)),
}


def insert_rows(connection: Connection, app: App, rows: Sequence[Any]) -> None:
    """Add rows of any type."""
    cdrs.add(connection, app, [row for row in rows if isinstance(row, Cdr)])
    agent_operations.add(connection, app, [row for row in rows if isinstance(row, AgentOperation)])
    agent_operations.add_skill_changes(connection, app, [row for row in rows if isinstance(row, AgentSkillChange)])
    for row in rows:
        if isinstance(row, Recording):
            recordings.add(connection, app, row, sample_rows.NOW)
