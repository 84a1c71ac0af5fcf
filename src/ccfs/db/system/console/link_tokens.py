"""Links of people without an account, by their token, which identifies app, account and recording.

Only a digest of each token is stored, so nobody who reads the table can play recordings.
"""

from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.system.console import users
from ccfs.db.system.console.users import hash_token
from ccfs.db.tenant import recordings
from ccfs.db.tenant.guest_links import SELECT, build_link
from ccfs.model.identity.tenancy import App
from ccfs.model.identity.user import Permission
from ccfs.model.recordings.guest_link import GuestLink
from ccfs.model.recordings.recording import Recording

_TABLE, _APPS = schema.guest_links, schema.apps
_NO_APP: Final = App(id=0, ak="", name="")


def resolve(
    connection: Connection, token: str, now: datetime, longest: timedelta
) -> tuple[App, GuestLink, Recording] | None:
    """Return the link of a token, which is neither revoked nor expired, with its app and recording; else None.

    Links last `longest` at most. It is None, too, if its recording was deleted, or its maker is disabled or may no longer share. The queries are the same
    whatever the reason, also for a token that was never valid.
    """
    statement = SELECT.add_columns(_APPS.c.ak, _APPS.c.name.label("app_name")).join(_APPS, _APPS.c.id == _TABLE.c.app)
    row = connection.execute(statement.where(_TABLE.c.digest == hash_token(token))).first()
    link = build_link(row) if row else None
    app = App(id=row.app, ak=row.ak, name=row.app_name) if row else _NO_APP
    maker = users.find_by_id(connection, link.user_id if link else 0)
    recording = recordings.find_by_name(connection, app, link.recording if link else "")
    if link is None or maker is None or recording is None or not link.is_open(now, longest):
        return None
    may_share = not maker.is_disabled and maker.has_permission(Permission.SHARE, app.id, link.account_id)
    return (app, link, recording) if may_share and recording.account_id == link.account_id else None


def count_play(connection: Connection, link: GuestLink, now: datetime) -> bool:
    """Count a play. Return False if the link has none left, or was revoked meanwhile."""
    is_left = (_TABLE.c.id == link.id) & (_TABLE.c.plays < _TABLE.c.max_plays) & _TABLE.c.revoked_at.is_(None)
    counted = sa.update(_TABLE).where(is_left).values(plays=_TABLE.c.plays + 1, last_played_at=now)
    return connection.execute(counted).rowcount == 1


def delete_ended(connection: Connection, before: datetime, limit: int) -> int:
    """Delete links that ended before a time, and return their number. The audit log keeps what they were."""
    ended = sa.select(_TABLE.c.id).where(_TABLE.c.expires_at < before).order_by(_TABLE.c.expires_at).limit(limit)
    return connection.execute(sa.delete(_TABLE).where(_TABLE.c.id.in_(ended))).rowcount


def identify(connection: Connection, token: str) -> tuple[int, str, int] | None:
    """Return app, account and id of a link, whether or not it works; None if no link has the token."""
    columns = (_TABLE.c.app, _TABLE.c.account_id, _TABLE.c.id)
    row = connection.execute(sa.select(*columns).where(_TABLE.c.digest == hash_token(token))).first()
    return (row[0], row[1], row[2]) if row else None
