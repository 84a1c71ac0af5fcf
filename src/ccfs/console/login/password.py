"""Signing in and out, setting a password by a link, choosing a language. What is open to nobody in particular."""

import asyncio
import secrets
from datetime import timedelta

from sqlalchemy.engine import Connection

from ccfs.console.render import LANGUAGES
from ccfs.console.request import (
    HOME_PATH,
    LANGUAGE_COOKIE,
    SESSION_COOKIE,
    YEAR_SECONDS,
    ConsoleRequest,
    sanitize_redirect,
)
from ccfs.db.system import audit, lockouts, passwords, sessions, users
from ccfs.model.errors import NotFound
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.totp import match_step
from ccfs.model.identity.user import Grant, Role, User, clean_name, is_valid_password
from ccfs.web.responses.types import BytesResponse, Response


async def show_login(visit: ConsoleRequest) -> Response:
    """The page that asks who is there."""
    if visit.user is not None:
        return visit.redirect(HOME_PATH)
    return render_login(visit, sanitize_redirect(visit.query_params.get("next", "")))


def render_login(
    visit: ConsoleRequest, after: str, status: int = 200, problem: str = "", name: str = "", **more: str
) -> BytesResponse:
    """The page that asks who is there; `after` is shown then."""
    set_to, is_left = visit.context.settings, visit.query_params.get("logged_out") == "yes"
    known = {"sso_name": set_to.oidc_name if set_to.oidc_issuer else "", "has_password_login": set_to.password_login}
    return visit.render_page(
        "login.html", status, next_path=after, problem=problem, name=name, is_logged_out=is_left, **known, **more
    )


async def login(visit: ConsoleRequest) -> Response:
    """A new session for who gives a name, its password, and its code if it has a second factor."""
    if not visit.context.settings.password_login:
        raise NotFound
    name, after = visit.form.get("name", "").strip().lower()[:100], sanitize_redirect(visit.form.get("next", ""))
    if await is_locked_out(visit, name):
        return render_login(visit, after, 429, visit.translate("Too many attempts. Try again in a few minutes."), name)
    user = await visit.context.query(lambda connection: users.find_by_name(connection, name))
    if not await _check_credentials(visit, user):
        await record_failure(visit, name, name)
        return render_login(visit, after, 401, visit.translate("Name, password or code is wrong."), name)
    assert user is not None
    return visit.redirect(after, await start_session(visit, user))


async def _check_credentials(visit: ConsoleRequest, user: User | None) -> bool:
    """Whether the form's secrets are the user's. It takes as long for nobody."""
    kept, sealed, last = "", "", 0
    if user is not None and not user.is_disabled:
        found = user
        kept, sealed, last = await visit.context.query(lambda connection: users.get_credentials(connection, found))
    password = visit.form.get("password", "")
    if not is_valid_password(password) or not await asyncio.to_thread(passwords.verify, kept, password):
        return False
    if not sealed or user is None:
        return True
    step = match_step(visit.context.secret_box.decrypt(sealed), visit.form.get("code", ""), visit.context.now(), last)
    return step is not None and await visit.context.transaction(
        lambda connection: users.consume_totp_step(connection, user, step)
    )


async def start_session(visit: ConsoleRequest, user: User, by: str = "") -> str:
    """The cookie of a new session; the one before it, if any, ends: what was known of it is good for nothing.

    `by` is the service that proved who it is, for the log.
    """
    token, now, set_to = secrets.token_urlsafe(32), visit.context.now(), visit.context.settings
    entry = ConsoleRequest(
        context=visit.context,
        request=visit.request,
        client_address=visit.client_address,
        language=visit.language,
        user=user,
    )

    def begin(connection: Connection) -> None:
        idle, lasts = timedelta(seconds=set_to.session_idle_seconds), timedelta(seconds=set_to.session_seconds)
        sessions.delete_expired(connection, now, idle, lasts)
        sessions.delete(connection, visit.session_token)
        sessions.create(connection, user, token, now)
        audit.add(connection, entry.build_audit_entry(AuditAction.LOGGED_IN, by))

    await visit.context.transaction(begin)
    return visit.build_cookie(SESSION_COOKIE, token, set_to.session_seconds)


def _build_lockout_keys(visit: ConsoleRequest, name: str) -> tuple[str, ...]:
    """Under which names failures count: apart from bad signatures, so that neither locks out the other."""
    return (f"console {visit.client_address}", *([f"user {name}"] if name else []))


async def is_locked_out(visit: ConsoleRequest, name: str = "") -> bool:
    """Whether too many attempts failed, of the address or of that name."""
    picture, now = await visit.context.get_tenant_snapshot(), visit.context.now()
    return any(picture.locked_addresses.get(lock, now) > now for lock in _build_lockout_keys(visit, name))


async def record_failure(visit: ConsoleRequest, what: str, name: str = "") -> None:
    """Note that an attempt failed, against the address and the name."""
    set_to, now = visit.context.settings, visit.context.now()

    def count(connection: Connection) -> None:
        audit.add(connection, visit.build_audit_entry(AuditAction.LOGIN_FAILED, what))
        for lock in _build_lockout_keys(visit, name) if set_to.lock_failures else ():
            lockouts.record_failure(
                connection,
                lock,
                now,
                limit=set_to.lock_failures,
                period=timedelta(seconds=set_to.lock_period_seconds),
                lock=timedelta(seconds=set_to.lock_seconds),
            )

    await visit.context.transaction(count)
    visit.context.tenant_cache.invalidate()


async def logout(visit: ConsoleRequest) -> Response:
    """The session ends."""

    def end(connection: Connection) -> None:
        sessions.delete(connection, visit.session_token)
        audit.add(connection, visit.build_audit_entry(AuditAction.LOGGED_OUT))

    await visit.context.transaction(end)
    return visit.redirect("/console/login", visit.build_cookie(SESSION_COOKIE, "", 0), logged_out="yes")


async def show_password_form(visit: ConsoleRequest) -> Response:
    """The page behind a link: a password, and for the first operator a name."""
    token = visit.query_params.get("link", "")
    is_good, user = await visit.context.query(
        lambda connection: users.find_setup_link(connection, token, visit.context.now())
    )
    if not is_good:
        raise NotFound
    return _render_password_form(visit, token, user)


def _render_password_form(
    visit: ConsoleRequest, token: str, user: User | None, status: int = 200, problem: str = ""
) -> BytesResponse:
    return visit.render_page(
        "setup.html", status, link=token, target_user=user, problem=problem, name=visit.form.get("name", "")
    )


async def set_password(visit: ConsoleRequest) -> Response:
    """The password is the user's from now on; the link is used up, and who came by it is signed in."""
    token, now = visit.form.get("link", ""), visit.context.now()
    is_good, user = await visit.context.query(lambda connection: users.find_setup_link(connection, token, now))
    if not is_good:
        raise NotFound
    password, name = visit.form.get("password", ""), clean_name(visit.form.get("name", ""))
    if user is None and name is None:
        return _render_password_form(
            visit, token, user, 400, visit.translate("A name has letters, digits and . _ @ - only.")
        )
    if not is_valid_password(password):
        return _render_password_form(visit, token, user, 400, visit.translate("A password has 10 to 200 characters."))
    if password != visit.form.get("repeat", ""):
        return _render_password_form(visit, token, user, 400, visit.translate("The two passwords differ."))
    kept = await asyncio.to_thread(passwords.hash_password, password)
    made = await visit.context.transaction(
        lambda connection: _save_password(connection, visit, token, user, name or "", kept)
    )
    if made is None:
        raise NotFound
    return visit.redirect(HOME_PATH, await start_session(visit, made))


def _save_password(
    connection: Connection, visit: ConsoleRequest, token: str, user: User | None, name: str, kept: str
) -> User | None:
    """The user whose password it is now, in one transaction with the end of the link; None if somebody was quicker."""
    if not users.consume_setup_link(connection, token):
        return None
    if user is None:
        user = users.add(connection, name, kept, visit.context.now())
        users.grant_role(connection, user, Grant(role=Role.OPERATOR))
    else:
        users.set_password(connection, user, kept)
    entry = visit.build_audit_entry(AuditAction.PASSWORD_SET, user.name)
    audit.add(connection, entry)
    return users.find_by_id(connection, user.id)


async def choose_language(visit: ConsoleRequest) -> Response:
    """The language from now on, kept in a cookie."""
    chosen = visit.form.get("language", "")
    if chosen not in LANGUAGES:
        raise NotFound
    return visit.redirect(
        sanitize_redirect(visit.form.get("next", "")), visit.build_cookie(LANGUAGE_COOKIE, chosen, YEAR_SECONDS)
    )
