"""The status of the whole installation, of one moment: figures of every part, and the findings that follow from them."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Connection

from ccfs.db.engine import Database
from ccfs.db.system import tenants
from ccfs.model.identity.tenancy import App
from ccfs.settings import Settings
from ccfs.status import expiry, ingest, jobs, nodes, storage
from ccfs.status.expiry import CertificateStatus
from ccfs.status.findings import Finding, Severity, find_worst, sort_findings
from ccfs.status.ingest import IngestFigures
from ccfs.status.jobs import JobStatus
from ccfs.status.nodes import NodeStatus
from ccfs.status.storage import LocationStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """The status at one moment."""

    checked_at: datetime
    findings: tuple[Finding, ...]  # the worst first
    ingest: IngestFigures
    jobs: JobStatus
    nodes: tuple[NodeStatus, ...]
    locations: tuple[LocationStatus, ...]
    certificates: tuple[CertificateStatus, ...]
    apps: tuple[App, ...]

    @property
    def worst(self) -> Severity | None:
        """The worst severity of the findings; None if there are none."""
        return find_worst(self.findings)

    def as_json(self) -> dict[str, Any]:
        """Return the report as values that JSON has; instants in ISO 8601, durations in seconds."""
        converted: dict[str, Any] = _convert(asdict(self))
        return converted


def check_status(database: Database, settings: Settings, node_id: str, now: datetime) -> StatusReport:
    """Check everything. Raise SQLAlchemyError if the database does not answer.

    It takes some ten milliseconds, and longer if a disk hangs: call it in a thread.
    """
    with database.read_transaction() as connection:
        found = _Facts(connection, settings, node_id, now)
        disks = storage.load_locations(connection, node_id, now)
    measured = storage.measure_disks(disks, settings.data)
    locations, storage_findings = storage.judge_locations(disks, measured, settings.min_free_mb << 20)
    backlogs = ingest.measure_backlogs(found.ingest.sources)
    ingest_status, ingest_findings = ingest.judge_ingest(
        found.ingest, backlogs, now, timedelta(minutes=settings.ingest_max_lag_minutes), found.apps
    )
    findings = [*ingest_findings, *storage_findings, *found.findings]
    return StatusReport(
        checked_at=now,
        findings=sort_findings(findings),
        ingest=ingest_status,
        jobs=found.jobs,
        nodes=found.nodes,
        locations=locations,
        certificates=found.certificates,
        apps=tuple(found.apps.values()),
    )


class _Facts:
    """Facts of the database, and the findings that follow from them alone."""

    def __init__(self, connection: Connection, settings: Settings, node_id: str, now: datetime) -> None:
        self.apps = {app.id: app for app in tenants.list_apps(connection)}
        self.ingest = ingest.load_facts(connection)
        self.jobs, job_findings = jobs.check_jobs(connection, self.apps, now)
        timeout = timedelta(seconds=settings.node_timeout_seconds)
        bound = timedelta(hours=settings.clock_max_difference_hours)
        self.nodes, node_findings = nodes.check_nodes(connection, timeout, bound, now)
        self.certificates, certificate_findings = expiry.check_certificates(
            connection, now, trusts_all=settings.ssl_trust_all
        )
        certificate_findings += expiry.check_server_certificates(self.nodes, now)
        marks = expiry.check_marks(connection)
        unreadable = storage.check_readers(connection, timeout)
        self.findings = [*job_findings, *node_findings, *certificate_findings, *marks, *unreadable]


def _convert(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _convert(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_convert(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    return str(value) if isinstance(value, Path) else value
