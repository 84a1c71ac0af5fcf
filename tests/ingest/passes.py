"""Passes of ingest within the test's process: quicker than commands, and with a time that the test sets."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from ccfs.db.system import tenants
from ccfs.ingest import asterisk, freeswitch
from ccfs.ingest.asterisk_lines import AsteriskSource
from ccfs.ingest.context import CallOwner, IngestResult, IngestRun
from ccfs.ingest.freeswitch import FreeSwitchSource
from ccfs.server.node import utc_now
from tests.ingest.ingest_site import ACCOUNT_ID, AK, IngestSite


@dataclass
class Passes:
    """The passes of one process over a switch's files; a watch, unless it is a single run."""

    site: IngestSite
    is_watching: bool = True
    later: timedelta = field(default_factory=timedelta)  # how late it is for the passes
    stops_after: int | None = None  # batches

    @cached_property
    def owner(self) -> CallOwner:
        with self.site.node.database.read_transaction() as connection:
            app = tenants.get_app_by_ak(connection, AK)
            account = tenants.get_accounts(connection, app)[ACCOUNT_ID]
            return CallOwner(app=app, account=account, vdn=tenants.list_vdns(connection, app)[0])

    @cached_property
    def run(self) -> IngestRun:
        node = self.site.node
        return IngestRun(
            database=node.database,
            primary_location=node.primary_location,
            settings=node.settings.model_copy(update={"settle_seconds": 0.0}),
            now=self._get_now,
            is_watching=self.is_watching,
            is_stopped=self._is_stopped,
        )

    def _get_now(self) -> datetime:
        return utc_now() + self.later

    def _is_stopped(self) -> bool:
        if self.stops_after is None:
            return False
        self.stops_after -= 1
        return self.stops_after < 0

    def pass_asterisk(self, cdr: Path, queue_log: Path | None = None) -> IngestResult:
        """Run one pass over Asterisk's files; return what all passes have added."""
        source = AsteriskSource(cdr=cdr, queue_log=queue_log, recordings=[self.site.recordings_folder])
        asterisk.ingest(self.run, self.owner, source)
        return self.run.result

    def pass_freeswitch(self, cdr: Path) -> IngestResult:
        """Run one pass over FreeSWITCH's files; return what all passes have added."""
        source = FreeSwitchSource(cdr=cdr, recordings=[self.site.recordings_folder], zone=self.site.zone)
        freeswitch.ingest(self.run, self.owner, source)
        return self.run.result
