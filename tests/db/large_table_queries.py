"""The queries of the tables that grow with calls, and rows for them.

Add a new query of one of these tables to QUERIES: test_query_plans.py checks its plan, and tests/soak runs it on more rows.
"""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import partitions, schema
from ccfs.db.engine import Database
from ccfs.db.export_csv import iter_csv_chunks
from ccfs.db.system import blob_moves, maintenance, storage_statistics
from ccfs.db.tenant import (
    agent_operations,
    call_lookup,
    call_search,
    call_statistics,
    cdrs,
    ingest_state,
    queue_visits,
    recordings,
)
from ccfs.db.tenant.agent_operations import OperationSpan
from ccfs.model.blobs.orphan import BlobOwner, BlobOwnerTable, OrphanedBlob
from ccfs.model.calls.agent_operation import AgentOperation, AgentSkillChange
from ccfs.model.calls.call import Direction
from ccfs.model.calls.cdr import Cdr
from ccfs.model.calls.search import CallSearch, SearchOrder
from ccfs.model.calls.statistics import QUARTER_HOUR, quarter_start
from ccfs.model.exports.export import ExportFilter, ExportTable
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.recording import Recording
from tests.db import console_queries, sample_rows
from tests.db.query_plans import QueryAction
from tests.db.sample_rows import MINUTE, NOW, SECOND

BATCH = 20_000  # rows in one transaction
LARGE_TABLES = "cdrs|recordings|agent_operations|agent_skill_changes|queue_visits|source_files|expected_recordings|call_statistics|"
LARGE_TABLES += console_queries.TABLES
FULL_SCAN = re.compile(
    rf"Seq Scan on ({LARGE_TABLES})(_p\d+)?\b|SCAN ({LARGE_TABLES})\b|SEARCH ({LARGE_TABLES}) USING (COVERING )?INDEX (?!{console_queries.SMALL_INDEXES})\S+ \(app=\?\)"
)
DAY = timedelta(days=1)
ALLOWED_SCANS = {
    *("newest recordings", "next dirty statistics"),  # in the order of the index, up to a limit
    "storage of a month",  # it needs all rows of a month
    *console_queries.ORDERED_QUERIES,
    *console_queries.FULL_SCAN_QUERIES,
}
SORT_STEP = re.compile(r"USE TEMP B-TREE FOR ORDER BY|(?<!Incremental )Sort  ")
TIME_RANGE_SCAN = re.compile(r"\(app=\? AND (begin|call_begin|operate_time)[<>]")  # all rows of an app in a time range


def make_cdr(number: int) -> Cdr:
    call = f"{1_777_800_000 + number}-{number}"
    return Cdr(
        account_id="100", cc_id="1", vdn_id="8", call_id=call, begin=NOW + number * SECOND, source_key=f"{number:032x}",
        switch_call_id=call, switch_leg_id=call if number % 9 else f"leg-{number}",
    )  # fmt: skip


def make_operation(number: int, *, lasts: bool = False) -> AgentOperation:
    begin = NOW + number * SECOND
    return AgentOperation(
        id=f"{number:032x}", account_id="100", agent_id=str(number % 300), begin=begin, op_type=3, vdn_id="8", cc_id="1",
        end=None if lasts else begin + MINUTE,
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


def make_blob_owner(app: App) -> BlobOwner:
    recording = make_recording(5)
    row = f"{app.id} {recording.file_name}"
    return BlobOwner(owner_table=BlobOwnerTable.RECORDINGS, owner_row=row, stored_at=NOW, blob=recording.blob)


def make_orphan(app: App) -> OrphanedBlob:
    return OrphanedBlob(
        location_id="0",
        key=make_recording(5).blob.key,
        owner_table=BlobOwnerTable.RECORDINGS,
        owner_row=str(make_blob_owner(app).owner_row),
    )


def make_stale_hour(app: App) -> call_statistics.DirtyStatistics:
    return call_statistics.DirtyStatistics(
        app=app, account_id="100", versions={quarter_start(NOW): 1, quarter_start(NOW) + QUARTER_HOUR: 1}
    )


def make_export_action(table: ExportTable, **filters: str) -> QueryAction:
    window = TimeWindow(begin=NOW, end=NOW + 3 * MINUTE)
    zones = {"100": ZoneInfo("Asia/Shanghai")}
    return lambda connection, app: list(
        iter_csv_chunks(connection, app, table, window, ExportFilter(**filters), zones, with_tail=True)
    )


def make_search_action(**filters: Any) -> QueryAction:
    search = CallSearch(account_id="100", window=TimeWindow(begin=NOW, end=NOW + 40 * DAY), **filters)
    return lambda connection, app: (
        call_search.find_calls(connection, app, search, 60),
        call_search.count_calls(connection, app, search, 100, 60),
    )


QUERIES: dict[str, QueryAction] = {
    "search": make_search_action(),
    "search from the oldest": make_search_action(order=SearchOrder.OLDEST),
    "search for the longest": make_search_action(order=SearchOrder.LONGEST),
    "search for a caller": make_search_action(caller_no="1"),
    "search for a callee": make_search_action(callee_no="1"),
    "search for an agent": make_search_action(agent_id="1"),
    "search for a queue": make_search_action(queue="1"),
    "search for a direction": make_search_action(direction=Direction.OUTBOUND),
    "search for recorded calls": make_search_action(is_recorded=True),
    "a call by any id": lambda c, app: call_lookup.find_by_any_id(c, app, ["100"], "1777800001-1"),
    "legs of calls": lambda c, app: call_lookup.find_legs(c, app, ["100"], ["1777800001-1"]),
    "recording counts of calls": lambda c, app: call_lookup.count_recordings(c, app, ["100"], ["1777800001-1"]),
    "agent operations of a call": lambda c, app: call_lookup.list_agent_operations(c, app, ["100"], "1777800001-1"),
    "next dirty statistics": lambda c, _app: maintenance.find_dirty_statistics(c),
    "counting of calls": lambda c, app: call_statistics.compute_statistics(
        c, app, "100", [quarter_start(NOW), quarter_start(NOW + 5 * MINUTE)]
    ),
    "saving of statistics": lambda c, app: call_statistics.save_statistics(c, app, make_stale_hour(app), {}),
    "statistics of a day": lambda c, app: call_statistics.load_statistics(
        c, app, "100", TimeWindow(begin=NOW, end=NOW + timedelta(days=1))
    ),
    "next stale storage": lambda c, _app: storage_statistics.find_next_stale(c, NOW),
    "storage of a month": lambda c, _app: storage_statistics.count_recordings(c, "0", 202605),
    "export of calls": make_export_action("call"),
    "export of an agent's calls": make_export_action("call", agent_id="5"),
    "export of a call": make_export_action("call", call_id="1777800001-1"),
    "export of recordings": make_export_action("record"),
    "export of agent operations": make_export_action("agentOprInfo"),
    "export of skill changes": make_export_action("agentSkillInfo"),
    "cdrs of calls near a time": lambda c, app: cdrs.find_by_call_ids(c, app, ["1777800001-1", "1777800002-2"], [NOW]),
    "cdrs of calls": lambda c, app: cdrs.find_by_call_ids(c, app, ["1777800001-1", "1777800002-2"]),
    "cdrs of legs near a time": lambda c, app: cdrs.find_by_leg_ids(c, app, ["leg-9", "leg-18"], [NOW]),
    "cdrs of legs": lambda c, app: cdrs.find_by_leg_ids(c, app, ["leg-9", "leg-18"]),
    "update of a cdr": lambda c, app: cdrs.update(c, app, [replace(make_cdr(5), agent_id="7")]),
    "index name": lambda c, app: recordings.find_by_name(c, app, make_recording(5).file_name),
    "original name": lambda c, app: recordings.find_file_by_name(c, app, make_recording(5).original_file_name),
    "a missing name": lambda c, app: recordings.find_by_name(c, app, "Y:/8/0/20260504/5/none.V3"),
    "a name without a date": lambda c, app: recordings.find_by_name(c, app, "none"),
    "whether an index name is taken": lambda c, app: recordings.has_file_name(c, app, make_recording(5).file_name),
    "whether an original name is taken": lambda c, app: recordings.has_original_name(c, app, "Y:/8/0/20260504/5/9.V3"),
    "recordings of a call": lambda c, app: recordings.list_by_call(c, app, "1777800001-1"),
    "recordings of a call without a time": lambda c, app: recordings.list_by_call(c, app, "c-1"),
    "reassignment of recordings": lambda c, app: recordings.reassign_call(c, app, "100", "1777800001-1", "x", NOW),
    "source names of recordings": lambda c, app: recordings.list_source_names(c, app, "100", ["1777800001-1"], [NOW]),
    "newest recordings": lambda c, app: recordings.list_newest(c, app, 3),
    "known operations": lambda c, app: agent_operations.find_existing_ids(c, app, {make_operation(5).id: NOW}),
    "open operations": lambda c, app: agent_operations.list_open_operations(c, app, "100", ["5"]),
    "operations open at a time": lambda c, app: agent_operations.list_open_operations(
        c, app, "100", ["5"], NOW + 20 * DAY
    ),
    "end of an operation": lambda c, app: agent_operations.close_operations(
        c, app, [(OperationSpan("5", "5", NOW, None), NOW)]
    ),
    "known skill changes": lambda c, app: agent_operations.add_skill_changes(c, app, [make_skill_change(5)]),
    "queue visits of legs": lambda c, app: queue_visits.find_by_leg_ids(c, app, "100", ["leg-9"]),
    "known files": lambda c, app: ingest_state.find_known_files(c, app, ["/a/5.wav"]),
    "an expected recording": lambda c, app: ingest_state.find_expected_calls(c, app, "100", ["5.wav"]),
    "oldest recordings of a location": lambda c, _app: blob_moves.list_owners_before(
        c, BlobOwnerTable.RECORDINGS, "0", NOW, 3
    ),
    "whether a recording references its blob": lambda c, app: blob_moves.is_referenced(c, make_orphan(app)),
    **console_queries.CONSOLE_QUERIES,
    "missing recordings": lambda c, app: ingest_state.mark_missing_recordings(c, app, NOW - timedelta(days=1), NOW),
}


def create_filled_app(database: Database, rows: int) -> App:
    """Add an app with that many rows in each of the large tables, all of one month, and analyse the tables."""
    with database.write_transaction() as connection:
        app = sample_rows.add_app(connection, "large")
        partitions.ensure(connection, schema.recordings, [202605])
    for start in range(0, rows, BATCH):
        numbers = range(start, min(start + BATCH, rows))
        with database.write_transaction() as connection:
            cdrs.add(connection, app, [make_cdr(number) for number in numbers])
            operations = [make_operation(number, lasts=number >= rows - 300) for number in numbers]
            agent_operations.add(connection, app, operations)
            connection.execute(
                sa.insert(schema.recordings), [_build_recording_row(make_recording(number), app) for number in numbers]
            )
    for start in range(0, max(500, rows // 4), BATCH):
        with database.write_transaction() as connection:
            numbers = range(start, min(start + BATCH, max(500, rows // 4)))
            _insert_other_rows(connection, app, numbers)
            console_queries.insert_rows(connection, app, numbers)
    if not database.is_sqlite:  # operators do not analyse SQLite's tables
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")
    return app


def _build_recording_row(recording: Recording, app: App) -> dict[str, Any]:
    values = recordings.get_column_values(recording)
    blob = recordings.get_column_values(values.pop("blob"))
    return {**values, **blob, "app": app.id, "month": 202605, "created_at": NOW}


def _insert_other_rows(connection: Connection, app: App, numbers: range) -> None:
    agent_operations.add_skill_changes(connection, app, [make_skill_change(number) for number in numbers])
    file = {"app": app.id, "size": 1, "modified_ns": 1, "state": "ingested", "reason": "", "seen_at": NOW}
    connection.execute(sa.insert(schema.source_files), [{**file, "path": f"/a/{number}.wav"} for number in numbers])
    expected = [
        ingest_state.ExpectedRecording(account_id="100", name=f"{number}.wav", call_id="c", since=NOW + number * SECOND)
        for number in numbers
    ]
    ingest_state.add_expected_recordings(connection, app, expected)
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


def reads_too_much(query: str, plan: str) -> bool:
    """Return whether the plan scans a table; or a time range, if the query has none.

    A search has one: it reads its window in steps that are short enough to read quickly. An ordered query may not sort.
    """
    if query in console_queries.ORDERED_QUERIES:
        return bool(SORT_STEP.search(plan))
    has_time_range = "export" in query or query.startswith("search")
    return query not in ALLOWED_SCANS and bool(
        FULL_SCAN.search(plan) or (not has_time_range and TIME_RANGE_SCAN.search(plan))
    )
