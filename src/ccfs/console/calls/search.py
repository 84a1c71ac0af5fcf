"""Calls: looking for them, one call's page, what became of it. Who may see which is said by Visit.place."""

import secrets
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode

from sqlalchemy.engine import Connection

from ccfs.console.calls import search_form, timeline
from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.db.tenant import annotations, call_search
from ccfs.db.tenant import call_lookup as store
from ccfs.model.calls.call import Call, build_call, build_timeline
from ccfs.model.calls.search import MAX_EXACT_COUNT, CallSearch, SearchCount, SearchCursor
from ccfs.model.errors import NotFound
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.user import Permission
from ccfs.web.responses.types import Response

CONTINUED_SEARCH_SECONDS = 1.0  # seconds of patience of who searches on


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRow:
    """One call in a list."""

    scope: AccountScope
    call: Call
    recordings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSearchResults:
    """What a search found, as far as one page shows it."""

    rows: list[CallRow]
    count: SearchCount
    next_cursor: SearchCursor | None  # where the next page goes on
    is_truncated: bool  # there may be more before that: it was looked for long enough


NO_RESULTS = CallSearchResults(
    rows=[], count=SearchCount(number=0, is_complete=True), next_cursor=None, is_truncated=False
)


async def redirect_home(visit: ConsoleRequest) -> Response:
    """The first page that the user may see."""
    if visit.current_user.has_permission_anywhere(Permission.SEARCH):
        return visit.redirect("/console/calls")
    return visit.redirect(
        "/console/audit" if visit.current_user.has_permission_anywhere(Permission.AUDIT) else "/console/account"
    )


async def show_search(visit: ConsoleRequest) -> Response:
    """The search page: the whole search is its address."""
    places = await visit.list_scopes(Permission.SEARCH)
    if not places:
        if visit.current_user.has_permission_anywhere(Permission.OPERATE):
            return visit.render_page("no_accounts.html")
        raise NotFound
    if wanted := visit.query_params.get("id", "").strip():
        return await _find_by_id(visit, places, wanted)
    place = await visit.get_scope(Permission.SEARCH) if "account" in visit.query_params else places[0]
    problem, asked, found = "", None, NO_RESULTS
    try:
        asked = search_form.parse_search(visit.query_params, place.account.account_id, place.zone, visit.context.now())
        found = await _run_search(visit, place, asked)
    except search_form.InvalidSearch as error:
        problem = visit.translate(str(error))
    words = asked.fields if asked else {name: visit.query_params.get(name, "") for name in search_form.FORM_FIELDS}
    return visit.render_page(
        "calls.html",
        400 if problem else 200,
        scopes=places,
        scope=place,
        fields=words,
        results=found,
        search_form=asked,
        problem=problem,
        has_filters=any(words[name] for name in words if name not in ("period", "sort", "from", "to")),
        period_labels=search_form.PERIOD_LABELS,
        next_page_url=_build_next_page_url(place, asked, found) if asked and found.next_cursor else "",
        may_download=visit.current_user.has_permission(Permission.DOWNLOAD, place.app.id, place.account.account_id),
    )


def _build_next_page_url(place: AccountScope, asked: search_form.SearchForm, found: CallSearchResults) -> str:
    """The address of the page that goes on behind these results."""
    words = {
        "cursor": search_form.format_cursor(found.next_cursor) if found.next_cursor else "",
        "continued": "yes" if found.is_truncated else "",
    }
    return f"/console/calls?{urlencode({'account': place.name})}&{asked.build_query(**words)}"


async def _run_search(visit: ConsoleRequest, place: AccountScope, asked: search_form.SearchForm) -> CallSearchResults:
    question = partial(_load_results, place=place, search=asked.search, quickly=visit.context.settings.search_ms / 1000)
    found = await visit.context.query_in_thread(partial(question, is_on="continued" in visit.query_params))
    if asked.search.cursor is None:
        await visit.audit_action(AuditAction.CALLS_SEARCHED, asked.build_query(), place)
    return found


def _load_results(
    connection: Connection, place: AccountScope, search: CallSearch, quickly: float, is_on: bool
) -> CallSearchResults:
    app, mine = place.app, [place.account.account_id]
    found = call_search.find_calls(
        connection, app, search, CONTINUED_SEARCH_SECONDS if is_on else quickly, may_sort=is_on
    )
    ids = [hit.call_id for hit in found.hits]
    legs = store.find_legs(connection, app, mine, ids)
    taped = store.count_recordings(connection, app, mine, ids)
    count = SearchCount(number=len(ids), is_complete=True)  # of all pages, where this is the only one
    if ids and found.next_cursor and search.cursor is None:
        count = call_search.count_calls(connection, app, search, MAX_EXACT_COUNT, quickly)
    lines = [
        CallRow(scope=place, call=build_call(legs[one]), recordings=taped.get(one, 0)) for one in ids if one in legs
    ]
    return CallSearchResults(rows=lines, count=count, next_cursor=found.next_cursor, is_truncated=found.is_truncated)


async def _find_by_id(visit: ConsoleRequest, places: list[AccountScope], wanted: str) -> Response:
    """The call that goes by an id, ours or the switch's own, in any account that the user may see."""
    found: list[tuple[AccountScope, str]] = []
    for app in dict.fromkeys(place.app for place in places):
        mine = {place.account.account_id: place for place in places if place.app == app}
        named = await visit.context.query(partial(store.find_by_any_id, app=app, accounts=list(mine), text=wanted))
        found += [(mine[account], call_id) for account, call_id in named]
    await visit.audit_action(AuditAction.CALLS_SEARCHED, f"id={wanted}")
    if len(found) == 1:
        return visit.redirect("/console/call", account=found[0][0].name, id=found[0][1])
    return visit.render_page("call_lookup.html", 200 if found else 404, matches=found, searched_id=wanted)


async def show_call(visit: ConsoleRequest) -> Response:
    """One call: its line of time, its recordings, what agents did in it."""
    place, wanted = await visit.get_scope(Permission.SEARCH), visit.query_params.get("id", "")
    app, mine = place.app, [place.account.account_id]
    legs = (await visit.context.query(lambda connection: store.find_legs(connection, app, mine, [wanted]))).get(
        wanted, []
    )
    tapes = await visit.context.query(lambda connection: store.list_recordings(connection, app, mine, wanted))
    if not legs and not tapes:
        raise NotFound
    did = await visit.context.query(lambda connection: store.list_agent_operations(connection, app, mine, wanted))
    await visit.audit_action(AuditAction.CALL_VIEWED, wanted, place)
    return visit.render_page(
        "call.html",
        nonce=secrets.token_urlsafe(16),
        scope=place,
        call_id=wanted,
        call=build_call(legs) if legs else None,
        timeline=timeline.build_timeline_rows(build_timeline(legs)),
        recordings=tapes,
        operations=did,
        annotations=await visit.context.query(
            lambda connection: annotations.list_by_recordings(connection, app, tapes)
        ),
        may_delete_all=visit.current_user.has_permission(Permission.ADMINISTER, app.id, place.account.account_id),
        may_listen=visit.current_user.has_permission(Permission.LISTEN, app.id, place.account.account_id),
        may_download=visit.current_user.has_permission(Permission.DOWNLOAD, app.id, place.account.account_id),
    )
