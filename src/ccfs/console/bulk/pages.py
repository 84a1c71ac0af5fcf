"""Taking recordings along: what was ticked, or all that a search finds, as one zip. Only its owner may fetch it.

Asking makes a row; what is in it is found, read and settled by the worker; the zip is made while it is sent.
"""

import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from sqlalchemy.engine import Connection

from ccfs.console.bulk.stream import build_zip_stream
from ccfs.console.calls import search_form
from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.db.system import audit
from ccfs.db.tenant import bulk_downloads as store
from ccfs.model.bulk.bulk_download import BulkDownload, BulkDownloadState, BulkRequest
from ccfs.model.bulk.bulk_zip import is_reproducible
from ccfs.model.errors import NotFound
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.user import Permission
from ccfs.web.responses.types import BytesResponse, Response

CALL_FIELD_PREFIX = "call."  # what the names of ticked calls begin with
MAX_PENDING = 5  # selections of one person that may be under way


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkRow:
    """One selection in the list."""

    scope: AccountScope
    view: store.BulkDownloadView


async def list_bulk_downloads(visit: ConsoleRequest) -> Response:
    """Every selection of the visitor's."""
    if not visit.current_user.has_permission_anywhere(Permission.DOWNLOAD):
        raise NotFound
    return await _render_page(visit)


async def _render_page(visit: ConsoleRequest, status: int = 200, problem: str = "") -> BytesResponse:
    return visit.render_page(
        "bulk_downloads.html", status, rows=await _list_own(visit), problem=problem, State=BulkDownloadState
    )


async def _list_own(visit: ConsoleRequest) -> list[BulkRow]:
    places = {(one.app, one.account.account_id): one for one in await visit.list_scopes(Permission.DOWNLOAD)}
    lines: list[BulkRow] = []
    for app in dict.fromkeys(app for app, _ in places):
        found = await visit.context.query(partial(store.list_by_user, app=app, user=visit.current_user.id))
        theirs = ((one, places.get((app, one.bulk_download.account_id))) for one in found)
        lines += [BulkRow(scope=place, view=one) for one, place in theirs if place]
    return sorted(lines, key=lambda one: one.view.bulk_download.requested_at, reverse=True)


async def create_bulk_download(visit: ConsoleRequest) -> Response:
    """A new selection, of what was ticked or of the whole search."""
    place, now = await visit.get_scope(Permission.DOWNLOAD), visit.context.now()
    ticked = tuple(call for name, call in visit.form.items() if name.startswith(CALL_FIELD_PREFIX))
    wanted, said = BulkRequest(calls=ticked), f"{len(ticked)} calls: {' '.join(ticked)}"
    if visit.form.get("all"):
        try:
            asked = search_form.parse_search(visit.form, place.account.account_id, place.zone, now)
        except search_form.InvalidSearch as error:
            return await _render_page(visit, 400, visit.translate(str(error)))
        recorded = replace(asked.search, is_recorded=True, cursor=None)
        wanted, said = BulkRequest(search=recorded), asked.build_query()
    elif not ticked:
        return await _render_page(visit, 400, visit.translate("No call was ticked."))
    if sum(one.view.state is BulkDownloadState.DUE for one in await _list_own(visit)) >= MAX_PENDING:
        return await _render_page(
            visit, 400, visit.translate("Wait until one of those that are being prepared is ready.")
        )
    selection = BulkDownload(
        id=secrets.token_hex(16),
        user_id=visit.current_user.id,
        account_id=place.account.account_id,
        zone=place.account.zone,
        request=wanted,
        requested_at=now,
    )

    def change(connection: Connection) -> None:
        audit.add(
            connection, visit.build_audit_entry(AuditAction.BULK_DOWNLOAD_REQUESTED, f"{selection.id} {said}", place)
        )
        store.add(connection, place.app, selection)

    await visit.context.transaction(change)
    return visit.redirect("/console/bulk-download", account=place.name, id=selection.id)


async def show_bulk_download(visit: ConsoleRequest) -> Response:
    """One selection: how far it is, and where its zip is fetched."""
    place, shown = await _get_own(visit)
    stays = timedelta(hours=visit.context.settings.bulk_download_retention_hours)
    until = shown.bulk_download.requested_at + stays
    return visit.render_page(
        "bulk_download.html",
        scope=place,
        view=shown,
        expires_at=until,
        is_ready=shown.state is BulkDownloadState.READY,
        State=BulkDownloadState,
    )


async def delete_bulk_download(visit: ConsoleRequest) -> Response:
    """Nobody can fetch it any more; the recordings stay."""
    place, shown = await _get_own(visit)
    number = shown.bulk_download.id

    def change(connection: Connection) -> None:
        if store.delete(connection, place.app, visit.current_user.id, number):
            audit.add(connection, visit.build_audit_entry(AuditAction.BULK_DOWNLOAD_DELETED, number, place))

    await visit.context.transaction(change)
    return visit.redirect("/console/bulk-downloads")


async def download_zip(visit: ConsoleRequest) -> Response:
    """The zip, or a range of it; it is in the log."""
    place, shown = await _get_own(visit)
    if shown.zip_summary is None or not is_reproducible(shown.zip_summary):
        raise NotFound
    done = shown.progress
    told = f"{shown.bulk_download.id} {done.checked - done.missing} recordings"
    await visit.audit_download(AuditAction.BULK_DOWNLOAD_SAVED, told, place)
    return build_zip_stream(visit.context, place.app, shown, shown.zip_summary)


async def _get_own(visit: ConsoleRequest) -> tuple[AccountScope, store.BulkDownloadView]:
    """The visitor's selection that the address names, in an account where the right still holds."""
    place, number = await visit.get_scope(Permission.DOWNLOAD), visit.query_params.get("id", "")
    shown = await visit.context.query(
        partial(store.find, app=place.app, user=visit.current_user.id, bulk_download_id=number)
    )
    if shown is None or shown.bulk_download.account_id != place.account.account_id:
        raise NotFound
    return place, shown
