"""The questions that are asked of the tables that grow with calls, these tables filled, and how an engine goes about it.

A new question on one of them belongs in QUESTIONS. For test_questions.py, and for a long run over more rows. No test here.
"""

import re
from collections.abc import Callable
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
from tests.db.sample_rows import MINUTE, NOW, SECOND

BATCH = 20_000  # rows of one transaction
LARGE_TABLES = "cdrs|recordings|agent_operations|agent_skill_changes|queue_visits|source_files|expected_recordings|call_statistics|"
LARGE_TABLES += console_queries.TABLES
FULL_SCAN = re.compile(
    rf"Seq Scan on ({LARGE_TABLES})(_p\d+)?\b|SCAN ({LARGE_TABLES})\b|SEARCH ({LARGE_TABLES}) USING (COVERING )?INDEX (?!{console_queries.SMALL_INDEXES})\S+ \(app=\?\)"
)
DAY = timedelta(days=1)
ALLOWED_SCANS = {
    *("the newest recordings", "what is to be counted"),  # in the order of the index, to a limit
    "sizes of a month",  # all of a month is what it asks for
    *console_queries.ORDERED_QUERIES,
    *console_queries.FULL_SCAN_QUERIES,
}
SORT_STEP = re.compile(r"USE TEMP B-TREE FOR ORDER BY|(?<!Incremental )Sort  ")
TIME_RANGE_SCAN = re.compile(
    r"\(app=\? AND (begin|call_begin|operate_time)[<>]"
)  # all of an app's rows in a span of time
QueryAction = Callable[[Connection, App], object]


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
    one = make_recording(5)
    return BlobOwner(
        owner_table=BlobOwnerTable.RECORDINGS, owner_row=f"{app.id} {one.file_name}", stored_at=NOW, blob=one.blob
    )


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


def make_export_action(table: ExportTable, **part: str) -> QueryAction:
    window = TimeWindow(begin=NOW, end=NOW + 3 * MINUTE)
    zones = {"100": ZoneInfo("Asia/Shanghai")}
    return lambda connection, app: list(
        iter_csv_chunks(connection, app, table, window, ExportFilter(**part), zones, with_tail=True)
    )


def make_search_action(**part: Any) -> QueryAction:
    wanted = CallSearch(account_id="100", window=TimeWindow(begin=NOW, end=NOW + 40 * timedelta(days=1)), **part)
    return lambda connection, app: (
        call_search.find_calls(connection, app, wanted, 60),
        call_search.count_calls(connection, app, wanted, 100, 60),
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
    "search for what was recorded": make_search_action(is_recorded=True),
    "a call by any id": lambda c, app: call_lookup.find_by_any_id(c, app, ["100"], "1777800001-1"),
    "legs of calls": lambda c, app: call_lookup.find_legs(c, app, ["100"], ["1777800001-1"]),
    "how many recordings calls have": lambda c, app: call_lookup.count_recordings(c, app, ["100"], ["1777800001-1"]),
    "operations in a call": lambda c, app: call_lookup.list_agent_operations(c, app, ["100"], "1777800001-1"),
    "what is to be counted": lambda c, _app: maintenance.find_dirty_statistics(c),
    "calls to be counted": lambda c, app: call_statistics.compute_statistics(
        c, app, "100", [quarter_start(NOW), quarter_start(NOW + 5 * MINUTE)]
    ),
    "counts to be kept": lambda c, app: call_statistics.save_statistics(c, app, make_stale_hour(app), {}),
    "counts of a day": lambda c, app: call_statistics.load_statistics(
        c, app, "100", TimeWindow(begin=NOW, end=NOW + timedelta(days=1))
    ),
    "a month's sizes that are due": lambda c, _app: storage_statistics.find_next_stale(c, NOW),
    "sizes of a month": lambda c, _app: storage_statistics.count_recordings(c, "0", 202605),
    "export of calls": make_export_action("call"),
    "export of an agent's calls": make_export_action("call", agent_id="5"),
    "export of a call": make_export_action("call", call_id="1777800001-1"),
    "export of recordings": make_export_action("record"),
    "export of agent operations": make_export_action("agentOprInfo"),
    "export of skill changes": make_export_action("agentSkillInfo"),
    "rows of calls near": lambda c, app: cdrs.find_by_call_ids(c, app, ["1777800001-1", "1777800002-2"], [NOW]),
    "rows of calls": lambda c, app: cdrs.find_by_call_ids(c, app, ["1777800001-1", "1777800002-2"]),
    "rows of legs near": lambda c, app: cdrs.find_by_leg_ids(c, app, ["leg-9", "leg-18"], [NOW]),
    "rows of legs": lambda c, app: cdrs.find_by_leg_ids(c, app, ["leg-9", "leg-18"]),
    "a row made again": lambda c, app: cdrs.update(c, app, [replace(make_cdr(5), agent_id="7")]),
    "index name": lambda c, app: recordings.find_by_name(c, app, make_recording(5).file_name),
    "original name": lambda c, app: recordings.find_file_by_name(c, app, make_recording(5).original_file_name),
    "a name that is not there": lambda c, app: recordings.find_by_name(c, app, "Y:/8/0/20260504/5/none.V3"),
    "a name without a date": lambda c, app: recordings.find_by_name(c, app, "none"),
    "whether an index name is taken": lambda c, app: recordings.has_file_name(c, app, make_recording(5).file_name),
    "whether an original name is taken": lambda c, app: recordings.has_original_name(c, app, "Y:/8/0/20260504/5/9.V3"),
    "recordings of a call": lambda c, app: recordings.list_by_call(c, app, "1777800001-1"),
    "recordings of a call without a time": lambda c, app: recordings.list_by_call(c, app, "c-1"),
    "recordings that go to another call": lambda c, app: recordings.reassign_call(
        c, app, "100", "1777800001-1", "x", NOW
    ),
    "what a switch called recordings": lambda c, app: recordings.list_source_names(
        c, app, "100", ["1777800001-1"], [NOW]
    ),
    "the newest recordings": lambda c, app: recordings.list_newest(c, app, 3),
    "known operations": lambda c, app: agent_operations.find_existing_ids(c, app, {make_operation(5).id: NOW}),
    "operations that last": lambda c, app: agent_operations.list_open_operations(c, app, "100", ["5"]),
    "operations that lasted": lambda c, app: agent_operations.list_open_operations(
        c, app, "100", ["5"], NOW + 20 * DAY
    ),
    "an operation ends": lambda c, app: agent_operations.close_operations(
        c, app, [(OperationSpan("5", "5", NOW, None), NOW)]
    ),
    "known skill changes": lambda c, app: agent_operations.add_skill_changes(c, app, [make_skill_change(5)]),
    "visits of legs": lambda c, app: queue_visits.find_by_leg_ids(c, app, "100", ["leg-9"]),
    "known files": lambda c, app: ingest_state.find_known_files(c, app, ["/a/5.wav"]),
    "an awaited recording": lambda c, app: ingest_state.find_expected_calls(c, app, "100", ["5.wav"]),
    "the oldest recordings of a location": lambda c, _app: blob_moves.list_owners_before(
        c, BlobOwnerTable.RECORDINGS, "0", NOW, 3
    ),
    "whether a recording names its bytes": lambda c, app: blob_moves.is_referenced(c, make_orphan(app)),
    **console_queries.CONSOLE_QUERIES,
    "recordings that are missing": lambda c, app: ingest_state.mark_missing_recordings(
        c, app, NOW - timedelta(days=1), NOW
    ),
}


def create_filled_app(database: Database, rows: int) -> App:
    """An app with so many rows in each of the large tables, all of one month; the planner is told."""
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
    if not database.is_sqlite:  # nobody analyses SQLite's tables
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")
    return app


def _build_recording_row(one: Recording, app: App) -> dict[str, Any]:
    plain = recordings.get_column_values(one)
    kept = recordings.get_column_values(plain.pop("blob"))
    return {**plain, **kept, "app": app.id, "month": 202605, "created_at": NOW}


def _insert_other_rows(connection: Connection, app: App, numbers: range) -> None:
    agent_operations.add_skill_changes(connection, app, [make_skill_change(number) for number in numbers])
    taken = {"app": app.id, "size": 1, "modified_ns": 1, "state": "ingested", "reason": "", "seen_at": NOW}
    connection.execute(sa.insert(schema.source_files), [{**taken, "path": f"/a/{number}.wav"} for number in numbers])
    awaited = [
        ingest_state.ExpectedRecording(account_id="100", name=f"{number}.wav", call_id="c", since=NOW + number * SECOND)
        for number in numbers
    ]
    ingest_state.add_expected_recordings(connection, app, awaited)
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


def explain_queries(database: Database, app: App, action: QueryAction) -> list[str]:
    """The plan of each question that the action asks, with the values that it asks about."""
    with database.engine.connect() as connection:
        asked = _capture_sqlite_queries if database.is_sqlite else _capture_postgresql_queries
        plans = [
            "\n".join(str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {statement}", values))
            for explain, statement, values in asked(connection, app, action)
        ]
        connection.rollback()
    return plans


def reads_too_much(what: str, plan: str) -> bool:
    """Whether it reads a table from end to end; or, if it is not asked for one, a span of time. A search asks for one: it goes
    through its window by stretches, as wide as can be looked through quickly. What goes to a limit in the order of an index
    may not sort."""
    if what in console_queries.ORDERED_QUERIES:
        return bool(SORT_STEP.search(plan))
    is_of_time = "export" in what or what.startswith("search")
    return what not in ALLOWED_SCANS and bool(
        FULL_SCAN.search(plan) or (not is_of_time and TIME_RANGE_SCAN.search(plan))
    )


def _capture_sqlite_queries(connection: Connection, app: App, action: QueryAction) -> list[tuple[str, str, Any]]:
    statements: list[str] = []
    driver: Any = connection.connection.driver_connection
    driver.set_trace_callback(statements.append)
    action(connection, app)
    driver.set_trace_callback(None)
    return [("EXPLAIN QUERY PLAN", one, ()) for one in statements if one.startswith(("SELECT", "UPDATE"))]


def _capture_postgresql_queries(connection: Connection, app: App, action: QueryAction) -> list[tuple[str, str, Any]]:
    found: list[tuple[str, str, Any]] = []

    def listen(_connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        if statement.startswith(("SELECT", "UPDATE")):
            found.append(("EXPLAIN", statement, values[0] if many else values))

    sa.event.listen(connection, "before_cursor_execute", listen)
    action(connection, app)
    sa.event.remove(connection, "before_cursor_execute", listen)
    return found
