"""Calls of one account on a FreeSWITCH without tenant rules: if it has several domains, only the account's own."""

from collections.abc import Iterable

from sqlalchemy.engine import Connection

from ccfs.db.tenant.ingest import account_domains, unassigned_records
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.tenants.account_router import AccountRouter
from ccfs.ingest.tenants.assignment import RecordAssigner
from ccfs.switches.records import Leg


def load_account_router(run: IngestRun, owner: CallOwner, source: str) -> AccountRouter:
    """Return the account's router. It knows the domains of earlier runs and of unassigned records."""
    with run.database.read_transaction() as connection:
        accounts = account_domains.list_domains(connection, owner.app, source)
        waiting = unassigned_records.list_domains(connection, owner.app, source)
    own = accounts.pop(owner.account.account_id, frozenset())
    router = AccountRouter(
        owner=owner, source=source, domains=own, foreign=frozenset().union(waiting, *accounts.values())
    )
    learn_domains(run, router, waiting)
    return router


def learn_domains(run: IngestRun, router: AccountRouter, names: Iterable[str]) -> None:
    """Let the router learn from domains. Store those that turn out to be the account's."""
    if new := router.learn_domains(names):
        owner = router.owner
        with run.app_transaction(owner.app) as connection:
            account_domains.add(connection, owner.app, router.source, owner.account.account_id, new)


def may_be_foreign(connection: Connection, assigner: RecordAssigner, legs: Iterable[Leg]) -> bool:
    """Return whether one of the legs may belong to another tenant."""
    router = assigner.router
    if not isinstance(router, AccountRouter):
        return True
    pairs = [(leg.facts, leg.domain) for leg in legs]
    if any(router.find_name(*pair) and router.find_owner(*pair) is None for pair in pairs):
        return True
    return unassigned_records.exists(connection, router.owner.app, assigner.source)
