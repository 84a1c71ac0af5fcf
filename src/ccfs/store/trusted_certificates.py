"""Rows of trusted certificates of callback receivers. The operator's, not an app's: they are trusted for every callback."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.model.errors import Misuse
from ccfs.store import schema
from ccfs.store.tenancy import insert_or_ignore

_TABLE = schema.trusted_certificates


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedCertificate:
    """One certificate under the operator's name for it."""

    name: str
    der: bytes
    sha256: str  # fingerprint, lower-case hex
    subject: str
    not_after: datetime


def add_certificate(connection: Connection, certificate: TrustedCertificate, now: datetime) -> None:
    """Trust a certificate; raises Misuse if the name is taken."""
    values = {name: getattr(certificate, name) for name in ("name", "der", "sha256", "subject", "not_after")}
    statement = insert_or_ignore(connection, _TABLE).values(**values, created_at=now)
    if not connection.execute(statement.returning(_TABLE.c.name)).first():
        raise Misuse(f"the name {certificate.name} is taken")


def certificates(connection: Connection) -> list[TrustedCertificate]:
    """Every trusted certificate, by name."""
    return [
        TrustedCertificate(name=row.name, der=row.der, sha256=row.sha256, subject=row.subject, not_after=row.not_after)
        for row in connection.execute(sa.select(_TABLE).order_by(_TABLE.c.name))
    ]


def remove_certificate(connection: Connection, name: str) -> None:
    """Trust a certificate no longer; raises Misuse if there is none of that name."""
    if connection.execute(sa.delete(_TABLE).where(_TABLE.c.name == name)).rowcount != 1:
        raise Misuse(f"there is no certificate {name}")
