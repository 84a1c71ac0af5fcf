"""Saved searches of the calls page: the page that lists them, save, rename, delete, and the one the calls page opens with."""

import secrets
from dataclasses import replace
from functools import partial
from typing import Final
from urllib.parse import urlencode

from sqlalchemy.engine import Connection

from ccfs.console.admin.audit.audit_sentences import describe_search
from ccfs.console.call_list import saved_menu
from ccfs.console.calls.search import choose_scope, render_no_accounts
from ccfs.console.calls.search_form import InvalidSearch, parse_carried_query, parse_search
from ccfs.console.forms.confirmation import Question
from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.db.system.console import audit, users
from ccfs.db.tenant import saved_searches
from ccfs.db.tenant.saved_searches import SearchNameTaken, TooManySearches
from ccfs.model.calls.saved_search import MAX_NAME_LENGTH, MAX_SAVED, SHARED, SavedSearch, clean_search_name
from ccfs.model.errors import NotFound
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.user import Permission
from ccfs.web.responses.types import BytesResponse, Response

SAVE_PATHS: Final = ("/console/saved-searches/save", "/console/saved-searches/share")


async def list_saved_searches(request: ConsoleRequest) -> Response:
    """Show the saved searches of an account that the user sees."""
    scopes = await request.list_scopes(Permission.SEARCH)
    if not scopes:
        return render_no_accounts(request)
    return await _render_page(request, choose_scope(request, scopes))


async def _render_page(
    request: ConsoleRequest, scope: AccountScope, status: int = 200, problem: str = "", field: str | None = None
) -> BytesResponse:
    scopes, query = await request.list_scopes(Permission.SEARCH), request.form.get("query", "")
    return request.render_page(
        "saved_searches.html",
        status,
        problem,
        field,
        scopes=scopes,
        scope=scope,
        menu=await saved_menu.load_menu(request, scope, None),
        describe=partial(describe_search, request),
        may_share=request.has_permission_in(Permission.ADMINISTER, scope),
        unsaved_query=query if request.http_request.path in SAVE_PATHS else "",
        name_length=MAX_NAME_LENGTH,
    )


async def save_private_search(request: ConsoleRequest) -> Response:
    """Save a search for the user alone."""
    return await _save(request, request.current_user.id, AuditAction.SEARCH_SAVED)


async def save_shared_search(request: ConsoleRequest) -> Response:
    """Save a search for everyone who may search the account."""
    return await _save(request, SHARED, AuditAction.SEARCH_SHARED)


async def _save(request: ConsoleRequest, owner: int, action: AuditAction) -> Response:
    scope, form, now = request.current_scope, request.form, request.context.now()
    account_id = scope.account.account_id
    name = clean_search_name(form.get("name", ""))
    try:
        query = parse_search(parse_carried_query(form.get("query", "")), account_id, scope.zone, now).build_query()
    except InvalidSearch as error:
        return await _render_page(request, scope, 400, request.translate(str(error)), "")
    if name is None:
        return await _render_page(request, scope, 400, _explain_name(request), "name")
    search = SavedSearch(
        id=secrets.token_hex(16),
        account_id=account_id,
        owner=owner,
        author=request.current_user.id,
        name=name,
        query=query,
        saved_at=now,
    )
    problem = await _store(request, search, action, replaces=form.get("replace") == "yes")
    if problem:
        return await _render_page(request, scope, 400, problem, "name")
    return request.redirect(saved_menu.build_url(scope, search))


async def rename_private_search(request: ConsoleRequest) -> Response:
    """Rename a search of the user."""
    return await _rename(request, request.current_user.id)


async def rename_shared_search(request: ConsoleRequest) -> Response:
    """Rename a shared search."""
    return await _rename(request, SHARED)


async def _rename(request: ConsoleRequest, owner: int) -> Response:
    scope, name = request.current_scope, clean_search_name(request.form.get("name", ""))
    search = await _find(request, owner)
    if name is None:
        return await _render_page(request, scope, 400, _explain_name(request), "name")
    problem = await _store(request, replace(search, name=name), AuditAction.SEARCH_RENAMED)
    if problem:
        return await _render_page(request, scope, 400, problem, "name")
    return request.redirect("/console/saved-searches", account=scope.name)


async def _store(request: ConsoleRequest, search: SavedSearch, action: AuditAction, *, replaces: bool = False) -> str:
    """Store a search with its audit entry. Return what is wrong with its name, "" if nothing is."""
    scope = request.current_scope

    def change(connection: Connection) -> None:
        saved_searches.save(connection, scope.app, search, replaces=replaces)
        target = f"{urlencode({'name': search.name})}&{search.query}"
        audit.add(connection, request.build_audit_entry(action, target, scope))

    try:
        await request.context.transaction(change)
    except SearchNameTaken:
        return request.translate("A saved search already has this name. Choose another name.")
    except TooManySearches:
        return request.translate("Up to {most} searches can be saved. Delete one first.", most=MAX_SAVED)
    return ""


def _explain_name(request: ConsoleRequest) -> str:
    return request.translate("Enter a name of 1 to {most} characters.", most=MAX_NAME_LENGTH)


async def ask_delete_search(request: ConsoleRequest) -> Question:
    """Ask before a saved search is deleted."""
    t, is_shared = request.translate, request.http_request.path.endswith("/unshare")
    search = await _find(request, SHARED if is_shared else request.current_user.id)
    texts = [t("Calls and recordings are not deleted.")]
    if is_shared:
        texts.insert(0, t("It is deleted for everyone who may search this account."))
    return Question(
        title=t("Delete the saved search “{name}”?", name=search.name),
        consequences=tuple(texts),
        action=t("Delete"),
        cancel_path=f"/console/saved-searches?{urlencode({'account': request.current_scope.name})}",
    )


async def delete_private_search(request: ConsoleRequest) -> Response:
    """Delete a search of the user."""
    return await _delete(request, request.current_user.id)


async def delete_shared_search(request: ConsoleRequest) -> Response:
    """Delete a shared search."""
    return await _delete(request, SHARED)


async def _delete(request: ConsoleRequest, owner: int) -> Response:
    scope, search = request.current_scope, await _find(request, owner)

    def change(connection: Connection) -> None:
        saved_searches.delete(connection, scope.app, search)
        audit.add(connection, request.build_audit_entry(AuditAction.SEARCH_DELETED, search.name, scope))

    await request.context.transaction(change)
    return request.redirect("/console/saved-searches", account=scope.name)


async def choose_start_search(request: ConsoleRequest) -> Response:
    """Let the calls page open with a saved search, or as usual if none is named."""
    scope, user, start = request.current_scope, request.current_user, ""
    if request.form.get("id"):
        start = saved_menu.format_start(scope, await _find(request, SHARED, user.id))
    chosen = replace(user.preferences, start_search=start)
    await request.context.transaction(lambda connection: users.set_preferences(connection, user, chosen))
    return request.redirect("/console/saved-searches", account=scope.name)


async def _find(request: ConsoleRequest, *owners: int) -> SavedSearch:
    """Return the search that the form names. Raise NotFound if none of these owners has it."""
    scope, user = request.current_scope, request.current_user
    find = partial(
        saved_searches.find_visible,
        app=scope.app,
        account_id=scope.account.account_id,
        user_id=user.id,
        search_id=request.form.get("id", ""),
    )
    search = await request.context.query(find)
    if search is None or search.owner not in owners:
        raise NotFound
    return search
