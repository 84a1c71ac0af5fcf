"""A temporary site for a check: a scratch database in a temporary folder, without stored recordings."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from ccfs.blobs.disk import DiskLocation
from ccfs.db.engine import Database, open_scratch_database
from ccfs.db.migrations.runner import upgrade
from ccfs.db.system import tenants
from ccfs.ingest.check.recognition.tables import DEFAULT_ROWS
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.recordings.store_audio import inspect_audio_file
from ccfs.ingest.tenants.routers import TenantRouter
from ccfs.model.errors import OperatorError
from ccfs.model.identity.tenancy import Account, App, Vdn
from ccfs.settings import load_settings
from ccfs.switches.tenant_rules import TenantRules


@dataclass(frozen=True, slots=True)
class ScratchSite:
    """The database of a check, and one switch's app. Each switch has its own, so that they may share VDNs."""

    folder: Path
    database: Database
    app: App

    def create_site(self, name: str) -> "ScratchSite":
        """Return the site of another switch in the same database."""
        with self.database.write_transaction() as connection:
            return replace(self, app=tenants.add_app(connection, name, f"-{name}", datetime.now(UTC)))

    def create_run(self, report_progress: Callable[[str, int, int], None], max_lines: int) -> IngestRun:
        """Return an ingest run that stores no bytes and waits for no file."""
        return IngestRun(
            database=self.database,
            primary_location=DiskLocation("0", self.folder / "files"),
            settings=load_settings({}, data=self.folder, settle_seconds=0),
            now=lambda: datetime.now(UTC),
            report_progress=report_progress,
            max_lines=max_lines,
            max_rows=max_lines or DEFAULT_ROWS,
            store_audio=inspect_audio_file,
        )

    def create_owner(
        self, account_id: str, zone: str, tenant_rules: TenantRules | None
    ) -> tuple[CallOwner, TenantRouter | None]:
        """Return the owner of a switch's calls: one account, or those of the tenant rules."""
        if tenant_rules is None:
            return self.add_account(account_id, zone), None
        return self.add_tenants(tenant_rules, zone)

    def add_tenants(self, rules: TenantRules, zone: str) -> tuple[CallOwner, TenantRouter]:
        """Add the apps and accounts that a tenant rules file names, or set their zone.

        Return the owner that holds the state of the switch's files, and the rules with their owners. Raise
        OperatorError if a VDN has two accounts.
        """
        with self.database.write_transaction() as connection:
            known = {app.ak: app for app in tenants.list_apps(connection)} | {"": self.app}
            used = [rule for rule in rules.rules if not rule.is_ignored]
            for ak in {rule.ak for rule in used} - known.keys():
                known[ak] = tenants.add_app(connection, ak, ak, datetime.now(UTC))
            owners = {}
            for rule in used:
                account = Account(account_id=rule.account_id, zone=zone)
                vdn = Vdn(vdn_id=rule.vdn_id, cc_id=1, account_id=rule.account_id)
                try:
                    tenants.add_account(connection, known[rule.ak], account, vdn, datetime.now(UTC))
                except OperatorError as error:
                    raise OperatorError(f"--tenants: line {rule.line}: {error}") from None
                owners[rule.line] = CallOwner(app=known[rule.ak], account=account, vdn=vdn)
        return self.build_file_owner(zone), TenantRouter(rules=rules, owners=owners)

    def build_file_owner(self, zone: str) -> CallOwner:
        """Return an owner without an account, which holds the state of files but has no calls."""
        account, vdn = Account(account_id="", zone=zone), Vdn(vdn_id=0, cc_id=0, account_id="")
        return CallOwner(app=self.app, account=account, vdn=vdn)

    def add_account(self, account_id: str, zone: str, vdn_id: int | None = None, cc_id: int = 1) -> CallOwner:
        """Add an account with a VDN, or set its zone. Without a VDN, it gets a free number.

        Raise OperatorError if the VDN belongs to another account.
        """
        account = Account(account_id=account_id, zone=zone)
        with self.database.write_transaction() as connection:
            vdns = {vdn.vdn_id: vdn.account_id for vdn in tenants.list_vdns(connection, self.app)}
            free = (number for number in count(1) if vdns.get(number, account_id) == account_id)
            vdn = Vdn(vdn_id=vdn_id or next(free), cc_id=cc_id, account_id=account_id)
            tenants.add_account(connection, self.app, account, vdn, datetime.now(UTC))
        return CallOwner(app=self.app, account=account, vdn=vdn)


@contextmanager
def open_scratch_site() -> Iterator[ScratchSite]:
    """Create an empty site. Delete it at the end of the block."""
    with tempfile.TemporaryDirectory(prefix="ccfs-check-") as name:
        folder = Path(name)
        database = open_scratch_database(folder / "check.db")
        try:
            upgrade(database)
            with database.write_transaction() as connection:
                app = tenants.add_app(connection, "check", "-check", datetime.now(UTC))
            yield ScratchSite(folder, database, app)
        finally:
            database.close()
