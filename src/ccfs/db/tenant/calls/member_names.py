"""Rows of member names: the agent's number for each name of a queue's member, as CDRs have shown it."""

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.statements import insert_or_ignore
from ccfs.model.identity.tenancy import App

_TABLE = schema.member_names


def list_numbers(connection: Connection, app: App, account_id: str) -> dict[str, str]:
    """Return the agents' numbers by member name."""
    query = sa.select(_TABLE.c.name, _TABLE.c.agent).where(_TABLE.c.app == app.id, _TABLE.c.account_id == account_id)
    return {row.name: row.agent for row in connection.execute(query)}


def add(connection: Connection, app: App, account_id: str, numbers: Mapping[str, str]) -> None:
    """Add numbers by member name. A name keeps its first number."""
    if numbers:
        values = [{"app": app.id, "account_id": account_id, "name": name, "agent": numbers[name]} for name in numbers]
        connection.execute(insert_or_ignore(connection, _TABLE), values)
