"""The menu of saved searches beside the search field: their links, the one that is shown, and the one the page opens with."""

from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode

from ccfs.console.calls.search_form import SearchForm
from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.db.tenant import saved_searches
from ccfs.model.calls.saved_search import SavedSearch


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedItem:
    """A saved search as a user sees it."""

    search: SavedSearch
    url: str  # that runs it
    is_shown: bool  # whether the page shows this search
    is_start: bool  # whether the page of calls opens with it


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedMenu:
    """The saved searches of an account that a user sees, and the search that can be saved."""

    items: list[SavedItem]
    query: str  # of the shown search; empty if it cannot be saved

    @property
    def shown_name(self) -> str:
        """The name of the search that the page shows; empty if it is not saved."""
        return next((item.search.name for item in self.items if item.is_shown), "")


async def load_menu(request: ConsoleRequest, scope: AccountScope, form: SearchForm | None) -> SavedMenu:
    """Return the menu for a page that shows a search."""
    user, query = request.current_user, form.build_query() if form else ""
    find = partial(saved_searches.list_visible, app=scope.app, account_id=scope.account.account_id, user_id=user.id)
    items = [
        SavedItem(
            search=search,
            url=build_url(scope, search),
            is_shown=search.query == query,
            is_start=user.preferences.start_search == format_start(scope, search),
        )
        for search in await request.context.query(find)
    ]
    return SavedMenu(items=items, query=query)


def build_url(scope: AccountScope, search: SavedSearch) -> str:
    """Return the URL that runs a saved search: as a search of the user, who sees no more than by typing it."""
    return f"/console/calls?{urlencode({'account': scope.name})}&{search.query}"


def format_start(scope: AccountScope, search: SavedSearch) -> str:
    """Return the preference that opens the page of calls with a search."""
    return f"{scope.name} {search.id}"


async def find_start_url(request: ConsoleRequest, scopes: list[AccountScope]) -> str:
    """Return the URL of the search with which the user's page of calls opens; empty if there is none that the user sees."""
    user = request.current_user
    name, _, search_id = user.preferences.start_search.rpartition(" ")
    scope = next((scope for scope in scopes if name and scope.name == name), None)
    if scope is None:
        return ""
    account_id = scope.account.account_id
    find = partial(
        saved_searches.find_visible, app=scope.app, account_id=account_id, user_id=user.id, search_id=search_id
    )
    search = await request.context.query(find)
    return build_url(scope, search) if search else ""
