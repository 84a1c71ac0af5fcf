"""The questions that the pages of the console ask about running: exports, callbacks, refusals, the log; and these tables filled.
They belong to questions.py, which holds them to an index with the others. No test here."""

import json
from collections.abc import Callable
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.system import audit
from ccfs.db.tenant import callback_receivers, deliveries, exports, ingest_state
from ccfs.db.tenant.exports import ExportCondition
from ccfs.db.tenant.ingest_state import IngestRejection
from ccfs.model.exports.delivery import DeliveryState
from ccfs.model.identity.audit import AuditAction as Did
from ccfs.model.identity.audit import AuditEntry, AuditQuery
from ccfs.model.identity.tenancy import App
from tests.db.sample_rows import MINUTE, NOW, SECOND

TABLES = "exports|deliveries|delivery_attempts|ingest_errors|audit_log"
SMALL_INDEXES = (
    "ix_exports_failed|ix_deliveries_dead"  # indexes of the few rows that went wrong: all of an app's may be read
)
DAY = timedelta(days=1)
RECEIVER = "http://r5.example:80"
AUDIT_ENTRY = AuditEntry(logged_at=NOW, actor="emil", action=Did.CALL_VIEWED, target="5")
ORDERED_QUERIES = {  # of an index, to a limit; so nothing is sorted but what an index leaves
    *("exports", "exports that failed", "callbacks", "refusals"),
    *("the log", "the log of a person", "the log of an app"),
}
FULL_SCAN_QUERIES = {
    *("receivers", "files in which something was refused", "who did anything"),  # that is what they ask
    "exports announced in vain",  # PostgreSQL joins by hash what it takes for small; SQLite goes in the order of an index
}

CONSOLE_QUERIES: dict[str, Callable[[Connection, App], object]] = {
    "exports": lambda c, app: exports.list_recent(c, app, ["100"]),
    "exports that failed": lambda c, app: exports.list_recent(c, app, ["100"], ExportCondition.FAILED),
    "exports announced in vain": lambda c, app: exports.list_recent(c, app, ["100"], ExportCondition.CALLBACK_FAILED),
    "an export": lambda c, app: exports.get(c, app, _format_id(5)),
    "exports put aside": lambda c, app: exports.list_failed(c, app),
    "exports made again": lambda c, app: exports.retry(c, app, NOW),
    "callbacks of exports": lambda c, app: deliveries.find_latest_by_export(c, app, [_format_id(5), _format_id(7)]),
    "callbacks": lambda c, app: deliveries.list_recent(c, app, DeliveryState.DELIVERED),
    "a callback with its attempts": lambda c, app: deliveries.get_with_attempts(c, app, _format_id(5)),
    "callbacks sent again": lambda c, app: deliveries.retry(c, app, [_format_id(5)], NOW),
    "receivers": lambda c, app: callback_receivers.list_receivers(c, app, ["100"]),
    "what a receiver missed": lambda c, app: callback_receivers.count_retryable(c, app, ["100"], RECEIVER, RECEIVER),
    "what a receiver missed sent again": lambda c, app: callback_receivers.retry_by_receiver(
        c, app, ["100"], RECEIVER, "", NOW
    ),
    "refusals": lambda c, app: ingest_state.list_rejections(c, app, 100),
    "a refusal that is known": lambda c, app: ingest_state.add_rejections(c, app, [_make_rejected_line(5)], NOW),
    "files in which something was refused": lambda c, app: ingest_state.request_reread(
        c, app, "/none.zip:call.csv", NOW
    ),
    "files to be read again": lambda c, app: ingest_state.list_requested_rereads(c, app),
    "the log": lambda c, _app: audit.list_entries(c, AuditQuery(begin=NOW, end=NOW + 30 * DAY)),
    "the log of a person": lambda c, _app: audit.list_entries(
        c, AuditQuery(begin=NOW, end=NOW + 30 * DAY, actor="emil")
    ),
    "the log of an app": lambda c, app: audit.list_entries(
        c, AuditQuery(begin=NOW, end=NOW + 30 * DAY, scopes=((app.id, ""),))
    ),
    "whether it is told": lambda c, _app: audit.was_logged_since(c, AUDIT_ENTRY, NOW),
    "who did anything": lambda c, _app: audit.list_actors(c, NOW),
}


def insert_rows(connection: Connection, app: App, numbers: range) -> None:
    """Rows of these numbers in each of the tables."""
    connection.execute(sa.insert(schema.exports), [_build_export_row(app, number) for number in numbers])
    connection.execute(sa.insert(schema.deliveries), [_build_delivery_row(app, number) for number in numbers])
    connection.execute(sa.insert(schema.delivery_attempts), [_build_attempt_row(app, number) for number in numbers])
    connection.execute(sa.insert(schema.ingest_errors), [_build_error_row(app, number) for number in numbers])
    connection.execute(sa.insert(schema.audit_log), [_build_audit_row(app, number) for number in numbers])


def _format_id(number: int) -> str:
    return f"{number:032x}"


def _make_rejected_line(number: int) -> IngestRejection:
    return IngestRejection(file="/Master.csv", line=number, reason="odd")


def _build_export_row(app: App, number: int) -> dict[str, object]:
    at = NOW + number * SECOND
    texts = dict.fromkeys(("agent_id", "call_id", "caller_no", "callee_no", "lease", "error"), "")
    kept = {"location_id": "0", "key": f"{number}", "size": 1, "sha256": "", "crc32": 0, "ready_at": at}
    return {
        **texts, **kept, "response_id": _format_id(number), "app": app.id, "kind": "bill", "tables": "call", "begin": NOW, "end": at,
        "account_id": str(100 + number % 3), "callback_url": "", "requested_on": at.date(), "requested_at": at, "attempts": 1,
        "file_name": f"{number}.zip", "state": "failed" if number % 100 == 0 else "ready", "due_at": None,
    }  # fmt: skip


def _build_delivery_row(app: App, number: int) -> dict[str, object]:
    at = NOW + number * SECOND
    receiver = f"http://r{number % 20}.example:80"
    return {
        "id": _format_id(number), "app": app.id, "export": _format_id(number), "url": f"{receiver}/{number}", "receiver": receiver,
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
    one = _make_rejected_line(number)
    return {"app": app.id, "file": one.file, "line": one.line, "reason": one.reason, "raw": b"x", "rejected_at": NOW}


def _build_audit_row(app: App, number: int) -> dict[str, object]:
    return {
        "logged_at": NOW + number * SECOND, "actor": ("emil", "lucy")[number % 2], "app": app.id, "account_id": "100",
        "action": Did.CALL_VIEWED, "target": json.dumps(number), "address": "192.0.2.7",
    }  # fmt: skip
