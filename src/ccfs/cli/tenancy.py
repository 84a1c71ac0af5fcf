"""ccfs app, account, callback: manage apps with their keys, accounts and callback prefixes."""

from typing import Annotated

import typer

from ccfs.cli.app_limits import change_limits
from ccfs.cli.common import AppKeyOption, DataFolderOption, JsonOption, open_node, print_lines, print_result
from ccfs.db.system import stored_secrets, tenants
from ccfs.model.exports.callback_url import parse_callback_url
from ccfs.model.identity.tenancy import DEFAULT_ZONE, MAX_VDN_ID, Account, Vdn, is_account_id, is_time_zone
from ccfs.server.node import utc_now
from ccfs.server.node_keys import raise_if_keys_do_not_match

app_commands = typer.Typer(help="Manage apps and their access keys.", no_args_is_help=True)
key_commands = typer.Typer(help="Manage access keys of an app.", no_args_is_help=True)
account_commands = typer.Typer(help="Manage accounts and their VDNs.", no_args_is_help=True)
callback_commands = typer.Typer(help="Manage the URL prefixes to which callbacks may go.", no_args_is_help=True)
app_commands.add_typer(key_commands, name="key")
app_commands.command("limits")(change_limits)
COMMAND_GROUPS = {"app": app_commands, "account": account_commands, "callback": callback_commands}

PrefixArgument = Annotated[str, typer.Argument(metavar="PREFIX", help="URL prefix, e.g. https://cb.example.com/ccfs/.")]
SecretKeyOption = Annotated[
    str | None, typer.Option("--sk", help="Secret key; default: generated.", show_default=False)
]


def _check_key(ak: str, sk: str) -> None:
    is_short = 0 < len(ak) <= 64 and bool(ak.strip("."))  # the name of a folder, too
    if not (is_short and ak.isascii() and ak.isprintable() and not set(ak) & set("/ ;")):
        raise typer.BadParameter("an AK has 1 to 64 printable ASCII characters except blank, '/' and ';'")
    if not sk:
        raise typer.BadParameter("an SK must not be empty")


@app_commands.command("add")
def add_app(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the app.")],
    ak: Annotated[str | None, typer.Option("--ak", help="Access key; default: generated.", show_default=False)] = None,
    sk: SecretKeyOption = None,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add an app. Its SK is shown only once."""
    ak = tenants.generate_ak() if ak is None else ak
    sk = tenants.generate_sk() if sk is None else sk
    _check_key(ak, sk)
    node = open_node(data)
    raise_if_keys_do_not_match(node)
    with node.database.write_transaction() as connection:
        tenants.require_free_name(connection, name)
        app = tenants.add_app(connection, name, ak, utc_now())
        tenants.add_key(connection, app, ak, sk, node.secret_box, utc_now())
    print_result({"ak": ak, "sk": sk}, as_json, f"AK {ak}\nSK {sk}\nKeep the SK: it is not shown again.")


@app_commands.command("list")
def list_apps(data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """List apps with their accounts and keys."""
    with open_node(data).database.read_transaction() as connection:
        rows = [
            {
                "ak": app.ak,
                "name": app.name,
                "accounts": [
                    {"accountId": account.account_id, "zone": account.zone}
                    for account in tenants.get_accounts(connection, app).values()
                ],
                "keys": [
                    {"id": key, "ak": ak, "created": created_at.isoformat()}
                    for key, ak, created_at in tenants.list_keys(connection, app)
                ],
            }
            for app in tenants.list_apps(connection)
        ]
    print_result(
        {"apps": rows},
        as_json,
        "\n".join(f"{row['ak']}  {row['name']}  accounts: {len(row['accounts'])}" for row in rows),
    )


@key_commands.command("add")
def add_key(
    app: AppKeyOption,
    ak: Annotated[str | None, typer.Option("--ak", help="AK of the new key; default: that of the app.")] = None,
    sk: SecretKeyOption = None,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a key to an app. All active keys are valid at the same time."""
    ak = app if ak is None else ak
    sk = tenants.generate_sk() if sk is None else sk
    _check_key(ak, sk)
    node = open_node(data)
    raise_if_keys_do_not_match(node)
    with node.database.write_transaction() as connection:
        tenants.add_key(connection, tenants.get_app_by_ak(connection, app), ak, sk, node.secret_box, utc_now())
    print_result({"ak": ak, "sk": sk}, as_json, f"AK {ak}\nSK {sk}\nKeep the SK: it is not shown again.")


@key_commands.command("list")
def list_keys(app: AppKeyOption, data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """List the app's active keys without their secrets."""
    with open_node(data).database.read_transaction() as connection:
        keys = tenants.list_keys(connection, tenants.get_app_by_ak(connection, app))
    rows = [{"id": key, "ak": ak, "created": created_at.isoformat()} for key, ak, created_at in keys]
    print_result({"keys": rows}, as_json, "\n".join(f"{row['id']}  {row['ak']}  {row['created']}" for row in rows))


@key_commands.command("revoke")
def revoke_key(
    app: AppKeyOption,
    key: Annotated[int, typer.Argument(metavar="KEY", help="ID of the key.")],
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Revoke a key by its id, see `ccfs app key list`."""
    with open_node(data).database.write_transaction() as connection:
        tenants.revoke_key(connection, tenants.get_app_by_ak(connection, app), key, utc_now())
    print_result({"revoked": key}, as_json, f"key {key} revoked")


@key_commands.command("revoke-unreadable")
def revoke_unreadable_keys(
    confirmed: Annotated[bool, typer.Option("--yes", help="Revoke the keys; otherwise only list them.")] = False,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Revoke the keys of all apps whose SKs no node key decrypts: after node keys were lost."""
    node = open_node(data)
    with node.database.write_transaction() as connection:
        if confirmed:
            keys = tenants.revoke_unreadable_keys(connection, node.secret_box, utc_now())
        else:
            _, keys = tenants.list_active_keys(connection, node.secret_box)
    rows = [{"id": key.id, "app": key.app.ak, "ak": key.ak, "damaged": key.is_damaged} for key in keys]
    verb = "revoked" if confirmed else "not decrypted, revoke it with --yes"
    lines = [f"app {key.app.ak}, key {key.id}: {verb}" for key in keys]
    print_lines({"keys": rows, "revoked": confirmed}, as_json, lines, "the node keys decrypt every SK")


@key_commands.command("reencrypt")
def reencrypt_keys(data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """Encrypt every SK and second factor again with the newest node key. Afterwards older node keys can be removed."""
    node = open_node(data)
    with node.database.write_transaction() as connection:
        count = stored_secrets.reencrypt(connection, node.secret_box)
    print_result({"reencrypted": count}, as_json, f"secrets encrypted again: {count}")


@account_commands.command("add")
def add_account(
    app: AppKeyOption,
    account: Annotated[str, typer.Option("--account", help="Account id (accountId).", metavar="ID")],
    vdn: Annotated[int, typer.Option("--vdn", help="VDN (virtual call centre).", min=0, max=MAX_VDN_ID, metavar="N")],
    cc: Annotated[int, typer.Option("--cc", help="Call centre id (ccId).", min=0, max=65535, metavar="N")] = 1,
    zone: Annotated[
        str | None,
        typer.Option("--zone", help=f"IANA time zone; default: {DEFAULT_ZONE} for a new account.", show_default=False),
    ] = None,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add an account with a VDN, or another VDN to an account. The zone of an existing account changes only with --zone."""
    _check_account(account, zone)
    with open_node(data).database.write_transaction() as connection:
        owner = tenants.get_app_by_ak(connection, app)
        existing = tenants.get_accounts(connection, owner).get(account)
        zone = zone or (existing.zone if existing else DEFAULT_ZONE)
        added = Vdn(vdn_id=vdn, cc_id=cc, account_id=account)
        tenants.add_account(connection, owner, Account(account_id=account, zone=zone), added, utc_now())
    result = {"app": app, "account": account, "vdn": vdn, "cc": cc, "zone": zone}
    print_result(result, as_json, f"account {account}, VDN {vdn}, zone {zone}")


def _check_account(account: str, zone: str | None) -> None:
    if not is_account_id(account):
        raise typer.BadParameter("an account id has 1 to 20 ASCII characters except blank, comma, quote and slash")
    if zone is not None and not is_time_zone(zone):
        raise typer.BadParameter(f"{zone} is not an IANA time zone")


@account_commands.command("list")
def list_accounts(app: AppKeyOption, data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """List the app's accounts and VDNs."""
    with open_node(data).database.read_transaction() as connection:
        owner = tenants.get_app_by_ak(connection, app)
        zones = {account.account_id: account.zone for account in tenants.get_accounts(connection, owner).values()}
        rows = [
            {"account": vdn.account_id, "vdn": vdn.vdn_id, "cc": vdn.cc_id, "zone": zones[vdn.account_id]}
            for vdn in tenants.list_vdns(connection, owner)
        ]
    text = "\n".join(f"{row['account']}  VDN {row['vdn']}  CC {row['cc']}  {row['zone']}" for row in rows)
    print_result({"accounts": rows}, as_json, text)


@callback_commands.command("bind")
def bind_callback(
    app: AppKeyOption,
    prefix: PrefixArgument,
    private: Annotated[
        bool, typer.Option("--private", help="Allow a host name that resolves to a private address of your network.")
    ] = False,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Allow callback URLs that begin with PREFIX. http and private addresses are allowed; bind them with care."""
    if parse_callback_url(prefix) is None:
        raise typer.BadParameter("a prefix is an http or https URL with a host and without user, fragment and blanks")
    with open_node(data).database.write_transaction() as connection:
        owner = tenants.get_app_by_ak(connection, app)
        tenants.bind_callback(connection, owner, prefix, may_be_private=private)
    print_result({"app": app, "prefix": prefix, "private": private}, as_json, f"{prefix} bound")


@callback_commands.command("list")
def list_callback_prefixes(app: AppKeyOption, data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """List the app's callback prefixes."""
    with open_node(data).database.read_transaction() as connection:
        prefixes = tenants.get_callback_prefixes(connection, tenants.get_app_by_ak(connection, app))
    text = [f"{prefix}  (private)" if may_be_private else prefix for prefix, may_be_private in prefixes.items()]
    private = [prefix for prefix, may_be_private in prefixes.items() if may_be_private]
    print_result({"prefixes": list(prefixes), "private": private}, as_json, "\n".join(text))


@callback_commands.command("unbind")
def unbind_callback(
    app: AppKeyOption, prefix: PrefixArgument, data: DataFolderOption = None, as_json: JsonOption = False
) -> None:
    """Remove a callback prefix."""
    with open_node(data).database.write_transaction() as connection:
        tenants.unbind_callback(connection, tenants.get_app_by_ak(connection, app), prefix)
    print_result({"app": app, "unbound": prefix}, as_json, f"{prefix} unbound")
