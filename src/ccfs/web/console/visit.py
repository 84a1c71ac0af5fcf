"""One visit to the console: who is there, what was asked, and the answers that every page gives. No page lives here."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from ccfs.model.audit import Action, Entry
from ccfs.model.errors import Absent
from ccfs.model.recording import Recording
from ccfs.model.tenancy import Account, App
from ccfs.model.user import Right, User
from ccfs.store import audit, recordings, tenancy
from ccfs.web.answers import Plain
from ccfs.web.console import render
from ccfs.web.here import Here
from ccfs.web.request import Request

SESSION: Final = "ccfs_session"
LANGUAGE: Final = "ccfs_language"
FRONT: Final = "/console/calls"
FETCHED_WITHIN: Final = timedelta(hours=1)  # ranges of a file are one look at it
YEAR: Final = 365 * 24 * 3600  # seconds
_OWN = re.compile(r"/console(/[a-z]+)*(\?[!-\[\]-~]*)?")  # a path of ours, with any query but a backslash


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
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
class Visit:
    """One request to the console, by somebody or nobody."""

    here: Here
    request: Request
    address: str
    language: str
    user: User | None = None
    token: str = ""  # of the session
    form: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)  # that came with the form

    @property
    def csrf(self) -> str:
        """What a form of this session must bring back; it tells nothing of the session's token."""
        return hashlib.sha256(f"form {self.token}".encode()).hexdigest() if self.token else ""

    @property
    def cookies(self) -> Mapping[str, str]:
        """The request's cookies; of a repeated name the first."""
        return self.request.cookies

    @property
    def asked(self) -> Mapping[str, str]:
        """The query's parameters."""
        return self.request.pairs

    @property
    def who(self) -> User:
        """The user; only pages that are open to nobody may ask for one who is not there."""
        assert self.user is not None
        return self.user

    def translate(self, text: str, **values: object) -> str:
        """A text of the console in the visitor's language."""
        return render.translator(self.language)(text, **values)

    def page(self, template: str, status: int = 200, **values: Any) -> Plain:
        """A page of a template."""
        known = {"user": self.user, "csrf": self.csrf, "path": self.request.path, "Right": Right, "problem": ""}
        own = f"{self.request.path}?{self.request.query}" if self.request.query else self.request.path
        if self.request.method == "POST":  # its page is the one of the room
            own = "/".join(self.request.path.split("/")[:3])
        body = render.html(template, self.language, **known | {"own": own} | values)
        guards = render.guards(values["nonce"]) if "nonce" in values else render.GUARDS
        return Plain(body=body, content_type="text/html;charset=UTF-8", status=status, more=guards)

    def to(self, path: str, *cookies: str, **asked: str) -> Plain:
        """Elsewhere in the console."""
        target = f"{path}?{urlencode(asked)}" if asked else path
        given = tuple(("set-cookie", cookie) for cookie in cookies)
        return Plain(body=b"", status=303, more=(("location", target), *given, *render.GUARDS))

    def cookie(self, name: str, value: str, seconds: int | None = None) -> str:
        """A cookie for the console only; without `seconds` it ends with the browser, with 0 now."""
        secure = "; Secure" if self.request.is_secure(self.here.settings.trusted_proxies) else ""
        lasts = "" if seconds is None else f"; Max-Age={seconds}"
        return f"{name}={value}; Path=/console; HttpOnly; SameSite=Lax{lasts}{secure}"

    async def note(self, action: Action, what: str = "", place: Place | None = None, app: App | None = None) -> None:
        """Put into the log what is done here, before it is done."""
        entry = self.entry(action, what, place, app)
        await self.here.tell(lambda connection: audit.add(connection, entry))

    async def note_piece(self, action: Action, what: str, place: Place) -> None:
        """Put into the log that a file is fetched: each time from its begin, and of what follows the first in an hour."""
        if not self.request.headers.get("range", "bytes=0-").startswith("bytes=0-"):
            entry, since = self.entry(action, what, place), self.here.now() - FETCHED_WITHIN
            if await self.here.ask(lambda connection: audit.is_told(connection, entry, since)):
                return
        await self.note(action, what, place)

    def entry(self, action: Action, what: str = "", place: Place | None = None, app: App | None = None) -> Entry:
        """What is done here, for the log."""
        owner = place.app if place else app
        return Entry(
            at=self.here.now(),
            who=self.user.name if self.user else "",
            app=owner.id if owner else None,
            account_id=place.account.account_id if place else "",
            action=action,
            what=what,
            address=self.address,
        )

    async def apps(self) -> list[App]:
        """Every app, whoever asks."""
        return await self.here.ask(tenancy.apps)

    async def places(self, right: Right) -> list[Place]:
        """The accounts in which the user has a right: the one place where it is told what somebody may see of calls."""
        picture = await self.here.picture()
        return [
            Place(app=app, account=account)
            for app in await self.apps()
            for account in picture.accounts.get(app.id, {}).values()
            if self.who.may(right, app.id, account.account_id)
        ]

    async def place(self, right: Right) -> Place:
        """The account that `in` names, of the form or the address; Absent if there is none, or the user has not the right there."""
        name = self.form.get("in") or self.asked.get("in", "")
        found = next((one for one in await self.places(right) if one.name == name), None)
        if found is None:
            raise Absent
        return found

    async def recording(self, right: Right) -> tuple[Place, Recording]:
        """What the address names; Absent if there is no such recording, or the user has not the right there."""
        place, name = await self.place(right), self.asked.get("name", "")
        found = await self.here.ask(lambda connection: recordings.by_name(connection, place.app, name))
        if found is None or found.account_id != place.account.account_id:
            raise Absent
        return place, found

    async def app(self, right: Right, ak: str) -> App:
        """The app of an AK; Absent if there is none, or the user has the right in none of its accounts."""
        found = next((one for one in await self.apps() if one.ak == ak), None)
        if found is None or not await self.reach(right, found):
            raise Absent
        return found

    async def reach(self, right: Right, app: App) -> list[str]:
        """The app's accounts in which the user has a right; "" leads them where it is the whole app."""
        accounts = (await self.here.picture()).accounts.get(app.id, {})
        whole = [""] if self.who.may(right, app.id, "") else []
        return whole + self.who.reach(right, app.id, accounts)


def own_path(text: str) -> str:
    """The text if it is an address within the console, else its front page: what leads elsewhere is not followed."""
    return text if _OWN.fullmatch(text) else FRONT
