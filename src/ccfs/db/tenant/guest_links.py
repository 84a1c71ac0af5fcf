"""Rows of links by which people without an account hear a recording. Anonymous requests find theirs by system/console/link_tokens.py."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.row_limit import has_room
from ccfs.db.system.console.users import hash_token
from ccfs.model.calls import partition_month
from ccfs.model.identity.tenancy import App
from ccfs.model.identity.user import User
from ccfs.model.recordings.guest_link import MAX_PER_RECORDING, GuestLink, GuestLinkDraft
from ccfs.model.recordings.recording import Recording

MAX_OF_CALL: Final = 200  # links that the page of a call shows
_TABLE, _USERS = schema.guest_links, schema.users
_DRAFT_NAMES = ("start_ms", "end_ms", "title", "shows_date", "password_hash", "max_plays", "expires_at")
_NAMES = ("id", "account_id", "recording", "user_id", "created_at", "revoked_at", "plays", "last_played_at")
SELECT: Final = sa.select(
    *(_TABLE.c[name] for name in (*_NAMES, *_DRAFT_NAMES)), _TABLE.c.app, _USERS.c.name.label("maker")
).join(_USERS, _USERS.c.id == _TABLE.c.user_id)


def build_link(row: Any) -> GuestLink:
    """Return the link of a row of SELECT."""
    draft = GuestLinkDraft(**{name: getattr(row, name) for name in _DRAFT_NAMES})
    return GuestLink(draft=draft, maker=row.maker, **{name: getattr(row, name) for name in _NAMES})


def add(
    connection: Connection,
    app: App,
    recording: Recording,
    draft: GuestLinkDraft,
    user: User,
    token: str,
    now: datetime,
) -> int | None:
    """Add a link of a user and return its id; None if the recording has MAX_PER_RECORDING that still work."""
    of_recording = (_TABLE.c.app == app.id) & (_TABLE.c.recording == recording.file_name)
    is_open = (_TABLE.c.expires_at > now) & _TABLE.c.revoked_at.is_(None)
    if not has_room(connection, app, _TABLE, of_recording & is_open, MAX_PER_RECORDING):
        return None
    values = {name: getattr(draft, name) for name in _DRAFT_NAMES} | {
        "app": app.id,
        "account_id": recording.account_id,
        "recording": recording.file_name,
        "month": partition_month.parse_month_key(recording.file_name),
        "digest": hash_token(token),
        "user_id": user.id,
        "plays": 0,
        "created_at": now,
    }
    added: int = connection.execute(sa.insert(_TABLE).values(**values).returning(_TABLE.c.id)).scalar_one()
    return added


def list_by_recordings(connection: Connection, app: App, recordings: Sequence[Recording]) -> dict[str, list[GuestLink]]:
    """Return the links of each recording by its index name, the newest first; up to MAX_OF_CALL in all."""
    names = [recording.file_name for recording in recordings]
    query = SELECT.where(_TABLE.c.app == app.id, _TABLE.c.recording.in_(names)).order_by(_TABLE.c.id.desc())
    links: dict[str, list[GuestLink]] = defaultdict(list)
    for row in connection.execute(query.limit(MAX_OF_CALL)):
        links[row.recording].append(build_link(row))
    return links


def list_by_account(
    connection: Connection, app: App, account_id: str, before: int | None, limit: int
) -> list[tuple[GuestLink, str]]:
    """Return links of an account, the newest first, each with its call: "" if the recording was deleted a moment ago.

    `before` is the id of the last link on the page before.
    """
    own = (_TABLE.c.app == app.id) & (_TABLE.c.account_id == account_id)
    if before is not None:
        own &= _TABLE.c.id < before
    links = [build_link(row) for row in connection.execute(SELECT.where(own).order_by(_TABLE.c.id.desc()).limit(limit))]
    columns = schema.recordings.c
    names = {link.recording for link in links}
    months = {partition_month.parse_month_key(name) for name in names}
    query = sa.select(columns.file_name, columns.call_id).where(
        columns.app == app.id, columns.file_name.in_(names), columns.month.in_(months)
    )
    calls = {row.file_name: row.call_id for row in connection.execute(query)} if names else {}
    return [(link, calls.get(link.recording, "")) for link in links]


def find(connection: Connection, app: App, account_id: str, link_id: int) -> GuestLink | None:
    """Return a link of an account; None if it has none of this id."""
    row = connection.execute(SELECT.where(_is_link(app, account_id, link_id))).first()
    return build_link(row) if row else None


def revoke(connection: Connection, app: App, account_id: str, link_id: int, now: datetime) -> bool:
    """Revoke a link. Return False if it was revoked already."""
    is_valid = _is_link(app, account_id, link_id) & _TABLE.c.revoked_at.is_(None)
    return connection.execute(sa.update(_TABLE).where(is_valid).values(revoked_at=now)).rowcount == 1


def _is_link(app: App, account_id: str, link_id: int) -> sa.ColumnElement[bool]:
    return (_TABLE.c.app == app.id) & (_TABLE.c.account_id == account_id) & (_TABLE.c.id == link_id)
