"""Pages of one account that the query chooses, with a search or a period that may be wrong: all of them begin alike."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from ccfs.console.calls.search import choose_scope, render_no_accounts
from ccfs.console.calls.search_form import InvalidSearch
from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.model.identity.user import Permission
from ccfs.web.responses.types import Response

T = TypeVar("T")


async def show_account_page(
    request: ConsoleRequest,
    permission: Permission,
    template: str,
    load: Callable[[AccountScope], Awaitable[T]],
    build_values: Callable[[AccountScope, T | None], Mapping[str, Any]],
) -> Response:
    """Show a page of the chosen account.

    `load` returns what the page shows, or raises InvalidSearch: then the page shows the problem, with status 400.
    `build_values` returns the template's values of it; None: of a page with a problem.
    """
    scopes = await request.list_scopes(permission)
    if not scopes:
        return render_no_accounts(request)
    scope = choose_scope(request, scopes)
    problem, loaded = "", None
    try:
        loaded = await load(scope)
    except InvalidSearch as error:
        problem = request.translate(str(error))
    values = build_values(scope, loaded)
    return request.render_page(
        template, 400 if problem else 200, scopes=scopes, scope=scope, **{"problem": problem, **values}
    )
