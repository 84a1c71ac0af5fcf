"""Rows of users of the console, their roles, and links that set a password. System-wide: a user may see several apps."""

import hashlib
from collections import defaultdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.statements import insert_or_ignore
from ccfs.model.errors import OperatorError
from ccfs.model.identity.user import Grant, Role, User

_TABLE = schema.users
_ROLES = schema.user_roles
_SETUP_LINKS = schema.setup_links
_SESSIONS = schema.console_sessions


def hash_token(token: str) -> str:
    """What is kept of a link's or a session's token."""
    return hashlib.sha256(token.encode()).hexdigest()


def add(connection: Connection, name: str, password: str, now: datetime) -> User:
    """A new user with a hashed password, "" for one who cannot sign in yet; raises Misuse if the name is taken."""
    values = {"name": name, "password_hash": password, "encrypted_totp": "", "totp_step": 0, "created_at": now}
    made = insert_or_ignore(connection, _TABLE).values(**values).returning(_TABLE.c.id)
    number = connection.execute(made).scalar()
    if number is None:
        raise OperatorError(f"the name {name} is taken")
    return User(id=number, name=name)


def list_all(connection: Connection) -> list[User]:
    """Every user, by name."""
    return _load_users(connection, sa.true())


def find_by_name(connection: Connection, name: str) -> User | None:
    """The user of that name, disabled or not."""
    found = _load_users(connection, _TABLE.c.name == name)
    return found[0] if found else None


def find_by_subject(connection: Connection, subject: str) -> User | None:
    """The user whom the sign-in service knows so, disabled or not."""
    found = _load_users(connection, _TABLE.c.subject == subject)
    return found[0] if found else None


def link_subject(connection: Connection, user: User, subject: str) -> bool:
    """Note who the user is to the sign-in service, from now on; False if the user is somebody else there already."""
    mine = sa.update(_TABLE).where(_TABLE.c.id == user.id, _TABLE.c.subject.is_(None))
    return connection.execute(mine.values(subject=subject)).rowcount == 1


def unlink_subject(connection: Connection, user: User) -> None:
    """Forget who the user is to the sign-in service: the next one who comes with the name is."""
    connection.execute(sa.update(_TABLE).where(_TABLE.c.id == user.id).values(subject=None))


def find_by_id(connection: Connection, number: int) -> User | None:
    """The user of that number, disabled or not."""
    found = _load_users(connection, _TABLE.c.id == number)
    return found[0] if found else None


def get_credentials(connection: Connection, user: User) -> tuple[str, str, int]:
    """The hashed password, the sealed secret of the second factor ("" for none), and the last step that was used."""
    asked = sa.select(_TABLE.c.password_hash, _TABLE.c.encrypted_totp, _TABLE.c.totp_step).where(_TABLE.c.id == user.id)
    row = connection.execute(asked).one()
    return str(row[0]), str(row[1]), int(row[2])


def set_password(connection: Connection, user: User, password: str) -> None:
    """Keep another hashed password. Every session of the user ends, and every link."""
    connection.execute(sa.update(_TABLE).where(_TABLE.c.id == user.id).values(password_hash=password))
    connection.execute(sa.delete(_SESSIONS).where(_SESSIONS.c.user_id == user.id))
    connection.execute(sa.delete(_SETUP_LINKS).where(_SETUP_LINKS.c.user_id == user.id))


def set_second_factor(connection: Connection, user: User, sealed: str) -> None:
    """Ask for a code from now on, or no longer where `sealed` is empty."""
    connection.execute(sa.update(_TABLE).where(_TABLE.c.id == user.id).values(encrypted_totp=sealed, totp_step=0))


def consume_totp_step(connection: Connection, user: User, step: int) -> bool:
    """Note that a code was used; False if it, or a later one, was used already."""
    later = sa.update(_TABLE).where(_TABLE.c.id == user.id, _TABLE.c.totp_step < step)
    return connection.execute(later.values(totp_step=step)).rowcount == 1


def set_disabled(connection: Connection, user: User, at: datetime | None) -> None:
    """Let the user in no more from `at` on, whose sessions end; or again, where it is None."""
    connection.execute(sa.update(_TABLE).where(_TABLE.c.id == user.id).values(disabled_at=at))
    if at is not None:
        connection.execute(sa.delete(_SESSIONS).where(_SESSIONS.c.user_id == user.id))
        connection.execute(sa.delete(_SETUP_LINKS).where(_SETUP_LINKS.c.user_id == user.id))


def grant_role(connection: Connection, user: User, given: Grant) -> None:
    """Give the user a role; one that is there already stays as it is."""
    if given not in user.grants:
        values = {"user_id": user.id, "role": given.role, "app": given.app, "account_id": given.account_id}
        connection.execute(sa.insert(_ROLES).values(**values))


def revoke_role(connection: Connection, user: User, taken: Grant) -> None:
    """Take a role from the user; raises Misuse if it is the last operator's of all."""
    mine = (_ROLES.c.user_id == user.id) & (_ROLES.c.role == taken.role) & (_ROLES.c.account_id == taken.account_id)
    connection.execute(sa.delete(_ROLES).where(mine, _ROLES.c.app.is_not_distinct_from(taken.app)))
    if taken.role is Role.OPERATOR and not has_operator(connection):
        raise OperatorError("somebody must stay operator")


def has_operator(connection: Connection) -> bool:
    """Whether anybody who is let in runs the node."""
    asked = sa.select(_ROLES.c.id).join(_TABLE, _TABLE.c.id == _ROLES.c.user_id)
    alive = asked.where(_ROLES.c.role == Role.OPERATOR, _TABLE.c.disabled_at.is_(None))
    return connection.execute(alive.limit(1)).first() is not None


def create_setup_link(connection: Connection, token: str, user: User | None, expires_at: datetime) -> None:
    """Let the token's holder set the user's password once, or for None make the first operator."""
    number = user.id if user else None
    connection.execute(sa.delete(_SETUP_LINKS).where(_SETUP_LINKS.c.user_id.is_not_distinct_from(number)))
    connection.execute(sa.insert(_SETUP_LINKS).values(digest=hash_token(token), user_id=number, expires_at=expires_at))


def find_setup_link(connection: Connection, token: str, now: datetime) -> tuple[bool, User | None]:
    """Whether the token is good, and whose password it sets; None: the first operator's, who is not there yet."""
    asked = sa.select(_SETUP_LINKS.c.user_id).where(
        _SETUP_LINKS.c.digest == hash_token(token), _SETUP_LINKS.c.expires_at > now
    )
    row = connection.execute(asked).one_or_none()
    if row is None:
        return False, None
    if row[0] is None:
        return not has_operator(connection), None
    return True, find_by_id(connection, row[0])


def consume_setup_link(connection: Connection, token: str) -> bool:
    """End the link; False if somebody was quicker."""
    return connection.execute(sa.delete(_SETUP_LINKS).where(_SETUP_LINKS.c.digest == hash_token(token))).rowcount == 1


def delete_expired_setup_links(connection: Connection, now: datetime) -> int:
    """Drop links that are over; how many."""
    return connection.execute(sa.delete(_SETUP_LINKS).where(_SETUP_LINKS.c.expires_at <= now)).rowcount


def _load_users(connection: Connection, which: sa.ColumnElement[bool]) -> list[User]:
    rows = connection.execute(sa.select(_TABLE).where(which).order_by(_TABLE.c.name)).all()
    grants: dict[int, list[Grant]] = defaultdict(list)
    asked = sa.select(_ROLES).where(_ROLES.c.user_id.in_([row.id for row in rows])).order_by(_ROLES.c.id)
    for row in connection.execute(asked):
        grants[row.user_id].append(Grant(role=Role(row.role), app=row.app, account_id=row.account_id))
    return [_from_row(row, tuple(grants[row.id])) for row in rows]


def _from_row(row: sa.Row[Any], grants: tuple[Grant, ...]) -> User:
    return User(
        id=row.id,
        name=row.name,
        grants=grants,
        has_second_factor=bool(row.encrypted_totp),
        is_linked=row.subject is not None,
        is_disabled=row.disabled_at is not None,
    )
