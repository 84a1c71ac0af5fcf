"""Rows of tenants, managed by the operator for all apps: apps, access keys, accounts, VDNs and callback prefixes.

Every writer increments the change counter first, so that processes reload their tenant cache. On PostgreSQL, the
counter's row also makes writers queue, so that nobody else can use a number that was found to be free.
"""

import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.change_counter import ChangeCounter
from ccfs.db.encryption import DecryptionFailed, SecretBox
from ccfs.db.statements import insert_or_ignore
from ccfs.db.tenant.calls.statistics import call_statistics, daily_statistics
from ccfs.model.errors import OperatorError
from ccfs.model.identity.tenancy import AccessKey, Account, App, UnreadableKey, Vdn

CHANGE_COUNTER = ChangeCounter("tenants")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDetails:
    """Name, note and last use of a key."""

    name: str
    note: str
    last_used_at: datetime | None  # within a minute or so; None: never


class NameTaken(OperatorError):
    """the name {param} is taken by another app"""


class VdnTaken(OperatorError):
    """{param}"""

    def __init__(self, param: str, account_id: str = "") -> None:
        """`account_id` is the account that has the VDN."""
        super().__init__(param)
        self.account_id = account_id


def generate_ak() -> str:
    """Return a new AK, which consists of AK and 18 hexadecimal digits."""
    return "AK" + secrets.token_hex(9).upper()


def generate_sk() -> str:
    """Return a new SK with 256 random bits."""
    return secrets.token_urlsafe(32)


def add_app(connection: Connection, name: str, ak: str, now: datetime) -> App:
    """Add an app. Raises OperatorError if the AK is taken. See `require_free_name`."""
    CHANGE_COUNTER.increment(connection)
    if _is_ak_taken(connection, ak):
        raise OperatorError(f"the AK {ak} is taken")
    statement = sa.insert(schema.apps).values(ak=ak, name=name, created_at=now).returning(schema.apps.c.id)
    return App(id=connection.execute(statement).scalar_one(), ak=ak, name=name)


def rename_app(connection: Connection, app: App, name: str) -> None:
    """Change the name of an app. Raises NameTaken if another app has it."""
    require_free_name(connection, name, app)
    connection.execute(sa.update(schema.apps).where(schema.apps.c.id == app.id).values(name=name))


def require_free_name(connection: Connection, name: str, renamed: App | None = None) -> None:
    """Raise NameTaken if an app other than the renamed one has the name. People choose apps by name, so those differ."""
    CHANGE_COUNTER.increment(connection)
    others = (app for app in list_apps(connection) if renamed is None or app.id != renamed.id)
    if any(_fold_name(app.name) == _fold_name(name) for app in others):
        raise NameTaken(name)


def _fold_name(name: str) -> str:
    """Return a name in the form in which names are compared: people do not tell upper from lower case, nor full-width forms."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


def _is_ak_taken(connection: Connection, ak: str, app: App | None = None) -> bool:
    """Return whether an app other than `app`, or a key of another app, has or had the AK."""
    owner = app.id if app else None
    apps, keys = schema.apps, schema.access_keys
    app_with_ak = sa.select(apps.c.id).where(apps.c.ak == ak, apps.c.id.is_distinct_from(owner))
    key_with_ak = sa.select(keys.c.app).where(keys.c.ak == ak, keys.c.app.is_distinct_from(owner))
    return connection.execute(sa.union(app_with_ak, key_with_ak)).first() is not None


def list_apps(connection: Connection) -> list[App]:
    """Return all apps, by AK."""
    rows = connection.execute(sa.select(schema.apps).order_by(schema.apps.c.ak))
    return [App(id=row.id, ak=row.ak, name=row.name) for row in rows]


def get_app_by_ak(connection: Connection, ak: str) -> App:
    """Return the app whose appId is `ak`. Raises OperatorError if there is none."""
    row = connection.execute(sa.select(schema.apps).where(schema.apps.c.ak == ak)).one_or_none()
    if row is None:
        raise OperatorError(f"there is no app {ak}; `ccfs app list` shows all")
    return App(id=row.id, ak=row.ak, name=row.name)


def add_key(connection: Connection, app: App, ak: str, sk: str, secret_box: SecretBox, now: datetime) -> None:
    """Add an access key to the app. Raises OperatorError if another app has or had the AK."""
    CHANGE_COUNTER.increment(connection)
    if _is_ak_taken(connection, ak, app):
        raise OperatorError(f"the AK {ak} is taken")
    values = {"app": app.id, "ak": ak, "encrypted_sk": secret_box.encrypt(sk), "created_at": now}
    values |= {"name": "", "note": ""}
    connection.execute(sa.insert(schema.access_keys).values(**values))


def list_keys(connection: Connection, app: App) -> list[tuple[int, str, datetime]]:
    """Return the app's active keys as (number, AK, created at), without their SKs."""
    table = schema.access_keys
    statement = sa.select(table.c.id, table.c.ak, table.c.created_at).where(
        table.c.app == app.id, table.c.revoked_at.is_(None)
    )
    return [(row.id, row.ak, row.created_at) for row in connection.execute(statement.order_by(table.c.id))]


def list_key_details(connection: Connection, app: App) -> dict[int, KeyDetails]:
    """Return what is known of the app's active keys, by number."""
    table = schema.access_keys
    columns = (table.c.id, table.c.name, table.c.note, table.c.last_used_at)
    rows = connection.execute(sa.select(*columns).where(table.c.app == app.id, table.c.revoked_at.is_(None)))
    return {row.id: KeyDetails(name=row.name, note=row.note, last_used_at=row.last_used_at) for row in rows}


def describe_key(connection: Connection, app: App, key: int, name: str, note: str) -> bool:
    """Set the name and the note of an active key. Return False if the app has no such key."""
    table = schema.access_keys
    active_key = sa.update(table).where(table.c.app == app.id, table.c.id == key, table.c.revoked_at.is_(None))
    return connection.execute(active_key.values(name=name, note=note)).rowcount == 1


def record_key_uses(connection: Connection, uses: Mapping[int, datetime]) -> None:
    """Record when keys were last used, unless a later use is recorded. The tenants stay as they are for every cache."""
    table = schema.access_keys
    for key, used_at in sorted(uses.items()):
        is_older = table.c.last_used_at.is_(None) | (table.c.last_used_at < used_at)
        connection.execute(sa.update(table).where(table.c.id == key, is_older).values(last_used_at=used_at))


def list_newest_secrets(connection: Connection, limit: int) -> list[str]:
    """Return the encrypted SKs of the newest active keys of all apps."""
    table = schema.access_keys
    newest = sa.select(table.c.encrypted_sk).where(table.c.revoked_at.is_(None)).order_by(table.c.id.desc())
    return list(connection.execute(newest.limit(limit)).scalars())


def revoke_key(connection: Connection, app: App, key: int, now: datetime) -> None:
    """Revoke one of the app's keys. Raises OperatorError if the app has no active key with that number."""
    CHANGE_COUNTER.increment(connection)
    table = schema.access_keys
    active_key = sa.update(table).where(table.c.app == app.id, table.c.id == key, table.c.revoked_at.is_(None))
    if connection.execute(active_key.values(revoked_at=now)).rowcount != 1:
        raise OperatorError(f"the app {app.ak} has no active key {key}")


def revoke_unreadable_keys(connection: Connection, secret_box: SecretBox, now: datetime) -> list[UnreadableKey]:
    """Revoke the active keys that no node key decrypts, and return them."""
    CHANGE_COUNTER.increment(connection)
    _, unreadable = list_active_keys(connection, secret_box)
    for key in unreadable:
        revoke_key(connection, key.app, key.id, now)
    return unreadable


def list_active_keys(connection: Connection, secret_box: SecretBox) -> tuple[list[AccessKey], list[UnreadableKey]]:
    """Return the active keys of all apps with their decrypted SKs, and those that no node key decrypts, newest first."""
    keys, apps = schema.access_keys, schema.apps
    statement = (
        sa.select(keys.c.id, keys.c.ak, keys.c.encrypted_sk, apps.c.id, apps.c.ak, apps.c.name)
        .join(apps, apps.c.id == keys.c.app)
        .where(keys.c.revoked_at.is_(None))
        .order_by(keys.c.id.desc())
    )
    readable: list[AccessKey] = []
    unreadable: list[UnreadableKey] = []
    for number, ak, encrypted_sk, app_id, app_ak, name in connection.execute(statement):
        app = App(id=app_id, ak=app_ak, name=name)
        try:
            readable.append(AccessKey(id=number, ak=ak, sk=secret_box.decrypt(encrypted_sk), app=app))
        except DecryptionFailed as error:
            unreadable.append(UnreadableKey(id=number, ak=ak, app=app, is_damaged=error.is_damaged))
    return readable, unreadable


def add_account(connection: Connection, app: App, account: Account, vdn: Vdn, now: datetime) -> None:
    """Add an account with a VDN. If the account exists, add the VDN and update the time zone.

    Raises VdnTaken if the VDN belongs to another account of the app, because file names contain only the VDN.
    """
    CHANGE_COUNTER.increment(connection)
    accounts, vdns = schema.accounts, schema.vdns
    owner = sa.select(vdns.c.account_id).where(
        vdns.c.app == app.id, vdns.c.vdn_id == vdn.vdn_id, vdns.c.account_id != vdn.account_id
    )
    if (other_account := connection.execute(owner).scalar()) is not None:
        raise VdnTaken(f"VDN {vdn.vdn_id} belongs to account {other_account}", other_account)
    key = {"app": app.id, "account_id": account.account_id}
    connection.execute(insert_or_ignore(connection, accounts).values(**key, zone=account.zone, created_at=now))
    row = (accounts.c.app == app.id) & (accounts.c.account_id == account.account_id)
    update = sa.update(accounts).where(row, accounts.c.zone != account.zone).values(zone=account.zone)
    if connection.execute(update).rowcount:  # the account's days begin at other instants
        call_statistics.recount_account(connection, app, account.account_id)
    values = {"app": app.id, "vdn_id": vdn.vdn_id, "cc_id": vdn.cc_id, "account_id": vdn.account_id}
    connection.execute(insert_or_ignore(connection, vdns).values(**values))


def set_zone(connection: Connection, app: App, account_id: str, zone: str) -> None:
    """Change the time zone of an account. Raises OperatorError if the app has no such account."""
    CHANGE_COUNTER.increment(connection)
    accounts = schema.accounts
    row = sa.update(accounts).where(accounts.c.app == app.id, accounts.c.account_id == account_id)
    if connection.execute(row.values(zone=zone)).rowcount != 1:
        raise OperatorError(f"the app {app.ak} has no account {account_id}")
    call_statistics.recount_account(connection, app, account_id)


def change_vdn(connection: Connection, app: App, old: tuple[int, int], account_id: str, cc_id: int) -> None:
    """Give a VDN another CC, and move it, with all its CCs, to an account of its app. `old` is the VDN and its CC.

    Raises OperatorError if the app has no such VDN or account, or has the VDN with that CC already.
    """
    CHANGE_COUNTER.increment(connection)
    vdn_id, old_cc = old
    vdns = schema.vdns
    own = (vdns.c.app == app.id) & (vdns.c.vdn_id == vdn_id)
    known = {vdn.cc_id for vdn in list_vdns(connection, app) if vdn.vdn_id == vdn_id}
    if account_id not in get_accounts(connection, app) or old_cc not in known or cc_id in known - {old_cc}:
        raise OperatorError(f"the app {app.ak} has no VDN {vdn_id} of CC {old_cc} to change so")
    connection.execute(sa.update(vdns).where(own).values(account_id=account_id))
    connection.execute(sa.update(vdns).where(own, vdns.c.cc_id == old_cc).values(cc_id=cc_id))


def get_accounts(connection: Connection, app: App) -> dict[str, Account]:
    """Return the app's accounts by id."""
    statement = sa.select(schema.accounts).where(schema.accounts.c.app == app.id).order_by(schema.accounts.c.account_id)
    names = [field.name for field in fields(Account)]
    rows = connection.execute(statement)
    return {row.account_id: Account(**{name: getattr(row, name) for name in names}) for row in rows}


def set_account_targets(
    connection: Connection, app: App, account_id: str, service_level_seconds: int, after_call_seconds: int
) -> None:
    """Set an account's service level and limit of after-call work, by which its days are then added up again."""
    CHANGE_COUNTER.increment(connection)
    accounts = schema.accounts
    row = (accounts.c.app == app.id) & (accounts.c.account_id == account_id)
    values = {"service_level_seconds": service_level_seconds, "after_call_seconds": after_call_seconds}
    connection.execute(sa.update(accounts).where(row).values(**values))
    daily_statistics.mark_account(connection, app, account_id)


def set_account_links(connection: Connection, app: App, account_id: str, *, allows_links: bool) -> None:
    """Set whether an account's recordings can be heard by links of people without an account."""
    CHANGE_COUNTER.increment(connection)
    accounts = schema.accounts
    row = (accounts.c.app == app.id) & (accounts.c.account_id == account_id)
    connection.execute(sa.update(accounts).where(row).values(allows_links=allows_links))


def list_vdns(connection: Connection, app: App) -> list[Vdn]:
    """Return the app's VDNs, by number."""
    statement = sa.select(schema.vdns).where(schema.vdns.c.app == app.id).order_by(schema.vdns.c.vdn_id)
    return [Vdn(vdn_id=row.vdn_id, cc_id=row.cc_id, account_id=row.account_id) for row in connection.execute(statement)]


def bind_callback(connection: Connection, app: App, prefix: str, *, may_be_private: bool = False) -> None:
    """Allow callback URLs that begin with the prefix. Binding a prefix again replaces `may_be_private`."""
    CHANGE_COUNTER.increment(connection)
    table = schema.callback_prefixes
    connection.execute(insert_or_ignore(connection, table).values(app=app.id, prefix=prefix, may_be_private=False))
    row = (table.c.app == app.id) & (table.c.prefix == prefix)
    connection.execute(sa.update(table).where(row).values(may_be_private=may_be_private))


def get_callback_prefixes(connection: Connection, app: App) -> dict[str, bool]:
    """Return the app's bound prefixes, each with whether it may resolve to a private address."""
    table = schema.callback_prefixes
    statement = sa.select(table.c.prefix, table.c.may_be_private).where(table.c.app == app.id)
    return {row.prefix: row.may_be_private for row in connection.execute(statement.order_by(table.c.prefix))}


def unbind_callback(connection: Connection, app: App, prefix: str) -> None:
    """Delete a bound prefix. Raises OperatorError if it is not bound."""
    CHANGE_COUNTER.increment(connection)
    table = schema.callback_prefixes
    if connection.execute(sa.delete(table).where(table.c.app == app.id, table.c.prefix == prefix)).rowcount != 1:
        raise OperatorError(f"{prefix} is not bound for {app.ak}")
