"""The questions that the pages of the console ask about running: exports, callbacks, refusals, the log; and these tables filled.
They belong to questions.py, which holds them to an index with the others. No test here."""

import json
from collections.abc import Callable
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.model.audit import Action as Did
from ccfs.model.audit import Asked, Entry
from ccfs.model.delivery import State
from ccfs.model.tenancy import App
from ccfs.store import audit, deliveries, exports, intake, receivers, rereading, schema
from ccfs.store.exports import Condition
from ccfs.store.intake import Refusal
from tests.store.given import MINUTE, NOW, SECOND

TABLES = "exports|deliveries|delivery_attempts|refusals|audit"
FEW = "ix_exports_failed|ix_deliveries_dead"  # indexes of the few rows that went wrong: all of an app's may be read
DAY = timedelta(days=1)
RECEIVER = "http://r5.example:80"
ENTRY = Entry(at=NOW, who="emil", action=Did.CALL_SHOWN, what="5")
IN_ORDER = {  # of an index, to a limit; so nothing is sorted but what an index leaves
    *("exports", "exports that failed", "callbacks", "refusals"),
    *("the log", "the log of a person", "the log of an app"),
}
WHOLLY = {
    *("receivers", "files in which something was refused", "who did anything"),  # that is what they ask
    "exports announced in vain",  # PostgreSQL joins by hash what it takes for small; SQLite goes in the order of an index
}

QUESTIONS: dict[str, Callable[[Connection, App], object]] = {
    "exports": lambda c, app: exports.listed(c, app, ["100"]),
    "exports that failed": lambda c, app: exports.listed(c, app, ["100"], Condition.FAILED),
    "exports announced in vain": lambda c, app: exports.listed(c, app, ["100"], Condition.UNTOLD),
    "an export": lambda c, app: exports.shown(c, app, _number(5)),
    "exports put aside": lambda c, app: exports.failed(c, app),
    "exports made again": lambda c, app: exports.retry(c, app, NOW),
    "callbacks of exports": lambda c, app: deliveries.of_exports(c, app, [_number(5), _number(7)]),
    "callbacks": lambda c, app: deliveries.listed(c, app, State.DELIVERED),
    "a callback with its attempts": lambda c, app: deliveries.shown(c, app, _number(5)),
    "callbacks sent again": lambda c, app: deliveries.retry(c, app, [_number(5)], NOW),
    "receivers": lambda c, app: receivers.receivers(c, app, ["100"]),
    "what a receiver missed": lambda c, app: receivers.count_again(c, app, ["100"], RECEIVER, RECEIVER),
    "what a receiver missed sent again": lambda c, app: receivers.send_again(c, app, ["100"], RECEIVER, "", NOW),
    "refusals": lambda c, app: intake.refusals(c, app, 100),
    "a refusal that is known": lambda c, app: intake.refuse(c, app, [_refusal(5)], NOW),
    "files in which something was refused": lambda c, app: rereading.ask(c, app, "/none.zip:call.csv", NOW),
    "files to be read again": lambda c, app: rereading.asked(c, app),
    "the log": lambda c, _app: audit.entries(c, Asked(begin=NOW, end=NOW + 30 * DAY)),
    "the log of a person": lambda c, _app: audit.entries(c, Asked(begin=NOW, end=NOW + 30 * DAY, who="emil")),
    "the log of an app": lambda c, app: audit.entries(c, Asked(begin=NOW, end=NOW + 30 * DAY, within=((app.id, ""),))),
    "whether it is told": lambda c, _app: audit.is_told(c, ENTRY, NOW),
    "who did anything": lambda c, _app: audit.names(c, NOW),
}


def fill(connection: Connection, app: App, numbers: range) -> None:
    """Rows of these numbers in each of the tables."""
    connection.execute(sa.insert(schema.exports), [_export(app, number) for number in numbers])
    connection.execute(sa.insert(schema.deliveries), [_delivery(app, number) for number in numbers])
    connection.execute(sa.insert(schema.delivery_attempts), [_attempt(app, number) for number in numbers])
    connection.execute(sa.insert(schema.refusals), [_refused(app, number) for number in numbers])
    connection.execute(sa.insert(schema.audit), [_entry(app, number) for number in numbers])


def _number(number: int) -> str:
    return f"{number:032x}"


def _refusal(number: int) -> Refusal:
    return Refusal(file="/Master.csv", line=number, reason="odd")


def _export(app: App, number: int) -> dict[str, object]:
    at = NOW + number * SECOND
    texts = dict.fromkeys(("agent_id", "call_id", "caller_no", "callee_no", "lease", "error"), "")
    kept = {"location_id": "0", "key": f"{number}", "size": 1, "sha256": "", "crc32": 0, "ready_at": at}
    return {
        **texts, **kept, "response_id": _number(number), "app": app.id, "kind": "bill", "tables": "call", "begin": NOW, "end": at,
        "account_id": str(100 + number % 3), "callback_url": "", "asked_on": at.date(), "asked_at": at, "attempts": 1,
        "file_name": f"{number}.zip", "state": "failed" if number % 100 == 0 else "ready", "due_at": None,
    }  # fmt: skip


def _delivery(app: App, number: int) -> dict[str, object]:
    at = NOW + number * SECOND
    receiver = f"http://r{number % 20}.example:80"
    return {
        "id": _number(number), "app": app.id, "export": _number(number), "url": f"{receiver}/{number}", "receiver": receiver,
        "body": b"{}", "state": "dead" if number % 50 == 5 else "delivered", "due_at": None, "lease": "", "claims": 0,
        "attempts": 1, "created_at": at, "finished_at": at + MINUTE,
    }  # fmt: skip


def _attempt(app: App, number: int) -> dict[str, object]:
    return {
        "app": app.id, "delivery": _number(number), "at": NOW, "address": "", "status": 200, "milliseconds": 5, "answer": b"",
        "failure": "", "what_next": "delivered", "next_at": None,
    }  # fmt: skip


def _refused(app: App, number: int) -> dict[str, object]:
    one = _refusal(number)
    return {"app": app.id, "file": one.file, "line": one.line, "reason": one.reason, "raw": b"x", "refused_at": NOW}


def _entry(app: App, number: int) -> dict[str, object]:
    return {
        "at": NOW + number * SECOND, "who": ("emil", "lucy")[number % 2], "app": app.id, "account_id": "100",
        "action": Did.CALL_SHOWN, "what": json.dumps(number), "address": "192.0.2.7",
    }  # fmt: skip
