"""Find the owners of a switch's calls: one account by its options, or many by a file of tenant rules."""

import time
from collections.abc import Callable
from pathlib import Path

import typer
from sqlalchemy.engine import Connection

from ccfs.db.system import tenants
from ccfs.ingest.context import CallOwner
from ccfs.ingest.tenants.routers import TenantRouter
from ccfs.model.errors import OperatorError
from ccfs.model.identity.tenancy import Account, App, Vdn
from ccfs.server.node import Node
from ccfs.switches.tenant_rules import TenantRules, parse_rules

MAX_RULES_BYTES = 16 << 20  # bytes of a file of tenant rules

RouterLoader = Callable[[], TenantRouter | None]


def find_owner(
    node: Node, ak: str, account_id: str, vdn_id: int, rules_file: Path | None
) -> tuple[CallOwner, RouterLoader]:
    """Return the owner of the calls, and what each pass calls for the tenant rules.

    With a file of rules, the owner has no account: it holds the state of the switch's files. Raise OperatorError.
    """
    if rules_file is None:
        return _get_account_owner(node, ak, account_id, vdn_id), lambda: None
    if account_id or vdn_id:
        raise typer.BadParameter("--account and --vdn are not used with --tenants, whose rules name them")
    load_router = _RulesFile(node, ak, rules_file)
    zone = next((owner.account.zone for owner in load_router().list_owners()), "UTC")
    with node.database.read_transaction() as connection:
        app = tenants.get_app_by_ak(connection, ak)
    account, vdn = Account(account_id="", zone=zone), Vdn(vdn_id=0, cc_id=0, account_id="")
    return CallOwner(app=app, account=account, vdn=vdn), load_router


def _get_account_owner(node: Node, ak: str, account_id: str, vdn_id: int) -> CallOwner:
    if not account_id or not vdn_id:
        raise typer.BadParameter("--account and --vdn are required, or --tenants")
    with node.database.read_transaction() as connection:
        owner = _AppAccounts(connection, tenants.get_app_by_ak(connection, ak)).find_owner(account_id, vdn_id)
    if owner is None:
        raise OperatorError(
            f"app {ak} has no account {account_id} with VDN {vdn_id}; see `ccfs account list --app {ak}`"
        )
    return owner


class _AppAccounts:
    """The accounts and VDNs of one app, read once for all rules."""

    def __init__(self, connection: Connection, app: App) -> None:
        self.app = app
        self._accounts = tenants.get_accounts(connection, app)
        self._vdns = {vdn.vdn_id: vdn for vdn in tenants.list_vdns(connection, app)}

    def find_owner(self, account_id: str, vdn_id: int) -> CallOwner | None:
        account, vdn = self._accounts.get(account_id), self._vdns.get(vdn_id)
        if account is None or vdn is None or vdn.account_id != account_id:
            return None
        return CallOwner(app=self.app, account=account, vdn=vdn)


class _RulesFile:
    """Loads the rules of a file. Each call returns the current rules, and reads the file only if it has changed."""

    def __init__(self, node: Node, ak: str, path: Path) -> None:
        self._node, self._ak, self._path = node, ak, path
        self._version: tuple[int, ...] = ()
        self._rules = TenantRules(())

    def __call__(self) -> TenantRouter:
        """Return the rules with their owners. Raise OperatorError with the line that is wrong."""
        self._read_rules()
        with self._node.database.read_transaction() as connection:
            return TenantRouter(rules=self._rules, owners=self._find_owners(connection))

    def _read_rules(self) -> None:
        try:
            status = self._path.stat()
        except OSError as error:
            raise _refuse(self._path, f"cannot be read: {error.strerror}") from None
        version = (status.st_size, status.st_mtime_ns, status.st_ino)
        if version == self._version:
            return
        if self._is_being_written(status.st_mtime):
            if self._version:
                return  # a later pass reads it
            time.sleep(self._node.settings.settle_seconds)
        self._version = ()
        self._rules = read_rules(self._path)
        self._version = version

    def _is_being_written(self, modified: float) -> bool:
        return 0 <= time.time() - modified < self._node.settings.settle_seconds

    def _find_owners(self, connection: Connection) -> dict[int, CallOwner]:
        apps: dict[str, _AppAccounts] = {}
        owners = {}
        for rule in self._rules.rules:
            if rule.is_ignored:
                continue
            ak = rule.ak or self._ak
            if ak not in apps:
                try:
                    apps[ak] = _AppAccounts(connection, tenants.get_app_by_ak(connection, ak))
                except OperatorError as error:
                    raise _refuse(self._path, f"line {rule.line}: {error}") from None
            owner = apps[ak].find_owner(rule.account_id, rule.vdn_id)
            if owner is None:
                raise _refuse(
                    self._path, f"line {rule.line}: app {ak} has no account {rule.account_id} with VDN {rule.vdn_id}"
                )
            owners[rule.line] = owner
        return owners


def read_rules(path: Path) -> TenantRules:
    """Return the rules of a file. Raise OperatorError with the line that is wrong."""
    try:
        if path.stat().st_size > MAX_RULES_BYTES:
            raise _refuse(path, f"is larger than {MAX_RULES_BYTES >> 20} MB")
        return parse_rules(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _refuse(path, f"cannot be read: {error.strerror}") from None
    except ValueError as error:  # InvalidRules, or not UTF-8
        raise _refuse(path, str(error)) from None


def _refuse(path: Path, reason: str) -> OperatorError:
    return OperatorError(f"--tenants: {path}: {reason}")
