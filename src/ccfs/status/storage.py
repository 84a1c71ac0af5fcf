"""Locations: the free space of those that this machine can see, and when their disks will be full."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy.engine import Connection

from ccfs.db.system import status_counts
from ccfs.db.system.storage import disk_samples, location_checks, locations
from ccfs.db.system.storage.disk_samples import DiskSample
from ccfs.db.system.storage.disk_space import DiskUse, measure_disk
from ccfs.model.blobs.location_config import LocationConfig, LocationKind
from ccfs.status import disk_forecast
from ccfs.status.disk_forecast import DiskForecast
from ccfs.status.findings import Area, Finding, FindingKind, Severity, Value

PROBLEM_DAYS, WARNING_DAYS = 7, 30  # days until a disk is full
DAY_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationFacts:
    """A location by its row, and its growth by the rows of recordings."""

    config: LocationConfig
    is_here: bool  # a disk that this node opens directly
    growth: float | None  # bytes a day; None: unknown
    samples: Sequence[DiskSample] = ()  # of its disk, the oldest first


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationStatus:
    """A location with its free space."""

    id: str
    kind: str
    address: str  # folder, bucket or URL; empty: the data folder
    node: str
    is_draining: bool
    growth: int | None  # bytes of new recordings a day; None: unknown
    free: int | None  # bytes; None: no disk, or nobody has measured it
    size: int | None
    days_left: int | None  # until the disk is full; None: unknown or never
    forecast: DiskForecast | None = None  # with its bound, by the samples; None: by the growth of recordings alone


def load_locations(connection: Connection, node_id: str, now: datetime) -> list[LocationFacts]:
    """Return every location with its growth."""
    return [
        LocationFacts(
            config=config,
            is_here=config.kind is LocationKind.DISK and config.is_local(node_id),
            growth=status_counts.compute_growth(connection, config.id, now),
            samples=disk_samples.list_since(connection, config.id, now - disk_forecast.PERIOD)
            if config.kind is LocationKind.DISK
            else (),
        )
        for config in locations.get_all(connection).values()
    ]


def measure_disks(facts: Sequence[LocationFacts], data: Path) -> dict[str, DiskUse | None]:
    """Return the disks of the locations that this node opens directly; None where that fails."""
    here = (location for location in facts if location.is_here)
    folders = {location.config.id: location.config.root for location in here}
    return {name: measure_disk(Path(root) if root else data) for name, root in folders.items()}


def judge_locations(
    facts: Sequence[LocationFacts], disks: Mapping[str, DiskUse | None], min_free: int
) -> tuple[tuple[LocationStatus, ...], list[Finding]]:
    """Return all locations, and what is wrong. `min_free` in bytes: with less, a disk counts as full."""
    growths: dict[int, float] = defaultdict(float)  # by device
    for location in facts:
        if disk := disks.get(location.config.id):
            growths[disk.device] += location.growth or 0
    found, findings = [], []
    for location in facts:
        config, disk = location.config, disks.get(location.config.id)
        growth = growths[disk.device] if disk else 0
        latest = disk or (location.samples[-1] if location.samples else None)
        forecast = disk_forecast.forecast_full(location.samples, min_free)
        days_left = int(max(0, disk.free - min_free) / growth) if disk and growth else None
        status = LocationStatus(
            id=config.id,
            kind=config.kind,
            address=config.display_address,
            node=config.node,
            is_draining=config.is_draining,
            growth=None if location.growth is None else int(location.growth),
            free=latest.free if latest else None,
            size=latest.size if latest else None,
            days_left=forecast.days if forecast else days_left,
            forecast=forecast,
        )
        found.append(status)
        findings += _judge_location(status, is_unreadable=location.is_here and disk is None, min_free=min_free)
    return tuple(found), findings


def check_readers(connection: Connection, timeout: timedelta) -> list[Finding]:
    """Return what living nodes cannot read. `timeout`: time without a heartbeat after which a node counts as dead."""
    return [
        Finding(
            kind=FindingKind.LOCATION_UNREADABLE,
            area=Area.STORAGE,
            severity=Severity.PROBLEM,
            values={"node": check.node_id, "location": check.location_id, "details": check.failure},
            path="/console/cluster",
            command="ccfs location list",
        )
        for check in location_checks.list_failures(connection, timeout)
    ]


def _judge_location(location: LocationStatus, *, is_unreadable: bool, min_free: int) -> list[Finding]:
    values: dict[str, Value] = {"location": location.id}
    kind, severity = FindingKind.LOCATION_DRAINING, Severity.NOTICE
    command = f"ccfs location move --from {location.id} --to …"
    if is_unreadable:
        kind, severity, command = FindingKind.FOLDER_UNREADABLE, Severity.PROBLEM, ""
    elif location.free is not None and location.free < min_free:
        kind, severity = FindingKind.DISK_FULL, Severity.PROBLEM
        values["free"] = location.free
    elif location.days_left is not None and location.days_left < WARNING_DAYS and not location.is_draining:
        kind = FindingKind.DISK_FILLING
        severity = Severity.PROBLEM if location.days_left < PROBLEM_DAYS else Severity.WARNING
        values |= {"free": location.free or 0, "left": location.days_left * DAY_SECONDS}
    elif not location.is_draining:
        return []
    return [
        Finding(
            kind=kind,
            area=Area.STORAGE,
            severity=severity,
            values=values,
            path="/console/cluster",
            command=command,
        )
    ]
