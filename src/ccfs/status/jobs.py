"""Exports and callbacks of all apps: those that failed, and those that wait too long."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from sqlalchemy.engine import Connection

from ccfs.db.system import status_counts
from ccfs.db.system.status_counts import AppCount
from ccfs.model.identity.tenancy import App
from ccfs.status.findings import Area, Finding, FindingKind, Severity, Value

MAX_EXPORT_WAIT: Final = timedelta(minutes=15)  # of an export, before it is worth a finding


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """Exports and callbacks over all apps; each number is MAX_COUNTED at most."""

    failed_callbacks: int  # no longer retried
    retried_callbacks: int  # failed so far
    failed_exports: int
    waiting_exports: int  # for longer than MAX_EXPORT_WAIT


def check_jobs(connection: Connection, apps: Mapping[int, App], now: datetime) -> tuple[JobStatus, list[Finding]]:
    """Return the counts, and a finding for each app with failed or waiting work."""
    dead = status_counts.count_dead_deliveries(connection)
    retried = status_counts.count_retried_deliveries(connection)
    failed = status_counts.count_failed_exports(connection)
    waiting = status_counts.count_waiting_exports(connection, now - MAX_EXPORT_WAIT)
    findings = [
        *_list_findings(dead, apps, FindingKind.CALLBACKS_FAILED, Severity.WARNING, "/console/callbacks"),
        *_list_findings(retried, apps, FindingKind.CALLBACKS_RETRIED, Severity.NOTICE, "/console/callbacks"),
        *_list_findings(failed, apps, FindingKind.EXPORTS_FAILED, Severity.WARNING, "/console/exports", "failed"),
        *_list_findings(waiting, apps, FindingKind.EXPORTS_WAITING, Severity.WARNING, "/console/exports", now=now),
    ]
    status = JobStatus(
        failed_callbacks=_sum(dead),
        retried_callbacks=_sum(retried),
        failed_exports=_sum(failed),
        waiting_exports=_sum(waiting),
    )
    return status, findings


def _list_findings(
    counts: Sequence[AppCount],
    apps: Mapping[int, App],
    kind: FindingKind,
    severity: Severity,
    page: str,
    condition: str = "",
    now: datetime | None = None,
) -> list[Finding]:
    area = Area.CALLBACKS if page.endswith("callbacks") else Area.EXPORTS
    findings = []
    for count in counts:
        if (app := apps.get(count.app)) is None:
            continue
        age = int((now - count.oldest).total_seconds()) if now and count.oldest else 0
        values: dict[str, Value] = {"app": app.name, "count": count.count}
        if now:
            values["age"] = age
        query = {"app": app.ak} | ({"condition": condition} if condition else {})
        path = f"{page}?{urlencode(query)}"
        findings.append(Finding(kind=kind, area=area, severity=severity, values=values, path=path))
    return findings


def _sum(counts: Sequence[AppCount]) -> int:
    return sum(count.count for count in counts)
