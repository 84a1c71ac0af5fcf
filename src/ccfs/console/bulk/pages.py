"""Bulk downloads: the ticked calls, or all that a search finds, as one zip of recordings for the user who requested it.

A request adds a row. The worker lists and verifies the recordings; the zip is generated while it is sent.
"""

import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from sqlalchemy.engine import Connection

from ccfs.console.bulk.stream import build_zip_stream
from ccfs.console.calls import search_form
from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.db.system.console import audit
from ccfs.db.tenant import bulk_download_items, bulk_downloads
from ccfs.model.bulk.bulk_download import BulkDownload, BulkDownloadState, BulkRequest
from ccfs.model.bulk.bulk_zip import is_reproducible
from ccfs.model.errors import NotFound
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.user import Permission
from ccfs.web.responses.types import BytesResponse, Response

CALL_FIELD_PREFIX = "call."  # of the names of ticked calls' fields
MAX_SELECTED = 1000  # calls of one bulk download; list.js has the same number
MAX_PENDING = 5  # bulk downloads of one user that may be under way


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkRow:
    """One bulk download in the list."""

    scope: AccountScope
    view: bulk_downloads.BulkDownloadView


class InvalidSelection(ValueError):
    """Nothing to download is selected; the message is a translated text."""


async def list_bulk_downloads(request: ConsoleRequest) -> Response:
    """Show every bulk download of the user."""
    return await _render_page(request)


async def _render_page(request: ConsoleRequest, status: int = 200, problem: str = "") -> BytesResponse:
    rows = await _list_own(request)
    return request.render_page("bulk_downloads.html", status, rows=rows, problem=problem, State=BulkDownloadState)


async def _list_own(request: ConsoleRequest) -> list[BulkRow]:
    user_id = request.current_user.id
    scopes = {(scope.app, scope.account.account_id): scope for scope in await request.list_scopes(Permission.DOWNLOAD)}
    rows: list[BulkRow] = []
    for app in dict.fromkeys(app for app, _ in scopes):
        views = await request.context.query(partial(bulk_downloads.list_by_user, app=app, user=user_id))
        scoped_views = ((view, scopes.get((app, view.bulk_download.account_id))) for view in views)
        rows += [BulkRow(scope=scope, view=view) for view, scope in scoped_views if scope]
    return sorted(rows, key=lambda row: row.view.bulk_download.requested_at, reverse=True)


async def create_bulk_download(request: ConsoleRequest) -> Response:
    """Request a bulk download of the ticked calls, or of the whole search."""
    scope = request.current_scope
    if not request.form.get("all") and not _list_selected(request):
        fields = {name: request.form.get(name, "") for name in (*search_form.FORM_FIELDS, "cursor")}
        query = {name: value for name, value in fields.items() if value}
        return request.redirect("/console/calls", account=scope.name, **query, notice="selection")
    try:
        bulk_request, description = _parse_selection(request)
    except InvalidSelection as error:
        return await _render_page(request, 400, str(error))
    bulk_download = BulkDownload(
        id=secrets.token_hex(16),
        user_id=request.current_user.id,
        account_id=scope.account.account_id,
        zone=scope.account.zone,
        request=bulk_request,
        requested_at=request.context.now(),
    )
    target = f"{bulk_download.id} {description}"

    def change(connection: Connection) -> bool:
        if not bulk_downloads.add_if_fewer(connection, scope.app, bulk_download, MAX_PENDING):
            return False
        audit.add(connection, request.build_audit_entry(AuditAction.BULK_DOWNLOAD_REQUESTED, target, scope))
        return True

    if not await request.context.transaction(change):
        problem = request.translate("Too many bulk downloads are being prepared. Wait until one is completed.")
        return await _render_page(request, 400, problem)
    return request.redirect("/console/bulk-download", account=scope.name, id=bulk_download.id)


def _parse_selection(request: ConsoleRequest) -> tuple[BulkRequest, str]:
    """Return what the form selects, and its description for the audit log. Raise InvalidSelection."""
    scope, form = request.current_scope, request.form
    if not form.get("all"):
        selected = _list_selected(request)
        return BulkRequest(calls=selected), f"{len(selected)} calls: {' '.join(selected)}"
    try:
        parsed = search_form.parse_search(form, scope.account.account_id, scope.zone, request.context.now())
    except search_form.InvalidSearch as error:
        raise InvalidSelection(request.translate(str(error))) from None
    return BulkRequest(search=replace(parsed.search, is_recorded=True, cursor=None)), parsed.build_query()


def _list_selected(request: ConsoleRequest) -> tuple[str, ...]:
    """Return the ticked calls of the page and, from the script that remembers them, those of other pages."""
    ticked = [call_id for name, call_id in request.form.items() if name.startswith(CALL_FIELD_PREFIX)]
    return tuple(dict.fromkeys([*ticked, *request.form.get("selected", "").split()]))[:MAX_SELECTED]


async def show_bulk_download(request: ConsoleRequest) -> Response:
    """Show the progress of a bulk download, and the link to its zip."""
    view = await _get_own(request)
    retention = timedelta(hours=request.context.settings.bulk_download_retention_hours)
    return request.render_page(
        "bulk_download.html",
        scope=request.current_scope,
        view=view,
        expires_at=view.bulk_download.requested_at + retention,
        is_ready=view.state is BulkDownloadState.READY,
        State=BulkDownloadState,
    )


async def delete_bulk_download(request: ConsoleRequest) -> Response:
    """Delete a bulk download. Its recordings stay."""
    scope, bulk_id, user_id = request.current_scope, (await _get_own(request)).bulk_download.id, request.current_user.id

    def change(connection: Connection) -> None:
        if bulk_downloads.delete(connection, scope.app, user_id, bulk_id):
            audit.add(connection, request.build_audit_entry(AuditAction.BULK_DOWNLOAD_DELETED, bulk_id, scope))

    await request.context.transaction(change)
    return request.redirect("/console/bulk-downloads")


async def download_zip(request: ConsoleRequest) -> Response:
    """Return the zip, or a range of it, and audit it."""
    view = await _get_own(request)
    if view.zip_summary is None or not is_reproducible(view.zip_summary):
        raise NotFound
    included = view.progress.checked - view.progress.missing
    target = f"{view.bulk_download.id} {included} recordings"
    app, bulk_id = request.current_scope.app, view.bulk_download.id
    calls = await request.context.query(lambda c: bulk_download_items.list_included_calls(c, app, bulk_id))
    await request.audit_download(AuditAction.BULK_DOWNLOAD_SAVED, target, *calls)
    return build_zip_stream(request.context, request.current_scope.app, view, view.zip_summary)


async def _get_own(request: ConsoleRequest) -> bulk_downloads.BulkDownloadView:
    """Return the user's bulk download that `id` names. Raise NotFound if the request's account has none."""
    scope, bulk_id = request.current_scope, request.query_params.get("id", "")
    user_id = request.current_user.id
    view = await request.context.query(lambda c: bulk_downloads.find(c, scope.app, user_id, bulk_id))
    if view is None or view.bulk_download.account_id != scope.account.account_id:
        raise NotFound
    return view
