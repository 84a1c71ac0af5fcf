"""The audit log as CSV and as JSON lines, sent in batches while it is read."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from ccfs.console.admin.audit.audit_form import parse_form
from ccfs.console.request import ConsoleRequest
from ccfs.db.system.console import audit
from ccfs.logs import get_logger
from ccfs.model.formats import safe_csv
from ccfs.model.identity.audit import AuditAction, AuditEntry, AuditQuery
from ccfs.web.context import WebContext
from ccfs.web.responses.types import Response, StreamedResponse

MAX_ENTRIES: Final = 1_000_000
BATCH_ENTRIES: Final = 1000
JSON_LINES_TYPE: Final = "application/x-ndjson"
NAMES: Final = ("time", "actor", "app", "account", "action", "target", "address", "call")  # in JSON lines
CSV_HEADINGS: Final = ("Time", "User", "App", "Account", "Action", "Object", "Address", "Call")

Encoder = Callable[[Sequence[AuditEntry]], bytes]


async def download_csv(request: ConsoleRequest) -> Response:
    """Return the entries of the search as CSV, newest first."""
    header = safe_csv.BOM + safe_csv.encode_rows([[request.translate(text) for text in CSV_HEADINGS]])
    aks = await _load_aks(request)

    def encode(entries: Sequence[AuditEntry]) -> bytes:
        return safe_csv.encode_rows(tuple(_describe(entry, aks).values()) for entry in entries)

    return await _respond(
        request, "csv", safe_csv.CONTENT_TYPE, header, encode, lambda text: safe_csv.encode_rows([[text]])
    )


async def download_json_lines(request: ConsoleRequest) -> Response:
    """Return the entries of the search as one JSON object a line, newest first. A last line with `error` says that it is incomplete."""
    aks = await _load_aks(request)

    def encode(entries: Sequence[AuditEntry]) -> bytes:
        return b"".join(_encode_line(_describe(entry, aks)) for entry in entries)

    return await _respond(request, "jsonl", JSON_LINES_TYPE, b"", encode, lambda text: _encode_line({"error": text}))


async def _respond(
    request: ConsoleRequest,
    extension: str,
    content_type: str,
    header: bytes,
    encode: Encoder,
    note: Callable[[str], bytes],
) -> Response:
    form = await parse_form(request, BATCH_ENTRIES)
    await request.audit_action(AuditAction.AUDIT_LOG_DOWNLOADED, request.http_request.query)
    end = note(request.translate("The log has more entries than one file may contain. The list ends here."))
    failure = note(request.translate("The list is incomplete. Download it again."))
    chunks = _iter_chunks(request.context, replace(form.query, before_row=None), header, encode, (end, failure))
    name = f"ccfs-audit-log-{request.context.now():%Y%m%d-%H%M%S}.{extension}"
    return StreamedResponse(chunks=lambda _start, _end: chunks, name=name, content_type=content_type)


def _iter_chunks(
    context: WebContext, query: AuditQuery, header: bytes, encode: Encoder, notes: tuple[bytes, bytes]
) -> Iterator[bytes]:
    """Yield the header and the entries; then, if they are incomplete, the first or second note: too many, or a failure."""
    yield header
    try:
        for _ in range(MAX_ENTRIES // BATCH_ENTRIES):
            with context.database.read_transaction() as connection:
                rows = audit.list_entries(connection, query)
            yield encode([entry for _, entry in rows])
            if len(rows) < BATCH_ENTRIES:
                return
            query = replace(query, before_row=rows[-1][0])
        yield notes[0]
    except SQLAlchemyError as error:
        get_logger().error("database unavailable during transfer", action="response_aborted", reason=str(error)[:200])
        yield notes[1]


async def _load_aks(request: ConsoleRequest) -> dict[int, str]:
    return {app.id: app.ak for app in await request.list_apps()}


def _describe(entry: AuditEntry, aks: Mapping[int, str]) -> dict[str, str]:
    values = (
        entry.logged_at.isoformat(),
        entry.actor,
        aks.get(entry.app or 0, ""),
        entry.account_id,
        str(entry.action),
        entry.target,
        entry.address,
        entry.call_ids[0] if entry.call_ids else "",
    )
    return dict(zip(NAMES, values, strict=True))


def _encode_line(value: Mapping[str, str]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
