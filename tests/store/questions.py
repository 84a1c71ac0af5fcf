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

from ccfs.model.agent_operation import AgentOperation, AgentSkillChange
from ccfs.model.call import Direction
from ccfs.model.call_count import QUARTER, quarter
from ccfs.model.call_search import Order, Search
from ccfs.model.cdr import Cdr
from ccfs.model.export import Filter, Table
from ccfs.model.recording import Recording
from ccfs.model.stray import Held, Holder, Stray
from ccfs.model.tenancy import App
from ccfs.model.window import Window
from ccfs.store import (
    agent_operations,
    call_counts,
    call_search,
    calls,
    cdrs,
    intake,
    kept_sizes,
    months,
    moves,
    queue_visits,
    recordings,
    schema,
)
from ccfs.store.agent_operations import Span
from ccfs.store.db import Database
from ccfs.store.extract import extract
from tests.store import given, page_questions
from tests.store.given import MINUTE, NOW, SECOND

BATCH = 20_000  # rows of one transaction
LARGE = "cdrs|recordings|agent_operations|agent_skill_changes|queue_visits|source_files|awaited_recordings|call_counts|"
LARGE += page_questions.TABLES
WHOLE = re.compile(
    rf"Seq Scan on ({LARGE})(_p\d+)?\b|SCAN ({LARGE})\b|SEARCH ({LARGE}) USING (COVERING )?INDEX (?!{page_questions.FEW})\S+ \(app=\?\)"
)
DAY = timedelta(days=1)
MAY_WALK = {
    *("the newest recordings", "what is to be counted"),  # in the order of the index, to a limit
    "sizes of a month",  # all of a month is what it asks for
    *page_questions.IN_ORDER,
    *page_questions.WHOLLY,
}
SORTS = re.compile(r"USE TEMP B-TREE FOR ORDER BY|(?<!Incremental )Sort  ")
SPAN = re.compile(r"\(app=\? AND (begin|call_begin|operate_time)[<>]")  # all of an app's rows in a span of time
Action = Callable[[Connection, App], object]


def cdr(number: int) -> Cdr:
    call = f"{1_777_800_000 + number}-{number}"
    return Cdr(
        account_id="100", cc_id="1", vdn_id="8", call_id=call, begin=NOW + number * SECOND, line_key=f"{number:032x}",
        switch_call_id=call, switch_leg_id=call if number % 9 else f"leg-{number}",
    )  # fmt: skip


def operation(number: int, *, lasts: bool = False) -> AgentOperation:
    begin = NOW + number * SECOND
    return AgentOperation(
        id=f"{number:032x}", account_id="100", agent_id=str(number % 300), begin=begin, op_type=3, vdn_id="8", cc_id="1",
        end=None if lasts else begin + MINUTE,
    )  # fmt: skip


def change(number: int) -> AgentSkillChange:
    return AgentSkillChange(
        id=f"{number:032x}", account_id="100", sub_cc_no=1, vdn=8, agent_id="5", operate_time=NOW + number * SECOND,
        operate_id=1, operate_type=1, skill_list="1",
    )  # fmt: skip


def recording(number: int) -> Recording:
    names = {
        "file_name": f"/0/1/record/AK/100/20260504/5/{number}.wav",
        "original_file_name": f"Y:/8/0/20260504/5/{number}.V3",
    }
    call = f"{1_777_800_000 + number}-{number}"
    return given.recording(
        number,
        **names,
        call_id=call,
        kept=given.kept(f"1/rec/{number}"),
        call_begin=NOW + number * SECOND,
        call_end=NOW + (number + 60) * SECOND,
    )


def held(app: App) -> Held:
    one = recording(5)
    return Held(holder=Holder.RECORDINGS, row=f"{app.id} {one.file_name}", at=NOW, kept=one.kept)


def stray(app: App) -> Stray:
    return Stray(location_id="0", key=recording(5).kept.key, holder=Holder.RECORDINGS, row=str(held(app).row))


def an_hour(app: App) -> call_counts.Old:
    return call_counts.Old(app=app, account_id="100", told={quarter(NOW): 1, quarter(NOW) + QUARTER: 1})


def of_a_day(table: Table, **part: str) -> Action:
    window = Window(begin=NOW, end=NOW + 3 * MINUTE)
    zones = {"100": ZoneInfo("Asia/Shanghai")}
    return lambda connection, app: list(extract(connection, app, table, window, Filter(**part), zones, with_tail=True))


def search(**part: Any) -> Action:
    wanted = Search(account_id="100", window=Window(begin=NOW, end=NOW + 40 * timedelta(days=1)), **part)
    return lambda connection, app: (
        call_search.find(connection, app, wanted, 60),
        call_search.count(connection, app, wanted, 100, 60),
    )


QUESTIONS: dict[str, Action] = {
    "search": search(),
    "search from the oldest": search(order=Order.OLDEST),
    "search for the longest": search(order=Order.LONGEST),
    "search for a caller": search(caller_no="1"),
    "search for a callee": search(callee_no="1"),
    "search for an agent": search(agent_id="1"),
    "search for a queue": search(queue="1"),
    "search for a direction": search(direction=Direction.OUTBOUND),
    "search for what was recorded": search(is_recorded=True),
    "a call by any id": lambda c, app: calls.by_any_id(c, app, ["100"], "1777800001-1"),
    "legs of calls": lambda c, app: calls.legs(c, app, ["100"], ["1777800001-1"]),
    "how many recordings calls have": lambda c, app: calls.recorded(c, app, ["100"], ["1777800001-1"]),
    "operations in a call": lambda c, app: calls.operations(c, app, ["100"], "1777800001-1"),
    "what is to be counted": lambda c, _app: call_counts.old(c),
    "calls to be counted": lambda c, app: call_counts.count(c, app, "100", [quarter(NOW), quarter(NOW + 5 * MINUTE)]),
    "counts to be kept": lambda c, app: call_counts.keep(c, app, an_hour(app), {}),
    "counts of a day": lambda c, app: call_counts.read(c, app, "100", Window(begin=NOW, end=NOW + timedelta(days=1))),
    "a month's sizes that are due": lambda c, _app: kept_sizes.due(c, NOW),
    "sizes of a month": lambda c, _app: kept_sizes.count(c, "0", 202605),
    "export of calls": of_a_day("call"),
    "export of an agent's calls": of_a_day("call", agent_id="5"),
    "export of a call": of_a_day("call", call_id="1777800001-1"),
    "export of recordings": of_a_day("record"),
    "export of agent operations": of_a_day("agentOprInfo"),
    "export of skill changes": of_a_day("agentSkillInfo"),
    "rows of calls near": lambda c, app: cdrs.of_calls(c, app, ["1777800001-1", "1777800002-2"], [NOW]),
    "rows of calls": lambda c, app: cdrs.of_calls(c, app, ["1777800001-1", "1777800002-2"]),
    "rows of legs near": lambda c, app: cdrs.of_legs(c, app, ["leg-9", "leg-18"], [NOW]),
    "rows of legs": lambda c, app: cdrs.of_legs(c, app, ["leg-9", "leg-18"]),
    "a row made again": lambda c, app: cdrs.change(c, app, [replace(cdr(5), agent_id="7")]),
    "index name": lambda c, app: recordings.by_name(c, app, recording(5).file_name),
    "original name": lambda c, app: recordings.file_by_name(c, app, recording(5).original_file_name),
    "a name that is not there": lambda c, app: recordings.by_name(c, app, "Y:/8/0/20260504/5/none.V3"),
    "a name without a date": lambda c, app: recordings.by_name(c, app, "none"),
    "whether an index name is taken": lambda c, app: recordings.has_file_name(c, app, recording(5).file_name),
    "whether an original name is taken": lambda c, app: recordings.has_original_name(c, app, "Y:/8/0/20260504/5/9.V3"),
    "recordings of a call": lambda c, app: recordings.by_call(c, app, "1777800001-1"),
    "recordings of a call without a time": lambda c, app: recordings.by_call(c, app, "c-1"),
    "recordings that go to another call": lambda c, app: recordings.move(c, app, "100", "1777800001-1", "x", NOW),
    "what a switch called recordings": lambda c, app: recordings.source_names(c, app, "100", ["1777800001-1"], [NOW]),
    "the newest recordings": lambda c, app: recordings.newest(c, app, 3),
    "known operations": lambda c, app: agent_operations.known(c, app, {operation(5).id: NOW}),
    "operations that last": lambda c, app: agent_operations.lasting(c, app, "100", ["5"]),
    "operations that lasted": lambda c, app: agent_operations.lasting(c, app, "100", ["5"], NOW + 20 * DAY),
    "an operation ends": lambda c, app: agent_operations.end(c, app, [(Span("5", "5", NOW, None), NOW)]),
    "known skill changes": lambda c, app: agent_operations.add_skill_changes(c, app, [change(5)]),
    "visits of legs": lambda c, app: queue_visits.of_legs(c, app, "100", ["leg-9"]),
    "known files": lambda c, app: intake.known_files(c, app, ["/a/5.wav"]),
    "an awaited recording": lambda c, app: intake.awaited_calls(c, app, "100", ["5.wav"]),
    "the oldest recordings of a location": lambda c, _app: moves.older(c, Holder.RECORDINGS, "0", NOW, 3),
    "whether a recording names its bytes": lambda c, app: moves.is_named(c, stray(app)),
    **page_questions.QUESTIONS,
    "recordings that are missing": lambda c, app: intake.list_missing(c, app, NOW - timedelta(days=1), NOW),
}


def fill(database: Database, rows: int) -> App:
    """An app with so many rows in each of the large tables, all of one month; the planner is told."""
    with database.writing() as connection:
        app = given.app(connection, "large")
        months.need(connection, schema.recordings, [202605])
    for start in range(0, rows, BATCH):
        numbers = range(start, min(start + BATCH, rows))
        with database.writing() as connection:
            cdrs.add(connection, app, [cdr(number) for number in numbers])
            operations = [operation(number, lasts=number >= rows - 300) for number in numbers]
            agent_operations.add(connection, app, operations)
            connection.execute(sa.insert(schema.recordings), [_values(recording(number), app) for number in numbers])
    for start in range(0, max(500, rows // 4), BATCH):
        with database.writing() as connection:
            numbers = range(start, min(start + BATCH, max(500, rows // 4)))
            _fill_the_rest(connection, app, numbers)
            page_questions.fill(connection, app, numbers)
    if not database.is_local:  # nobody analyses SQLite's tables
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")
    return app


def _values(one: Recording, app: App) -> dict[str, Any]:
    plain = recordings.values_of(one)
    kept = recordings.values_of(plain.pop("kept"))
    return {**plain, **kept, "app": app.id, "month": 202605, "created_at": NOW}


def _fill_the_rest(connection: Connection, app: App, numbers: range) -> None:
    agent_operations.add_skill_changes(connection, app, [change(number) for number in numbers])
    taken = {"app": app.id, "size": 1, "modified_ns": 1, "state": "taken", "reason": "", "seen_at": NOW}
    connection.execute(sa.insert(schema.source_files), [{**taken, "path": f"/a/{number}.wav"} for number in numbers])
    awaited = [
        intake.Awaited(account_id="100", name=f"{number}.wav", call_id="c", since=NOW + number * SECOND)
        for number in numbers
    ]
    intake.await_recordings(connection, app, awaited)
    call_counts.changed(connection, app, [replace(cdr(0), begin=NOW + number * QUARTER) for number in numbers])
    visits = [
        queue_visits.KeptVisit(
            switch_leg_id=f"leg-{number}",
            queue="q",
            entered=NOW,
            rang=None,
            connected=None,
            left=None,
            agent="",
            outcome="",
        )
        for number in numbers
    ]
    queue_visits.put(connection, app, "100", visits)


def plans_of(database: Database, app: App, action: Action) -> list[str]:
    """The plan of each question that the action asks, with the values that it asks about."""
    with database.engine.connect() as connection:
        asked = _asked_of_sqlite if database.is_local else _asked_of_postgresql
        plans = [
            "\n".join(str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {statement}", values))
            for explain, statement, values in asked(connection, app, action)
        ]
        connection.rollback()
    return plans


def reads_much(what: str, plan: str) -> bool:
    """Whether it reads a table from end to end; or, if it is not asked for one, a span of time. A search asks for one: it goes
    through its window by stretches, as wide as can be looked through quickly. What goes to a limit in the order of an index
    may not sort."""
    if what in page_questions.IN_ORDER:
        return bool(SORTS.search(plan))
    is_of_time = "export" in what or what.startswith("search")
    return what not in MAY_WALK and bool(WHOLE.search(plan) or (not is_of_time and SPAN.search(plan)))


def _asked_of_sqlite(connection: Connection, app: App, action: Action) -> list[tuple[str, str, Any]]:
    statements: list[str] = []
    driver: Any = connection.connection.driver_connection
    driver.set_trace_callback(statements.append)
    action(connection, app)
    driver.set_trace_callback(None)
    return [("EXPLAIN QUERY PLAN", one, ()) for one in statements if one.startswith(("SELECT", "UPDATE"))]


def _asked_of_postgresql(connection: Connection, app: App, action: Action) -> list[tuple[str, str, Any]]:
    found: list[tuple[str, str, Any]] = []

    def listen(_connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        if statement.startswith(("SELECT", "UPDATE")):
            found.append(("EXPLAIN", statement, values[0] if many else values))

    sa.event.listen(connection, "before_cursor_execute", listen)
    action(connection, app)
    sa.event.remove(connection, "before_cursor_execute", listen)
    return found
