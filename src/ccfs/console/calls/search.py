"""Calls: the search page and lookup by id."""

import re
from functools import partial
from typing import Final

from ccfs.console import labels, render
from ccfs.console.call_list import columns, saved_menu
from ccfs.console.calls import results, search_form
from ccfs.console.calls.chips import list_chips
from ccfs.console.request import AccountScope, ConsoleRequest, get_scope
from ccfs.db.tenant.calls import call_lookup
from ccfs.model.calls.saved_search import MAX_NAME_LENGTH
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.user import Permission
from ccfs.web.responses.types import BytesResponse, Response

_CALL_ID: Final = re.compile(
    r"(?=[^ ]*[0-9])[0-9A-Za-z_-]{2,64}[-.][0-9A-Za-z.-]{1,64}", re.ASCII
)  # of a switch, or ours


async def show_search(request: ConsoleRequest) -> Response:
    """Show the search page, whose URL holds the whole search."""
    scopes, parameters = await request.list_scopes(Permission.SEARCH), request.query_params
    if not scopes:
        return render_no_accounts(request)
    if not parameters and (start_url := await saved_menu.find_start_url(request, scopes)):
        return request.redirect(start_url)
    if call_id := parameters.get("id", "").strip():
        return await _find_by_id(request, scopes, call_id)
    if _CALL_ID.fullmatch(text := parameters.get("q", "").strip()) and "cursor" not in parameters:
        matches = await _list_calls_with_id(request, scopes, text)
        if len(matches) == 1:
            return await _open_call(request, text, *matches[0])
    scope = choose_scope(request, scopes)
    problem, form, found = "", None, results.NO_RESULTS
    try:
        form = search_form.parse_search(parameters, scope.account.account_id, scope.zone, request.context.now())
        found = await results.run_search(request, scope, form)
    except search_form.InvalidSearch as error:
        problem = request.translate(str(error))
    return request.render_page(
        "calls.html",
        400 if problem else 200,
        scopes=scopes,
        scope=scope,
        fields=form.fields if form else {name: parameters.get(name, "") for name in search_form.FORM_FIELDS},
        results=found,
        search_form=form,
        problem=problem,
        notice="selection" if parameters.get("notice") == "selection" else "",
        columns=columns.list_columns(request.current_user.preferences),
        column_choices=columns.list_choices(request.current_user.preferences),
        sort_orders=columns.SORT_ORDERS,
        open_menu=parameters.get("menu", ""),
        saved=await saved_menu.load_menu(request, scope, form),
        name_length=MAX_NAME_LENGTH,
        may_share=request.has_permission_in(Permission.ADMINISTER, scope),
        chips=list_chips(form, request.translate) if form else [],
        period_labels=labels.DAY_PERIODS | search_form.PERIOD_LABELS,
        build_url=partial(results.build_search_url, scope, form) if form else None,
        link=results.build_link,
        carried_query=results.build_carried_query(form) if form else "",
        next_page_url=results.build_next_page_url(scope, form, found) if form else "",
        may_listen=request.has_permission_in(Permission.LISTEN, scope),
        may_download=request.has_permission_in(Permission.DOWNLOAD, scope),
        may_make_links=request.context.settings.guest_links and request.has_permission_in(Permission.SHARE, scope),
    )


def choose_scope(request: ConsoleRequest, scopes: list[AccountScope]) -> AccountScope:
    """Return the account that the query names, else the first of the app that it names, else the one last viewed, else the first.

    Raise NotFound if the named one is not among them.
    """
    name, last = request.query_params.get("account"), request.current_user.preferences.account
    if name is not None:
        return get_scope(scopes, name)
    of_app = [scope for scope in scopes if scope.app.ak == request.query_params.get("app")]
    return next((scope for scope in scopes if scope.name == last and not of_app), (of_app or scopes)[0])


def render_no_accounts(request: ConsoleRequest) -> Response:
    """Return the page that leads an operator to the first account, and others to an operator."""
    return request.render_page("no_accounts.html")


async def _find_by_id(request: ConsoleRequest, scopes: list[AccountScope], searched_id: str) -> Response:
    """Redirect to the call of a callId, or of the switch's own id, in any account that the user may see."""
    matches = await _list_calls_with_id(request, scopes, searched_id)
    if len(matches) == 1:
        return await _open_call(request, searched_id, *matches[0])
    await request.audit_action(AuditAction.CALLS_SEARCHED, f"id={searched_id}")
    return request.render_page("call_lookup.html", 200 if matches else 404, matches=matches, searched_id=searched_id)


async def _list_calls_with_id(
    request: ConsoleRequest, scopes: list[AccountScope], searched_id: str
) -> list[tuple[AccountScope, str]]:
    matches: list[tuple[AccountScope, str]] = []
    for app in dict.fromkeys(scope.app for scope in scopes):
        by_account = {scope.account.account_id: scope for scope in scopes if scope.app == app}
        find = partial(call_lookup.find_by_any_id, app=app, accounts=list(by_account), text=searched_id)
        matches += [(by_account[account], call_id) for account, call_id in await request.context.query(find)]
    return matches


async def _open_call(request: ConsoleRequest, searched_id: str, scope: AccountScope, call_id: str) -> Response:
    """Redirect to a call. A script of the search page would follow a redirect within it, so it gets a page to go to."""
    await request.audit_action(AuditAction.CALLS_SEARCHED, f"id={searched_id}")
    second = {"t": request.query_params["t"]} if "t" in request.query_params else {}
    redirect = request.redirect("/console/call", account=scope.name, id=call_id, **second)
    if "hx-request" not in request.http_request.headers:
        return redirect
    target = next(value for name, value in redirect.extra_headers if name == "location")
    return BytesResponse(body=b"", extra_headers=(("hx-redirect", target), *render.SECURITY_HEADERS))
