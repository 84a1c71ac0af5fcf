"""Rows of tenancy: apps, access keys, accounts, VDNs, callback prefixes.

Every change first bumps the number of `changes`: a web process knows by it when its picture (store/picture.py) is old,
and its row makes changes queue on PostgreSQL, so that what was just found free cannot be taken meanwhile.
"""

import secrets
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.encryption import SecretBox
from ccfs.model.errors import OperatorError
from ccfs.model.identity.tenancy import AccessKey, Account, App, Vdn


def insert_or_ignore(connection: Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that leaves a row that is there already as it is."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement: postgresql.Insert | sqlite.Insert = dialect.insert(table)
    return statement.on_conflict_do_nothing()


def bump_version(connection: Connection) -> None:
    """Tell every process that tenancy is not what it was."""
    table = schema.change_counters
    connection.execute(insert_or_ignore(connection, table).values(name="tenancy", value=0))
    connection.execute(sa.update(table).where(table.c.name == "tenancy").values(value=table.c.value + 1))


def get_version(connection: Connection) -> int:
    """A number that grows with every change of tenancy."""
    statement = sa.select(schema.change_counters.c.value).where(schema.change_counters.c.name == "tenancy")
    return int(connection.execute(statement).scalar() or 0)


def generate_ak() -> str:
    """Return a new AK: AK and 18 hexadecimal digits."""
    return "AK" + secrets.token_hex(9).upper()


def generate_sk() -> str:
    """Return a new SK of 256 random bits."""
    return secrets.token_urlsafe(32)


def add_app(connection: Connection, name: str, ak: str, now: datetime) -> App:
    """A new app; raises Misuse if the AK is taken."""
    bump_version(connection)
    if _ak_is_taken(connection, ak):
        raise OperatorError(f"the AK {ak} is taken")
    statement = sa.insert(schema.apps).values(ak=ak, name=name, created_at=now).returning(schema.apps.c.id)
    return App(id=connection.execute(statement).scalar_one(), ak=ak, name=name)


def _ak_is_taken(connection: Connection, ak: str, app: App | None = None) -> bool:
    """Whether an AK is, or was, an app's or a key's; those of `app` itself do not count."""
    owner = app.id if app else None
    named = sa.select(schema.apps.c.id).where(schema.apps.c.ak == ak, schema.apps.c.id.is_distinct_from(owner))
    keys = schema.access_keys
    keyed = sa.select(keys.c.app).where(keys.c.ak == ak, keys.c.app.is_distinct_from(owner))
    return connection.execute(sa.union(named, keyed)).first() is not None


def list_apps(connection: Connection) -> list[App]:
    """Every app, by AK."""
    rows = connection.execute(sa.select(schema.apps).order_by(schema.apps.c.ak))
    return [App(id=row.id, ak=row.ak, name=row.name) for row in rows]


def get_app_by_ak(connection: Connection, ak: str) -> App:
    """The app of an appId; raises Misuse if there is none."""
    row = connection.execute(sa.select(schema.apps).where(schema.apps.c.ak == ak)).one_or_none()
    if row is None:
        raise OperatorError(f"there is no app {ak}; `ccfs app list` shows all")
    return App(id=row.id, ak=row.ak, name=row.name)


def add_key(connection: Connection, app: App, ak: str, sk: str, sealer: SecretBox, now: datetime) -> None:
    """A further access key of the app; its AK may be the app's own or another free one, else Misuse."""
    bump_version(connection)
    if _ak_is_taken(connection, ak, app):
        raise OperatorError(f"the AK {ak} is taken")
    values = {"app": app.id, "ak": ak, "encrypted_sk": sealer.encrypt(sk), "created_at": now}
    connection.execute(sa.insert(schema.access_keys).values(**values))


def list_keys(connection: Connection, app: App) -> list[tuple[int, str, datetime]]:
    """The app's living keys as (number, AK, made at); the SK is not shown."""
    table = schema.access_keys
    statement = sa.select(table.c.id, table.c.ak, table.c.created_at).where(
        table.c.app == app.id, table.c.revoked_at.is_(None)
    )
    return [(row.id, row.ak, row.created_at) for row in connection.execute(statement.order_by(table.c.id))]


def revoke_key(connection: Connection, app: App, key: int, now: datetime) -> None:
    """End a key of the app; raises Misuse if the app has no such living key."""
    bump_version(connection)
    table = schema.access_keys
    living = sa.update(table).where(table.c.app == app.id, table.c.id == key, table.c.revoked_at.is_(None))
    if connection.execute(living.values(revoked_at=now)).rowcount != 1:
        raise OperatorError(f"the app {app.ak} has no living key {key}")


def list_active_keys(connection: Connection, sealer: SecretBox) -> list[AccessKey]:
    """Every living key of every app, opened: for the picture of a web process only."""
    table, owners = schema.access_keys, schema.apps
    statement = (
        sa.select(table.c.id, table.c.ak, table.c.encrypted_sk, owners.c.id, owners.c.ak, owners.c.name)
        .join(owners, owners.c.id == table.c.app)
        .where(table.c.revoked_at.is_(None))
        .order_by(table.c.id.desc())
    )
    return [
        AccessKey(id=number, ak=ak, sk=sealer.decrypt(sealed), app=App(id=app, ak=app_ak, name=name))
        for number, ak, sealed, app, app_ak, name in connection.execute(statement)
    ]


def reencrypt_keys(connection: Connection, sealer: SecretBox) -> int:
    """Seal every SK anew with the newest node key; the count."""
    table = schema.access_keys
    rows = connection.execute(sa.select(table.c.id, table.c.encrypted_sk)).all()
    for row in rows:
        statement = sa.update(table).where(table.c.id == row.id)
        connection.execute(statement.values(encrypted_sk=sealer.reencrypt(row.encrypted_sk)))
    return len(rows)


def add_account(connection: Connection, app: App, account: Account, vdn: Vdn, now: datetime) -> None:
    """An account with a VDN; an account that is there gets the VDN and the zone given.

    Raises Misuse if the VDN belongs to another account of the app: file names hold the VDN only.
    """
    bump_version(connection)
    table = schema.accounts
    taken = sa.select(schema.vdns.c.account_id).where(
        schema.vdns.c.app == app.id, schema.vdns.c.vdn_id == vdn.vdn_id, schema.vdns.c.account_id != vdn.account_id
    )
    if (other := connection.execute(taken).scalar()) is not None:
        raise OperatorError(f"VDN {vdn.vdn_id} belongs to account {other}")
    connection.execute(
        insert_or_ignore(connection, table).values(
            app=app.id, account_id=account.account_id, zone=account.zone, created_at=now
        )
    )
    mine = (table.c.app == app.id) & (table.c.account_id == account.account_id)
    connection.execute(sa.update(table).where(mine).values(zone=account.zone))
    connection.execute(
        insert_or_ignore(connection, schema.vdns).values(
            app=app.id, vdn_id=vdn.vdn_id, cc_id=vdn.cc_id, account_id=vdn.account_id
        )
    )


def get_accounts(connection: Connection, app: App) -> dict[str, Account]:
    """The app's accounts by id."""
    statement = sa.select(schema.accounts).where(schema.accounts.c.app == app.id).order_by(schema.accounts.c.account_id)
    return {row.account_id: Account(account_id=row.account_id, zone=row.zone) for row in connection.execute(statement)}


def list_vdns(connection: Connection, app: App) -> list[Vdn]:
    """The app's VDNs."""
    statement = sa.select(schema.vdns).where(schema.vdns.c.app == app.id).order_by(schema.vdns.c.vdn_id)
    return [Vdn(vdn_id=row.vdn_id, cc_id=row.cc_id, account_id=row.account_id) for row in connection.execute(statement)]


def bind_callback(connection: Connection, app: App, prefix: str, *, may_be_private: bool = False) -> None:
    """Allow callback URLs that begin with the prefix; binding it again says anew whether it may be private."""
    bump_version(connection)
    table = schema.callback_prefixes
    connection.execute(insert_or_ignore(connection, table).values(app=app.id, prefix=prefix, may_be_private=False))
    mine = (table.c.app == app.id) & (table.c.prefix == prefix)
    connection.execute(sa.update(table).where(mine).values(may_be_private=may_be_private))


def get_callback_prefixes(connection: Connection, app: App) -> dict[str, bool]:
    """The app's bound prefixes, each with whether its name may lead to a private address."""
    table = schema.callback_prefixes
    statement = sa.select(table.c.prefix, table.c.may_be_private).where(table.c.app == app.id)
    return {row.prefix: row.may_be_private for row in connection.execute(statement.order_by(table.c.prefix))}


def unbind_callback(connection: Connection, app: App, prefix: str) -> None:
    """Forget a bound prefix; raises Misuse if it is not bound."""
    bump_version(connection)
    table = schema.callback_prefixes
    if connection.execute(sa.delete(table).where(table.c.app == app.id, table.c.prefix == prefix)).rowcount != 1:
        raise OperatorError(f"{prefix} is not bound for {app.ak}")
