"""Find the owners of a switch's calls: one account by its options, or many by a file of tenant rules."""

from collections.abc import Callable
from pathlib import Path

import typer
from sqlalchemy.engine import Connection

from ccfs.db.system import tenants
from ccfs.ingest.context import CallOwner
from ccfs.ingest.tenants import TenantRouter
from ccfs.model.errors import OperatorError
from ccfs.model.identity.tenancy import Account, App, Vdn
from ccfs.server.node import Node
from ccfs.switches.tenant_rules import InvalidRules, TenantRule, TenantRules, parse_rules

MAX_RULES_BYTES = 16 << 20  # bytes of a file of tenant rules

RouterLoader = Callable[[], TenantRouter | None]


def find_owner(
    node: Node, ak: str, account_id: str, vdn_id: int, rules_file: Path | None
) -> tuple[CallOwner, RouterLoader]:
    """Return the owner of the calls, and how each pass loads the tenant rules.

    With a file of rules, the owner has no account: it holds the state of the switch's files. Raise OperatorError.
    """
    if rules_file is None:
        return _get_account_owner(node, ak, account_id, vdn_id), lambda: None
    if account_id or vdn_id:
        raise typer.BadParameter("--account and --vdn are not used with --tenants, whose rules name them")
    router = _load_router(node, ak, rules_file)
    zone = next((owner.account.zone for owner in router.owners.values()), "UTC")
    with node.database.read_transaction() as connection:
        app = tenants.get_app_by_ak(connection, ak)
    account, vdn = Account(account_id="", zone=zone), Vdn(vdn_id=0, cc_id=0, account_id="")
    return CallOwner(app=app, account=account, vdn=vdn, source_app=app), lambda: _load_router(node, ak, rules_file)


def _get_account_owner(node: Node, ak: str, account_id: str, vdn_id: int) -> CallOwner:
    if not account_id or not vdn_id:
        raise typer.BadParameter("--account and --vdn are required, or --tenants")
    with node.database.read_transaction() as connection:
        app = tenants.get_app_by_ak(connection, ak)
        owner = _find_owner(connection, app, account_id, vdn_id)
    if owner is None:
        raise OperatorError(f"app {ak} has no account {account_id} with VDN {vdn_id}; see `ccfs account list`")
    return owner


def _load_router(node: Node, ak: str, file: Path) -> TenantRouter:
    rules = read_rules(file)
    with node.database.read_transaction() as connection:
        home = tenants.get_app_by_ak(connection, ak)
        owners = {rule.line: _find_rule_owner(connection, home, rule, file) for rule in rules.rules}
    return TenantRouter(path=file, rules=rules, owners=owners)


def read_rules(file: Path) -> TenantRules:
    """Return the rules of a file of tenants. Raise OperatorError if they cannot be used."""
    try:
        if file.stat().st_size > MAX_RULES_BYTES:
            raise InvalidRules(f"is larger than {MAX_RULES_BYTES >> 20} MB")
        return parse_rules(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise OperatorError(f"--tenants: {file} cannot be read: {error.strerror}") from None
    except ValueError as error:  # InvalidRules, or not UTF-8
        raise OperatorError(f"--tenants: {file}: {error}") from None


def _find_rule_owner(connection: Connection, home: App, rule: TenantRule, file: Path) -> CallOwner:
    app = tenants.get_app_by_ak(connection, rule.ak) if rule.ak else home
    owner = _find_owner(connection, app, rule.account_id, rule.vdn_id)
    if owner is None:
        account = f"account {rule.account_id} with VDN {rule.vdn_id}"
        raise OperatorError(f"--tenants: {file}: line {rule.line}: app {app.ak} has no {account}")
    return CallOwner(app=owner.app, account=owner.account, vdn=owner.vdn, source_app=home)


def _find_owner(connection: Connection, app: App, account_id: str, vdn_id: int) -> CallOwner | None:
    account = tenants.get_accounts(connection, app).get(account_id)
    vdn = next((vdn for vdn in tenants.list_vdns(connection, app) if vdn.vdn_id == vdn_id), None)
    if account is None or vdn is None or vdn.account_id != account_id:
        return None
    return CallOwner(app=app, account=account, vdn=vdn)
