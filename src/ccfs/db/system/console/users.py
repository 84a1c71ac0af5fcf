"""Rows of console users, their roles, and links for setting a password. They belong to no app: a user may see several."""

import hashlib
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.statements import insert_or_ignore
from ccfs.model.errors import OperatorError
from ccfs.model.identity.preferences import Preferences, parse_preferences
from ccfs.model.identity.totp import MAX_STEPS_AHEAD
from ccfs.model.identity.user import Grant, Role, User

_TABLE = schema.users
_ROLES = schema.user_roles
_SETUP_LINKS = schema.setup_links
_SESSIONS = schema.console_sessions


def hash_token(token: str) -> str:
    """Return the digest of a link's or session's token; it is stored instead of the token itself."""
    return hashlib.sha256(token.encode()).hexdigest()


def add(connection: Connection, name: str, password_hash: str, now: datetime) -> User:
    """Add a user. With an empty hash, the user cannot log in yet. Raises OperatorError if the name is taken."""
    values = {"name": name, "password_hash": password_hash, "encrypted_totp": "", "totp_step": 0, "created_at": now}
    new_row = insert_or_ignore(connection, _TABLE).values(**values).returning(_TABLE.c.id)
    user_id = connection.execute(new_row).scalar()
    if user_id is None:
        raise OperatorError(f"the name {name} is taken")
    return User(id=user_id, name=name)


def list_all(connection: Connection) -> list[User]:
    """Return every user, by name."""
    return _load_users(connection, sa.true())


def find_by_name(connection: Connection, name: str) -> User | None:
    """Return the user with that name, disabled or not."""
    users = _load_users(connection, _TABLE.c.name == name)
    return users[0] if users else None


def find_by_subject(connection: Connection, subject: str) -> User | None:
    """Return the user linked to that OIDC subject, disabled or not."""
    users = _load_users(connection, _TABLE.c.subject == subject)
    return users[0] if users else None


def link_subject(connection: Connection, user: User, subject: str) -> bool:
    """Link the user to an OIDC subject. Return False if the user is already linked."""
    row = sa.update(_TABLE).where(_TABLE.c.id == user.id, _TABLE.c.subject.is_(None))
    return connection.execute(row.values(subject=subject)).rowcount == 1


def unlink_subject(connection: Connection, user: User) -> None:
    """Remove the link to an OIDC subject. The next login with the user's name can create a new link."""
    connection.execute(sa.update(_TABLE).where(_TABLE.c.id == user.id).values(subject=None))


def find_by_id(connection: Connection, user_id: int) -> User | None:
    """Return the user with that id, disabled or not."""
    users = _load_users(connection, _TABLE.c.id == user_id)
    return users[0] if users else None


def get_credentials(connection: Connection, user: User) -> tuple[str, str, int]:
    """Return the password hash, the encrypted TOTP secret ("" if there is none), and the last used TOTP step."""
    columns = (_TABLE.c.password_hash, _TABLE.c.encrypted_totp, _TABLE.c.totp_step)
    row = connection.execute(sa.select(*columns).where(_TABLE.c.id == user.id)).one()
    return str(row[0]), str(row[1]), int(row[2])


def set_password(connection: Connection, user: User, password_hash: str) -> None:
    """Replace the password hash. This ends all of the user's sessions and invalidates all of the user's links."""
    connection.execute(sa.update(_TABLE).where(_TABLE.c.id == user.id).values(password_hash=password_hash))
    _delete_sessions_and_links(connection, user)


def set_second_factor(connection: Connection, user: User, encrypted_totp: str) -> None:
    """Require TOTP codes for that secret from now on. An empty secret turns TOTP off."""
    row = sa.update(_TABLE).where(_TABLE.c.id == user.id)
    connection.execute(row.values(encrypted_totp=encrypted_totp, totp_step=0))


def consume_totp_step(connection: Connection, user: User, step: int) -> bool:
    """Record that the code for a step was used. Return False if this step or a later one was used before.

    A step that is further ahead than codes are accepted was used when the clock was ahead.
    """
    is_new = (_TABLE.c.totp_step < step) | (_TABLE.c.totp_step > step + MAX_STEPS_AHEAD)
    row = sa.update(_TABLE).where(_TABLE.c.id == user.id, is_new)
    return connection.execute(row.values(totp_step=step)).rowcount == 1


def record_seen(connection: Connection, user_id: int, now: datetime) -> None:
    """Record that the user was active."""
    connection.execute(sa.update(_TABLE).where(_TABLE.c.id == user_id).values(last_seen_at=now))


def set_preferences(connection: Connection, user: User, preferences: Preferences) -> None:
    """Replace the user's preferences."""
    connection.execute(sa.update(_TABLE).where(_TABLE.c.id == user.id).values(preferences=preferences.format()))


def set_disabled(connection: Connection, user: User, disabled_at: datetime | None) -> None:
    """Disable the user, which ends all sessions and links, or enable the user again if `disabled_at` is None."""
    connection.execute(sa.update(_TABLE).where(_TABLE.c.id == user.id).values(disabled_at=disabled_at))
    if disabled_at is not None:
        _delete_sessions_and_links(connection, user)


def _delete_sessions_and_links(connection: Connection, user: User) -> None:
    connection.execute(sa.delete(_SESSIONS).where(_SESSIONS.c.user_id == user.id))
    connection.execute(sa.delete(_SETUP_LINKS).where(_SETUP_LINKS.c.user_id == user.id))


def grant_role(connection: Connection, user: User, grant: Grant) -> None:
    """Give the user a role, unless the user already has it."""
    if grant not in user.grants:
        values = {"user_id": user.id, "role": grant.role, "app": grant.app, "account_id": grant.account_id}
        values["agent_id"] = grant.agent_id
        connection.execute(sa.insert(_ROLES).values(**values))


def revoke_role(connection: Connection, user: User, grant: Grant) -> None:
    """Revoke one of the user's roles. Raises OperatorError if this would leave no operator."""
    is_granted = (_ROLES.c.user_id == user.id) & (_ROLES.c.role == grant.role)
    is_granted &= (_ROLES.c.account_id == grant.account_id) & _ROLES.c.app.is_not_distinct_from(grant.app)
    is_granted &= _ROLES.c.agent_id == grant.agent_id
    connection.execute(sa.delete(_ROLES).where(is_granted))
    if grant.role is Role.OPERATOR and not has_operator(connection):
        raise OperatorError("at least one user must stay operator")


def has_operator(connection: Connection) -> bool:
    """Return whether any enabled user is an operator."""
    operators = sa.select(_ROLES.c.id).join(_TABLE, _TABLE.c.id == _ROLES.c.user_id)
    enabled = operators.where(_ROLES.c.role == Role.OPERATOR, _TABLE.c.disabled_at.is_(None))
    return connection.execute(enabled.limit(1)).first() is not None


def create_setup_link(connection: Connection, token: str, user: User | None, expires_at: datetime) -> None:
    """Add a link that sets the user's password and works once. For None, it creates the first operator.

    It replaces the previous link.
    """
    user_id = user.id if user else None
    connection.execute(sa.delete(_SETUP_LINKS).where(_SETUP_LINKS.c.user_id.is_not_distinct_from(user_id)))
    connection.execute(sa.insert(_SETUP_LINKS).values(digest=hash_token(token), user_id=user_id, expires_at=expires_at))


def find_setup_link(connection: Connection, token: str, now: datetime, lifetime: timedelta) -> tuple[bool, User | None]:
    """Return whether the link is valid, and whose password it sets: None if it creates the first operator.

    One that would be valid for longer than `lifetime` was made when the clock was ahead.
    """
    expires_at = _SETUP_LINKS.c.expires_at
    is_valid = (_SETUP_LINKS.c.digest == hash_token(token)) & (expires_at > now) & (expires_at <= now + lifetime)
    row = connection.execute(sa.select(_SETUP_LINKS.c.user_id).where(is_valid)).one_or_none()
    if row is None:
        return False, None
    if row[0] is None:
        return not has_operator(connection), None
    return True, find_by_id(connection, row[0])


def consume_setup_link(connection: Connection, token: str) -> bool:
    """Delete the link. Return False if another request used it first."""
    return connection.execute(sa.delete(_SETUP_LINKS).where(_SETUP_LINKS.c.digest == hash_token(token))).rowcount == 1


def delete_expired_setup_links(connection: Connection, now: datetime) -> int:
    """Delete expired links and return their number."""
    return connection.execute(sa.delete(_SETUP_LINKS).where(_SETUP_LINKS.c.expires_at <= now)).rowcount


def _load_users(connection: Connection, condition: sa.ColumnElement[bool]) -> list[User]:
    rows = connection.execute(sa.select(_TABLE).where(condition).order_by(_TABLE.c.name)).all()
    grants: dict[int, list[Grant]] = defaultdict(list)
    roles = sa.select(_ROLES).where(_ROLES.c.user_id.in_([row.id for row in rows])).order_by(_ROLES.c.id)
    for row in connection.execute(roles):
        grant = Grant(role=Role(row.role), app=row.app, account_id=row.account_id, agent_id=row.agent_id)
        grants[row.user_id].append(grant)
    return [_from_row(row, tuple(grants[row.id])) for row in rows]


def _from_row(row: sa.Row[Any], grants: tuple[Grant, ...]) -> User:
    return User(
        id=row.id,
        name=row.name,
        grants=grants,
        has_password=bool(row.password_hash),
        has_second_factor=bool(row.encrypted_totp),
        is_linked=row.subject is not None,
        is_disabled=row.disabled_at is not None,
        last_seen_at=row.last_seen_at,
        preferences=parse_preferences(row.preferences),
    )
