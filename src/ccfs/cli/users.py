"""ccfs user: who may sign in to the console, and as what."""

import secrets
from datetime import timedelta
from typing import Annotated

import typer

from ccfs.cli.common import DataFolderOption, JsonOption, open_node, print_result
from ccfs.db.system import tenants
from ccfs.db.system import users as store
from ccfs.model.errors import OperatorError
from ccfs.model.identity.user import Grant, Role, User, clean_name
from ccfs.server.node import Node, utc_now

user_commands = typer.Typer(help="People who may sign in to the console.", no_args_is_help=True)

RoleOption = Annotated[Role, typer.Option("--role", help="What the person is.")]
AppOption = Annotated[str | None, typer.Option("--app", help="Of this app only; its AK.", metavar="AK")]
AccountOption = Annotated[str, typer.Option("--account", help="Of this account of the app only.", metavar="ID")]
UrlOption = Annotated[str, typer.Option("--url", help="Where people reach the server.")]


def create_setup_link(node: Node, user: User | None, url: str) -> str:
    """A new link that sets the user's password once, or for None makes the first operator."""
    token = secrets.token_urlsafe(24)
    with node.database.write_transaction() as connection:
        store.create_setup_link(
            connection, token, user, utc_now() + timedelta(seconds=node.settings.setup_link_seconds)
        )
    return f"{url.rstrip('/')}/console/setup?link={token}"


@user_commands.command("add")
def add_user(
    name: str,
    role: RoleOption,
    app: AppOption = None,
    account: AccountOption = "",
    url: UrlOption = "http://127.0.0.1:8480",
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a person with a role; prints the link where the person sets a password."""
    clean = clean_name(name)
    if clean is None:
        raise typer.BadParameter("a name has 1 to 64 letters, digits and . _ @ -")
    node = open_node(data)
    with node.database.write_transaction() as connection:
        given = _build_grant(node, role, app, account)
        user = store.add(connection, clean, "", utc_now())
        store.grant_role(connection, user, given)
    link = create_setup_link(node, user, url)
    print_result({"name": clean, "role": role, "link": link}, as_json, f"{clean} sets a password at\n{link}")


@user_commands.command("list")
def list_users(data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """List people with their roles."""
    node = open_node(data)
    with node.database.read_transaction() as connection:
        found = store.list_all(connection)
        names = {app.id: app.ak for app in tenants.list_apps(connection)}
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
    text = [f"{user.name}  {_format_roles(user, names)}{'  disabled' if user.is_disabled else ''}" for user in found]
    print_result({"users": rows}, as_json, "\n".join(text))


@user_commands.command("role")
def change_role(
    name: str,
    role: RoleOption,
    app: AppOption = None,
    account: AccountOption = "",
    take: Annotated[bool, typer.Option("--take", help="Take the role away.")] = False,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a person a further role, or take one away."""
    node = open_node(data)
    user, given = _get_user(node, name), _build_grant(node, role, app, account)
    with node.database.write_transaction() as connection:
        (store.revoke_role if take else store.grant_role)(connection, user, given)
    print_result(
        {"name": name, "role": role, "taken": take}, as_json, f"{name} is {'no longer ' if take else ''}{role}"
    )


@user_commands.command("disable")
def disable_user(
    name: str,
    enable: Annotated[bool, typer.Option("--enable", help="Let the person in again.")] = False,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a person in no more; sessions end at once."""
    node = open_node(data)
    user = _get_user(node, name)
    with node.database.write_transaction() as connection:
        store.set_disabled(connection, user, None if enable else utc_now())
    print_result({"name": name, "disabled": not enable}, as_json, f"{name} is {'enabled' if enable else 'disabled'}")


@user_commands.command("reset")
def reset_user(
    name: str,
    url: UrlOption = "http://127.0.0.1:8480",
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a link that sets a new password and signs in once, even where passwords are off; the second factor is off from now
    on, and single sign-on must be tied anew."""
    node = open_node(data)
    user = _get_user(node, name)
    with node.database.write_transaction() as connection:
        store.set_second_factor(connection, user, "")
        store.unlink_subject(connection, user)
    link = create_setup_link(node, user, url)
    print_result({"name": name, "link": link}, as_json, f"{name} sets a password at\n{link}")


def _get_user(node: Node, name: str) -> User:
    with node.database.read_transaction() as connection:
        found = store.find_by_name(connection, name.lower())
    if found is None:
        raise OperatorError(f"there is no user {name}; `ccfs user list` shows all")
    return found


def _build_grant(node: Node, role: Role, app: str | None, account: str) -> Grant:
    if role is Role.OPERATOR and app is not None:
        raise typer.BadParameter("an operator is the whole node's")
    if app is None and (account or (role is not Role.OPERATOR and role is not Role.AUDITOR)):
        raise typer.BadParameter("say of which --app")
    if app is None:
        return Grant(role=role)
    with node.database.read_transaction() as connection:
        owner = tenants.get_app_by_ak(connection, app)
        if account and account not in tenants.get_accounts(connection, owner):
            raise OperatorError(f"the app {app} has no account {account}")
    return Grant(role=role, app=owner.id, account_id=account)


def _format_roles(user: User, names: dict[int, str]) -> str:
    return ", ".join(" ".join(filter(None, (one.role, names.get(one.app or 0), one.account_id))) for one in user.grants)
