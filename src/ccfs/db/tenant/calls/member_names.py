"""Rows of member names: the agent's number for each queue member's name, as seen in CDRs."""

from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.statements import insert_or_ignore
from ccfs.model.identity.tenancy import App

_TABLE = schema.member_names
_ACCOUNTS_PER_QUERY = 1000  # every database limits the parameters of a query


def list_numbers(connection: Connection, app: App, account_id: str) -> dict[str, str]:
    """Return the agents' numbers by member name."""
    query = sa.select(_TABLE.c.name, _TABLE.c.agent).where(_TABLE.c.app == app.id, _TABLE.c.account_id == account_id)
    return {row.name: row.agent for row in connection.execute(query)}


def find_accounts(
    connection: Connection, app: App, account_ids: Sequence[str], names: Iterable[str]
) -> set[tuple[str, str]]:
    """Return (account, name) for those of these accounts that know an agent's number for one of these names."""
    found: set[tuple[str, str]] = set()
    members = list(names)
    for start in range(0, len(account_ids), _ACCOUNTS_PER_QUERY):
        is_known = _TABLE.c.account_id.in_(account_ids[start:][:_ACCOUNTS_PER_QUERY]) & _TABLE.c.name.in_(members)
        query = sa.select(_TABLE.c.account_id, _TABLE.c.name).where(_TABLE.c.app == app.id, is_known)
        found |= {(row.account_id, row.name) for row in connection.execute(query)}
    return found


def add(connection: Connection, app: App, account_id: str, numbers: Mapping[str, str]) -> None:
    """Add numbers by member name. A name keeps its first number."""
    if numbers:
        values = [{"app": app.id, "account_id": account_id, "name": name, "agent": numbers[name]} for name in numbers]
        connection.execute(insert_or_ignore(connection, _TABLE), values)
