"""The way from a call's page back to its search, and to the previous and the next call of that search."""

from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import urlencode

from sqlalchemy.engine import Connection

from ccfs.console.calls import search_form
from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.db.tenant.calls import call_search
from ccfs.model.calls.search import CallSearch


@dataclass(frozen=True, slots=True, kw_only=True)
class CallNavigation:
    """URLs beside a call; empty where there is none."""

    search_url: str
    previous_url: str = ""
    next_url: str = ""


async def build_navigation(request: ConsoleRequest, scope: AccountScope, call_id: str) -> CallNavigation:
    """Return the URLs beside a call within the search that the request's parameter `search` carries."""
    carried = search_form.parse_carried_query(request.query_params.get("search", ""))
    search_url = f"/console/calls?{urlencode({**carried, 'account': scope.name})}"
    if not carried:
        return CallNavigation(search_url=search_url)
    try:
        form = search_form.parse_search(carried, scope.account.account_id, scope.zone, request.context.now())
    except search_form.InvalidSearch:
        return CallNavigation(search_url=search_url)
    time_limit = request.context.settings.search_ms / 1000
    find = partial(_find_neighbours, scope=scope, search=form.search, call_id=call_id, time_limit=time_limit)
    previous, following = await request.context.query(find)
    carried_query = urlencode(carried)

    def build_url(neighbour: str) -> str:
        query = {"account": scope.name, "id": neighbour, "search": carried_query}
        return f"/console/call?{urlencode(query)}" if neighbour else ""

    return CallNavigation(search_url=search_url, previous_url=build_url(previous), next_url=build_url(following))


def _find_neighbours(
    connection: Connection, scope: AccountScope, search: CallSearch, call_id: str, time_limit: float
) -> tuple[str, str]:
    """Return the callIds before and after a call in the search's order; empty if there is none within the time limit."""
    cursor = call_search.find_position(connection, scope.app, search, call_id)
    if cursor is None:
        return "", ""
    search = replace(search, cursor=cursor, limit=1)
    previous, following = (
        call_search.find_calls(connection, scope.app, one, time_limit, may_sort=False).hits
        for one in (replace(search, order=search.order.opposite), search)
    )
    return previous[0].call_id if previous else "", following[0].call_id if following else ""
