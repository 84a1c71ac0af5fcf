"""Lock-out after too many failed attempts, of an address or of a name: by signature, or by password."""

from datetime import timedelta

from sqlalchemy.engine import Connection

from ccfs.db.system import lockouts
from ccfs.db.system.lockouts import LockoutPolicy
from ccfs.db.system.tenant_cache import TenantSnapshot
from ccfs.model.clocks import is_over
from ccfs.settings import Settings
from ccfs.web.context import WebContext


def is_locked_out(context: WebContext, snapshot: TenantSnapshot, *keys: str) -> bool:
    """Return whether one of the keys is locked."""
    now, lock = context.now(), timedelta(seconds=context.settings.lock_seconds)
    return any(not is_over(snapshot.locked_addresses.get(key, now), now, lock) for key in keys)


def build_policy(settings: Settings) -> LockoutPolicy:
    """Return the policy that the settings describe."""
    return LockoutPolicy(
        limit=settings.lock_failures,
        period=timedelta(seconds=settings.lock_period_seconds),
        lock=timedelta(seconds=settings.lock_seconds),
    )


def record_failure(context: WebContext, connection: Connection, *keys: str) -> None:
    """Count a failed attempt against each key; the one that reaches CCFS_LOCK_FAILURES is locked. 0 failures: never.

    Invalidate the tenant cache after the commit: it holds the locks.
    """
    for key in keys if context.settings.lock_failures else ():
        lockouts.record_failure(connection, key, context.now(), build_policy(context.settings))
