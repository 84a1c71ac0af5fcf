"""Calls of one account on a FreeSWITCH without tenant rules: those of the account's domains, where it has several."""

from collections.abc import Iterable

from sqlalchemy.engine import Connection

from ccfs.db.tenant import account_domains, unassigned_records
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.tenants.account_router import AccountRouter
from ccfs.ingest.tenants.assignment import RecordAssigner
from ccfs.switches.records import Leg


def load_account_router(run: IngestRun, owner: CallOwner, source: str) -> AccountRouter:
    """Return the account's router, which knows the domains of earlier runs and of records that are unassigned."""
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
    """Have the router learn from domains, and store those that are found to be the account's."""
    if new := router.learn_domains(names):
        owner = router.owner
        with run.app_transaction(owner.app) as connection:
            account_domains.add(connection, owner.app, router.source, owner.account.account_id, new)


def may_be_foreign(connection: Connection, assigner: RecordAssigner, legs: Iterable[Leg]) -> bool:
    """Return whether one of the legs may be another tenant's."""
    router = assigner.router
    if not isinstance(router, AccountRouter):
        return True
    pairs = [(leg.facts, leg.domain) for leg in legs]
    if any(router.find_name(*pair) and router.find_owner(*pair) is None for pair in pairs):
        return True
    return unassigned_records.exists(connection, router.owner.app, assigner.source)
