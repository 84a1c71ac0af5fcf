"""The dry run over the files of one switch: its options and its result."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ccfs.db.switch_tables.connection import SwitchDatabaseError
from ccfs.ingest.check.recognition.file_kinds import ReadOptions
from ccfs.ingest.check.recognition.sources import FileSeries
from ccfs.ingest.check.recognition.switch_kind import SwitchKind
from ccfs.ingest.check.recognition.tables import CheckedTable
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.tenants.routers import TenantRouter
from ccfs.switches.records import UnreadableLine
from ccfs.switches.tenant_rules import TenantRules


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions:
    """Limits of a check, and the operator's overrides."""

    agent_pattern: re.Pattern[str]
    read: ReadOptions = field(default_factory=ReadOptions)
    tenants: tuple[Path, TenantRules] | None = None  # file of tenant rules
    zone: str | None = None
    local_zone: str = "UTC"  # of this machine: assumed where the files do not tell
    max_lines: int = 0
    cdr_table: CheckedTable | None = None
    queue_table: CheckedTable | None = None
    report_progress: Callable[[str, int, int], None] = lambda _name, _done, _total: None


@dataclass(slots=True, kw_only=True)
class SwitchRun:
    """The dry run over one switch. Its results are in the scratch database and in `run.result`."""

    kind: SwitchKind
    owner: CallOwner  # holds the state of the switch's files
    run: IngestRun
    router: TenantRouter | None = None
    tenants_file: Path | None = None  # of the router's rules
    indexed_owners: list[CallOwner] = field(default_factory=list)  # that index files of CC-FS name
    cdrs: list[Path | CheckedTable] = field(
        default_factory=list
    )  # files, folders or tables, as `ccfs ingest` is to be given them
    older_cdrs: list[Path] = field(default_factory=list)  # rotated files, oldest first
    series: list[FileSeries] = field(default_factory=list)  # of CDR files of Asterisk that were ingested
    queue_log: FileSeries | None = None
    queue_table: CheckedTable | None = None  # in place of the file
    cel: FileSeries | None = None  # channel event log
    recordings: list[Path] = field(default_factory=list)  # folders
    unused: list[tuple[Path, str]] = field(default_factory=list)  # files that add nothing, with the reason
    failed: list[tuple[Path | CheckedTable, str]] = field(default_factory=list)  # files that could not be read at all

    @property
    def owners(self) -> list[CallOwner]:
        """The owners of the calls."""
        return self.indexed_owners or list(self.router.list_owners() if self.router else [self.owner])

    @contextmanager
    def catch_failure(self, path: Path | CheckedTable) -> Iterator[None]:
        """Record a file that cannot be read instead of ending the check. Database errors are raised."""
        try:
            yield
        except UnreadableLine as error:
            self.failed.append((path, str(error)))
        except SwitchDatabaseError:
            raise
        except OSError as error:
            self.failed.append((path, f"cannot be read: {error.strerror}"))
