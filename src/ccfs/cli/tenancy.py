"""ccfs app, account, callback: who may ask for what."""

from typing import Annotated

import typer

from ccfs.cli.common import AppKeyOption, DataFolderOption, JsonOption, open_node, print_result
from ccfs.db.system import tenants
from ccfs.model.exports.callback_url import parse_callback_url
from ccfs.model.identity.tenancy import DEFAULT_ZONE, MAX_VDN_ID, Account, Vdn, is_account_id, is_time_zone
from ccfs.server.node import utc_now

app_commands = typer.Typer(help="Developers and their access keys.", no_args_is_help=True)
key_commands = typer.Typer(help="Access keys of an app: add the new one, change the clients, revoke the old one.")
account_commands = typer.Typer(help="Enterprises and their VDNs.", no_args_is_help=True)
callback_commands = typer.Typer(help="Where callbacks may go.", no_args_is_help=True)
app_commands.add_typer(key_commands, name="key")
COMMAND_GROUPS = {"app": app_commands, "account": account_commands, "callback": callback_commands}

SecretKeyOption = Annotated[str | None, typer.Option("--sk", help="Secret key; made if not given.", show_default=False)]


def _check_key(ak: str, sk: str) -> None:
    if not (0 < len(ak) <= 64 and ak.isascii() and ak.isprintable() and not set(ak) & set("/ ;")):
        raise typer.BadParameter("an AK is 1 to 64 ASCII characters without blank, '/' and ';'")
    if not sk:
        raise typer.BadParameter("an SK cannot be empty")


@app_commands.command("add")
def add_app(
    name: str,
    ak: Annotated[str | None, typer.Option("--ak", help="Access key; made if not given.", show_default=False)] = None,
    sk: SecretKeyOption = None,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a developer. The SK is shown this once only."""
    ak = tenants.generate_ak() if ak is None else ak
    sk = tenants.generate_sk() if sk is None else sk
    _check_key(ak, sk)
    node = open_node(data)
    with node.database.write_transaction() as connection:
        app = tenants.add_app(connection, name, ak, utc_now())
        tenants.add_key(connection, app, ak, sk, node.secret_box, utc_now())
    print_result({"ak": ak, "sk": sk}, as_json, f"AK {ak}\nSK {sk}\nKeep the SK: it is not shown again.")


@app_commands.command("list")
def list_apps(data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """List developers with their accounts."""
    with open_node(data).database.read_transaction() as connection:
        found = [
            {
                "ak": app.ak,
                "name": app.name,
                "accounts": [
                    {"accountId": account.account_id, "zone": account.zone}
                    for account in tenants.get_accounts(connection, app).values()
                ],
                "keys": [
                    {"id": key, "ak": ak, "created": made.isoformat()}
                    for key, ak, made in tenants.list_keys(connection, app)
                ],
            }
            for app in tenants.list_apps(connection)
        ]
    print_result(
        {"apps": found},
        as_json,
        "\n".join(f"{one['ak']}  {one['name']}  {len(one['accounts'])} accounts" for one in found),
    )


@key_commands.command("add")
def add_key(
    app: AppKeyOption,
    ak: Annotated[str | None, typer.Option("--ak", help="The new key's AK; the app's own if not given.")] = None,
    sk: SecretKeyOption = None,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give the app one more key; all living keys work side by side."""
    ak = app if ak is None else ak
    sk = tenants.generate_sk() if sk is None else sk
    _check_key(ak, sk)
    node = open_node(data)
    with node.database.write_transaction() as connection:
        tenants.add_key(connection, tenants.get_app_by_ak(connection, app), ak, sk, node.secret_box, utc_now())
    print_result({"ak": ak, "sk": sk}, as_json, f"AK {ak}\nSK {sk}\nKeep the SK: it is not shown again.")


@key_commands.command("list")
def list_keys(app: AppKeyOption, data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """List the app's living keys, without their secrets."""
    with open_node(data).database.read_transaction() as connection:
        found = tenants.list_keys(connection, tenants.get_app_by_ak(connection, app))
    rows = [{"id": key, "ak": ak, "created": made.isoformat()} for key, ak, made in found]
    print_result({"keys": rows}, as_json, "\n".join(f"{row['id']}  {row['ak']}  {row['created']}" for row in rows))


@key_commands.command("revoke")
def revoke_key(app: AppKeyOption, key: int, data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """End a key, by the number that `list` shows."""
    with open_node(data).database.write_transaction() as connection:
        tenants.revoke_key(connection, tenants.get_app_by_ak(connection, app), key, utc_now())
    print_result({"revoked": key}, as_json, f"key {key} is revoked")


@key_commands.command("reseal")
def reencrypt_keys(data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """Seal every SK anew with the newest node key; older node keys can then be dropped."""
    node = open_node(data)
    with node.database.write_transaction() as connection:
        count = tenants.reencrypt_keys(connection, node.secret_box)
    print_result({"resealed": count}, as_json, f"{count} keys sealed anew")


@account_commands.command("add")
def add_account(
    app: AppKeyOption,
    account: Annotated[str, typer.Option("--account", help="Enterprise id (accountId).", metavar="ID")],
    vdn: Annotated[int, typer.Option("--vdn", help="Virtual call centre.", min=0, max=MAX_VDN_ID, metavar="N")],
    cc: Annotated[int, typer.Option("--cc", help="Call centre.", min=0, max=65535, metavar="N")] = 1,
    zone: Annotated[
        str | None,
        typer.Option("--zone", help=f"IANA time zone; {DEFAULT_ZONE} for a new account.", show_default=False),
    ] = None,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add an enterprise with a VDN; again with another VDN adds that, and keeps the zone unless one is given."""
    _check_account(account, zone)
    with open_node(data).database.write_transaction() as connection:
        owner = tenants.get_app_by_ak(connection, app)
        there = tenants.get_accounts(connection, owner).get(account)
        zone = zone or (there.zone if there else DEFAULT_ZONE)
        added = Vdn(vdn_id=vdn, cc_id=cc, account_id=account)
        tenants.add_account(connection, owner, Account(account_id=account, zone=zone), added, utc_now())
    result = {"app": app, "account": account, "vdn": vdn, "cc": cc, "zone": zone}
    print_result(result, as_json, f"account {account}, VDN {vdn}, zone {zone}")


def _check_account(account: str, zone: str | None) -> None:
    if not is_account_id(account):
        raise typer.BadParameter("an account id is 1 to 20 ASCII characters without blank, comma, quote and slash")
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
    prefix: str,
    private: Annotated[
        bool, typer.Option("--private", help="The host's name may lead to a private address of your network.")
    ] = False,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Allow callback URLs that begin with PREFIX; to bind http or a private address is your decision."""
    if parse_callback_url(prefix) is None:
        raise typer.BadParameter("a prefix is an http or https URL with a host, and without user, fragment and blanks")
    with open_node(data).database.write_transaction() as connection:
        owner = tenants.get_app_by_ak(connection, app)
        tenants.bind_callback(connection, owner, prefix, may_be_private=private)
    print_result({"app": app, "prefix": prefix, "private": private}, as_json, f"{prefix} is bound")


@callback_commands.command("list")
def list_callback_prefixes(app: AppKeyOption, data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """List the app's bound prefixes."""
    with open_node(data).database.read_transaction() as connection:
        found = tenants.get_callback_prefixes(connection, tenants.get_app_by_ak(connection, app))
    text = [f"{prefix}  (may be private)" if private else prefix for prefix, private in found.items()]
    private = [prefix for prefix, may_be_private in found.items() if may_be_private]
    print_result({"prefixes": list(found), "private": private}, as_json, "\n".join(text))


@callback_commands.command("unbind")
def unbind_callback(app: AppKeyOption, prefix: str, data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """Forget a bound prefix."""
    with open_node(data).database.write_transaction() as connection:
        tenants.unbind_callback(connection, tenants.get_app_by_ak(connection, app), prefix)
    print_result({"app": app, "unbound": prefix}, as_json, f"{prefix} is no longer bound")
