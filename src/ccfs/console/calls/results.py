"""The results of a call search: a page of calls with their recordings, and the URLs of its rows and of the next page."""

from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode

from markupsafe import Markup
from sqlalchemy.engine import Connection

from ccfs.console.calls import search_form
from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.db.tenant.calls import call_lookup, call_search
from ccfs.model.calls.call import Call, build_call
from ccfs.model.calls.search import MAX_EXACT_COUNT, CallSearch, SearchCount, SearchCursor
from ccfs.model.identity.audit import AuditAction

CONTINUED_SEARCH_SECONDS = 1.0  # time limit of a search that the user continues


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRow:
    """One call in a list."""

    scope: AccountScope
    call: Call
    recordings: int
    first_recording: str  # its index name; empty without recordings


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


async def run_search(request: ConsoleRequest, scope: AccountScope, form: search_form.SearchForm) -> CallSearchResults:
    """Return a page of results. The first page adds an audit entry."""
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
    recordings = call_lookup.find_recording_names(connection, app, accounts, ids)
    count = SearchCount(number=len(ids), is_complete=True)
    if ids and page.next_cursor and search.cursor is None:
        count = call_search.count_calls(connection, app, search, MAX_EXACT_COUNT, time_limit)
    rows = [
        CallRow(
            scope=scope,
            call=build_call(legs[id_]),
            recordings=len(recordings.get(id_, ())),
            first_recording=recordings[id_][0] if id_ in recordings else "",
        )
        for id_ in ids
        if id_ in legs
    ]
    return CallSearchResults(rows=rows, count=count, next_cursor=page.next_cursor, is_truncated=page.is_truncated)


def build_search_url(scope: AccountScope, form: search_form.SearchForm, **overrides: str) -> str:
    """Return the URL of the search's first page, with other fields."""
    return f"/console/calls?{urlencode({'account': scope.name})}&{form.build_query(**overrides)}"


def build_next_page_url(scope: AccountScope, form: search_form.SearchForm, results: CallSearchResults) -> str:
    """Return the URL of the page after these results; empty if they are the last."""
    if results.next_cursor is None:
        return ""
    cursor = search_form.format_cursor(results.next_cursor)
    return build_search_url(scope, form, cursor=cursor, continued="yes" if results.is_truncated else "")


def build_link(url: str) -> Markup:
    """Return the attributes of a link that replaces the search page's content, so that its player plays on."""
    swap = 'hx-target="#search-page" hx-select="#search-page" hx-swap="outerHTML" hx-push-url="true" hx-indicator="#results"'
    return Markup('href="{}" hx-get="{}" {}').format(url, url, Markup(swap))


def build_carried_query(form: search_form.SearchForm) -> str:
    """Return the search, with its page, as the parameter `search` of a call's page."""
    cursor = search_form.format_cursor(form.search.cursor) if form.search.cursor else ""
    return form.build_query(cursor=cursor)
