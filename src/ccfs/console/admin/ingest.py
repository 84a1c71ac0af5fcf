"""Ingest as operators look at it: how far each file was read, what was refused and why, which recordings are missing; and
having a file read again from its begin, which adds what was refused and can be taken in now, and nothing twice."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, auto

from sqlalchemy.engine import Connection

from ccfs.console.admin import source_files
from ccfs.console.admin.source_files import SourceFileStatus
from ccfs.console.request import ConsoleRequest
from ccfs.db.system import audit, ingest_totals
from ccfs.db.tenant import ingest_state
from ccfs.model.errors import NotFound
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.tenancy import App
from ccfs.model.identity.user import Permission
from ccfs.model.source_files import REJECTED, container_of, is_rotated
from ccfs.web.responses.types import BytesResponse, Response

MAX_TABLE_ROWS = 100  # rows of each table


class Remedy(StrEnum):
    """What can be done about a refusal, once its reason is mended."""

    SOURCE = auto()  # its file is among those above, and is read again there
    REREADABLE = auto()  # its file can be read again by itself
    REREAD_REQUESTED = auto()  # that was asked for already
    RETRIED_EVERY_PASS = auto()  # nothing: every pass tries it
    FILE_MISSING = auto()  # nothing: the file is not there


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestStatus:
    """What was taken in for an app, and what was not."""

    app: App
    sources: list[tuple[ingest_state.SourceCursor, datetime]]
    rejected: list[tuple[int, ingest_state.IngestRejection, datetime]]
    missing: list[ingest_state.ExpectedRecording]
    reread_requests: list[tuple[str, datetime]]  # files without a cursor that somebody wants read again
    file_states: dict[str, str]  # what became of files without a cursor, where that is known
    source_files: dict[str, SourceFileStatus] = field(
        default_factory=dict
    )  # where the files of sources and refusals are

    def get_remedy(self, refusal: ingest_state.IngestRejection) -> Remedy:
        """What can be done about it."""
        file = container_of(refusal.file)
        if any(refusal.file == one or is_rotated(refusal.file, one) for one in map(get_cursor_file, self.cursors)):
            return Remedy.SOURCE
        if file in dict(self.reread_requests):
            return Remedy.REREAD_REQUESTED
        state = self.file_states.get(file)
        is_index = state is None and (refusal.line > 0 or file.lower().endswith((".csv", ".zip")))
        if state != REJECTED and not is_index:
            return Remedy.RETRIED_EVERY_PASS
        return Remedy.FILE_MISSING if self.source_files[file].is_missing else Remedy.REREADABLE

    @property
    def cursors(self) -> list[ingest_state.SourceCursor]:
        """How far each source was read."""
        return [cursor for cursor, _ in self.sources]

    @property
    def first_rejection_ids(self) -> set[int]:
        """Of each file's refusals, the number of the one that is shown first."""
        return set({container_of(one.file): number for number, one, _ in reversed(self.rejected)}.values())


async def show_ingest(visit: ConsoleRequest) -> Response:
    """Everything of ingest on one page."""
    if not visit.current_user.has_permission(Permission.OPERATE, None):
        raise NotFound
    return await _render_page(visit)


async def _render_page(visit: ConsoleRequest, status: int = 200, problem: str = "") -> BytesResponse:
    here = visit.context
    state = await here.query(ingest_totals.count_totals)
    taken = [
        await here.query(lambda connection, app=app: _load_status(connection, app))  # type: ignore[misc]
        for app in await visit.list_apps()
    ]
    await asyncio.to_thread(_check_source_files, taken, here.database.is_sqlite)
    return visit.render_page(
        "ingest.html",
        status,
        get_cursor_file=get_cursor_file,
        totals=state,
        statuses=taken,
        now=here.now(),
        max_rows=MAX_TABLE_ROWS,
        problem=problem,
        done=visit.query_params.get("done", ""),
    )


async def request_reread(visit: ConsoleRequest) -> Response:
    """The next pass reads a file from its begin; lines that are in are known, so nothing comes twice."""
    if not visit.current_user.has_permission(Permission.OPERATE, None):
        raise NotFound
    app, file = await visit.get_app(Permission.OPERATE, visit.form.get("app", "")), visit.form.get("file", "")

    def change(connection: Connection) -> bool:
        can, forgotten = ingest_state.request_reread(connection, app, file, visit.context.now())
        if can:
            audit.add(
                connection,
                visit.build_audit_entry(AuditAction.INGEST_RETRIED, f"{file} ({forgotten} refusals)", app=app),
            )
        return can

    if (
        await asyncio.to_thread(
            source_files.get_source_file_status, container_of(file), is_ours=visit.context.database.is_sqlite
        )
    ).is_missing:
        told = visit.translate("That file is not there any more. Put it back where it was, then ask again.")
        return await _render_page(visit, 400, told)
    if not await visit.context.transaction(change):
        told = visit.translate("Nothing is known of that file that could be read again. Start its ingest anew.")
        return await _render_page(visit, 400, told)
    return visit.redirect("/console/ingest", done="yes")


def get_cursor_file(cursor: ingest_state.SourceCursor) -> str:
    """The file that a cursor is in: its path without the account."""
    account, colon, path = cursor.path.partition(":/")
    return f"/{path}" if colon and "/" not in account else cursor.path


def _load_status(connection: Connection, app: App) -> IngestStatus:
    refused = ingest_state.list_rejections(connection, app, MAX_TABLE_ROWS)
    known = ingest_state.find_known_files(connection, app, sorted({container_of(one.file) for _, one, _ in refused}))
    return IngestStatus(
        app=app,
        sources=ingest_state.list_cursors(connection, app, MAX_TABLE_ROWS),
        rejected=refused,
        missing=ingest_state.list_missing_recordings(connection, app, MAX_TABLE_ROWS),
        reread_requests=ingest_state.list_requested_rereads(connection, app),
        file_states={path: state for path, (_, _, state) in known.items()},
    )


def _check_source_files(taken: list[IngestStatus], is_ours: bool) -> None:
    """Where the files are. The disk is asked, so not in the loop."""
    for one in taken:
        for file in {container_of(refusal.file) for _, refusal, _ in one.rejected}:
            one.source_files[file] = source_files.get_source_file_status(file, is_ours=is_ours)
        for cursor in one.cursors:
            file = get_cursor_file(cursor)
            one.source_files[file] = source_files.get_source_file_status(file, cursor.started_at, is_ours=is_ours)
