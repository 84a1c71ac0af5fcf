"""Rows of every table that retention deletes from, for retention_kill.py: which of them are to go, and in which month they are."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.engine import Connection

from ccfs.db.system.storage.retention_marks import AGE_COLUMNS
from ccfs.db.tenant import annotations, recordings, waveforms
from ccfs.db.tenant.calls import agent_operations, cdrs, channel_events, leg_links
from ccfs.db.tenant.calls.channel_events import ChannelEventsRow
from ccfs.db.tenant.calls.leg_links import LegLink
from ccfs.db.tenant.ingest import recording_sources, unassigned_records
from ccfs.db.tenant.ingest.recording_sources import RecordingSource
from ccfs.model.calls import partition_month
from ccfs.model.calls.agent_operation import AgentOperation, AgentSkillChange
from ccfs.model.calls.cdr import Cdr
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.annotation import AnnotationDraft
from ccfs.server.node import Node
from ccfs.workers.maintenance.statistics import update_call_statistics, update_daily_statistics
from tests.db import sample_rows
from tests.db.tenant.test_unassigned_records import make_record
from tests.ingest.ingest_site import ACCOUNT_ID, IngestSite, Row

NOW = datetime(2026, 5, 4, 8, 30, tzinfo=UTC)
MONTHS = (199905, 202512, 202601, 202602, 202603, 202604, 202605)  # 1999 has no partition of its own
KEPT_MONTHS = 2  # before this one
FIRST_KEPT = 202603
_BY_MONTH = ("annotations", "waveforms", "recording_sources")  # tables with the month of their recording
TABLES = (*AGE_COLUMNS, "daily_statistics", "search_keys", *_BY_MONTH)
EMPTIED_TABLES = (*TABLES, "audit_log", "clock_times", "retention_marks", "orphaned_blobs", "lost_blobs")
DELETED_MONTHS = sum(month < FIRST_KEPT for month in MONTHS)


def add_rows(node: Node, app: App, per_month: int) -> None:
    """Add rows and files of all months, at least two of each, and count their statistics."""
    with node.database.write_transaction() as connection:
        for number, begin in enumerate(_iter_instants(per_month)):
            _add_recording(node, connection, app, number, begin)
            _add_call(connection, app, number, begin)
    while update_call_statistics(node.database) or update_daily_statistics(node.database, NOW):
        pass


def _iter_instants(count: int) -> Iterator[datetime]:
    """Yield instants of each month, the first one and the last minute included."""
    for month in MONTHS:
        first, last = (partition_month.month_start(partition_month.add_months(month, months)) for months in (0, 1))
        last = min(last, NOW) - timedelta(minutes=1)
        yield from (first + (last - first) / (count - 1) * number for number in range(count))


def _add_recording(node: Node, connection: Connection, app: App, number: int, begin: datetime) -> None:
    name = f"/0/1/record/AK/{ACCOUNT_ID}/{begin:%Y%m%d}/5/{number}.wav"
    blob = node.disk.write(f"{app.id}/rec/{begin:%Y%m%d}/{number}.wav", [str(number).encode() * 1000])
    times = {"call_begin": begin, "call_end": begin + timedelta(seconds=30)}
    recording = sample_rows.make_recording(
        number, account_id=ACCOUNT_ID, call_id=f"call-{number}", file_name=name, blob=blob, **times
    )
    recordings.add(connection, app, recording, begin)
    annotations.add(connection, app, recording, AnnotationDraft(offset_ms=number, text="a comment"), "emil", NOW)
    waveforms.save(connection, app, recording, (1000, 1, b"peaks"), NOW)
    source = RecordingSource(
        account_id=ACCOUNT_ID,
        path=f"/switch/{number}.wav",
        stem=str(number),
        source_sha256="ab",
        milliseconds=1000,
        recording=name,
    )
    recording_sources.add(connection, app, source, NOW)


def _add_call(connection: Connection, app: App, number: int, begin: datetime) -> None:
    owner: dict[str, Any] = {"account_id": ACCOUNT_ID, "cc_id": "1", "vdn_id": "17"}
    call, end = f"call-{number}", begin + timedelta(seconds=30)
    cdr = Cdr(
        **owner,
        call_id=call,
        begin=begin,
        call_begin=begin,
        call_end=end,
        agent_id=str(1000 + number % 5),
        caller_no=f"0207946{number:04}",
        callee_no="600",
        source_key=call,
    )
    cdrs.add(connection, app, [cdr])
    events = ChannelEventsRow(switch_leg_id=call, switch_call_id=call, channel="PJSIP/1-1", begin=begin, events="[]")
    channel_events.upsert(connection, app, ACCOUNT_ID, [events])
    leg_links.add(connection, app, ACCOUNT_ID, [LegLink(f"ConfBridge/{number}", begin, end, call)])
    operation = AgentOperation(id=call, agent_id="1000", begin=begin, end=end, op_type=1, **owner)
    agent_operations.add(connection, app, [operation])
    change = AgentSkillChange(
        id=call,
        account_id=ACCOUNT_ID,
        sub_cc_no=1,
        vdn=17,
        agent_id="1000",
        operate_time=begin,
        operate_id=1,
        operate_type=1,
        skill_list="7",
    )
    agent_operations.add_skill_changes(connection, app, [change])
    unassigned_records.add(connection, app, "asterisk /a", [make_record(number)], "r", begin)


def read_rows(site: IngestSite) -> dict[str, set[str]]:
    """Return the rows of all these tables as texts, without generated ids."""
    tables = site.read_tables()
    return {name: {_format_row(row) for row in tables[name]} for name in TABLES}


def read_months(site: IngestSite) -> dict[str, dict[int, set[str]]]:
    """Return the rows by table and month. Rows of `search_keys` have none."""
    months: dict[str, dict[int, set[str]]] = {name: {} for name in TABLES if name != "search_keys"}
    tables = site.read_tables()
    for name, rows in months.items():
        for row in tables[name]:
            rows.setdefault(_get_month(name, row), set()).add(_format_row(row))
    return months


def _get_month(table: str, row: Row) -> int:
    if table in _BY_MONTH:
        return int(row["month"]) or MONTHS[0]  # undated names are those of 1999
    column = AGE_COLUMNS[table].name if table in AGE_COLUMNS else "begin"
    return partition_month.month_key(row[column])


def _format_row(row: dict[str, Any]) -> str:
    return str({name: value for name, value in row.items() if name not in ("id", "raw")})
