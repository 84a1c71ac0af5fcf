"""Rows of trusted certificates. The operator adds them, and they are trusted for the callbacks of all apps."""

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.change_counter import ChangeCounter, ChangeCounterCache
from ccfs.db.engine import Database
from ccfs.db.statements import insert_or_ignore
from ccfs.model.errors import OperatorError

EXPIRY_WARNING = timedelta(days=30)  # before any certificate expires
CHANGE_COUNTER = ChangeCounter("trusted_certificates")
_TABLE = schema.trusted_certificates


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedCertificate:
    """A certificate under the name that the operator gave it."""

    name: str
    der: bytes
    sha256: str  # fingerprint, lower-case hex
    subject: str
    not_after: datetime


class TrustStore:
    """The trusted certificates, read again after every change. Calls within a short time share a query. Thread-safe."""

    MAX_AGE_SECONDS = 0.05

    def __init__(self, database: Database) -> None:
        self._certificates = ChangeCounterCache[Sequence[bytes]](database, CHANGE_COUNTER)
        self._lock = threading.Lock()
        self._latest: tuple[int, Sequence[bytes]] = (-1, ())
        self._read_at = -math.inf  # monotonic

    def __call__(self) -> tuple[int, Sequence[bytes]]:
        """Return a number that grows with every change, and the certificates in DER.

        While the database is down they are the last known ones.
        """
        with self._lock:
            if time.monotonic() - self._read_at >= self.MAX_AGE_SECONDS:
                self._latest = self._certificates.get(_list_der, accept_outdated=True)
                self._read_at = time.monotonic()
            return self._latest


def _list_der(connection: Connection) -> list[bytes]:
    return [certificate.der for certificate in list_certificates(connection)]


def add_certificate(connection: Connection, certificate: TrustedCertificate, now: datetime) -> None:
    """Trust a certificate. Raises OperatorError if the name is taken."""
    values = {name: getattr(certificate, name) for name in ("name", "der", "sha256", "subject", "not_after")}
    statement = insert_or_ignore(connection, _TABLE).values(**values, created_at=now)
    if not connection.execute(statement.returning(_TABLE.c.name)).first():
        raise OperatorError(f"the name {certificate.name} is taken")
    CHANGE_COUNTER.increment(connection)


def list_certificates(connection: Connection) -> list[TrustedCertificate]:
    """Return all trusted certificates, by name."""
    return [
        TrustedCertificate(name=row.name, der=row.der, sha256=row.sha256, subject=row.subject, not_after=row.not_after)
        for row in connection.execute(sa.select(_TABLE).order_by(_TABLE.c.name))
    ]


def remove_certificate(connection: Connection, name: str) -> None:
    """Stop trusting a certificate. Raises OperatorError if no certificate has that name."""
    if connection.execute(sa.delete(_TABLE).where(_TABLE.c.name == name)).rowcount != 1:
        raise OperatorError(f"there is no certificate {name}")
    CHANGE_COUNTER.increment(connection)
