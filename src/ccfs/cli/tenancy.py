"""ccfs app, account, callback: who may ask for what."""

import secrets
from typing import Annotated

import typer

from ccfs.cli.common import AppKey, AsJson, DataFolder, open_node, show
from ccfs.model.callback_url import callback_url
from ccfs.model.tenancy import DEFAULT_ZONE, Account, Vdn, is_account_id, is_zone
from ccfs.node import now
from ccfs.store import tenancy

apps = typer.Typer(help="Developers and their access keys.", no_args_is_help=True)
keys = typer.Typer(help="Access keys of an app: add the new one, change the clients, revoke the old one.")
accounts = typer.Typer(help="Enterprises and their VDNs.", no_args_is_help=True)
callbacks = typer.Typer(help="Where callbacks may go.", no_args_is_help=True)
apps.add_typer(keys, name="key")
GROUPS = {"app": apps, "account": accounts, "callback": callbacks}

LARGEST_VDN = 2**31 - 1  # an int of the interface

Secret = Annotated[str | None, typer.Option("--sk", help="Secret key; made if not given.", show_default=False)]


def new_sk() -> str:
    """A secret of 256 random bits."""
    return secrets.token_urlsafe(32)


def _check_key(ak: str, sk: str) -> None:
    if not (0 < len(ak) <= 64 and ak.isascii() and ak.isprintable() and not set(ak) & set("/ ;")):
        raise typer.BadParameter("an AK is 1 to 64 ASCII characters without blank, '/' and ';'")
    if not sk:
        raise typer.BadParameter("an SK cannot be empty")


@apps.command("add")
def add_app(
    name: str,
    ak: Annotated[str | None, typer.Option("--ak", help="Access key; made if not given.", show_default=False)] = None,
    sk: Secret = None,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Add a developer. The SK is shown this once only."""
    ak = "AK" + secrets.token_hex(9).upper() if ak is None else ak
    sk = new_sk() if sk is None else sk
    _check_key(ak, sk)
    node = open_node(data)
    with node.database.writing() as connection:
        app = tenancy.add_app(connection, name, ak, now())
        tenancy.add_key(connection, app, ak, sk, node.sealer, now())
    show({"ak": ak, "sk": sk}, as_json, f"AK {ak}\nSK {sk}\nKeep the SK: it is not shown again.")


@apps.command("list")
def list_apps(data: DataFolder = None, as_json: AsJson = False) -> None:
    """List developers with their accounts."""
    with open_node(data).database.reading() as connection:
        found = [
            {
                "ak": app.ak,
                "name": app.name,
                "accounts": [
                    {"accountId": account.account_id, "zone": account.zone}
                    for account in tenancy.accounts(connection, app).values()
                ],
                "keys": [
                    {"id": key, "ak": ak, "created": made.isoformat()}
                    for key, ak, made in tenancy.keys(connection, app)
                ],
            }
            for app in tenancy.apps(connection)
        ]
    show(
        {"apps": found},
        as_json,
        "\n".join(f"{one['ak']}  {one['name']}  {len(one['accounts'])} accounts" for one in found),
    )


@keys.command("add")
def add_key(
    app: AppKey,
    ak: Annotated[str | None, typer.Option("--ak", help="The new key's AK; the app's own if not given.")] = None,
    sk: Secret = None,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Give the app one more key; all living keys work side by side."""
    ak = app if ak is None else ak
    sk = new_sk() if sk is None else sk
    _check_key(ak, sk)
    node = open_node(data)
    with node.database.writing() as connection:
        tenancy.add_key(connection, tenancy.app_by_ak(connection, app), ak, sk, node.sealer, now())
    show({"ak": ak, "sk": sk}, as_json, f"AK {ak}\nSK {sk}\nKeep the SK: it is not shown again.")


@keys.command("list")
def list_keys(app: AppKey, data: DataFolder = None, as_json: AsJson = False) -> None:
    """List the app's living keys, without their secrets."""
    with open_node(data).database.reading() as connection:
        found = tenancy.keys(connection, tenancy.app_by_ak(connection, app))
    rows = [{"id": key, "ak": ak, "created": made.isoformat()} for key, ak, made in found]
    show({"keys": rows}, as_json, "\n".join(f"{row['id']}  {row['ak']}  {row['created']}" for row in rows))


@keys.command("revoke")
def revoke_key(app: AppKey, key: int, data: DataFolder = None, as_json: AsJson = False) -> None:
    """End a key, by the number that `list` shows."""
    with open_node(data).database.writing() as connection:
        tenancy.revoke_key(connection, tenancy.app_by_ak(connection, app), key, now())
    show({"revoked": key}, as_json, f"key {key} is revoked")


@keys.command("reseal")
def reseal(data: DataFolder = None, as_json: AsJson = False) -> None:
    """Seal every SK anew with the newest node key; older node keys can then be dropped."""
    node = open_node(data)
    with node.database.writing() as connection:
        count = tenancy.reseal(connection, node.sealer)
    show({"resealed": count}, as_json, f"{count} keys sealed anew")


@accounts.command("add")
def add_account(
    app: AppKey,
    account: Annotated[str, typer.Option("--account", help="Enterprise id (accountId).", metavar="ID")],
    vdn: Annotated[int, typer.Option("--vdn", help="Virtual call centre.", min=0, max=LARGEST_VDN, metavar="N")],
    cc: Annotated[int, typer.Option("--cc", help="Call centre.", min=0, max=65535, metavar="N")] = 1,
    zone: Annotated[
        str | None,
        typer.Option("--zone", help=f"IANA time zone; {DEFAULT_ZONE} for a new account.", show_default=False),
    ] = None,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Add an enterprise with a VDN; again with another VDN adds that, and keeps the zone unless one is given."""
    _check_account(account, zone)
    with open_node(data).database.writing() as connection:
        owner = tenancy.app_by_ak(connection, app)
        there = tenancy.accounts(connection, owner).get(account)
        zone = zone or (there.zone if there else DEFAULT_ZONE)
        added = Vdn(vdn_id=vdn, cc_id=cc, account_id=account)
        tenancy.add_account(connection, owner, Account(account_id=account, zone=zone), added, now())
    result = {"app": app, "account": account, "vdn": vdn, "cc": cc, "zone": zone}
    show(result, as_json, f"account {account}, VDN {vdn}, zone {zone}")


def _check_account(account: str, zone: str | None) -> None:
    if not is_account_id(account):
        raise typer.BadParameter("an account id is 1 to 20 ASCII characters without blank, comma, quote and slash")
    if zone is not None and not is_zone(zone):
        raise typer.BadParameter(f"{zone} is not an IANA time zone")


@accounts.command("list")
def list_accounts(app: AppKey, data: DataFolder = None, as_json: AsJson = False) -> None:
    """List the app's accounts and VDNs."""
    with open_node(data).database.reading() as connection:
        owner = tenancy.app_by_ak(connection, app)
        zones = {account.account_id: account.zone for account in tenancy.accounts(connection, owner).values()}
        rows = [
            {"account": vdn.account_id, "vdn": vdn.vdn_id, "cc": vdn.cc_id, "zone": zones[vdn.account_id]}
            for vdn in tenancy.vdns(connection, owner)
        ]
    text = "\n".join(f"{row['account']}  VDN {row['vdn']}  CC {row['cc']}  {row['zone']}" for row in rows)
    show({"accounts": rows}, as_json, text)


@callbacks.command("bind")
def bind(
    app: AppKey,
    prefix: str,
    private: Annotated[
        bool, typer.Option("--private", help="The host's name may lead to a private address of your network.")
    ] = False,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Allow callback URLs that begin with PREFIX; to bind http or a private address is your decision."""
    if callback_url(prefix) is None:
        raise typer.BadParameter("a prefix is an http or https URL with a host, and without user, fragment and blanks")
    with open_node(data).database.writing() as connection:
        owner = tenancy.app_by_ak(connection, app)
        tenancy.bind_callback(connection, owner, prefix, may_be_private=private)
    show({"app": app, "prefix": prefix, "private": private}, as_json, f"{prefix} is bound")


@callbacks.command("list")
def list_prefixes(app: AppKey, data: DataFolder = None, as_json: AsJson = False) -> None:
    """List the app's bound prefixes."""
    with open_node(data).database.reading() as connection:
        found = tenancy.callback_prefixes(connection, tenancy.app_by_ak(connection, app))
    text = [f"{prefix}  (may be private)" if private else prefix for prefix, private in found.items()]
    private = [prefix for prefix, may_be_private in found.items() if may_be_private]
    show({"prefixes": list(found), "private": private}, as_json, "\n".join(text))


@callbacks.command("unbind")
def unbind(app: AppKey, prefix: str, data: DataFolder = None, as_json: AsJson = False) -> None:
    """Forget a bound prefix."""
    with open_node(data).database.writing() as connection:
        tenancy.unbind_callback(connection, tenancy.app_by_ak(connection, app), prefix)
    show({"app": app, "unbound": prefix}, as_json, f"{prefix} is no longer bound")
