"""Sessions: the user's own, shown on the account page and ended there; all of a user, ended by an operator."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.engine import Connection

from ccfs.console.request import ConsoleRequest
from ccfs.db.system.console import audit, sessions, users
from ccfs.db.system.console.users import hash_token
from ccfs.model.errors import NotFound
from ccfs.model.identity.audit import AuditAction
from ccfs.web.responses.types import Response

# Parts of a User-Agent and the name to show, the first that occurs: browsers name their ancestors, too.
_BROWSERS: Final = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSession:
    """A session as the account page shows it."""

    digest: str
    browser: str  # empty if the User-Agent is of no known browser
    address: str
    created_at: datetime
    seen_at: datetime
    is_current: bool


async def list_own_sessions(request: ConsoleRequest) -> list[OwnSession]:
    """Return the user's sessions, the last used first."""
    settings, user, now = request.context.settings, request.current_user, request.context.now()
    idle, lifetime = timedelta(seconds=settings.session_idle_seconds), timedelta(seconds=settings.session_seconds)
    found = await request.context.query(lambda c: sessions.list_active(c, user, now, idle, lifetime))
    current = hash_token(request.session_token)
    return [
        OwnSession(
            digest=session.digest,
            browser=describe_browser(session.browser),
            address=session.address,
            created_at=session.created_at,
            seen_at=session.seen_at,
            is_current=session.digest == current,
        )
        for session in found
    ]


async def end_own_session(request: ConsoleRequest) -> Response:
    """End one of the user's own sessions, or with `all` every one but this."""
    user, digest, is_all = request.current_user, request.form.get("session", ""), request.form.get("all") == "yes"

    def change(connection: Connection) -> int:
        if is_all:
            count = sessions.end_all(connection, user, request.session_token)
        else:
            count = int(sessions.end(connection, user, digest))
        if count:
            entry = request.build_audit_entry(AuditAction.SESSIONS_ENDED, f"{user.name} {count}")
            audit.add(connection, entry)
        return count

    if not await request.context.transaction(change) and not is_all:
        raise NotFound
    return request.redirect("/console/account", done="yes")


async def end_sessions_of_user(request: ConsoleRequest) -> Response:
    """End all sessions of a user."""
    name = request.form.get("user", "")

    def change(connection: Connection) -> bool:
        user = users.find_by_name(connection, name)
        if user is None:
            return False
        count = sessions.end_all(connection, user)
        audit.add(connection, request.build_audit_entry(AuditAction.SESSIONS_ENDED, f"{user.name} {count}"))
        return True

    if not await request.context.transaction(change):
        raise NotFound
    return request.redirect("/console/users")


def describe_browser(user_agent: str) -> str:
    """Return browser and system of a User-Agent; empty if neither is known."""
    names = (next((name for part, name in table if part in user_agent), "") for table in (_BROWSERS, _SYSTEMS))
    return ", ".join(filter(None, names))
