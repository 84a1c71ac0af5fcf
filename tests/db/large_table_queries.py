"""Queries of the tables that grow with calls, and their plans.

Add each new query of these tables to QUERIES. test_query_plans.py runs them, and tests/soak/many_queries.py on more rows.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db.engine import Database
from ccfs.db.export_csv import iter_csv_chunks
from ccfs.db.system import maintenance
from ccfs.db.system.jobs import blob_moves
from ccfs.db.system.storage import storage_statistics
from ccfs.db.tenant import lost_blobs, recordings
from ccfs.db.tenant.calls import agent_operations, call_lookup, call_search, cdrs, queue_visits, search_index
from ccfs.db.tenant.calls.agent_operations import OperationSpan
from ccfs.db.tenant.calls.search_index import ValueKind
from ccfs.db.tenant.calls.statistics import agent_states, call_statistics, live_state
from ccfs.db.tenant.ingest import expected_recordings, ingest_state, recording_sources, unassigned_records
from ccfs.model.blobs.orphan import BlobOwner, BlobOwnerTable, OrphanedBlob
from ccfs.model.calls.call import Direction
from ccfs.model.calls.search import CallSearch, SearchOrder
from ccfs.model.calls.search_text import list_number_terms
from ccfs.model.calls.statistics import QUARTER_HOUR, quarter_start
from ccfs.model.exports.export import ExportFilter, ExportTable
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import Account, App
from tests.db import console_queries
from tests.db.large_tables import make_cdr, make_operation, make_recording, make_skill_change
from tests.db.sample_rows import MINUTE, NOW

LARGE_TABLES = "cdrs|search_values|search_keys|recordings|agent_operations|agent_skill_changes|queue_visits|source_files|expected_recordings|call_statistics|unassigned_records|recording_sources|"
LARGE_TABLES += console_queries.TABLES
FULL_SCAN = re.compile(
    rf"Seq Scan on ({LARGE_TABLES})(_p\d+)?\b|SCAN ({LARGE_TABLES})\b|SEARCH ({LARGE_TABLES}) USING (COVERING )?INDEX (?!{console_queries.SMALL_INDEXES})\S+ \(app=\?\)"
)
DAY = timedelta(days=1)
ALLOWED_SCANS = {
    *("newest recordings", "dirty statistics"),  # in the order of the index, up to a limit
    "storage of a month",  # reads the whole month
    "any unassigned record",  # reads one
    *console_queries.ORDERED_QUERIES,
    *console_queries.FULL_SCAN_QUERIES,
}
SORT_STEP = re.compile(r"USE TEMP B-TREE FOR ORDER BY|(?<!Incremental )Sort  ")
TIME_RANGE_SCAN = re.compile(r"\(app=\? AND (begin|call_begin|operate_time)[<>]")  # all of an app's rows of a period
QueryAction = Callable[[Connection, App], object]


def make_blob_owner(app: App) -> BlobOwner:
    recording = make_recording(5)
    row = f"{app.id} {recording.file_name}"
    return BlobOwner(
        owner_table=BlobOwnerTable.RECORDINGS, owner_row=row, app=app.id, stored_at=NOW, blob=recording.blob
    )


def make_orphan(app: App) -> OrphanedBlob:
    return OrphanedBlob(
        location_id="0",
        key=make_recording(5).blob.key,
        owner_table=BlobOwnerTable.RECORDINGS,
        owner_row=str(make_blob_owner(app).owner_row),
        app=app.id,
    )


def make_dirty_statistics(app: App) -> call_statistics.DirtyStatistics:
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
    search = CallSearch(account_id="100", window=TimeWindow(begin=NOW, end=NOW + 40 * timedelta(days=1)), **filters)
    return lambda connection, app: (
        call_search.find_calls(connection, app, search, 60),
        call_search.count_calls(connection, app, search, 100, 60),
    )


QUERIES: dict[str, QueryAction] = {
    "search": make_search_action(),
    "search from the oldest": make_search_action(order=SearchOrder.OLDEST),
    "search for the longest": make_search_action(order=SearchOrder.LONGEST),
    "search for those that waited most": make_search_action(order=SearchOrder.WAITED_MOST),
    "search for a caller": make_search_action(caller_no="1"),
    "search for a part of a number": make_search_action(caller_no="499"),
    "search for a name": make_search_action(caller_no="name 7"),
    "search for any text": make_search_action(any_text="499", order=SearchOrder.SHORTEST),
    "search for a callee": make_search_action(callee_no="1"),
    "search for an agent": make_search_action(agent_id="1"),
    "search for a queue": make_search_action(queue="1"),
    "search for a direction": make_search_action(direction=Direction.OUTBOUND),
    "search for recorded calls": make_search_action(is_recorded=True),
    "suggestions of a number": lambda c, app: search_index.list_suggestions(
        c, app, "100", ValueKind.CALLER, list_number_terms("499"), 5
    ),
    "known values": lambda c, app: search_index.add_rows(c, app, [make_cdr(5)]),
    "call by any id": lambda c, app: call_lookup.find_by_any_id(c, app, ["100"], "1777800001-1"),
    "legs of calls": lambda c, app: call_lookup.find_legs(c, app, ["100"], ["1777800001-1"]),
    "number of recordings of calls": lambda c, app: call_lookup.count_recordings(c, app, ["100"], ["1777800001-1"]),
    "agent operations of a call": lambda c, app: call_lookup.list_agent_operations(c, app, ["100"], "1777800001-1"),
    "dirty statistics": lambda c, _app: maintenance.find_dirty_statistics(c),
    "statistics to compute": lambda c, app: call_statistics.compute_statistics(
        c, app, "100", [quarter_start(NOW), quarter_start(NOW + 5 * MINUTE)]
    ),
    "statistics to save": lambda c, app: call_statistics.save_statistics(c, app, make_dirty_statistics(app), {}),
    "statistics of a day": lambda c, app: call_statistics.load_statistics(
        c, app, "100", TimeWindow(begin=NOW, end=NOW + timedelta(days=1))
    ),
    "statistics of queues and agents": lambda c, app: call_statistics.load_groups(
        c, app, "100", TimeWindow(begin=NOW, end=NOW + timedelta(days=1))
    ),
    "dirty statistics of an account": lambda c, app: call_statistics.count_dirty(
        c, app, "100", TimeWindow(begin=NOW, end=NOW + timedelta(days=1))
    ),
    "agents' states": lambda c, app: agent_states.list_operations(
        c, app, "100", TimeWindow(begin=NOW, end=NOW + MINUTE)
    ),
    "an agent's states": lambda c, app: agent_states.list_operations(
        c, app, "100", TimeWindow(begin=NOW, end=NOW + MINUTE), ["5"]
    ),
    "live state": lambda c, app: live_state.load_live_state(c, app, Account(account_id="100"), NOW + MINUTE),
    "stale storage of a month": lambda c, _app: storage_statistics.find_next_stale(c, NOW),
    "storage of a month": lambda c, _app: storage_statistics.count_recordings(c, "0", 202605),
    "export of calls": make_export_action("call"),
    "export of an agent's calls": make_export_action("call", agent_id="5"),
    "export of a call": make_export_action("call", call_id="1777800001-1"),
    "export of recordings": make_export_action("record"),
    "export of agent operations": make_export_action("agentOprInfo"),
    "export of skill changes": make_export_action("agentSkillInfo"),
    "CDRs of calls near an instant": lambda c, app: cdrs.find_by_call_ids(
        c, app, ["1777800001-1", "1777800002-2"], [NOW]
    ),
    "CDRs of calls": lambda c, app: cdrs.find_by_call_ids(c, app, ["1777800001-1", "1777800002-2"]),
    "CDRs of legs near an instant": lambda c, app: cdrs.find_by_leg_ids(c, app, ["leg-9", "leg-18"], [NOW]),
    "CDRs of legs": lambda c, app: cdrs.find_by_leg_ids(c, app, ["leg-9", "leg-18"]),
    "CDRs of numbers": lambda c, app: cdrs.find_by_numbers(c, app, "100", ["1", "2"], NOW, NOW + timedelta(days=40)),
    "callIds of lines": lambda c, app: cdrs.find_call_ids(c, app, {make_cdr(5).source_key: make_cdr(5).begin}),
    "updated CDR": lambda c, app: cdrs.update(c, app, [replace(make_cdr(5), agent_id="7")]),
    "recording by index name": lambda c, app: recordings.find_by_name(c, app, make_recording(5).file_name),
    "recording by original name": lambda c, app: recordings.find_file_by_name(
        c, app, make_recording(5).original_file_name
    ),
    "unknown name": lambda c, app: recordings.find_by_name(c, app, "Y:/8/0/20260504/5/none.V3"),
    "name without a date": lambda c, app: recordings.find_by_name(c, app, "none"),
    "index name in use": lambda c, app: recordings.has_file_name(c, app, make_recording(5).file_name),
    "original name in use": lambda c, app: recordings.has_original_name(c, app, "Y:/8/0/20260504/5/9.V3"),
    "recordings of a call": lambda c, app: recordings.list_by_call(c, app, "1777800001-1"),
    "recordings of a call id without a time": lambda c, app: recordings.list_by_call(c, app, "c-1"),
    "recordings moved to another call": lambda c, app: recordings.reassign_call(
        c, app, "100", "1777800001-1", "x", NOW
    ),
    "source names of recordings": lambda c, app: recordings.list_source_names(c, app, "100", ["1777800001-1"], [NOW]),
    "recordings in order": lambda c, app: recordings.list_files_after(c, app, make_recording(5).file_name, 3),
    "lost recordings": lambda c, app: lost_blobs.list_newest(c, app, 3),
    "newest recordings": lambda c, app: recordings.list_newest(c, app, 3),
    "known agent operations": lambda c, app: agent_operations.find_existing_ids(c, app, {make_operation(5).id: NOW}),
    "open agent operations": lambda c, app: agent_operations.list_open_operations(c, app, "100", ["5"]),
    "recent agent operations": lambda c, app: agent_operations.list_open_operations(
        c, app, "100", ["5"], NOW + 20 * DAY
    ),
    "closed agent operation": lambda c, app: agent_operations.close_operations(
        c, app, [(OperationSpan("5", "5", NOW, None), NOW)]
    ),
    "known skill changes": lambda c, app: agent_operations.add_skill_changes(c, app, [make_skill_change(5)]),
    "queue visits of legs": lambda c, app: queue_visits.find_by_leg_ids(c, app, "100", ["leg-9"]),
    "known source files": lambda c, app: ingest_state.find_known_files(c, app, ["/a/5.wav"]),
    "accounts of agents": lambda c, app: agent_operations.list_accounts_of_agents(c, app, ["100"], ["5"]),
    "accounts that expect a recording": lambda c, app: expected_recordings.list_accounts(c, app, ["5"]),
    "accounts of a recording's name": lambda c, app: recording_sources.list_accounts(c, app, ["5"]),
    "unassigned records of a call": lambda c, app: unassigned_records.find_by_ids(c, app, "s", ["5"]),
    "any unassigned record": lambda c, app: unassigned_records.exists(c, app, "s"),
    "outdated unassigned records": lambda c, app: unassigned_records.list_outdated(c, app, "s", "r", 9),
    "unassigned records of a domain": lambda c, app: unassigned_records.list_by_domains(c, app, "s", ["5"], 9),
    "unlisted unassigned records": lambda c, app: unassigned_records.list_unlisted(c, app, "s", 9),
    "deleted unassigned records": lambda c, app: unassigned_records.delete(c, app, "s", ["5"]),
    "old unassigned records": lambda c, app: unassigned_records.delete_before(c, app, NOW - 9 * DAY),
    "expected recording": lambda c, app: expected_recordings.find(c, app, "100", ["5"]),
    "oldest recordings of a location": lambda c, _app: blob_moves.list_owners_before(
        c, BlobOwnerTable.RECORDINGS, "0", NOW, 3
    ),
    "reference to a blob": lambda c, app: blob_moves.is_referenced(c, make_orphan(app)),
    **console_queries.CONSOLE_QUERIES,
    "missing recordings": lambda c, app: expected_recordings.mark_missing(c, app, NOW - timedelta(days=1), NOW),
}


def explain_queries(database: Database, app: App, action: QueryAction) -> list[str]:
    """Return the plan of each query of an action, with its values."""
    with database.engine.connect() as connection:
        capture = _capture_sqlite_queries if database.is_sqlite else _capture_postgresql_queries
        plans = [
            "\n".join(str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {statement}", values))
            for explain, statement, values in capture(connection, app, action)
        ]
        connection.rollback()
    return plans


def reads_too_much(query: str, plan: str) -> bool:
    """Whether a plan scans a table, or reads all rows of a period for a query that is not of a period. Exports and searches are;
    a search reads its window in batches. Queries in the order of an index up to a limit may not sort."""
    if query in console_queries.ORDERED_QUERIES:
        return bool(SORT_STEP.search(plan))
    is_of_period = "export" in query or query.startswith("search")
    return query not in ALLOWED_SCANS and bool(
        FULL_SCAN.search(plan) or (not is_of_period and TIME_RANGE_SCAN.search(plan))
    )


def _capture_sqlite_queries(connection: Connection, app: App, action: QueryAction) -> list[tuple[str, str, Any]]:
    statements: list[str] = []
    driver: Any = connection.connection.driver_connection
    driver.set_trace_callback(statements.append)
    action(connection, app)
    driver.set_trace_callback(None)
    return [("EXPLAIN QUERY PLAN", text, ()) for text in statements if text.startswith(("SELECT", "UPDATE"))]


def _capture_postgresql_queries(connection: Connection, app: App, action: QueryAction) -> list[tuple[str, str, Any]]:
    queries: list[tuple[str, str, Any]] = []

    def listen(_connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        if statement.startswith(("SELECT", "UPDATE")):
            queries.append(("EXPLAIN", statement, values[0] if many else values))

    sa.event.listen(connection, "before_cursor_execute", listen)
    action(connection, app)
    sa.event.remove(connection, "before_cursor_execute", listen)
    return queries
