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

from ccfs.logs import log
from ccfs.model.audit import Action
from ccfs.model.errors import Absent, Misuse
from ccfs.model.single_sign_on import rules_for, user_name
from ccfs.model.user import Grant, User, clean_name
from ccfs.store import audit, departures, tenancy, users
from ccfs.web.answers import Answer, Plain
from ccfs.web.console import signing_in
from ccfs.web.console.agreed import Away, NotProven
from ccfs.web.console.visit import Visit, own_path

if TYPE_CHECKING:
    from ccfs.web.console.provider import Provider

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
DEPARTURE: Final = "ccfs_departure"
LASTS: Final = timedelta(minutes=10)  # time to sign in there
LONGEST: Final = 4096  # characters of a code
LONGEST_SUBJECT: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """What the browser that left brings back. Sealed, so nobody reads or makes one."""

    state: str
    nonce: str
    verifier: str
    after: str  # the page that was asked for
    until: int  # seconds since 1970
    tie: int = 0  # users.id of who, signed in already, wants to be tied to the service; 0: somebody signs in


class Refused(Exception):
    """The service proved who it is, and that one may not come in; the text says why, for the log."""


async def leave(visit: Visit) -> Answer:
    """To the provider, with a departure of this browser."""
    provider, now = _provider(visit), int(visit.here.now().timestamp())
    departure = Departure(
        state=secrets.token_urlsafe(24),
        nonce=secrets.token_urlsafe(24),
        verifier=secrets.token_urlsafe(48),
        after=own_path(visit.asked.get("next", "")),
        until=now + int(LASTS.total_seconds()),
        tie=_tied(visit),
    )
    try:
        parts = departure.state, departure.nonce, departure.verifier
        there = await _asked(provider, provider.departure, *parts)
    except Away as error:
        return _is_away(visit, error, departure.after)
    sealed = visit.here.sealer.seal(json.dumps(asdict(departure)))
    return visit.to(there, visit.cookie(DEPARTURE, sealed, int(LASTS.total_seconds())))


async def come_back(visit: Visit) -> Answer:
    """Who comes back from the provider is signed in, if it proves somebody who may be; else told why not."""
    provider, departure = _provider(visit), _departure(visit)
    if departure is None:
        log().warning("returned without a departure", action="sign_in_refused", reason="state")
        return _again(visit, 400, visit.translate("This sign-in was begun elsewhere, or too long ago. Begin again."))
    if await signing_in.is_locked(visit):
        return _again(visit, 429, visit.translate("Too many attempts. Try again in a few minutes."))
    try:
        claims = await _claims(visit, provider, departure)
        user = await _let_in(visit, departure, claims)
    except Away as error:
        return _is_away(visit, error, departure.after)
    except (NotProven, Refused) as error:
        log().warning("sign-in refused", action="sign_in_refused", reason=str(error))
        await signing_in.count(visit, str(error))
        told = (
            visit.translate("You are known there, but not let in here. Ask an operator.")
            if isinstance(error, Refused)
            else visit.translate("That sign-in does not hold. Begin again.")
        )
        return _again(visit, 403 if isinstance(error, Refused) else 401, told, departure.after)
    session = await signing_in.begun(visit, user, _issuer(visit))
    return visit.to(departure.after, session, visit.cookie(DEPARTURE, "", 0))


async def farewell(visit: Visit) -> Answer:
    """To the provider's own page for signing out, if it has one."""
    try:
        provider = _provider(visit)
        there = await _asked(provider, provider.farewell)
    except Away as error:
        return _is_away(visit, error, "")
    return visit.to(there or "/console/login")


def tie_word(visit: Visit) -> str:
    """What the address that ties somebody to the service must hold: only the person's own pages know it."""
    return hashlib.sha256(f"tie {visit.token}".encode()).hexdigest() if visit.token else ""


def _tied(visit: Visit) -> int:
    word = visit.asked.get("tie", "")
    if not word:
        return 0
    if visit.user is None or not secrets.compare_digest(word.encode(), tie_word(visit).encode()):
        raise Absent
    return visit.user.id


def _provider(visit: Visit) -> "Provider":
    if visit.here.provider is None:
        raise Absent
    return visit.here.provider


async def _asked(provider: "Provider", question: Callable[[*Ts], T], *parts: *Ts) -> T:
    """The answer of the provider, for which a thread of its own waits."""
    return await asyncio.get_running_loop().run_in_executor(provider.threads, question, *parts)


def _issuer(visit: Visit) -> str:
    return visit.here.settings.oidc_issuer


def _departure(visit: Visit) -> Departure | None:
    """The departure of this browser, if it is the one that the address speaks of, and not too old."""
    try:
        found = Departure(**json.loads(visit.here.sealer.open(visit.cookies.get(DEPARTURE, ""))))
    except (Misuse, ValueError, TypeError):
        return None
    is_its = secrets.compare_digest(found.state.encode(), visit.asked.get("state", "").encode())
    return found if is_its and found.until > visit.here.now().timestamp() else None


async def _claims(visit: Visit, provider: "Provider", departure: Departure) -> Mapping[str, Any]:
    """What the provider claims of who came back; raises NotProven, Away."""
    until = datetime.fromtimestamp(departure.until, UTC)
    if not await visit.here.tell(lambda connection: departures.spend(connection, departure.state, until)):
        raise NotProven("this return was used already")
    if not await _asked(provider, provider.is_issuer, visit.asked.get("iss")):
        raise NotProven("it comes from another issuer")
    code, now = visit.asked.get("code", ""), int(visit.here.now().timestamp())
    if "error" in visit.asked or not 0 < len(code) <= LONGEST:
        raise NotProven(f"no code: {visit.asked.get('error', '')[:60]!r}")
    claims = await _asked(provider, provider.proven, code, departure.verifier, departure.nonce, now)
    if len(claims["sub"]) > LONGEST_SUBJECT:
        raise NotProven("ID token: sub")
    return claims


async def _let_in(visit: Visit, departure: Departure, claims: Mapping[str, Any]) -> User:
    """The user who it is; raises Refused, and then nothing was changed but roles that are no longer given."""
    subject = f"{_issuer(visit)} {claims['sub']}"

    def find(connection: Connection) -> User:
        user = users.by_subject(connection, subject)
        if departure.tie:
            user = _tie(connection, visit, departure.tie, user, subject)
        user = user or _first_time(connection, visit, claims, subject)
        if user.is_disabled:
            raise Refused(f"{user.name} is disabled")
        return _with_roles(connection, visit, user, claims) if visit.here.settings.oidc_roles_claim else user

    try:
        user = await visit.here.tell(find)
    except Misuse as error:
        raise Refused(str(error)) from None
    if visit.here.settings.oidc_roles_claim and not user.grants:
        raise Refused(f"{user.name} has no role any more")
    return user


def _tie(connection: Connection, visit: Visit, number: int, found: User | None, subject: str) -> User:
    """Who is signed in is from now on whom the service knows so."""
    if visit.user is None or visit.user.id != number or found is not None:
        raise Refused("somebody else is signed in, or it is tied already")
    return _bound(connection, visit, visit.user, subject)


def _bound(connection: Connection, visit: Visit, user: User, subject: str) -> User:
    if not users.bind(connection, user, subject):
        raise Refused(f"{user.name} is somebody else there")
    audit.add(connection, visit.entry(Action.USER_BOUND, f"{user.name} {subject}"))
    return user


def _first_time(connection: Connection, visit: Visit, claims: Mapping[str, Any], subject: str) -> User:
    """The user of that name, tied to who it is; one who has a password ties it by signing in, so that no name takes it."""
    set_to = visit.here.settings
    name = clean_name(user_name(claims, set_to.oidc_user_claim))
    if name is None:
        raise Refused(f"no {set_to.oidc_user_claim} that can be a name")
    user = users.by_name(connection, name)
    if user is None:
        if not set_to.oidc_roles_claim or not rules_for(set_to.role_rules, claims, set_to.oidc_roles_claim):
            raise Refused(f"nobody here is called {name}")
        user = users.add(connection, name, "", visit.here.now())
        audit.add(connection, visit.entry(Action.USER_ADDED, name))
    elif user.is_disabled or users.secrets_of(connection, user)[0]:
        raise Refused(f"{name} is disabled, or has a password and was not tied")
    return _bound(connection, visit, user, subject)


def _with_roles(connection: Connection, visit: Visit, user: User, claims: Mapping[str, Any]) -> User:
    """The user with the roles that the claim gives, and no other."""
    wanted, set_to = [], visit.here.settings
    apps = {app.ak: app for app in tenancy.apps(connection)}
    for one in rules_for(set_to.role_rules, claims, set_to.oidc_roles_claim):
        app = apps.get(one.ak)
        if not one.ak or (app and (not one.account_id or one.account_id in tenancy.accounts(connection, app))):
            wanted.append(Grant(role=one.role, app=app.id if app else None, account_id=one.account_id))
    for given in (one for one in dict.fromkeys(wanted) if one not in user.grants):
        users.grant(connection, user, given)
        audit.add(connection, visit.entry(Action.ROLE_GIVEN, f"{user.name} {given.role} {given.account_id}".strip()))
    for taken in (one for one in user.grants if one not in wanted):
        users.revoke(connection, user, taken)
        audit.add(connection, visit.entry(Action.ROLE_TAKEN, f"{user.name} {taken.role} {taken.account_id}".strip()))
    found = users.by_id(connection, user.id)
    assert found is not None
    return found


def _again(visit: Visit, status: int, problem: str, after: str = "") -> Plain:
    return signing_in.form(visit, own_path(after), status, problem, own="/console/login")


def _is_away(visit: Visit, error: Away, after: str) -> Plain:
    log().warning("sign-in service is away", action="sign_in_service_away", reason=str(error))
    name = visit.here.settings.oidc_name
    return _again(visit, 503, visit.translate("The sign-in service ({name}) cannot be reached.", name=name), after)
