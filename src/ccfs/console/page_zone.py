"""The time zone of pages that belong to no single account: exports, ingest, apps, users, settings."""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from ccfs.db.system.tenant_cache import TenantCache
from ccfs.model.identity.user import Grant, User


def find_page_zone(user: User | None, tenant_cache: TenantCache, now: datetime) -> tzinfo:
    """Return the zone that the user prefers, else that of the accounts that the user may see if they share one, else UTC.

    It may query the database, so it is called in a thread.
    """
    if user is None:
        return UTC
    if user.preferences.zone:
        return ZoneInfo(user.preferences.zone)
    accounts = tenant_cache.get_snapshot(now).accounts
    zones = {
        account.zone
        for app, by_id in accounts.items()
        for account in by_id.values()
        if any(_is_about(grant, app, account.account_id) for grant in user.grants)
    }
    return ZoneInfo(zones.pop()) if len(zones) == 1 else UTC


def _is_about(grant: Grant, app: int, account_id: str) -> bool:
    return grant.app is None or (grant.app == app and grant.account_id in ("", account_id))
