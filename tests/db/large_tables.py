"""Large tables: one app with many rows in each table that grows with calls."""

from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import partitions, schema
from ccfs.db.engine import Database
from ccfs.db.tenant import recordings
from ccfs.db.tenant.calls import agent_operations, cdrs, queue_visits
from ccfs.db.tenant.calls.statistics import call_statistics
from ccfs.db.tenant.ingest import expected_recordings, unassigned_records
from ccfs.db.tenant.ingest.unassigned_records import UnassignedRecord
from ccfs.model.calls.agent_operation import AgentOperation, AgentSkillChange
from ccfs.model.calls.cdr import Cdr
from ccfs.model.calls.statistics import QUARTER_HOUR
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.recording import Recording
from ccfs.model.source_files import INGESTED
from tests.db import console_queries, sample_rows
from tests.db.sample_rows import MINUTE, NOW, SECOND

BATCH_ROWS = 20_000  # of one transaction


def make_cdr(number: int) -> Cdr:
    call = f"{1_777_800_000 + number}-{number}"
    return Cdr(
        account_id="100", cc_id="1", vdn_id="8", call_id=call, begin=NOW + number * SECOND, source_key=f"{number:032x}",
        switch_call_id=call, switch_leg_id=call if number % 9 else f"leg-{number}", caller_no=f"{number % 5000}",
        callee_no=f"{number % 50}", caller_name=f"Name {number % 700}", agent_id=f"{number % 300}",
        current_skill_id=f"{number % 20}",
    )  # fmt: skip


def make_operation(number: int, *, is_open: bool = False) -> AgentOperation:
    begin = NOW + number * SECOND
    return AgentOperation(
        id=f"{number:032x}", account_id="100", agent_id=str(number % 300), begin=begin, op_type=3, vdn_id="8", cc_id="1",
        end=None if is_open else begin + MINUTE,
    )  # fmt: skip


def make_skill_change(number: int) -> AgentSkillChange:
    return AgentSkillChange(
        id=f"{number:032x}", account_id="100", sub_cc_no=1, vdn=8, agent_id="5", operate_time=NOW + number * SECOND,
        operate_id=1, operate_type=1, skill_list="1",
    )  # fmt: skip


def make_recording(number: int) -> Recording:
    names = {
        "file_name": f"/0/1/record/AK/100/20260504/5/{number}.wav",
        "original_file_name": f"Y:/8/0/20260504/5/{number}.V3",
    }
    call = f"{1_777_800_000 + number}-{number}"
    return sample_rows.make_recording(
        number,
        **names,
        call_id=call,
        blob=sample_rows.make_blob_ref(f"1/rec/{number}"),
        call_begin=NOW + number * SECOND,
        call_end=NOW + (number + 60) * SECOND,
    )


def create_filled_app(database: Database, rows: int) -> App:
    """Return an app with so many rows in each of the large tables, all of one month; analyse the tables on PostgreSQL."""
    with database.write_transaction() as connection:
        app = sample_rows.add_app(connection, "large")
        partitions.ensure(connection, schema.recordings, [202605])
    for start in range(0, rows, BATCH_ROWS):
        numbers = range(start, min(start + BATCH_ROWS, rows))
        with database.write_transaction() as connection:
            cdrs.add(connection, app, [make_cdr(number) for number in numbers])
            operations = [make_operation(number, is_open=number >= rows - 300) for number in numbers]
            agent_operations.add(connection, app, operations)
            connection.execute(
                sa.insert(schema.recordings), [_build_recording_row(make_recording(number), app) for number in numbers]
            )
    for start in range(0, max(500, rows // 4), BATCH_ROWS):
        with database.write_transaction() as connection:
            numbers = range(start, min(start + BATCH_ROWS, max(500, rows // 4)))
            _insert_other_rows(connection, app, numbers)
            console_queries.insert_rows(connection, app, numbers)
    if not database.is_sqlite:  # ccfs does not analyse SQLite's tables
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")
    return app


def _build_recording_row(recording: Recording, app: App) -> dict[str, Any]:
    values = recordings.get_column_values(recording)
    blob = recordings.get_column_values(values.pop("blob"))
    return {**values, **blob, "app": app.id, "month": 202605, "created_at": NOW}


def _insert_other_rows(connection: Connection, app: App, numbers: range) -> None:
    agent_operations.add_skill_changes(connection, app, [make_skill_change(number) for number in numbers])
    file = {"app": app.id, "size": 1, "modified_ns": 1, "state": INGESTED, "reason": "", "seen_at": NOW}
    connection.execute(sa.insert(schema.source_files), [{**file, "path": f"/a/{number}.wav"} for number in numbers])
    expected = [
        expected_recordings.ExpectedRecording(
            account_id="100",
            name=f"{number}.wav",
            path=f"{number}.wav",
            stem=f"{number}",
            call_id="c",
            since=NOW + number * SECOND,
        )
        for number in numbers
    ]
    expected_recordings.add(connection, app, expected)
    _insert_ingest_rows(connection, app, numbers)
    call_statistics.mark_dirty(
        connection, app, [replace(make_cdr(0), begin=NOW + number * QUARTER_HOUR) for number in numbers]
    )
    visits = [
        queue_visits.QueueVisitRow(
            switch_leg_id=f"leg-{number}",
            queue="q",
            entered_at=NOW,
            rang_at=None,
            connected_at=None,
            left_at=None,
            agent="",
            outcome="",
        )
        for number in numbers
    ]
    queue_visits.upsert(connection, app, "100", visits)


def _insert_ingest_rows(connection: Connection, app: App, numbers: range) -> None:
    records = [
        UnassignedRecord(
            source_key=f"{number}",
            kind="AsteriskLeg",
            call_id=f"{number}",
            leg_id=f"leg-{number}",
            domain=f"{number}",
            file=f"/a/{number % 9}.csv",
            line=number,
            reason="",
            record="",
        )
        for number in numbers
    ]
    unassigned_records.add(connection, app, "s", records, "r", NOW)
    unassigned_records.mark_listed(connection, app, "s", [record.source_key for record in records])
    source = {
        "app": app.id,
        "account_id": "100",
        "source_sha256": "",
        "milliseconds": 1,
        "month": 202605,
        "named_by": "",
    }
    names = [{"path": f"/a/{number}.wav", "stem": f"{number}", "recording": f"{number}"} for number in numbers]
    connection.execute(sa.insert(schema.recording_sources), [{**source, "stored_at": NOW, **name} for name in names])
