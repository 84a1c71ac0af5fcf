"""Rows of account domains: the domains of a FreeSWITCH that belong to an account if there are no tenant rules."""

from collections import defaultdict
from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.statements import insert_or_ignore
from ccfs.model.identity.tenancy import App

_TABLE = schema.account_domains


def list_domains(connection: Connection, app: App, source: str) -> dict[str, frozenset[str]]:
    """Return the domains that each of the app's accounts has on a switch."""
    query = sa.select(_TABLE.c.account_id, _TABLE.c.domain).where(_TABLE.c.app == app.id, _TABLE.c.source == source)
    domains: dict[str, set[str]] = defaultdict(set)
    for row in connection.execute(query):
        domains[row.account_id].add(row.domain)
    return {account_id: frozenset(names) for account_id, names in domains.items()}


def add(connection: Connection, app: App, source: str, account_id: str, domains: Iterable[str]) -> None:
    """Add domains of the account on a switch."""
    for domain in domains:
        values = {"app": app.id, "source": source, "account_id": account_id, "domain": domain}
        connection.execute(insert_or_ignore(connection, _TABLE).values(**values))
