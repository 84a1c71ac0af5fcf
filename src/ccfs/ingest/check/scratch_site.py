"""A site that lasts as long as the check: a scratch database in a temporary folder, and no stored recordings."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ccfs.blobs.disk import DiskLocation
from ccfs.db.engine import Database, open_scratch_database
from ccfs.db.migrations.runner import upgrade
from ccfs.db.system import tenants
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.recordings.store_audio import inspect_audio_file
from ccfs.model.identity.tenancy import Account, App, Vdn
from ccfs.settings import load_settings

SCRATCH_AK = "AK"  # as in the commands that the check prints


@dataclass(frozen=True, slots=True)
class ScratchSite:
    """Database and app of a check."""

    folder: Path
    database: Database
    app: App

    def create_run(self, report_progress: Callable[[str, int, int], None], max_lines: int) -> IngestRun:
        """Return an ingest run that stores no bytes and waits for no file."""
        return IngestRun(
            database=self.database,
            primary_location=DiskLocation("0", self.folder / "files"),
            settings=load_settings({}, data=self.folder, settle_seconds=0),
            now=lambda: datetime.now(UTC),
            report_progress=report_progress,
            max_lines=max_lines,
            store_audio=inspect_audio_file,
        )

    def add_account(self, account_id: str, zone: str, vdn_id: int = 1, cc_id: int = 1) -> CallOwner:
        """Add an account with a VDN, or set its zone."""
        account, vdn = Account(account_id=account_id, zone=zone), Vdn(vdn_id=vdn_id, cc_id=cc_id, account_id=account_id)
        with self.database.write_transaction() as connection:
            tenants.add_account(connection, self.app, account, vdn, datetime.now(UTC))
        return CallOwner(app=self.app, account=account, vdn=vdn)


@contextmanager
def open_scratch_site() -> Iterator[ScratchSite]:
    """Create an empty site, and delete it at the end."""
    with tempfile.TemporaryDirectory(prefix="ccfs-check-") as name:
        folder = Path(name)
        database = open_scratch_database(folder / "check.db")
        try:
            upgrade(database)
            with database.write_transaction() as connection:
                app = tenants.add_app(connection, "check", SCRATCH_AK, datetime.now(UTC))
            yield ScratchSite(folder, database, app)
        finally:
            database.close()
