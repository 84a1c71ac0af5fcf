"""Things with a date: trusted certificates that expire, and months that retention will delete."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.engine import Connection

from ccfs.db.system.certificates import trusted_certificates
from ccfs.db.system.certificates.trusted_certificates import EXPIRY_WARNING
from ccfs.db.system.storage import retention_marks
from ccfs.status.findings import Area, Finding, FindingKind, Severity, Value
from ccfs.status.nodes import NodeStatus

SERVER_PROBLEM_PERIOD: Final = timedelta(days=7)  # before the server's own certificate expires: clients will be refused


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateStatus:
    """A trusted certificate."""

    name: str
    subject: str
    not_after: datetime


def check_certificates(
    connection: Connection, now: datetime, *, trusts_all: bool
) -> tuple[tuple[CertificateStatus, ...], list[Finding]]:
    """Return the trusted certificates that have expired or soon will, and findings."""
    soon = [row for row in trusted_certificates.list_certificates(connection) if row.not_after < now + EXPIRY_WARNING]
    findings = []
    if trusts_all:
        kind, page = FindingKind.TRUST_ALL, "/console/settings"
        findings.append(Finding(kind=kind, area=Area.CERTIFICATES, severity=Severity.WARNING, path=page))
    for row in soon:
        is_expired = row.not_after <= now
        left = {} if is_expired else {"left": int((row.not_after - now).total_seconds())}
        findings.append(
            Finding(
                kind=FindingKind.CERTIFICATE_EXPIRED if is_expired else FindingKind.CERTIFICATE_EXPIRING,
                area=Area.CERTIFICATES,
                severity=Severity.WARNING,
                values={"name": row.name, **left},
                path="/console/settings",
                command=f"ccfs trust remove {row.name}",
            )
        )
    statuses = (CertificateStatus(name=row.name, subject=row.subject, not_after=row.not_after) for row in soon)
    return tuple(statuses), findings


def check_server_certificates(nodes: Sequence[NodeStatus], now: datetime) -> list[Finding]:
    """Return a finding for each living node whose own certificate has expired or soon will."""
    findings = []
    for node in nodes:
        expires_at = node.certificate_expires_at
        if expires_at is None or not node.is_alive or expires_at >= now + EXPIRY_WARNING:
            continue
        is_expired, left = expires_at <= now, expires_at - now
        kind = FindingKind.SERVER_CERTIFICATE_EXPIRED if is_expired else FindingKind.SERVER_CERTIFICATE_EXPIRING
        values: dict[str, Value] = {"node": node.id}
        findings.append(
            Finding(
                kind=kind,
                area=Area.CERTIFICATES,
                severity=Severity.PROBLEM if left < SERVER_PROBLEM_PERIOD else Severity.WARNING,
                values=values if is_expired else values | {"left": int(left.total_seconds())},
                path="/console/cluster",
            )
        )
    return findings


def check_marks(connection: Connection) -> list[Finding]:
    """Return a finding for each month that retention will delete."""
    tables: dict[int, list[str]] = defaultdict(list)
    dates: dict[int, datetime] = {}
    for mark in retention_marks.list_marks(connection):
        due_at = mark.marked_at + retention_marks.MARK_PERIOD
        tables[mark.month].append(mark.table)
        dates[mark.month] = max(due_at, dates.get(mark.month, due_at))
    return [
        Finding(
            kind=FindingKind.MONTH_MARKED,
            area=Area.RETENTION,
            severity=Severity.NOTICE,
            values={
                "month": f"{month // 100}-{month % 100:02}",
                "tables": ", ".join(tables[month]),
                "date": f"{dates[month]:%Y-%m-%d %H:%M}",
            },
            path="/console/audit?action=retention_marked",
        )
        for month in sorted(tables)
    ]
