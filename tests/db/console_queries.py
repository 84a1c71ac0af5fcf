"""Queries of the console's administration pages: exports, callbacks, rejections, the audit log; and rows of these tables.

large_table_queries.py includes them, so that test_query_plans.py checks their plans.
"""

import json
from collections.abc import Callable
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.system.console import audit
from ccfs.db.tenant import callback_receivers, deliveries, exports
from ccfs.db.tenant.exports import ExportCondition
from ccfs.db.tenant.ingest import ingest_state
from ccfs.db.tenant.ingest.ingest_state import IngestRejection
from ccfs.db.tenant.quality import samples
from ccfs.model.exports.delivery import DeliveryState
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.audit import HEARD_ACTIONS, AuditAction, AuditEntry, AuditQuery
from ccfs.model.identity.tenancy import App
from ccfs.model.quality.sampling import SamplingPeriod, SamplingRule
from tests.db.sample_rows import MINUTE, NOW, SECOND

TABLES = "exports|deliveries|delivery_attempts|ingest_errors|audit_log|audit_calls"
SMALL_INDEXES = (
    "ix_exports_failed|ix_deliveries_dead"  # partial indexes of the few failed rows: a query may read all of an app's
)
DAY = timedelta(days=1)
RECEIVER = "http://r5.example:80"
SAMPLING_RULE = SamplingRule(
    id=1, account_id="100", form=1, form_name="", calls=3, period=SamplingPeriod.WEEK, min_talk_seconds=1,
    direction="inbound", queues=(), seed="s", author="anna", drawn_until=NOW,
)  # fmt: skip
AUDIT_ENTRY = AuditEntry(logged_at=NOW, actor="emil", action=AuditAction.CALL_VIEWED, target="5")
ORDERED_QUERIES = {  # in the order of an index, up to a limit: only rows that are equal in the index are sorted
    *("exports", "exports that failed", "callbacks", "rejections"),
    *("audit log", "audit log of a user", "audit log of an app"),
}
FULL_SCAN_QUERIES = {
    *("receivers", "re-read request", "users in the audit log"),  # they need all rows
    "exports with failed callbacks",  # PostgreSQL joins small tables by hash; SQLite reads in the order of an index
}

CONSOLE_QUERIES: dict[str, Callable[[Connection, App], object]] = {
    "exports": lambda c, app: exports.list_recent(c, app, ["100"]),
    "exports that failed": lambda c, app: exports.list_recent(c, app, ["100"], ExportCondition.FAILED),
    "exports with failed callbacks": lambda c, app: exports.list_recent(
        c, app, ["100"], ExportCondition.CALLBACK_FAILED
    ),
    "one export": lambda c, app: exports.get(c, app, _format_id(5)),
    "failed exports": lambda c, app: exports.list_failed(c, app),
    "retried exports": lambda c, app: exports.retry(c, app, NOW),
    "callbacks of exports": lambda c, app: deliveries.find_latest_by_export(c, app, [_format_id(5), _format_id(7)]),
    "callbacks": lambda c, app: deliveries.list_recent(c, app, DeliveryState.DELIVERED),
    "one callback with its attempts": lambda c, app: deliveries.get_with_attempts(c, app, _format_id(5)),
    "retried callbacks": lambda c, app: deliveries.retry(c, app, [_format_id(5)], NOW),
    "receivers": lambda c, app: callback_receivers.list_receivers(c, app, ["100"]),
    "failed callbacks of a receiver": lambda c, app: callback_receivers.count_retryable(
        c, app, ["100"], RECEIVER, RECEIVER
    ),
    "retried callbacks of a receiver": lambda c, app: callback_receivers.retry_by_receiver(
        c, app, ["100"], RECEIVER, "", NOW
    ),
    "search for calls to draw": lambda c, app: samples.draw(
        c, app, SAMPLING_RULE, TimeWindow(begin=NOW, end=NOW + 7 * DAY)
    ),
    "rejections": lambda c, app: ingest_state.list_rejections(c, app, 100),
    "known rejection": lambda c, app: ingest_state.add_rejections(c, app, [_make_rejected_line(5)], NOW),
    "re-read request": lambda c, app: ingest_state.request_reread(c, app, "/none.zip:call.csv", NOW),
    "re-read requests": lambda c, app: ingest_state.list_requested_rereads(c, app),
    "audit log": lambda c, _app: audit.list_entries(c, AuditQuery(begin=NOW, end=NOW + 30 * DAY)),
    "audit log of a user": lambda c, _app: audit.list_entries(
        c, AuditQuery(begin=NOW, end=NOW + 30 * DAY, actor="emil")
    ),
    "audit log of an app": lambda c, app: audit.list_entries(
        c, AuditQuery(begin=NOW, end=NOW + 30 * DAY, scopes=((app.id, ""),))
    ),
    "audit log of a kind": lambda c, _app: audit.list_entries(
        c, AuditQuery(begin=NOW, end=NOW + 30 * DAY, actions=(AuditAction.LOGGED_IN,))
    ),
    "audit log of a call": lambda c, _app: audit.list_entries(
        c, AuditQuery(begin=NOW, end=NOW + 30 * DAY, call_id="5")
    ),
    "who heard a call": lambda c, app: audit.list_by_call(c, app, "100", "5", HEARD_ACTIONS, 50),
    "audit entry in the log": lambda c, _app: audit.was_logged_since(c, AUDIT_ENTRY, NOW),
    "users in the audit log": lambda c, _app: audit.list_actors(c, NOW),
}


def insert_rows(connection: Connection, app: App, numbers: range) -> None:
    """Insert rows of these numbers into each of the tables."""
    connection.execute(sa.insert(schema.exports), [_build_export_row(app, number) for number in numbers])
    connection.execute(sa.insert(schema.deliveries), [_build_delivery_row(app, number) for number in numbers])
    connection.execute(sa.insert(schema.delivery_attempts), [_build_attempt_row(app, number) for number in numbers])
    connection.execute(sa.insert(schema.ingest_errors), [_build_error_row(app, number) for number in numbers])
    connection.execute(sa.insert(schema.audit_log), [_build_audit_row(app, number) for number in numbers])
    entries = connection.execute(
        sa.select(schema.audit_log.c.id).order_by(schema.audit_log.c.id.desc()).limit(len(numbers))
    )
    calls = zip(entries.scalars(), reversed(numbers), strict=True)
    connection.execute(
        sa.insert(schema.audit_calls), [{"entry": entry, "app": app.id, "call_id": str(call)} for entry, call in calls]
    )


def _format_id(number: int) -> str:
    return f"{number:032x}"


def _make_rejected_line(number: int) -> IngestRejection:
    return IngestRejection(file="/Master.csv", line=number, reason="odd")


def _build_export_row(app: App, number: int) -> dict[str, object]:
    at = NOW + number * SECOND
    texts = dict.fromkeys(("agent_id", "call_id", "caller_no", "callee_no", "lease", "error"), "")
    blob = {"location_id": "0", "key": f"{number}", "size": 1, "sha256": "", "crc32": 0, "ready_at": at}
    return {
        **texts, **blob, "response_id": _format_id(number), "app": app.id, "kind": "bill", "tables": "call", "begin": NOW, "end": at,
        "account_id": str(100 + number % 3), "callback_url": "", "requested_on": at.date(), "requested_at": at, "attempts": 1,
        "file_name": f"{number}.zip", "state": "failed" if number % 100 == 0 else "ready", "due_at": None,
    }  # fmt: skip


def _build_delivery_row(app: App, number: int) -> dict[str, object]:
    at = NOW + number * SECOND
    receiver = f"http://r{number % 20}.example:80"
    return {
        "id": _format_id(number), "app": app.id, "export": _format_id(number), "url": f"{receiver}/{number}", "receiver": receiver, "lane": f"{receiver} {app.id}",
        "body": b"{}", "state": "dead" if number % 50 == 5 else "delivered", "due_at": None, "lease": "", "claims": 0,
        "attempts": 1, "created_at": at, "finished_at": at + MINUTE,
    }  # fmt: skip


def _build_attempt_row(app: App, number: int) -> dict[str, object]:
    return {
        "app": app.id, "delivery": _format_id(number), "attempted_at": NOW, "address": "", "status": 200, "milliseconds": 5,
        "response": b"",
        "failure": "", "next_step": "delivered", "next_at": None,
    }  # fmt: skip


def _build_error_row(app: App, number: int) -> dict[str, object]:
    line = _make_rejected_line(number)
    return {
        "app": app.id,
        "file": line.file,
        "line": line.line,
        "reason": line.reason,
        "raw": b"x",
        "digest": "",
        "rejected_at": NOW,
    }


def _build_audit_row(app: App, number: int) -> dict[str, object]:
    return {
        "logged_at": NOW + number * SECOND, "actor": ("emil", "lucy")[number % 2], "app": app.id, "account_id": "100",
        "action": AuditAction.CALL_VIEWED, "target": json.dumps(number), "address": "192.0.2.7",
    }  # fmt: skip
