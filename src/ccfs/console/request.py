"""One visit to the console: who is there, what was asked, and the answers that every page gives. No page lives here."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from ccfs.console import render
from ccfs.db.system import audit, tenants
from ccfs.db.tenant import recordings
from ccfs.model.errors import NotFound
from ccfs.model.identity.audit import AuditAction, AuditEntry
from ccfs.model.identity.tenancy import Account, App
from ccfs.model.identity.user import Permission, User
from ccfs.model.recordings.recording import Recording
from ccfs.web.context import WebContext
from ccfs.web.request import Request
from ccfs.web.responses.types import BytesResponse

SESSION_COOKIE: Final = "ccfs_session"
LANGUAGE_COOKIE: Final = "ccfs_language"
HOME_PATH: Final = "/console/calls"
DOWNLOAD_AUDIT_INTERVAL: Final = timedelta(hours=1)  # ranges of a file are one look at it
YEAR_SECONDS: Final = 365 * 24 * 3600  # seconds
_CONSOLE_PATH = re.compile(r"/console(/[a-z-]+)*(\?[!-\[\]-~]*)?")  # a path of ours, with any query but a backslash


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountScope:
    """An account that somebody may see something of."""

    app: App
    account: Account

    @property
    def name(self) -> str:
        """How addresses of pages say it."""
        return f"{self.app.ak}/{self.account.account_id}"

    @property
    def zone(self) -> ZoneInfo:
        """The account's zone."""
        return self.account.zoneinfo


@dataclass(frozen=True, kw_only=True)
class ConsoleRequest:
    """One request to the console, by somebody or nobody."""

    context: WebContext
    request: Request
    client_address: str
    language: str
    user: User | None = None
    session_token: str = ""  # of the session
    form: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)  # that came with the form

    @property
    def csrf_token(self) -> str:
        """What a form of this session must bring back; it tells nothing of the session's token."""
        return hashlib.sha256(f"form {self.session_token}".encode()).hexdigest() if self.session_token else ""

    @property
    def cookies(self) -> Mapping[str, str]:
        """The request's cookies; of a repeated name the first."""
        return self.request.cookies

    @property
    def query_params(self) -> Mapping[str, str]:
        """The query's parameters."""
        return self.request.query_params

    @property
    def current_user(self) -> User:
        """The user; only pages that are open to nobody may ask for one who is not there."""
        assert self.user is not None
        return self.user

    def translate(self, text: str, **values: object) -> str:
        """A text of the console in the visitor's language."""
        return render.get_translator(self.language)(text, **values)

    def render_page(self, template: str, status: int = 200, **values: Any) -> BytesResponse:
        """A page of a template."""
        known = {
            "user": self.user,
            "csrf": self.csrf_token,
            "path": self.request.path,
            "Permission": Permission,
            "problem": "",
        }
        own = f"{self.request.path}?{self.request.query}" if self.request.query else self.request.path
        if self.request.method == "POST":  # its page is the one of the room
            own = "/".join(self.request.path.split("/")[:3])
        body = render.render_template(template, self.language, **known | {"page_url": own} | values)
        guards = render.build_security_headers(values["nonce"]) if "nonce" in values else render.SECURITY_HEADERS
        return BytesResponse(body=body, content_type="text/html;charset=UTF-8", status=status, extra_headers=guards)

    def redirect(self, path: str, *cookies: str, **asked: str) -> BytesResponse:
        """Elsewhere in the console."""
        target = f"{path}?{urlencode(asked)}" if asked else path
        given = tuple(("set-cookie", cookie) for cookie in cookies)
        return BytesResponse(
            body=b"", status=303, extra_headers=(("location", target), *given, *render.SECURITY_HEADERS)
        )

    def build_cookie(self, name: str, value: str, seconds: int | None = None) -> str:
        """A cookie for the console only; without `seconds` it ends with the browser, with 0 now."""
        secure = "; Secure" if self.request.is_secure(self.context.settings.trusted_proxies) else ""
        lasts = "" if seconds is None else f"; Max-Age={seconds}"
        return f"{name}={value}; Path=/console; HttpOnly; SameSite=Lax{lasts}{secure}"

    async def audit_action(
        self, action: AuditAction, what: str = "", place: AccountScope | None = None, app: App | None = None
    ) -> None:
        """Put into the log what is done here, before it is done."""
        entry = self.build_audit_entry(action, what, place, app)
        await self.context.transaction(lambda connection: audit.add(connection, entry))

    async def audit_download(self, action: AuditAction, what: str, place: AccountScope) -> None:
        """Put into the log that a file is fetched: each time from its begin, and of what follows the first in an hour."""
        if not self.request.headers.get("range", "bytes=0-").startswith("bytes=0-"):
            entry, since = self.build_audit_entry(action, what, place), self.context.now() - DOWNLOAD_AUDIT_INTERVAL
            if await self.context.query(lambda connection: audit.was_logged_since(connection, entry, since)):
                return
        await self.audit_action(action, what, place)

    def build_audit_entry(
        self, action: AuditAction, what: str = "", place: AccountScope | None = None, app: App | None = None
    ) -> AuditEntry:
        """What is done here, for the log."""
        owner = place.app if place else app
        return AuditEntry(
            logged_at=self.context.now(),
            actor=self.user.name if self.user else "",
            app=owner.id if owner else None,
            account_id=place.account.account_id if place else "",
            action=action,
            target=what,
            address=self.client_address,
        )

    async def list_apps(self) -> list[App]:
        """Every app, whoever asks."""
        return await self.context.query(tenants.list_apps)

    async def list_scopes(self, right: Permission) -> list[AccountScope]:
        """The accounts in which the user has a right: the one place where it is told what somebody may see of calls."""
        picture = await self.context.get_tenant_snapshot()
        return [
            AccountScope(app=app, account=account)
            for app in await self.list_apps()
            for account in picture.accounts.get(app.id, {}).values()
            if self.current_user.has_permission(right, app.id, account.account_id)
        ]

    async def get_scope(self, right: Permission) -> AccountScope:
        """The account that `in` names, of the form or the address; Absent if there is none, or the user has not the right there."""
        name = self.form.get("account") or self.query_params.get("account", "")
        found = next((one for one in await self.list_scopes(right) if one.name == name), None)
        if found is None:
            raise NotFound
        return found

    async def get_recording(self, right: Permission) -> tuple[AccountScope, Recording]:
        """What the address names; Absent if there is no such recording, or the user has not the right there."""
        place, name = await self.get_scope(right), self.query_params.get("name", "")
        found = await self.context.query(lambda connection: recordings.find_by_name(connection, place.app, name))
        if found is None or found.account_id != place.account.account_id:
            raise NotFound
        return place, found

    async def get_app(self, right: Permission, ak: str) -> App:
        """The app of an AK; Absent if there is none, or the user has the right in none of its accounts."""
        found = next((one for one in await self.list_apps() if one.ak == ak), None)
        if found is None or not await self.list_allowed_accounts(right, found):
            raise NotFound
        return found

    async def list_allowed_accounts(self, right: Permission, app: App) -> list[str]:
        """The app's accounts in which the user has a right; "" leads them where it is the whole app."""
        accounts = (await self.context.get_tenant_snapshot()).accounts.get(app.id, {})
        whole = [""] if self.current_user.has_permission(right, app.id, "") else []
        return whole + self.current_user.list_allowed_accounts(right, app.id, accounts)


def sanitize_redirect(text: str) -> str:
    """The text if it is an address within the console, else its front page: what leads elsewhere is not followed."""
    return text if _CONSOLE_PATH.fullmatch(text) else HOME_PATH
