"""People, for operators: who there is, as what; adding, disabling, links that set a password."""

import secrets
from datetime import timedelta

from sqlalchemy.engine import Connection

from ccfs.model.audit import Action
from ccfs.model.errors import Absent, Misuse
from ccfs.model.user import Grant, Right, Role, User, clean_name
from ccfs.store import audit, users
from ccfs.web.answers import Answer, Plain
from ccfs.web.console.visit import Visit


async def index(visit: Visit) -> Answer:
    """Everybody."""
    _must_operate(visit)
    return await _page(visit)


async def _page(visit: Visit, status: int = 200, problem: str = "", link: tuple[str, str] | None = None) -> Plain:
    picture, apps = await visit.here.picture(), await visit.apps()
    return visit.page(
        "people.html",
        status,
        people=await visit.here.ask(users.everybody),
        apps={app.id: app for app in apps},
        places=[(app, account) for app in apps for account in ("", *picture.accounts.get(app.id, {}))],
        roles=list(Role),
        problem=problem,
        link=link,
    )


async def add(visit: Visit) -> Answer:
    """A new person with a role, and the link that sets the password."""
    _must_operate(visit)
    name, given = clean_name(visit.form.get("name", "")), await _grant(visit)
    if name is None:
        return await _page(visit, 400, visit.translate("A name has letters, digits and . _ @ - only."))
    if given is None:
        return await _page(visit, 400, visit.translate("Say where: only operators and auditors may be it everywhere."))
    token = secrets.token_urlsafe(24)

    def change(connection: Connection) -> bool:
        if users.by_name(connection, name):
            return False
        user = users.add(connection, name, "", visit.here.now())
        users.grant(connection, user, given)
        _link(connection, visit, token, user)
        audit.add(connection, visit.entry(Action.USER_ADDED, f"{name} {given.role}"))
        return True

    if not await visit.here.tell(change):
        return await _page(visit, 400, visit.translate("The name {name} is taken.", name=name))
    return await _page(visit, link=(name, f"/console/start?link={token}"))


async def reset(visit: Visit) -> Answer:
    """A link that sets another password; the second factor is off from then on."""
    user, token = await _person(visit), secrets.token_urlsafe(24)

    def change(connection: Connection) -> None:
        users.set_second_factor(connection, user, "")
        _link(connection, visit, token, user)
        audit.add(connection, visit.entry(Action.USER_RESET, user.name))

    await visit.here.tell(change)
    return await _page(visit, link=(user.name, f"/console/start?link={token}"))


async def disable(visit: Visit) -> Answer:
    """Somebody is let in no more, or again. Not oneself: somebody must be left to undo it."""
    user = await _person(visit)
    if user.id == visit.who.id:
        return await _page(visit, 400, visit.translate("You cannot disable yourself."))
    at = None if user.is_disabled else visit.here.now()

    def change(connection: Connection) -> None:
        users.set_disabled(connection, user, at)
        audit.add(connection, visit.entry(Action.USER_DISABLED if at else Action.USER_ENABLED, user.name))

    await visit.here.tell(change)
    return visit.to("/console/people")


async def give(visit: Visit) -> Answer:
    """A further role."""
    user, given = await _person(visit), await _grant(visit)
    if given is None:
        return await _page(visit, 400, visit.translate("Say where: only operators and auditors may be it everywhere."))

    def change(connection: Connection) -> None:
        users.grant(connection, user, given)
        audit.add(connection, visit.entry(Action.ROLE_GIVEN, _told(user, given)))

    await visit.here.tell(change)
    return visit.to("/console/people")


async def take(visit: Visit) -> Answer:
    """A role is taken away."""
    user = await _person(visit)
    number = visit.form.get("grant", "")
    taken = dict(enumerate(user.grants)).get(int(number) if number.isascii() and number.isdecimal() else -1)
    if taken is None:
        raise Absent

    def change(connection: Connection) -> None:
        users.revoke(connection, user, taken)
        audit.add(connection, visit.entry(Action.ROLE_TAKEN, _told(user, taken)))

    try:
        await visit.here.tell(change)
    except Misuse:
        return await _page(visit, 400, visit.translate("Somebody must stay operator."))
    return visit.to("/console/people")


def _must_operate(visit: Visit) -> None:
    if not visit.who.may(Right.OPERATE, None):
        raise Absent


def _told(user: User, grant: Grant) -> str:
    return f"{user.name} {grant.role} {grant.account_id}".strip()


def _link(connection: Connection, visit: Visit, token: str, user: User) -> None:
    lasts = timedelta(seconds=visit.here.settings.console_link_seconds)
    users.add_link(connection, token, user, visit.here.now() + lasts)


async def _person(visit: Visit) -> User:
    _must_operate(visit)
    name = visit.form.get("user", "")
    found = await visit.here.ask(lambda connection: users.by_name(connection, name))
    if found is None:
        raise Absent
    return found


async def _grant(visit: Visit) -> Grant | None:
    """The role that the form gives, where it says; None where it does not say where, and must."""
    role = next((one for one in Role if one == visit.form.get("role")), None)
    ak, _, account = visit.form.get("where", "").partition("/")
    if role is None:
        raise Absent
    if role is Role.OPERATOR:
        return Grant(role=role)
    if not ak:
        return Grant(role=role) if role is Role.AUDITOR else None
    app = await visit.app(Right.OPERATE, ak)
    if account and account not in (await visit.here.picture()).accounts.get(app.id, {}):
        raise Absent
    return Grant(role=role, app=app.id, account_id=account)
