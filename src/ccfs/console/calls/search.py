"""Calls: the search page and lookup by id."""

from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode

from sqlalchemy.engine import Connection

from ccfs.console.calls import search_form
from ccfs.console.request import AccountScope, ConsoleRequest, get_scope
from ccfs.db.tenant.calls import call_lookup, call_search
from ccfs.model.calls.call import Call, build_call
from ccfs.model.calls.search import MAX_EXACT_COUNT, CallSearch, SearchCount, SearchCursor
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.user import Permission
from ccfs.web.responses.types import Response

CONTINUED_SEARCH_SECONDS = 1.0  # time limit of a search that the user continues


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRow:
    """One call in a list."""

    scope: AccountScope
    call: Call
    recordings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSearchResults:
    """One page of a search's results."""

    rows: list[CallRow]
    count: SearchCount
    next_cursor: SearchCursor | None  # where the next page begins; None: this is the last one
    is_truncated: bool  # the search reached its time limit, so that calls before the cursor may be missing


NO_RESULTS = CallSearchResults(
    rows=[], count=SearchCount(number=0, is_complete=True), next_cursor=None, is_truncated=False
)


async def show_search(request: ConsoleRequest) -> Response:
    """Show the search page, whose URL holds the whole search."""
    scopes, parameters = await request.list_scopes(Permission.SEARCH), request.query_params
    if not scopes:
        return render_no_accounts(request)
    if call_id := parameters.get("id", "").strip():
        return await _find_by_id(request, scopes, call_id)
    scope = choose_scope(request, scopes)
    problem, form, results = "", None, NO_RESULTS
    try:
        form = search_form.parse_search(parameters, scope.account.account_id, scope.zone, request.context.now())
        results = await _run_search(request, scope, form)
    except search_form.InvalidSearch as error:
        problem = request.translate(str(error))
    fields = form.fields if form else {name: parameters.get(name, "") for name in search_form.FORM_FIELDS}
    return request.render_page(
        "calls.html",
        400 if problem else 200,
        scopes=scopes,
        scope=scope,
        fields=fields,
        results=results,
        search_form=form,
        problem=problem,
        has_filters=any(fields[name] for name in fields if name not in ("period", "sort", "from", "to")),
        period_labels=search_form.PERIOD_LABELS,
        next_page_url=_build_next_page_url(scope, form, results) if form and results.next_cursor else "",
        may_download=request.has_permission_in(Permission.DOWNLOAD, scope),
    )


def choose_scope(request: ConsoleRequest, scopes: list[AccountScope]) -> AccountScope:
    """Return the account that the query names, else the one last viewed, else the first.

    Raise NotFound if the named one is not among them.
    """
    name, last = request.query_params.get("account"), request.current_user.preferences.account
    if name is not None:
        return get_scope(scopes, name)
    return next((scope for scope in scopes if scope.name == last), scopes[0])


def render_no_accounts(request: ConsoleRequest) -> Response:
    """Return the page that leads an operator to the first account, and others to an operator."""
    return request.render_page("no_accounts.html")


def _build_next_page_url(scope: AccountScope, form: search_form.SearchForm, results: CallSearchResults) -> str:
    parameters = {
        "cursor": search_form.format_cursor(results.next_cursor) if results.next_cursor else "",
        "continued": "yes" if results.is_truncated else "",
    }
    return f"/console/calls?{urlencode({'account': scope.name})}&{form.build_query(**parameters)}"


async def _run_search(request: ConsoleRequest, scope: AccountScope, form: search_form.SearchForm) -> CallSearchResults:
    question = partial(
        _load_results,
        scope=scope,
        search=form.search,
        time_limit=request.context.settings.search_ms / 1000,
        is_continued="continued" in request.query_params,
    )
    results = await request.context.query(question)
    if form.search.cursor is None:
        await request.audit_action(AuditAction.CALLS_SEARCHED, form.build_query(), scope)
    return results


def _load_results(
    connection: Connection, scope: AccountScope, search: CallSearch, time_limit: float, is_continued: bool
) -> CallSearchResults:
    app, accounts = scope.app, [scope.account.account_id]
    page = call_search.find_calls(
        connection, app, search, CONTINUED_SEARCH_SECONDS if is_continued else time_limit, may_sort=is_continued
    )
    ids = [hit.call_id for hit in page.hits]
    legs = call_lookup.find_legs(connection, app, accounts, ids)
    recordings = call_lookup.count_recordings(connection, app, accounts, ids)
    count = SearchCount(number=len(ids), is_complete=True)
    if ids and page.next_cursor and search.cursor is None:
        count = call_search.count_calls(connection, app, search, MAX_EXACT_COUNT, time_limit)
    rows = [
        CallRow(scope=scope, call=build_call(legs[id_]), recordings=recordings.get(id_, 0))
        for id_ in ids
        if id_ in legs
    ]
    return CallSearchResults(rows=rows, count=count, next_cursor=page.next_cursor, is_truncated=page.is_truncated)


async def _find_by_id(request: ConsoleRequest, scopes: list[AccountScope], searched_id: str) -> Response:
    """Redirect to the call of a callId, or of the switch's own id, in any account that the user may see."""
    matches: list[tuple[AccountScope, str]] = []
    for app in dict.fromkeys(scope.app for scope in scopes):
        by_account = {scope.account.account_id: scope for scope in scopes if scope.app == app}
        find = partial(call_lookup.find_by_any_id, app=app, accounts=list(by_account), text=searched_id)
        matches += [(by_account[account], call_id) for account, call_id in await request.context.query(find)]
    await request.audit_action(AuditAction.CALLS_SEARCHED, f"id={searched_id}")
    if len(matches) == 1:
        [(scope, call_id)] = matches
        second = {"t": request.query_params["t"]} if "t" in request.query_params else {}
        return request.redirect("/console/call", account=scope.name, id=call_id, **second)
    return request.render_page("call_lookup.html", 200 if matches else 404, matches=matches, searched_id=searched_id)
