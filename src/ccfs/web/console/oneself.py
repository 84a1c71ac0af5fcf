"""Oneself: what one may do, another password, the second factor."""

import asyncio
import secrets

from sqlalchemy.engine import Connection

from ccfs.model import totp
from ccfs.model.audit import Action
from ccfs.model.user import password_is_fit
from ccfs.store import audit, passwords, sessions, users
from ccfs.web.answers import Answer, Plain
from ccfs.web.console.visit import SESSION, Visit


async def me(visit: Visit) -> Answer:
    """Who is signed in, and as what."""
    return await _page(visit)


async def _page(visit: Visit, status: int = 200, problem: str = "", secret: str = "") -> Plain:
    apps = {app.id: app for app in await visit.apps()}
    uri = totp.uri(secret, visit.who.name) if secret else ""
    done = visit.asked.get("done", "")
    return visit.page("me.html", status, apps=apps, problem=problem, secret=secret, uri=uri, done=done)


async def _knows_password(visit: Visit) -> bool:
    kept, _, _ = await visit.here.ask(lambda connection: users.secrets_of(connection, visit.who))
    given = visit.form.get("password", "")
    return password_is_fit(given) and await asyncio.to_thread(passwords.is_right, kept, given)


async def set_password(visit: Visit) -> Answer:
    """Another password, by who knows the one before. All other sessions end; this one goes on under a new token."""
    new = visit.form.get("new", "")
    if not await _knows_password(visit):
        return await _page(visit, 400, visit.translate("Your present password is another one."))
    if not password_is_fit(new):
        return await _page(visit, 400, visit.translate("A password has 10 to 200 characters."))
    if new != visit.form.get("again", ""):
        return await _page(visit, 400, visit.translate("The two passwords differ."))
    kept, token = await asyncio.to_thread(passwords.hashed, new), secrets.token_urlsafe(32)

    def change(connection: Connection) -> None:
        users.set_password(connection, visit.who, kept)
        sessions.begin(connection, visit.who, token, visit.here.now())
        audit.add(connection, visit.entry(Action.PASSWORD_SET, visit.who.name))

    await visit.here.tell(change)
    return visit.to("/console/me", visit.cookie(SESSION, token, visit.here.settings.session_seconds), done="yes")


async def begin_factor(visit: Visit) -> Answer:
    """A fresh secret for an authenticator; it counts only after a code of it came back."""
    return await _page(visit, secret=totp.secret_of(secrets.token_bytes(totp.SECRET_BYTES)))


async def set_factor(visit: Visit) -> Answer:
    """The second factor is asked for from now on, if the code is the secret's."""
    secret, now = visit.form.get("secret", ""), visit.here.now()
    try:
        step = totp.accepted_step(secret, visit.form.get("code", ""), now, 0)
    except ValueError:
        step = None
    if step is None or len(secret) < 32:
        return await _page(visit, 400, visit.translate("That is not the code. Is the phone's clock right?"), secret)

    def change(connection: Connection) -> None:
        users.set_second_factor(connection, visit.who, visit.here.sealer.seal(secret))
        users.use_step(connection, visit.who, step)
        audit.add(connection, visit.entry(Action.SECOND_FACTOR_SET))

    await visit.here.tell(change)
    return visit.to("/console/me", done="yes")


async def end_factor(visit: Visit) -> Answer:
    """The second factor is asked for no more; that takes the password."""
    if not await _knows_password(visit):
        return await _page(visit, 400, visit.translate("Your present password is another one."))

    def change(connection: Connection) -> None:
        users.set_second_factor(connection, visit.who, "")
        audit.add(connection, visit.entry(Action.SECOND_FACTOR_ENDED))

    await visit.here.tell(change)
    return visit.to("/console/me", done="yes")
