"""All secrets that the database stores encrypted: SKs of apps and second factors of users."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.encryption import DecryptionFailed, SecretBox
from ccfs.db.system import tenants
from ccfs.model.errors import OperatorError


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableSecret:
    """A stored secret that none of the node keys decrypts."""

    description: str  # which one, for an operator
    is_damaged: bool  # otherwise another node key encrypted it


def list_unreadable(connection: Connection, secret_box: SecretBox) -> list[UnreadableSecret]:
    """Return the secrets in use that none of the node keys decrypts."""
    _, keys = tenants.list_active_keys(connection, secret_box)
    found = [UnreadableSecret(description=key.describe(), is_damaged=key.is_damaged) for key in reversed(keys)]
    users = schema.users
    rows = connection.execute(
        sa.select(users.c.name, users.c.encrypted_totp).where(users.c.encrypted_totp != "").order_by(users.c.name)
    )
    for name, encrypted_totp in rows:
        try:
            secret_box.decrypt(encrypted_totp)
        except DecryptionFailed as error:
            description = f"the second factor of user {name}"
            found.append(UnreadableSecret(description=description, is_damaged=error.is_damaged))
    return found


def reencrypt(connection: Connection, secret_box: SecretBox) -> int:
    """Encrypt all secrets in use with the newest node key, and return their number. Raises OperatorError.

    SKs of revoked keys stay as they are: nothing uses them.
    """
    if unreadable := list_unreadable(connection, secret_box):
        names = ", ".join(secret.description for secret in unreadable)
        raise OperatorError(f"none of the node keys decrypts {names}; nothing was changed")
    tenants.CHANGE_COUNTER.increment(connection)
    keys, users = schema.access_keys, schema.users
    return _reencrypt_column(connection, secret_box, keys.c.encrypted_sk, keys.c.revoked_at.is_(None)) + (
        _reencrypt_column(connection, secret_box, users.c.encrypted_totp, users.c.encrypted_totp != "")
    )


def _reencrypt_column(
    connection: Connection, secret_box: SecretBox, column: sa.Column[str], is_used: sa.ColumnElement[bool]
) -> int:
    table = column.table
    rows = connection.execute(sa.select(table.c.id, column).where(is_used)).all()
    for number, encrypted in rows:
        values = {column.name: secret_box.reencrypt(encrypted)}
        connection.execute(sa.update(table).where(table.c.id == number).values(values))
    return len(rows)
