"""A console request: its user, its form, the account and app that it names, and the responses that every page shares."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache, cached_property, partial
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from ccfs.console import render
from ccfs.console.context import ConsoleContext
from ccfs.console.forms import csrf
from ccfs.console.forms.state import SentForm
from ccfs.console.page_zone import find_page_zone
from ccfs.db.system import tenants
from ccfs.db.system.console import audit
from ccfs.db.tenant import recordings
from ccfs.model.errors import NotFound
from ccfs.model.identity.audit import AuditAction, AuditEntry
from ccfs.model.identity.preferences import Preferences
from ccfs.model.identity.tenancy import Account, App
from ccfs.model.identity.user import Permission, User
from ccfs.model.recordings.recording import Recording
from ccfs.status.findings import Severity
from ccfs.web.request import Request
from ccfs.web.responses.types import BytesResponse

SESSION_COOKIE: Final = "ccfs_session"
LANGUAGE_COOKIE: Final = "ccfs_language"
HOME_PATH: Final = "/console"
DOWNLOAD_AUDIT_INTERVAL: Final = timedelta(hours=1)  # within it, further ranges of a file add no audit entry
YEAR_SECONDS: Final = 365 * 24 * 3600
_CONSOLE_PATH = re.compile(r"/console(/[a-z-]+)*(\?[!-\[\]-~]*)?")  # a console path, with any query but a backslash


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountScope:
    """An account in which the user has a permission."""

    app: App
    account: Account

    @property
    def name(self) -> str:
        """The value of the parameter `account`: AK/ACCOUNT."""
        return f"{self.app.ak}/{self.account.account_id}"

    @property
    def zone(self) -> ZoneInfo:
        """The account's time zone."""
        return self.account.zoneinfo


@dataclass(frozen=True, slots=True, kw_only=True)
class PageResponse(BytesResponse):
    """A page whose body the router renders in a thread: a page takes milliseconds, in which the event loop serves others."""

    body: bytes = b""
    content_type: str = "text/html;charset=UTF-8"
    render: Callable[[], bytes]
    has_secret: bool = False  # whether it holds a secret, so that its compressed length must not reveal it


@dataclass(frozen=True, kw_only=True)
class ConsoleRequest:
    """One request to the console."""

    context: ConsoleContext
    http_request: Request
    client_address: str
    language: str
    user: User | None = None
    session_token: str = ""  # empty: nobody is signed in
    form: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)  # files of the form
    scope: AccountScope | None = None  # the account of a route with AccessScope.ACCOUNT
    app: App | None = None  # the app of a route with AccessScope.APP or WHOLE_APP
    app_accounts: Sequence[str] = ()  # its accounts in which the user has the route's permission; see list_app_accounts

    @property
    def csrf_token(self) -> str:
        """A token that a form of this session must hold."""
        return csrf.build_token(self.session_token)

    @property
    def cookies(self) -> Mapping[str, str]:
        """The request's cookies; the first of a repeated name."""
        return self.http_request.cookies

    @cached_property
    def query_params(self) -> Mapping[str, str]:
        """The parameters of the query, like a form's fields without NUL, which PostgreSQL stores in no text."""
        return {name: value.replace("\0", "") for name, value in self.http_request.query_params.items()}

    @property
    def current_user(self) -> User:
        """The signed-in user; for handlers of routes that are not public."""
        assert self.user is not None
        return self.user

    @property
    def current_scope(self) -> AccountScope:
        """The account that the request names; for handlers of routes with AccessScope.ACCOUNT."""
        assert self.scope is not None
        return self.scope

    @property
    def current_app(self) -> App:
        """The app that the request names; for handlers of routes with AccessScope.APP or WHOLE_APP."""
        assert self.app is not None
        return self.app

    def translate(self, text: str, **values: object) -> str:
        """Return a text of the console in the user's language."""
        return render.get_translator(self.language)(text, **values)

    @property
    def url(self) -> str:
        """Path and query of the request."""
        path, query = self.http_request.path, self.http_request.query
        return f"{path}?{query}" if query else path

    @property
    def section_path(self) -> str:
        """The page of the section to which the request's path belongs."""
        return "/".join(self.http_request.path.split("/")[:3])

    def render_page(
        self, template: str, status: int = 200, problem: str = "", problem_field: str | None = None, **values: Any
    ) -> BytesResponse:
        """Return a page of a template, which the router renders.

        A problem with a field, "" for no single one, belongs to the request's form, which the page shows as it was sent. One
        without belongs to the page.
        """
        path = self.http_request.path
        is_form = problem_field is not None and bool(problem)
        sent = SentForm(
            path=path if is_form else "", values=self.form, problem=problem, problem_field=problem_field or ""
        )
        defaults = {
            "user": self.user,
            "csrf": self.csrf_token,
            "path": path,
            "page_url": self.section_path if self.http_request.method == "POST" else self.url,  # a reload shows it
            "Permission": Permission,
            "alert": self._get_alert(),
            "problem": "" if is_form else problem,
            "form": sent.find_state,
            "sent_form": sent,
            "page_zone": cache(partial(find_page_zone, self.user, self.context.tenant_cache, self.context.now())),
            "preferences": self.user.preferences if self.user else Preferences(),
        }
        headers = render.build_security_headers(values["nonce"]) if "nonce" in values else render.SECURITY_HEADERS
        return PageResponse(
            render=partial(render.render_template, template, self.language, **defaults | values),
            status=status,
            extra_headers=headers,
            has_secret=bool(values.get("secret")),
        )

    def _get_alert(self) -> str:
        """Return the severity that the menu shows to an operator: of the latest report, which is renewed meanwhile."""
        if self.user is None or not self.user.has_permission(Permission.OPERATE, None):
            return ""
        self.context.status.refresh_if_old()
        worst = self.context.status.worst
        return "" if worst in (None, Severity.NOTICE) else str(worst)

    def render_error(self, kind: str, status: int, reason: str = "") -> BytesResponse:
        """Return the error page; `kind` is one that error.html names, with a reason for "error"."""
        return self.render_page("error.html", status, kind=kind, reason=reason)

    def redirect(self, path: str, /, *cookies: str, **query: str) -> BytesResponse:
        """Return a redirect (303) that sets cookies."""
        target = f"{path}?{urlencode(query)}" if query else path
        set_cookies = tuple(("set-cookie", cookie) for cookie in cookies)
        return BytesResponse(
            body=b"", status=303, extra_headers=(("location", target), *set_cookies, *render.SECURITY_HEADERS)
        )

    def build_cookie(self, name: str, value: str, seconds: int | None = None, path: str = HOME_PATH) -> str:
        """Return a cookie for the console's paths, or those below one; None makes a session cookie, 0 deletes it."""
        secure = "; Secure" if self.http_request.is_secure(self.context.settings.trusted_proxies) else ""
        max_age = "" if seconds is None else f"; Max-Age={seconds}"
        return f"{name}={value}; Path={path}; HttpOnly; SameSite=Lax{max_age}{secure}"

    async def audit_action(
        self, action: AuditAction, target: str = "", scope: AccountScope | None = None, *call_ids: str
    ) -> None:
        """Add an audit entry before the action is done."""
        entry = self.build_audit_entry(action, target, scope, None, *call_ids)
        await self.context.transaction(lambda connection: audit.add(connection, entry))

    async def audit_download(self, action: AuditAction, target: str, *call_ids: str) -> None:
        """Add an audit entry for a file's download.

        Every request from the first byte adds one. A range that starts later adds one only if no entry is younger than
        DOWNLOAD_AUDIT_INTERVAL.
        """
        if not self.http_request.headers.get("range", "bytes=0-").startswith("bytes=0-"):
            entry = self.build_audit_entry(action, target, self.scope)
            since = self.context.now() - DOWNLOAD_AUDIT_INTERVAL
            if await self.context.query(lambda connection: audit.was_logged_since(connection, entry, since)):
                return
        await self.audit_action(action, target, self.scope, *call_ids)

    def build_audit_entry(
        self,
        action: AuditAction,
        target: str = "",
        scope: AccountScope | None = None,
        app: App | None = None,
        *call_ids: str,
    ) -> AuditEntry:
        """Return the audit entry of an action; its app is the account's, else the given one, else the request's."""
        owner = scope.app if scope else app or self.app
        return AuditEntry(
            logged_at=self.context.now(),
            actor=self.user.name if self.user else "",
            app=owner.id if owner else None,
            account_id=scope.account.account_id if scope else "",
            action=action,
            target=target,
            address=self.client_address,
            call_ids=call_ids,
        )

    async def list_apps(self) -> list[App]:
        """Return every app, whatever the user may see."""
        return await self.context.query(tenants.list_apps)

    async def find_app(self, ak: str) -> App:
        """Return the app of an AK. Raise NotFound if no app has it."""
        app = next((app for app in await self.list_apps() if app.ak == ak), None)
        if app is None:
            raise NotFound
        return app

    async def list_scopes(self, permission: Permission) -> list[AccountScope]:
        """Return the accounts in which the user has a permission, in the time zone that the user prefers."""
        snapshot, zone = await self.context.get_tenant_snapshot(), self.current_user.preferences.zone
        return [
            AccountScope(app=app, account=replace(account, zone=zone) if zone else account)
            for app in await self.list_apps()
            for account in snapshot.accounts.get(app.id, {}).values()
            if self.current_user.has_permission(permission, app.id, account.account_id)
        ]

    def has_permission_in(self, permission: Permission, scope: AccountScope) -> bool:
        """Whether the user has a permission in an account."""
        return self.current_user.has_permission(permission, scope.app.id, scope.account.account_id)

    async def list_app_accounts(self, permission: Permission, app: App) -> list[str]:
        """Return the accounts of an app in which the user has a permission; "" is first if it is the whole app."""
        accounts = (await self.context.get_tenant_snapshot()).accounts.get(app.id, {})
        whole_app = [""] if self.current_user.has_permission(permission, app.id, "") else []
        return whole_app + self.current_user.list_allowed_accounts(permission, app.id, accounts)

    async def get_recording(self) -> Recording:
        """Return the recording of the request's account that `name` names. Raise NotFound if the account has none."""
        scope, name = self.current_scope, self.query_params.get("name", "")
        recording = await self.context.query(lambda connection: recordings.find_by_name(connection, scope.app, name))
        if recording is None or recording.account_id != scope.account.account_id:
            raise NotFound
        return recording


def get_scope(scopes: Sequence[AccountScope], name: str) -> AccountScope:
    """Return the account of that name. Raise NotFound if it is not among them."""
    scope = next((scope for scope in scopes if scope.name == name), None)
    if scope is None:
        raise NotFound
    return scope


def choose_app(request: ConsoleRequest, apps: Sequence[App]) -> App:
    """Return the app that the query names, else the one last viewed, else the first. Raise NotFound if it is not one."""
    last = request.current_user.preferences.account.partition("/")[0]
    name = request.query_params.get("app")
    app = next((app for app in apps if app.ak == (last if name is None else name)), None)
    if app is None and name is not None:
        raise NotFound
    return app or apps[0]


def sanitize_redirect(text: str) -> str:
    """Return the text if it is a URL path within the console, else the home page, so that no redirect leaves it."""
    return text if _CONSOLE_PATH.fullmatch(text) else HOME_PATH
