"""ccfs user: manage users of the console and their roles."""

import secrets
from datetime import timedelta
from typing import Annotated

import typer

from ccfs.cli.common import DataFolderOption, JsonOption, open_node, print_result
from ccfs.db.system import tenants
from ccfs.db.system.console import users as store
from ccfs.model.errors import OperatorError
from ccfs.model.identity.user import Grant, Role, User, clean_name
from ccfs.server.node import Node, utc_now

user_commands = typer.Typer(help="Manage users of the console and their roles.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the user.")]
RoleOption = Annotated[Role, typer.Option("--role", help="Role of the user.")]
AppOption = Annotated[str | None, typer.Option("--app", help="Limit the role to this app (AK).", metavar="AK")]
AccountOption = Annotated[
    str, typer.Option("--account", help="Limit the role to this account of the app.", metavar="ID")
]
AgentOption = Annotated[str, typer.Option("--agent", help="Agent that a user of the role agent is.", metavar="ID")]
UrlOption = Annotated[str, typer.Option("--url", help="URL of the server for users.")]


def create_setup_link(node: Node, user: User | None, url: str) -> str:
    """Create a one-time link that sets the user's password; without a user it creates the first operator."""
    token = secrets.token_urlsafe(24)
    with node.database.write_transaction() as connection:
        store.create_setup_link(
            connection, token, user, utc_now() + timedelta(seconds=node.settings.setup_link_seconds)
        )
    return f"{url.rstrip('/')}/console/setup?link={token}"


@user_commands.command("add")
def add_user(
    name: NameArgument,
    role: RoleOption,
    app: AppOption = None,
    account: AccountOption = "",
    agent: AgentOption = "",
    url: UrlOption = "http://127.0.0.1:8480",
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a user with a role. Print the link with which the user sets a password."""
    clean = clean_name(name)
    if clean is None:
        raise typer.BadParameter("a name has 1 to 64 letters, digits and . _ @ -")
    node = open_node(data)
    with node.database.write_transaction() as connection:
        grant = _build_grant(node, role, app, account, agent)
        user = store.add(connection, clean, "", utc_now())
        store.grant_role(connection, user, grant)
    link = create_setup_link(node, user, url)
    print_result({"name": clean, "role": role, "link": link}, as_json, f"Set-up link for {clean}:\n{link}")


@user_commands.command("list")
def list_users(data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """List users with their roles."""
    node = open_node(data)
    with node.database.read_transaction() as connection:
        users = store.list_all(connection)
        aks = {app.id: app.ak for app in tenants.list_apps(connection)}
    rows = [
        {
            "name": user.name,
            "disabled": user.is_disabled,
            "second_factor": user.has_second_factor,
            "roles": [
                {"role": grant.role, "app": aks.get(grant.app or 0), "account": grant.account_id or None}
                | ({"agent": grant.agent_id} if grant.agent_id else {})
                for grant in user.grants
            ],
        }
        for user in users
    ]
    text = [f"{user.name}  {_format_roles(user, aks)}{'  disabled' if user.is_disabled else ''}" for user in users]
    print_result({"users": rows}, as_json, "\n".join(text))


@user_commands.command("role")
def change_role(
    name: NameArgument,
    role: RoleOption,
    app: AppOption = None,
    account: AccountOption = "",
    agent: AgentOption = "",
    revoke: Annotated[bool, typer.Option("--revoke", help="Revoke the role.")] = False,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Grant a user another role, or revoke a role."""
    node = open_node(data)
    user, grant = _get_user(node, name), _build_grant(node, role, app, account, agent)
    with node.database.write_transaction() as connection:
        (store.revoke_role if revoke else store.grant_role)(connection, user, grant)
    text = f"role {role} {'revoked from' if revoke else 'granted to'} {name}"
    print_result({"name": name, "role": role, "revoked": revoke}, as_json, text)


@user_commands.command("disable")
def disable_user(
    name: NameArgument,
    enable: Annotated[bool, typer.Option("--enable", help="Enable the user again.")] = False,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Disable a user. The user's sessions end at once."""
    node = open_node(data)
    user = _get_user(node, name)
    with node.database.write_transaction() as connection:
        store.set_disabled(connection, user, None if enable else utc_now())
    print_result({"name": name, "disabled": not enable}, as_json, f"{name} is {'enabled' if enable else 'disabled'}")


@user_commands.command("reset")
def reset_user(
    name: NameArgument,
    url: UrlOption = "http://127.0.0.1:8480",
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a link that sets a new password and logs in once, even if password login is disabled.

    This removes the second factor and the link to single sign-on.
    """
    node = open_node(data)
    user = _get_user(node, name)
    with node.database.write_transaction() as connection:
        store.set_second_factor(connection, user, "")
        store.unlink_subject(connection, user)
    link = create_setup_link(node, user, url)
    print_result({"name": name, "link": link}, as_json, f"Set-up link for {name}:\n{link}")


def _get_user(node: Node, name: str) -> User:
    with node.database.read_transaction() as connection:
        user = store.find_by_name(connection, name.lower())
    if user is None:
        raise OperatorError(f"unknown user {name}; see `ccfs user list`")
    return user


def _build_grant(node: Node, role: Role, app: str | None, account: str, agent: str) -> Grant:
    if (role is Role.AGENT) != bool(agent) or (agent and not account):
        raise typer.BadParameter("the role agent, and no other, needs --app, --account and --agent")
    if role is Role.OPERATOR and app is not None:
        raise typer.BadParameter("operators are global: omit --app")
    if app is None and (account or (role is not Role.OPERATOR and role is not Role.AUDITOR)):
        raise typer.BadParameter("--app is required: only operators and auditors can be global")
    if app is None:
        return Grant(role=role)
    with node.database.read_transaction() as connection:
        owner = tenants.get_app_by_ak(connection, app)
        if account and account not in tenants.get_accounts(connection, owner):
            raise OperatorError(f"app {app} has no account {account}")
    return Grant(role=role, app=owner.id, account_id=account, agent_id=agent)


def _format_roles(user: User, aks: dict[int, str]) -> str:
    parts = ((grant.role, aks.get(grant.app or 0), grant.account_id, grant.agent_id) for grant in user.grants)
    return ", ".join(" ".join(filter(None, names)) for names in parts)
