"""Login by an OpenID Connect provider: the redirect to it, its callback, and which users it may sign in.

oidc_client.py verifies identities. The state of a login is an encrypted cookie of the browser, and used once.
"""

import asyncio
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar, TypeVarTuple

from sqlalchemy.engine import Connection

from ccfs.console.login import attempts, drafts, password
from ccfs.console.login.oidc_config import OidcUnavailable, OidcVerificationFailed
from ccfs.console.request import ConsoleRequest, sanitize_redirect
from ccfs.db.system import tenants
from ccfs.db.system.console import audit, oidc_states, users
from ccfs.logs import get_logger
from ccfs.model.clocks import is_over
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
LOGIN_STATE_LIFETIME: Final = timedelta(minutes=10)  # time to sign in at the provider
MAX_CODE_CHARS: Final = 4096
MAX_SUBJECT_CHARS: Final = 255
MAX_DRAFT_ID_CHARS: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginState:
    """The state of a login under way. Encrypted, so that nobody reads or forges one."""

    state: str
    nonce: str
    code_verifier: str
    next_path: str  # the page that was requested
    expires_at: int  # seconds since 1970
    draft_id: str = ""  # of the draft that the browser's cookie holds; "": none
    link_user_id: int = 0  # users.id of the signed-in user to link to the provider's; 0: a login


class LoginDenied(Exception):
    """The provider proved an identity that may not sign in; the message is for the log."""


async def start_oidc_login(request: ConsoleRequest) -> Response:
    """Redirect to the provider, with a login state for this browser."""
    client, now = _get_client(request), int(request.context.now().timestamp())
    link_user_id = _get_link_user_id(request)
    if link_user_id and not await attempts.has_signed_in_recently(request):  # a link outlives a stolen session
        return request.render_error("error", 403, attempts.explain_old_session(request))
    lifetime = int(LOGIN_STATE_LIFETIME.total_seconds())
    state = LoginState(
        state=secrets.token_urlsafe(24),
        nonce=secrets.token_urlsafe(24),
        code_verifier=secrets.token_urlsafe(48),
        next_path=sanitize_redirect(request.query_params.get("next", "")),
        expires_at=now + lifetime,
        draft_id=request.query_params.get("draft", "")[:MAX_DRAFT_ID_CHARS],
        link_user_id=link_user_id,
    )
    try:
        url = await _run_in_executor(
            client, client.build_authorization_url, state.state, state.nonce, state.code_verifier
        )
    except OidcUnavailable as error:
        return _render_unavailable(request, error, state.next_path, state.draft_id)
    cookie = request.context.secret_box.encrypt(json.dumps(asdict(state)))
    return request.redirect(url, request.build_cookie(LOGIN_STATE_COOKIE, cookie, lifetime))


async def handle_oidc_callback(request: ConsoleRequest) -> Response:
    """Sign in the user whose identity the provider proves, or show why the login failed."""
    client, state = _get_client(request), _load_login_state(request)
    if state is None:
        get_logger().warning("callback without a login state", action="login_denied", reason="state")
        problem = request.translate("This sign-in has expired or was started in another browser. Please try again.")
        return _render_login(request, 400, problem)
    if await attempts.is_locked_out(request):
        return _render_login(request, 429, attempts.explain_lockout(request))
    try:
        claims = await _fetch_claims(request, client, state)
        user = await _resolve_user(request, state, claims)
    except OidcUnavailable as error:
        return _render_unavailable(request, error, state.next_path, state.draft_id)
    except (OidcVerificationFailed, LoginDenied) as error:
        return await _reject(request, error, state)
    session = await password.start_session(request, user, request.context.settings.oidc_issuer)
    draft = drafts.read_cookie(request, state.draft_id)
    cookies = (session, request.build_cookie(LOGIN_STATE_COOKIE, "", 0), *drafts.list_clearing_cookies(request))
    if draft:
        return await drafts.redirect_to_draft(request, user, draft, state.next_path, *cookies)
    return request.redirect(state.next_path, *cookies)


async def _reject(
    request: ConsoleRequest, error: OidcVerificationFailed | LoginDenied, state: LoginState
) -> BytesResponse:
    get_logger().warning("login denied", action="login_denied", reason=str(error))
    await attempts.record_failure(request, str(error))
    if isinstance(error, LoginDenied):
        problem = request.translate("You do not have access to this server. Contact an operator.")
        return _render_login(request, 403, problem, state.next_path, state.draft_id)
    problem = request.translate("Sign-in could not be verified. Please try again.")
    return _render_login(request, 401, problem, state.next_path, state.draft_id)


async def start_oidc_logout(request: ConsoleRequest) -> Response:
    """Redirect to the provider's logout page, if it has one."""
    try:
        client = _get_client(request)
        url = await _run_in_executor(client, client.get_logout_url)
    except OidcUnavailable as error:
        return _render_unavailable(request, error, "")
    return request.redirect(url or "/console/login")


def build_link_token(request: ConsoleRequest) -> str:
    """Return the token that the URL for linking an account must hold; only pages of the session have it."""
    return hashlib.sha256(f"link {request.session_token}".encode()).hexdigest() if request.session_token else ""


def _get_link_user_id(request: ConsoleRequest) -> int:
    token = request.query_params.get("link_token", "")
    if not token:
        return 0
    if request.user is None or not secrets.compare_digest(token.encode(), build_link_token(request).encode()):
        raise NotFound
    return request.user.id


def _get_client(request: ConsoleRequest) -> "OidcClient":
    if request.context.oidc_client is None:
        raise NotFound
    return request.context.oidc_client


async def _run_in_executor(client: "OidcClient", call: Callable[[*Ts], T], *arguments: *Ts) -> T:
    """Return the result of a blocking call of the client, run in one of its own threads."""
    return await asyncio.get_running_loop().run_in_executor(client.executor, call, *arguments)


def _load_login_state(request: ConsoleRequest) -> LoginState | None:
    """Return the browser's login state, if it has the state of the URL and has not expired."""
    cookie = request.cookies.get(LOGIN_STATE_COOKIE, "")
    try:
        state = LoginState(**json.loads(request.context.secret_box.decrypt(cookie)))
    except (OperatorError, ValueError, TypeError):
        return None
    is_same = secrets.compare_digest(state.state.encode(), request.query_params.get("state", "").encode())
    expires_at, now = datetime.fromtimestamp(state.expires_at, UTC), request.context.now()
    return state if is_same and not is_over(expires_at, now, LOGIN_STATE_LIFETIME) else None


async def _fetch_claims(request: ConsoleRequest, client: "OidcClient", state: LoginState) -> Mapping[str, Any]:
    """Return the provider's claims for the callback's code. Raise OidcVerificationFailed or OidcUnavailable."""
    parameters, expires_at = request.query_params, datetime.fromtimestamp(state.expires_at, UTC)
    if not await request.context.transaction(lambda c: oidc_states.consume(c, state.state, expires_at)):
        raise OidcVerificationFailed("the login state was used already")
    if not await _run_in_executor(client, client.is_expected_issuer, parameters.get("iss")):
        raise OidcVerificationFailed("another issuer")
    code, now = parameters.get("code", ""), int(request.context.now().timestamp())
    if "error" in parameters or not 0 < len(code) <= MAX_CODE_CHARS:
        raise OidcVerificationFailed(f"no code: {parameters.get('error', '')[:60]!r}")
    claims = await _run_in_executor(client, client.exchange_code, code, state.code_verifier, state.nonce, now)
    if len(claims["sub"]) > MAX_SUBJECT_CHARS:
        raise OidcVerificationFailed("ID token: sub")
    return claims


async def _resolve_user(request: ConsoleRequest, state: LoginState, claims: Mapping[str, Any]) -> User:
    """Return the user of the claims. Raise LoginDenied; then only revoked roles have changed."""
    settings = request.context.settings
    subject = f"{settings.oidc_issuer} {claims['sub']}"

    def resolve(connection: Connection) -> User:
        user = users.find_by_subject(connection, subject)
        if state.link_user_id:
            user = _link_account(connection, request, state.link_user_id, user, subject)
        user = user or _find_or_add_user(connection, request, claims, subject)
        if user.is_disabled:
            raise LoginDenied(f"{user.name} is disabled")
        return _sync_roles(connection, request, user, claims) if settings.oidc_roles_claim else user

    try:
        user = await request.context.transaction(resolve)
    except OperatorError as error:
        raise LoginDenied(str(error)) from None
    if settings.oidc_roles_claim and not user.grants:
        raise LoginDenied(f"{user.name} has no role")
    return user


def _link_account(
    connection: Connection, request: ConsoleRequest, user_id: int, linked_user: User | None, subject: str
) -> User:
    """Link the signed-in user to the provider's subject."""
    if request.user is None or request.user.id != user_id or linked_user is not None:
        raise LoginDenied("another user is signed in, or the subject is linked already")
    return _link_subject(connection, request, request.user, subject)


def _link_subject(connection: Connection, request: ConsoleRequest, user: User, subject: str) -> User:
    if not users.link_subject(connection, user, subject):
        raise LoginDenied(f"{user.name} is linked to another subject")
    audit.add(connection, request.build_audit_entry(AuditAction.USER_LINKED, f"{user.name} {subject}"))
    return user


def _find_or_add_user(connection: Connection, request: ConsoleRequest, claims: Mapping[str, Any], subject: str) -> User:
    """Return the user of the claimed name, linked to the subject; add one that has a role by the claims.

    A user with a password links the subject by signing in with it, so that a claimed name takes over no account.
    """
    settings = request.context.settings
    name = clean_name(get_username(claims, settings.oidc_user_claim))
    if name is None:
        raise LoginDenied(f"no valid name in {settings.oidc_user_claim}")
    user = users.find_by_name(connection, name)
    if user is None:
        roles_claim = settings.oidc_roles_claim
        if not roles_claim or not find_matching_rules(settings.role_rules, claims, roles_claim):
            raise LoginDenied(f"no user is called {name}")
        user = users.add(connection, name, "", request.context.now())
        audit.add(connection, request.build_audit_entry(AuditAction.USER_ADDED, name))
    elif user.is_disabled or users.get_credentials(connection, user)[0]:
        raise LoginDenied(f"{name} is disabled, or has a password and is not linked")
    return _link_subject(connection, request, user, subject)


def _sync_roles(connection: Connection, request: ConsoleRequest, user: User, claims: Mapping[str, Any]) -> User:
    """Grant the user the roles of the claims, and revoke all others."""
    claimed = _list_claimed_grants(connection, request, claims)
    for grant in (grant for grant in dict.fromkeys(claimed) if grant not in user.grants):
        users.grant_role(connection, user, grant)
        _audit_role(connection, request, AuditAction.ROLE_GRANTED, user, grant)
    for grant in (grant for grant in user.grants if grant not in claimed):
        users.revoke_role(connection, user, grant)
        _audit_role(connection, request, AuditAction.ROLE_REVOKED, user, grant)
    updated = users.find_by_id(connection, user.id)
    assert updated is not None
    return updated


def _list_claimed_grants(connection: Connection, request: ConsoleRequest, claims: Mapping[str, Any]) -> list[Grant]:
    """Return the grants of the matching rules; rules that name an unknown app or account give none."""
    settings, grants = request.context.settings, []
    apps = {app.ak: app for app in tenants.list_apps(connection)}
    for rule in find_matching_rules(settings.role_rules, claims, settings.oidc_roles_claim):
        app = apps.get(rule.ak)
        is_known = app and (not rule.account_id or rule.account_id in tenants.get_accounts(connection, app))
        if not rule.ak or is_known:
            of_app = app.id if app else None
            grants.append(Grant(role=rule.role, app=of_app, account_id=rule.account_id, agent_id=rule.agent_id))
    return grants


def _audit_role(connection: Connection, request: ConsoleRequest, action: AuditAction, user: User, grant: Grant) -> None:
    target = " ".join(filter(None, (user.name, grant.role, grant.account_id, grant.agent_id)))
    audit.add(connection, request.build_audit_entry(action, target))


def _render_login(
    request: ConsoleRequest, status: int, problem: str, next_path: str = "", draft_id: str = ""
) -> BytesResponse:
    """Return the login page, which keeps the draft for another attempt."""
    draft = drafts.read_cookie(request, draft_id)
    return password.render_login(
        request, sanitize_redirect(next_path), status, problem, draft=draft, page_url="/console/login"
    )


def _render_unavailable(
    request: ConsoleRequest, error: OidcUnavailable, next_path: str, draft_id: str = ""
) -> BytesResponse:
    get_logger().warning("identity provider unavailable", action="oidc_unavailable", reason=str(error))
    name = request.context.settings.oidc_name
    problem = request.translate("The sign-in service {name} is unavailable. Try again later.", name=name)
    return _render_login(request, 503, problem, next_path, draft_id)
