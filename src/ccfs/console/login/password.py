"""Login by password, logout, setting a password by a link, and choosing a language."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import wraps
from typing import Final

from sqlalchemy.engine import Connection

from ccfs.console.login import attempts, drafts, password_hashing
from ccfs.console.render import LANGUAGES
from ccfs.console.request import (
    HOME_PATH,
    LANGUAGE_COOKIE,
    SESSION_COOKIE,
    YEAR_SECONDS,
    ConsoleRequest,
    sanitize_redirect,
)
from ccfs.db.encryption import DecryptionFailed
from ccfs.db.system.console import audit, sessions, users
from ccfs.logs import get_logger
from ccfs.model.errors import NotFound
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.totp import match_step
from ccfs.model.identity.user import Grant, Role, User, clean_name, is_valid_password
from ccfs.web.responses.types import BytesResponse, Response

LONGEST_SETUP_LINK: Final = timedelta(
    days=31
)  # or its setting: a link that is valid for longer was made by a clock ahead


async def show_login(request: ConsoleRequest) -> Response:
    """Show the login page, unless somebody is signed in."""
    if request.user is not None:
        return request.redirect(HOME_PATH)
    return render_login(request, sanitize_redirect(request.query_params.get("next", "")))


def render_login(
    request: ConsoleRequest,
    next_path: str,
    status: int = 200,
    problem: str = "",
    name: str = "",
    draft: Mapping[str, str] = drafts.NO_DRAFT,
    **values: str,
) -> BytesResponse:
    """Return the login page, which leads to `next_path`. It keeps the entries of a form that was not sent, if there are any."""
    settings = request.context.settings
    is_kept = bool(draft and settings.oidc_issuer)
    draft_id, cookie = drafts.build_cookie(request, draft) if is_kept else ("", "")
    page = request.render_page(
        "login.html",
        status,
        next_path=next_path,
        problem=problem,
        name=name,
        draft=draft,
        oidc_query={"next": next_path, "draft": draft_id} if draft_id else {"next": next_path},
        is_too_large=is_kept and not draft_id,
        is_logged_out=request.query_params.get("logged_out") == "yes",
        sso_name=settings.oidc_name if settings.oidc_issuer else "",
        has_password_login=settings.password_login,
        **values,
    )
    return replace(page, extra_headers=(*page.extra_headers, ("set-cookie", cookie))) if cookie else page


async def login(request: ConsoleRequest) -> Response:
    """Start a session for a user's name, password, and code if the user has a second factor."""
    if not request.context.settings.password_login:
        raise NotFound
    name = request.form.get("name", "").strip().lower()[:100]
    next_path = sanitize_redirect(request.form.get("next", ""))
    draft = drafts.get_sent_draft(request)
    if not await attempts.reserve(request, name):
        return render_login(request, next_path, 429, attempts.explain_lockout(request), name, draft)
    user = await request.context.query(lambda connection: users.find_by_name(connection, name))
    is_right = await _check_credentials(request, user)
    failure = None if is_right else request.build_audit_entry(AuditAction.LOGIN_FAILED, name)
    await attempts.settle(request, name, failure)
    if not is_right:
        problem = request.translate("Incorrect user name, password or code.")
        return render_login(request, next_path, 401, problem, name, draft)
    assert user is not None
    cookie = await start_session(request, user)
    cookies = (cookie, *drafts.list_clearing_cookies(request))
    if draft:
        return await drafts.redirect_to_draft(request, user, draft, next_path, *cookies)
    return request.redirect(next_path, *cookies)


async def _check_credentials(request: ConsoleRequest, user: User | None) -> bool:
    """Whether password and code are the user's. An unknown user takes the same time."""
    stored, encrypted_totp, last_step = "", "", 0
    if user is not None and not user.is_disabled:
        enabled = user
        stored, encrypted_totp, last_step = await request.context.query(
            lambda connection: users.get_credentials(connection, enabled)
        )
    password = request.form.get("password", "")
    if not is_valid_password(password) or not await password_hashing.verify(stored, password):
        return False
    if not encrypted_totp or user is None:
        return True
    try:
        secret = request.context.secret_box.decrypt(encrypted_totp)
    except DecryptionFailed as error:
        reason = "damaged" if error.is_damaged else "encrypted by another node key"
        get_logger().error(
            "no node key decrypts a second factor", action="secret_unreadable", user=user.name, reason=reason
        )
        return False
    step = match_step(secret, request.form.get("code", ""), request.context.now(), last_step)
    return step is not None and await request.context.transaction(
        lambda connection: users.consume_totp_step(connection, user, step)
    )


async def start_session(request: ConsoleRequest, user: User, issuer: str = "") -> str:
    """Return the cookie of a new session. The session before it ends, so that a planted token is worthless.

    `issuer` is the provider that proved the user's identity, for the audit log.
    """
    token, now, settings = secrets.token_urlsafe(32), request.context.now(), request.context.settings
    idle_timeout = timedelta(seconds=settings.session_idle_seconds)
    lifetime = timedelta(seconds=settings.session_seconds)
    entry = replace(request, user=user).build_audit_entry(AuditAction.LOGGED_IN, issuer)

    def begin(connection: Connection) -> None:
        sessions.delete_expired(connection, now, idle_timeout, lifetime)
        sessions.delete(connection, request.session_token)
        browser = request.http_request.headers.get("user-agent", "")
        sessions.create(connection, user, token, now, address=request.client_address, browser=browser)
        audit.add(connection, entry)

    await request.context.transaction(begin)
    return request.build_cookie(SESSION_COOKIE, token, settings.session_seconds)


async def logout(request: ConsoleRequest) -> Response:
    """End the session."""

    def end(connection: Connection) -> None:
        sessions.delete(connection, request.session_token)
        audit.add(connection, request.build_audit_entry(AuditAction.LOGGED_OUT))

    await request.context.transaction(end)
    cookies = (request.build_cookie(SESSION_COOKIE, "", 0), *drafts.list_clearing_cookies(request))
    return request.redirect("/console/login", *cookies, logged_out="yes")


class InvalidSetupLink(NotFound):
    """A setup link was used, was replaced, has expired, or never existed."""


def explain_invalid_link(
    handler: Callable[[ConsoleRequest], Awaitable[Response]],
) -> Callable[[ConsoleRequest], Awaitable[Response]]:
    """Let a handler answer an invalid setup link with a page that says whom to ask."""

    @wraps(handler)
    async def handle(request: ConsoleRequest) -> Response:
        try:
            return await handler(request)
        except InvalidSetupLink:
            return request.render_error("setup_link", 404)

    return handle


@explain_invalid_link
async def show_password_form(request: ConsoleRequest) -> Response:
    """Show the page of a setup link: a password, and for the first operator a name."""
    token = request.query_params.get("link", "")
    return _render_password_form(request, token, await _resolve_setup_link(request, token))


async def _resolve_setup_link(request: ConsoleRequest, token: str) -> User | None:
    """Return the user of a setup link; None if it adds the first operator. Raise InvalidSetupLink."""
    now, usual = request.context.now(), timedelta(seconds=request.context.settings.setup_link_seconds)
    lifetime = max(usual, LONGEST_SETUP_LINK)
    is_valid, user = await request.context.query(
        lambda connection: users.find_setup_link(connection, token, now, lifetime)
    )
    if not is_valid:
        raise InvalidSetupLink
    return user


def _render_password_form(
    request: ConsoleRequest, token: str, user: User | None, status: int = 200, problem: str = "", field: str = ""
) -> BytesResponse:
    return request.render_page("setup.html", status, problem, field, link=token, target_user=user)


@explain_invalid_link
async def set_password(request: ConsoleRequest) -> Response:
    """Set the password of a setup link's user, consume the link, and sign the user in."""
    token, password = request.form.get("link", ""), request.form.get("password", "")
    user, name = await _resolve_setup_link(request, token), clean_name(request.form.get("name", ""))
    problem, field = "", "password"
    if user is None and name is None:
        field = "name"
        problem = request.translate(
            "User names may contain only letters, digits and the characters . _ @ - without spaces."
        )
    elif not is_valid_password(password):
        problem = request.translate("The password must have 10 to 200 characters.")
    elif password != request.form.get("repeat", ""):
        problem, field = request.translate("The passwords do not match."), "repeat"
    if problem:
        return _render_password_form(request, token, user, 400, problem, field)
    password_hash = await password_hashing.hash_password(password)
    saved_user = await request.context.transaction(
        lambda connection: _save_password(connection, request, token, user, name or "", password_hash)
    )
    if saved_user is None:
        raise InvalidSetupLink
    return request.redirect(HOME_PATH, await start_session(request, saved_user))


def _save_password(
    connection: Connection, request: ConsoleRequest, token: str, user: User | None, name: str, password_hash: str
) -> User | None:
    """Consume the link and store the password in one transaction. Return the user; None if the link is used already."""
    if not users.consume_setup_link(connection, token):
        return None
    if user is None:
        user = users.add(connection, name, password_hash, request.context.now())
        users.grant_role(connection, user, Grant(role=Role.OPERATOR))
    else:
        users.set_password(connection, user, password_hash)
    audit.add(connection, request.build_audit_entry(AuditAction.PASSWORD_SET, user.name))
    return users.find_by_id(connection, user.id)


async def choose_language(request: ConsoleRequest) -> Response:
    """Store the chosen language in a cookie."""
    language = request.form.get("language", "")
    if language not in LANGUAGES:
        raise NotFound
    user = request.user
    if user is not None and user.preferences.language not in ("", language):
        chosen = replace(user.preferences, language=language)
        await request.context.transaction(lambda connection: users.set_preferences(connection, user, chosen))
    cookie = request.build_cookie(LANGUAGE_COOKIE, language, YEAR_SECONDS)
    return request.redirect(sanitize_redirect(request.form.get("next", "")), cookie)
