"""Columns of the list of calls: which ones a user sees, in which order, and the columns of the CSV that belong to them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ccfs.console import labels
from ccfs.console.calls.search_form import parse_carried_query
from ccfs.console.request import ConsoleRequest
from ccfs.db.system.console import users
from ccfs.model.calls.search import SearchOrder
from ccfs.model.identity.preferences import Preferences
from ccfs.web.responses.types import Response

DEFAULT_COLUMNS: Final = ("direction", "caller", "callee", "queue", "agent", "wait", "talk")
SORT_ORDERS: Final = {  # of a column whose heading sorts: the order it begins with, and the opposite one
    "wait": (SearchOrder.WAITED_MOST, SearchOrder.WAITED_LEAST),
    "talk": (SearchOrder.LONGEST, SearchOrder.SHORTEST),
}
SHOWN_PREFIX, PLACE_PREFIX = "column.", "place."  # of fields of the form, which are in the order of the columns


def list_columns(preferences: Preferences) -> tuple[str, ...]:
    """Return the keys of the columns that a user sees, in their order; the start of a call is always the first."""
    chosen = tuple(name for name in preferences.columns.split(",") if name in labels.LIST_COLUMNS)
    return tuple(dict.fromkeys(chosen)) or DEFAULT_COLUMNS


def list_choices(preferences: Preferences) -> dict[str, bool]:
    """Return every column and whether it is shown: the shown ones first, in their order."""
    shown = list_columns(preferences)
    return dict.fromkeys(shown, True) | {name: False for name in labels.LIST_COLUMNS if name not in shown}


async def choose_columns(request: ConsoleRequest) -> Response:
    """Store the columns that a user sees. A button `up` or `down` moves one column, for browsers without scripts."""
    form, user = request.form, request.current_user
    columns = () if form.get("reset") else _parse_form(form)
    preferences = replace(user.preferences, columns="" if columns == DEFAULT_COLUMNS else ",".join(columns))
    if preferences != user.preferences:
        await request.context.transaction(lambda connection: users.set_preferences(connection, user, preferences))
    carried = parse_carried_query(form.get("query", ""))
    is_moving = "up" in form or "down" in form
    query = {"account": request.current_scope.name, **carried} | ({"menu": "columns"} if is_moving else {})
    return request.redirect("/console/calls", **query)


def _parse_form(form: Mapping[str, str]) -> tuple[str, ...]:
    order = [name.removeprefix(PLACE_PREFIX) for name in form if name.startswith(PLACE_PREFIX)]
    moved, step = (form["up"], -1) if "up" in form else (form.get("down", ""), 1)
    if moved in order:
        place = order.index(moved)
        order.insert(max(place + step, 0), order.pop(place))
    return tuple(name for name in order if name in labels.LIST_COLUMNS and f"{SHOWN_PREFIX}{name}" in form)
