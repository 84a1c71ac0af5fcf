"""Signing in by an OpenID Connect provider: leaving for it, coming back, and who may come in. What proves somebody is checked
in provider.py. A departure is kept in a sealed cookie of the browser that left, and is good for one return."""

import asyncio
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar, TypeVarTuple

from sqlalchemy.engine import Connection

from ccfs.console.login import password
from ccfs.console.login.oidc_config import OidcUnavailable, OidcVerificationFailed
from ccfs.console.request import ConsoleRequest, sanitize_redirect
from ccfs.db.system import audit, oidc_states, tenants, users
from ccfs.logs import get_logger
from ccfs.model.errors import NotFound, OperatorError
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.oidc_claims import find_matching_rules, get_username
from ccfs.model.identity.user import Grant, User, clean_name
from ccfs.web.responses.types import BytesResponse, Response

if TYPE_CHECKING:
    from ccfs.console.login.oidc_client import OidcClient

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
LOGIN_STATE_COOKIE: Final = "ccfs_oidc_state"
LOGIN_STATE_LIFETIME: Final = timedelta(minutes=10)  # time to sign in there
MAX_CODE_CHARS: Final = 4096  # characters of a code
MAX_SUBJECT_CHARS: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginState:
    """What the browser that left brings back. Sealed, so nobody reads or makes one."""

    state: str
    nonce: str
    code_verifier: str
    next_path: str  # the page that was asked for
    expires_at: int  # seconds since 1970
    link_user_id: int = 0  # users.id of who, signed in already, wants to be tied to the service; 0: somebody signs in


class LoginDenied(Exception):
    """The service proved who it is, and that one may not come in; the text says why, for the log."""


async def start_oidc_login(visit: ConsoleRequest) -> Response:
    """To the provider, with a departure of this browser."""
    provider, now = _get_client(visit), int(visit.context.now().timestamp())
    departure = LoginState(
        state=secrets.token_urlsafe(24),
        nonce=secrets.token_urlsafe(24),
        code_verifier=secrets.token_urlsafe(48),
        next_path=sanitize_redirect(visit.query_params.get("next", "")),
        expires_at=now + int(LOGIN_STATE_LIFETIME.total_seconds()),
        link_user_id=_get_link_user_id(visit),
    )
    try:
        parts = departure.state, departure.nonce, departure.code_verifier
        there = await _run_in_executor(provider, provider.build_authorization_url, *parts)
    except OidcUnavailable as error:
        return _render_unavailable(visit, error, departure.next_path)
    sealed = visit.context.secret_box.encrypt(json.dumps(asdict(departure)))
    return visit.redirect(
        there, visit.build_cookie(LOGIN_STATE_COOKIE, sealed, int(LOGIN_STATE_LIFETIME.total_seconds()))
    )


async def handle_oidc_callback(visit: ConsoleRequest) -> Response:
    """Who comes back from the provider is signed in, if it proves somebody who may be; else told why not."""
    provider, departure = _get_client(visit), _load_login_state(visit)
    if departure is None:
        get_logger().warning("returned without a departure", action="sign_in_refused", reason="state")
        return _render_login(
            visit, 400, visit.translate("This sign-in was begun elsewhere, or too long ago. Begin again.")
        )
    if await password.is_locked_out(visit):
        return _render_login(visit, 429, visit.translate("Too many attempts. Try again in a few minutes."))
    try:
        claims = await _fetch_claims(visit, provider, departure)
        user = await _resolve_user(visit, departure, claims)
    except OidcUnavailable as error:
        return _render_unavailable(visit, error, departure.next_path)
    except (OidcVerificationFailed, LoginDenied) as error:
        get_logger().warning("sign-in refused", action="sign_in_refused", reason=str(error))
        await password.record_failure(visit, str(error))
        told = (
            visit.translate("You are known there, but not let in here. Ask an operator.")
            if isinstance(error, LoginDenied)
            else visit.translate("That sign-in does not hold. Begin again.")
        )
        return _render_login(visit, 403 if isinstance(error, LoginDenied) else 401, told, departure.next_path)
    session = await password.start_session(visit, user, _get_issuer(visit))
    return visit.redirect(departure.next_path, session, visit.build_cookie(LOGIN_STATE_COOKIE, "", 0))


async def start_oidc_logout(visit: ConsoleRequest) -> Response:
    """To the provider's own page for signing out, if it has one."""
    try:
        provider = _get_client(visit)
        there = await _run_in_executor(provider, provider.get_logout_url)
    except OidcUnavailable as error:
        return _render_unavailable(visit, error, "")
    return visit.redirect(there or "/console/login")


def build_link_token(visit: ConsoleRequest) -> str:
    """What the address that ties somebody to the service must hold: only the person's own pages know it."""
    return hashlib.sha256(f"tie {visit.session_token}".encode()).hexdigest() if visit.session_token else ""


def _get_link_user_id(visit: ConsoleRequest) -> int:
    word = visit.query_params.get("link_token", "")
    if not word:
        return 0
    if visit.user is None or not secrets.compare_digest(word.encode(), build_link_token(visit).encode()):
        raise NotFound
    return visit.user.id


def _get_client(visit: ConsoleRequest) -> "OidcClient":
    if visit.context.oidc_client is None:
        raise NotFound
    client: OidcClient = visit.context.oidc_client
    return client


async def _run_in_executor(provider: "OidcClient", question: Callable[[*Ts], T], *parts: *Ts) -> T:
    """The answer of the provider, for which a thread of its own waits."""
    return await asyncio.get_running_loop().run_in_executor(provider.executor, question, *parts)


def _get_issuer(visit: ConsoleRequest) -> str:
    return visit.context.settings.oidc_issuer


def _load_login_state(visit: ConsoleRequest) -> LoginState | None:
    """The departure of this browser, if it is the one that the address speaks of, and not too old."""
    try:
        found = LoginState(**json.loads(visit.context.secret_box.decrypt(visit.cookies.get(LOGIN_STATE_COOKIE, ""))))
    except (OperatorError, ValueError, TypeError):
        return None
    is_its = secrets.compare_digest(found.state.encode(), visit.query_params.get("state", "").encode())
    return found if is_its and found.expires_at > visit.context.now().timestamp() else None


async def _fetch_claims(visit: ConsoleRequest, provider: "OidcClient", departure: LoginState) -> Mapping[str, Any]:
    """What the provider claims of who came back; raises NotProven, Away."""
    until = datetime.fromtimestamp(departure.expires_at, UTC)
    if not await visit.context.transaction(lambda connection: oidc_states.consume(connection, departure.state, until)):
        raise OidcVerificationFailed("this return was used already")
    if not await _run_in_executor(provider, provider.is_expected_issuer, visit.query_params.get("iss")):
        raise OidcVerificationFailed("it comes from another issuer")
    code, now = visit.query_params.get("code", ""), int(visit.context.now().timestamp())
    if "error" in visit.query_params or not 0 < len(code) <= MAX_CODE_CHARS:
        raise OidcVerificationFailed(f"no code: {visit.query_params.get('error', '')[:60]!r}")
    claims = await _run_in_executor(
        provider, provider.exchange_code, code, departure.code_verifier, departure.nonce, now
    )
    if len(claims["sub"]) > MAX_SUBJECT_CHARS:
        raise OidcVerificationFailed("ID token: sub")
    return claims


async def _resolve_user(visit: ConsoleRequest, departure: LoginState, claims: Mapping[str, Any]) -> User:
    """The user who it is; raises Refused, and then nothing was changed but roles that are no longer given."""
    subject = f"{_get_issuer(visit)} {claims['sub']}"

    def find(connection: Connection) -> User:
        user = users.find_by_subject(connection, subject)
        if departure.link_user_id:
            user = _link_account(connection, visit, departure.link_user_id, user, subject)
        user = user or _find_or_add_user(connection, visit, claims, subject)
        if user.is_disabled:
            raise LoginDenied(f"{user.name} is disabled")
        return _sync_roles(connection, visit, user, claims) if visit.context.settings.oidc_roles_claim else user

    try:
        user = await visit.context.transaction(find)
    except OperatorError as error:
        raise LoginDenied(str(error)) from None
    if visit.context.settings.oidc_roles_claim and not user.grants:
        raise LoginDenied(f"{user.name} has no role any more")
    return user


def _link_account(connection: Connection, visit: ConsoleRequest, number: int, found: User | None, subject: str) -> User:
    """Who is signed in is from now on whom the service knows so."""
    if visit.user is None or visit.user.id != number or found is not None:
        raise LoginDenied("somebody else is signed in, or it is tied already")
    return _link_subject(connection, visit, visit.user, subject)


def _link_subject(connection: Connection, visit: ConsoleRequest, user: User, subject: str) -> User:
    if not users.link_subject(connection, user, subject):
        raise LoginDenied(f"{user.name} is somebody else there")
    audit.add(connection, visit.build_audit_entry(AuditAction.USER_LINKED, f"{user.name} {subject}"))
    return user


def _find_or_add_user(connection: Connection, visit: ConsoleRequest, claims: Mapping[str, Any], subject: str) -> User:
    """The user of that name, tied to who it is; one who has a password ties it by signing in, so that no name takes it."""
    set_to = visit.context.settings
    name = clean_name(get_username(claims, set_to.oidc_user_claim))
    if name is None:
        raise LoginDenied(f"no {set_to.oidc_user_claim} that can be a name")
    user = users.find_by_name(connection, name)
    if user is None:
        if not set_to.oidc_roles_claim or not find_matching_rules(set_to.role_rules, claims, set_to.oidc_roles_claim):
            raise LoginDenied(f"nobody here is called {name}")
        user = users.add(connection, name, "", visit.context.now())
        audit.add(connection, visit.build_audit_entry(AuditAction.USER_ADDED, name))
    elif user.is_disabled or users.get_credentials(connection, user)[0]:
        raise LoginDenied(f"{name} is disabled, or has a password and was not tied")
    return _link_subject(connection, visit, user, subject)


def _sync_roles(connection: Connection, visit: ConsoleRequest, user: User, claims: Mapping[str, Any]) -> User:
    """The user with the roles that the claim gives, and no other."""
    wanted, set_to = [], visit.context.settings
    apps = {app.ak: app for app in tenants.list_apps(connection)}
    for one in find_matching_rules(set_to.role_rules, claims, set_to.oidc_roles_claim):
        app = apps.get(one.ak)
        if not one.ak or (app and (not one.account_id or one.account_id in tenants.get_accounts(connection, app))):
            wanted.append(Grant(role=one.role, app=app.id if app else None, account_id=one.account_id))
    for given in (one for one in dict.fromkeys(wanted) if one not in user.grants):
        users.grant_role(connection, user, given)
        audit.add(
            connection,
            visit.build_audit_entry(AuditAction.ROLE_GRANTED, f"{user.name} {given.role} {given.account_id}".strip()),
        )
    for taken in (one for one in user.grants if one not in wanted):
        users.revoke_role(connection, user, taken)
        audit.add(
            connection,
            visit.build_audit_entry(AuditAction.ROLE_REVOKED, f"{user.name} {taken.role} {taken.account_id}".strip()),
        )
    found = users.find_by_id(connection, user.id)
    assert found is not None
    return found


def _render_login(visit: ConsoleRequest, status: int, problem: str, after: str = "") -> BytesResponse:
    return password.render_login(visit, sanitize_redirect(after), status, problem, page_url="/console/login")


def _render_unavailable(visit: ConsoleRequest, error: OidcUnavailable, after: str) -> BytesResponse:
    get_logger().warning("sign-in service is away", action="sign_in_service_away", reason=str(error))
    name = visit.context.settings.oidc_name
    return _render_login(
        visit, 503, visit.translate("The sign-in service ({name}) cannot be reached.", name=name), after
    )
