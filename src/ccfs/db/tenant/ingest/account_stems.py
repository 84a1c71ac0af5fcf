"""Find the accounts that have a file name stem, in tables with both."""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.model.identity.tenancy import App

_NAMES_PER_QUERY = 1000  # every database limits the parameters of a query


def list_accounts_of_stems(
    connection: Connection, app: App, table: sa.Table, stems: Iterable[str]
) -> set[tuple[str, str]]:
    """Return (account, stem) of the app's rows of the table with these stems."""
    names, found = sorted(set(stems)), set[tuple[str, str]]()
    for start in range(0, len(names), _NAMES_PER_QUERY):
        is_named = table.c.stem.in_(names[start:][:_NAMES_PER_QUERY])
        query = sa.select(table.c.account_id, table.c.stem).where(table.c.app == app.id, is_named)
        found |= {(row.account_id, row.stem) for row in connection.execute(query)}
    return found
