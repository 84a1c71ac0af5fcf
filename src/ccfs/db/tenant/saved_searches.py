"""Saved searches of accounts. Names are unique among the searches of a user in an account, and among the shared ones."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.row_limit import has_room
from ccfs.db.statements import insert_or_ignore
from ccfs.model.calls.saved_search import MAX_SAVED, SHARED, SavedSearch, fold_search_name
from ccfs.model.errors import OperatorError
from ccfs.model.identity.tenancy import App

_TABLE = schema.saved_searches


class SearchNameTaken(OperatorError):
    """another saved search has the name {param}"""


class TooManySearches(OperatorError):
    """at most {param} searches can be saved"""


def save(connection: Connection, app: App, search: SavedSearch, *, replaces: bool = False) -> None:
    """Store a new search, or a stored one with its changes.

    With `replaces`, it takes the place of the search that has its name. Raise SearchNameTaken or TooManySearches; the
    transaction must then be rolled back.
    """
    shelf = _is_of(app, search.account_id, [search.owner])
    has_name = shelf & (_TABLE.c.name_key == fold_search_name(search.name))
    replaced = connection.execute(sa.select(_TABLE.c.id).where(has_name)).scalar() if replaces else None
    search = replace(search, id=replaced or search.id)
    connection.execute(sa.delete(_TABLE).where(shelf, _TABLE.c.id == search.id))
    if not has_room(connection, app, _TABLE, shelf, MAX_SAVED):
        raise TooManySearches(str(MAX_SAVED))
    row = insert_or_ignore(connection, _TABLE).values(
        id=search.id,
        app=app.id,
        account_id=search.account_id,
        owner=search.owner,
        author=search.author,
        name=search.name,
        name_key=fold_search_name(search.name),
        query=search.query,
        saved_at=search.saved_at,
    )
    if connection.execute(row.returning(_TABLE.c.id)).first() is None:
        raise SearchNameTaken(search.name)


def list_visible(connection: Connection, app: App, account_id: str, user_id: int) -> list[SavedSearch]:
    """Return an account's searches that a user sees: the own ones, then the shared ones, each by name."""
    rows = _select(connection, _is_of(app, account_id, [user_id, SHARED]))
    return sorted(rows, key=lambda search: (search.is_shared, fold_search_name(search.name)))


def find_visible(connection: Connection, app: App, account_id: str, user_id: int, search_id: str) -> SavedSearch | None:
    """Return one of an account's searches that a user sees; None if there is no such search."""
    rows = _select(connection, _is_of(app, account_id, [user_id, SHARED]) & (_TABLE.c.id == search_id))
    return rows[0] if rows else None


def delete(connection: Connection, app: App, search: SavedSearch) -> None:
    """Delete a search."""
    is_it = _is_of(app, search.account_id, [search.owner]) & (_TABLE.c.id == search.id)
    connection.execute(sa.delete(_TABLE).where(is_it))


def _is_of(app: App, account_id: str, owners: Sequence[int]) -> sa.ColumnElement[bool]:
    return (_TABLE.c.app == app.id) & (_TABLE.c.account_id == account_id) & _TABLE.c.owner.in_(owners)


def _select(connection: Connection, condition: sa.ColumnElement[bool]) -> list[SavedSearch]:
    users = schema.users.c
    query = sa.select(_TABLE, users.name.label("author_name")).join(schema.users, users.id == _TABLE.c.author)
    return [_from_row(row) for row in connection.execute(query.where(condition).limit(2 * MAX_SAVED))]


def _from_row(row: sa.Row[Any]) -> SavedSearch:
    return SavedSearch(
        id=row.id,
        account_id=row.account_id,
        owner=row.owner,
        author=row.author,
        name=row.name,
        query=row.query,
        saved_at=row.saved_at,
        author_name=row.author_name,
    )
