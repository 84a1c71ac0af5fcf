"""Ingest for operators: source files, rejected lines, missing recordings, and rereading a file from its start.

A reread adds what was rejected and can be ingested now; what is ingested already stays as it is.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, auto
from functools import partial

from sqlalchemy.engine import Connection

from ccfs.console.admin import source_files
from ccfs.console.admin.source_files import SourceFileStatus
from ccfs.console.admin.status import format_span
from ccfs.console.request import ConsoleRequest
from ccfs.db.system import ingest_totals
from ccfs.db.system.console import audit
from ccfs.db.tenant import lost_blobs
from ccfs.db.tenant.ingest import expected_recordings, ingest_state, rotated_files
from ccfs.db.tenant.ingest.rotated_files import RotatedFile
from ccfs.db.tenant.lost_blobs import LostBlob
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.tenancy import App
from ccfs.model.source_files import REJECTED, container_of, get_source_path, is_rotated
from ccfs.web.responses.types import BytesResponse, Response

MAX_TABLE_ROWS = 100  # of each table


class Remedy(StrEnum):
    """How to ingest a rejected line or file once its cause is fixed."""

    SOURCE = auto()  # by rereading its source file, which the page lists with a button
    REREADABLE = auto()  # by rereading its file
    REREAD_REQUESTED = auto()  # by the reread that is requested already
    RETRIED_EVERY_PASS = auto()  # every pass retries it
    FILE_MISSING = auto()  # not at all: the file is missing


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestStatus:
    """The ingest state of an app."""

    app: App
    sources: list[tuple[ingest_state.SourceCursor, datetime]]  # each with the time of its last pass
    rejected: list[tuple[int, ingest_state.IngestRejection, datetime]]  # row id, rejection, time
    missing: list[expected_recordings.ExpectedRecording]
    missing_files: list[RotatedFile]
    lost: list[tuple[LostBlob, str, str]]  # each with account and callId
    reread_requests: list[tuple[str, datetime]]  # files without a cursor whose reread is requested
    file_states: dict[str, str]  # states of files without a cursor, where one is stored
    source_files: dict[str, SourceFileStatus] = field(default_factory=dict)  # of files with a cursor or rejections

    def get_remedy(self, rejection: ingest_state.IngestRejection) -> Remedy:
        """Return the remedy of a rejection."""
        file = container_of(rejection.file)
        if self.find_cursor(rejection) is not None:
            return Remedy.SOURCE
        if file in dict(self.reread_requests):
            return Remedy.REREAD_REQUESTED
        state = self.file_states.get(file)
        is_index = state is None and (rejection.line > 0 or file.lower().endswith((".csv", ".zip")))
        if state != REJECTED and not is_index:
            return Remedy.RETRIED_EVERY_PASS
        return Remedy.FILE_MISSING if self.source_files[file].is_missing else Remedy.REREADABLE

    def find_cursor(self, rejection: ingest_state.IngestRejection) -> ingest_state.SourceCursor | None:
        """Return the cursor of the source file that a rejected line is in, or in a file rotated from it."""
        for cursor in self.cursors:
            source = get_cursor_file(cursor)
            if rejection.file == source or is_rotated(rejection.file, source):
                return cursor
        return None

    @property
    def cursors(self) -> list[ingest_state.SourceCursor]:
        """The cursors of the source files."""
        return [cursor for cursor, _ in self.sources]

    @property
    def first_rejection_ids(self) -> set[int]:
        """The row id of each file's first rejection in the table."""
        rejections = reversed(self.rejected)
        return set({container_of(rejection.file): row_id for row_id, rejection, _ in rejections}.values())


async def show_ingest(request: ConsoleRequest) -> Response:
    """Show the ingest state of every app."""
    return await _render_page(request)


async def _render_page(request: ConsoleRequest, status: int = 200, problem: str = "") -> BytesResponse:
    context = request.context
    totals = await context.query(ingest_totals.count_totals)
    statuses = [await context.query(partial(_load_status, app=app)) for app in await request.list_apps()]
    await asyncio.to_thread(_check_source_files, statuses, is_only_node=context.database.is_sqlite)
    return request.render_page(
        "ingest.html",
        status,
        get_cursor_file=get_cursor_file,
        totals=totals,
        waiting_files=sum(map(_count_waiting_files, statuses)),
        statuses=statuses,
        now=context.now(),
        format_span=lambda span: format_span(request, span),
        max_rows=MAX_TABLE_ROWS,
        problem=problem,
        done=request.query_params.get("done", ""),
    )


async def request_reread(request: ConsoleRequest) -> Response:
    """Request that the next pass reads a file from its start."""
    app, file = await request.find_app(request.form.get("app", "")), request.form.get("file", "")
    context = request.context

    def change(connection: Connection) -> bool:
        is_known, deleted = ingest_state.request_reread(connection, app, file, context.now())
        if is_known:
            target = f"{file} ({deleted} rejections)"
            audit.add(connection, request.build_audit_entry(AuditAction.INGEST_RETRIED, target, app=app))
        return is_known

    get_status = partial(source_files.get_source_file_status, is_only_node=context.database.is_sqlite)
    if (await asyncio.to_thread(get_status, container_of(file))).is_missing:
        problem = request.translate("The file no longer exists. Restore it to the same path and try again.")
        return await _render_page(request, 400, problem)
    if not await context.transaction(change):
        problem = request.translate("This file has no ingest state to reset. Run ccfs ingest for it again.")
        return await _render_page(request, 400, problem)
    return request.redirect("/console/ingest", done="yes")


def get_cursor_file(cursor: ingest_state.SourceCursor) -> str:
    """Return the file or table of a cursor: its path without the account."""
    return get_source_path(cursor.path)


def _count_waiting_files(status: IngestStatus) -> int:
    """Return the number of an app's files that the next pass reads from the start."""
    return len(status.reread_requests) + sum(cursor.is_reread_requested for cursor in status.cursors)


def _load_status(connection: Connection, app: App) -> IngestStatus:
    rejected = ingest_state.list_rejections(connection, app, MAX_TABLE_ROWS)
    files = sorted({container_of(rejection.file) for _, rejection, _ in rejected})
    known = ingest_state.find_known_files(connection, app, files)
    return IngestStatus(
        app=app,
        sources=ingest_state.list_cursors(connection, app, MAX_TABLE_ROWS),
        rejected=rejected,
        missing=expected_recordings.list_missing(connection, app, MAX_TABLE_ROWS),
        missing_files=rotated_files.list_missing(connection, app, MAX_TABLE_ROWS),
        lost=lost_blobs.list_newest(connection, app, MAX_TABLE_ROWS),
        reread_requests=ingest_state.list_requested_rereads(connection, app),
        file_states={path: state for path, (_, _, state) in known.items()},
    )


def _check_source_files(statuses: Sequence[IngestStatus], *, is_only_node: bool) -> None:
    """Add the status of the files on disk. It blocks, so it runs in a thread."""
    get_status = partial(source_files.get_source_file_status, is_only_node=is_only_node)
    for status in statuses:
        for file in {container_of(rejection.file) for _, rejection, _ in status.rejected}:
            status.source_files[file] = get_status(file)
        for cursor in status.cursors:
            file = get_cursor_file(cursor)
            status.source_files[file] = get_status(file, cursor.started_at)
