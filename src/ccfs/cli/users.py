"""ccfs user: who may sign in to the console, and as what."""

import secrets
from datetime import timedelta
from typing import Annotated

import typer

from ccfs.cli.common import AsJson, DataFolder, open_node, show
from ccfs.model.errors import Misuse
from ccfs.model.user import Grant, Role, User, clean_name
from ccfs.node import Node, now
from ccfs.store import tenancy
from ccfs.store import users as store

users = typer.Typer(help="People who may sign in to the console.", no_args_is_help=True)

RoleOption = Annotated[Role, typer.Option("--role", help="What the person is.")]
AppOption = Annotated[str | None, typer.Option("--app", help="Of this app only; its AK.", metavar="AK")]
AccountOption = Annotated[str, typer.Option("--account", help="Of this account of the app only.", metavar="ID")]
UrlOption = Annotated[str, typer.Option("--url", help="Where people reach the server.")]


def link_for(node: Node, user: User | None, url: str) -> str:
    """A new link that sets the user's password once, or for None makes the first operator."""
    token = secrets.token_urlsafe(24)
    with node.database.writing() as connection:
        store.add_link(connection, token, user, now() + timedelta(seconds=node.settings.console_link_seconds))
    return f"{url.rstrip('/')}/console/start?link={token}"


@users.command("add")
def add_user(
    name: str,
    role: RoleOption,
    app: AppOption = None,
    account: AccountOption = "",
    url: UrlOption = "http://127.0.0.1:8480",
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Add a person with a role; prints the link where the person sets a password."""
    clean = clean_name(name)
    if clean is None:
        raise typer.BadParameter("a name has 1 to 64 letters, digits and . _ @ -")
    node = open_node(data)
    with node.database.writing() as connection:
        given = _grant(node, role, app, account)
        user = store.add(connection, clean, "", now())
        store.grant(connection, user, given)
    link = link_for(node, user, url)
    show({"name": clean, "role": role, "link": link}, as_json, f"{clean} sets a password at\n{link}")


@users.command("list")
def list_users(data: DataFolder = None, as_json: AsJson = False) -> None:
    """List people with their roles."""
    node = open_node(data)
    with node.database.reading() as connection:
        found = store.everybody(connection)
        names = {app.id: app.ak for app in tenancy.apps(connection)}
    rows = [
        {
            "name": user.name,
            "disabled": user.is_disabled,
            "second_factor": user.has_second_factor,
            "roles": [
                {"role": one.role, "app": names.get(one.app or 0), "account": one.account_id or None}
                for one in user.grants
            ],
        }
        for user in found
    ]
    text = [f"{user.name}  {_roles(user, names)}{'  disabled' if user.is_disabled else ''}" for user in found]
    show({"users": rows}, as_json, "\n".join(text))


@users.command("role")
def change_role(
    name: str,
    role: RoleOption,
    app: AppOption = None,
    account: AccountOption = "",
    take: Annotated[bool, typer.Option("--take", help="Take the role away.")] = False,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Give a person a further role, or take one away."""
    node = open_node(data)
    user, given = _user(node, name), _grant(node, role, app, account)
    with node.database.writing() as connection:
        (store.revoke if take else store.grant)(connection, user, given)
    show({"name": name, "role": role, "taken": take}, as_json, f"{name} is {'no longer ' if take else ''}{role}")


@users.command("disable")
def disable(
    name: str,
    enable: Annotated[bool, typer.Option("--enable", help="Let the person in again.")] = False,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Let a person in no more; sessions end at once."""
    node = open_node(data)
    user = _user(node, name)
    with node.database.writing() as connection:
        store.set_disabled(connection, user, None if enable else now())
    show({"name": name, "disabled": not enable}, as_json, f"{name} is {'enabled' if enable else 'disabled'}")


@users.command("reset")
def reset(
    name: str,
    url: UrlOption = "http://127.0.0.1:8480",
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Print a link that sets a new password; the second factor is off from now on."""
    node = open_node(data)
    user = _user(node, name)
    with node.database.writing() as connection:
        store.set_second_factor(connection, user, "")
    link = link_for(node, user, url)
    show({"name": name, "link": link}, as_json, f"{name} sets a password at\n{link}")


def _user(node: Node, name: str) -> User:
    with node.database.reading() as connection:
        found = store.by_name(connection, name.lower())
    if found is None:
        raise Misuse(f"there is no user {name}; `ccfs user list` shows all")
    return found


def _grant(node: Node, role: Role, app: str | None, account: str) -> Grant:
    if role is Role.OPERATOR and app is not None:
        raise typer.BadParameter("an operator is the whole node's")
    if app is None and (account or (role is not Role.OPERATOR and role is not Role.AUDITOR)):
        raise typer.BadParameter("say of which --app")
    if app is None:
        return Grant(role=role)
    with node.database.reading() as connection:
        owner = tenancy.app_by_ak(connection, app)
        if account and account not in tenancy.accounts(connection, owner):
            raise Misuse(f"the app {app} has no account {account}")
    return Grant(role=role, app=owner.id, account_id=account)


def _roles(user: User, names: dict[int, str]) -> str:
    return ", ".join(" ".join(filter(None, (one.role, names.get(one.app or 0), one.account_id))) for one in user.grants)
