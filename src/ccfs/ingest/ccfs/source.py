"""The export of CC-FS to ingest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ccfs.ingest.files.scan import ScannedFile
from ccfs.model.identity.tenancy import Account, App, Vdn


@dataclass(frozen=True, slots=True, kw_only=True)
class CcfsSource:
    """Owner and paths of an export."""

    app: App
    accounts: Mapping[str, Account]
    vdns: Mapping[int, Vdn]
    sources: Sequence[Path]  # folders, zips, CSV files
    recordings: Path | None
    # Files that a watch need not read again as long as they are unchanged.
    completed_files: set[ScannedFile] = field(default_factory=set)
