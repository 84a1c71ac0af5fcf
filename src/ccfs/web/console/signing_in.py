"""Signing in and out, setting a password by a link, choosing a language. What is open to nobody in particular."""

import asyncio
import secrets
from datetime import timedelta

from sqlalchemy.engine import Connection

from ccfs.model.audit import Action
from ccfs.model.errors import Absent
from ccfs.model.totp import accepted_step
from ccfs.model.user import Grant, Role, User, clean_name, password_is_fit
from ccfs.store import audit, lockouts, passwords, sessions, users
from ccfs.web.answers import Answer, Plain
from ccfs.web.console.render import LANGUAGES
from ccfs.web.console.visit import FRONT, LANGUAGE, SESSION, YEAR, Visit, own_path


async def ask(visit: Visit) -> Answer:
    """The page that asks who is there."""
    if visit.user is not None:
        return visit.to(FRONT)
    return _form(visit, own_path(visit.asked.get("next", "")))


def _form(visit: Visit, after: str, status: int = 200, problem: str = "", name: str = "") -> Plain:
    return visit.page("login.html", status, after=after, problem=problem, name=name)


async def enter(visit: Visit) -> Answer:
    """A new session for who gives a name, its password, and its code if it has a second factor."""
    name, after = visit.form.get("name", "").strip().lower()[:100], own_path(visit.form.get("next", ""))
    if await _is_locked(visit, name):
        return _form(visit, after, 429, visit.translate("Too many attempts. Try again in a few minutes."), name)
    user = await visit.here.ask(lambda connection: users.by_name(connection, name))
    if not await _proves(visit, user):
        await _count(visit, name)
        return _form(visit, after, 401, visit.translate("Name, password or code is wrong."), name)
    assert user is not None
    return visit.to(after, await _begun(visit, user))


async def _proves(visit: Visit, user: User | None) -> bool:
    """Whether the form's secrets are the user's. It takes as long for nobody."""
    kept, sealed, last = "", "", 0
    if user is not None and not user.is_disabled:
        found = user
        kept, sealed, last = await visit.here.ask(lambda connection: users.secrets_of(connection, found))
    password = visit.form.get("password", "")
    if not password_is_fit(password) or not await asyncio.to_thread(passwords.is_right, kept, password):
        return False
    if not sealed or user is None:
        return True
    step = accepted_step(visit.here.sealer.open(sealed), visit.form.get("code", ""), visit.here.now(), last)
    return step is not None and await visit.here.tell(lambda connection: users.use_step(connection, user, step))


async def _begun(visit: Visit, user: User) -> str:
    """The cookie of a new session; the one before it, if any, ends: what was known of it is good for nothing."""
    token, now, set_to = secrets.token_urlsafe(32), visit.here.now(), visit.here.settings
    entry = Visit(here=visit.here, request=visit.request, address=visit.address, language=visit.language, user=user)

    def begin(connection: Connection) -> None:
        idle, lasts = timedelta(seconds=set_to.session_idle_seconds), timedelta(seconds=set_to.session_seconds)
        sessions.forget_old(connection, now, idle, lasts)
        sessions.end(connection, visit.token)
        sessions.begin(connection, user, token, now)
        audit.add(connection, entry.entry(Action.SIGNED_IN))

    await visit.here.tell(begin)
    return visit.cookie(SESSION, token, set_to.session_seconds)


def _locks(visit: Visit, name: str) -> tuple[str, str]:
    """Under which names failures count: apart from bad signatures, so that neither locks out the other."""
    return f"console {visit.address}", f"user {name}"


async def _is_locked(visit: Visit, name: str) -> bool:
    picture, now = await visit.here.picture(), visit.here.now()
    return any(picture.locked.get(lock, now) > now for lock in _locks(visit, name))


async def _count(visit: Visit, name: str) -> None:
    set_to, now = visit.here.settings, visit.here.now()

    def count(connection: Connection) -> None:
        audit.add(connection, visit.entry(Action.SIGN_IN_FAILED, name))
        for lock in _locks(visit, name) if set_to.lock_failures else ():
            lockouts.count_failure(
                connection,
                lock,
                now,
                limit=set_to.lock_failures,
                period=timedelta(seconds=set_to.lock_period_seconds),
                lock=timedelta(seconds=set_to.lock_seconds),
            )

    await visit.here.tell(count)
    visit.here.pictures.look_again()


async def leave(visit: Visit) -> Answer:
    """The session ends."""

    def end(connection: Connection) -> None:
        sessions.end(connection, visit.token)
        audit.add(connection, visit.entry(Action.SIGNED_OUT))

    await visit.here.tell(end)
    return visit.to("/console/login", visit.cookie(SESSION, "", 0))


async def ask_password(visit: Visit) -> Answer:
    """The page behind a link: a password, and for the first operator a name."""
    token = visit.asked.get("link", "")
    is_good, user = await visit.here.ask(lambda connection: users.link(connection, token, visit.here.now()))
    if not is_good:
        raise Absent
    return _start(visit, token, user)


def _start(visit: Visit, token: str, user: User | None, status: int = 200, problem: str = "") -> Plain:
    return visit.page("start.html", status, link=token, whose=user, problem=problem, name=visit.form.get("name", ""))


async def set_password(visit: Visit) -> Answer:
    """The password is the user's from now on; the link is used up, and who came by it is signed in."""
    token, now = visit.form.get("link", ""), visit.here.now()
    is_good, user = await visit.here.ask(lambda connection: users.link(connection, token, now))
    if not is_good:
        raise Absent
    password, name = visit.form.get("password", ""), clean_name(visit.form.get("name", ""))
    if user is None and name is None:
        return _start(visit, token, user, 400, visit.translate("A name has letters, digits and . _ @ - only."))
    if not password_is_fit(password):
        return _start(visit, token, user, 400, visit.translate("A password has 10 to 200 characters."))
    if password != visit.form.get("again", ""):
        return _start(visit, token, user, 400, visit.translate("The two passwords differ."))
    kept = await asyncio.to_thread(passwords.hashed, password)
    made = await visit.here.tell(lambda connection: _owned(connection, visit, token, user, name or "", kept))
    if made is None:
        raise Absent
    return visit.to(FRONT, await _begun(visit, made))


def _owned(connection: Connection, visit: Visit, token: str, user: User | None, name: str, kept: str) -> User | None:
    """The user whose password it is now, in one transaction with the end of the link; None if somebody was quicker."""
    if not users.use_link(connection, token):
        return None
    if user is None:
        user = users.add(connection, name, kept, visit.here.now())
        users.grant(connection, user, Grant(role=Role.OPERATOR))
    else:
        users.set_password(connection, user, kept)
    entry = visit.entry(Action.PASSWORD_SET, user.name)
    audit.add(connection, entry)
    return users.by_id(connection, user.id)


async def choose_language(visit: Visit) -> Answer:
    """The language from now on, kept in a cookie."""
    chosen = visit.form.get("language", "")
    if chosen not in LANGUAGES:
        raise Absent
    return visit.to(own_path(visit.form.get("back", "")), visit.cookie(LANGUAGE, chosen, YEAR))
