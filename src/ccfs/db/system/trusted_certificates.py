"""Rows of trusted certificates of callback receivers. The operator's, not an app's: they are trusted for every callback.

Every change bumps a number in `changes`, by which a process that sends callbacks knows that what it read is old.
"""

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.system.tenants import insert_or_ignore
from ccfs.model.errors import OperatorError

_TABLE = schema.trusted_certificates
_CHANGE_COUNTERS = schema.change_counters


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedCertificate:
    """One certificate under the operator's name for it."""

    name: str
    der: bytes
    sha256: str  # fingerprint, lower-case hex
    subject: str
    not_after: datetime


class TrustStore:
    """What is trusted at the moment, for work/egress: one look-up by key for all who ask within a moment, and more only
    after a change. For any thread."""

    MAX_AGE_SECONDS = 0.05  # seconds that it may be old

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._latest: tuple[int, Sequence[bytes]] = (-1, ())
        self._checked_at = -math.inf

    def __call__(self) -> tuple[int, Sequence[bytes]]:
        """A number that grows with every change, and the certificates in DER: as last known, while the database is away."""
        with self._lock:
            if time.monotonic() - self._checked_at >= self.MAX_AGE_SECONDS:
                try:
                    self._latest = self._load_if_changed()
                except SQLAlchemyError:
                    if self._latest[0] < 0:
                        raise
                self._checked_at = time.monotonic()
            return self._latest

    def _load_if_changed(self) -> tuple[int, Sequence[bytes]]:
        with self._database.read_transaction() as connection:
            number = _get_version(connection)
            if number == self._latest[0]:
                return self._latest
            return number, [one.der for one in list_certificates(connection)]


def add_certificate(connection: Connection, certificate: TrustedCertificate, now: datetime) -> None:
    """Trust a certificate; raises Misuse if the name is taken."""
    values = {name: getattr(certificate, name) for name in ("name", "der", "sha256", "subject", "not_after")}
    statement = insert_or_ignore(connection, _TABLE).values(**values, created_at=now)
    if not connection.execute(statement.returning(_TABLE.c.name)).first():
        raise OperatorError(f"the name {certificate.name} is taken")
    _bump_version(connection)


def list_certificates(connection: Connection) -> list[TrustedCertificate]:
    """Every trusted certificate, by name."""
    return [
        TrustedCertificate(name=row.name, der=row.der, sha256=row.sha256, subject=row.subject, not_after=row.not_after)
        for row in connection.execute(sa.select(_TABLE).order_by(_TABLE.c.name))
    ]


def remove_certificate(connection: Connection, name: str) -> None:
    """Trust a certificate no longer; raises Misuse if there is none of that name."""
    if connection.execute(sa.delete(_TABLE).where(_TABLE.c.name == name)).rowcount != 1:
        raise OperatorError(f"there is no certificate {name}")
    _bump_version(connection)


def _bump_version(connection: Connection) -> None:
    connection.execute(insert_or_ignore(connection, _CHANGE_COUNTERS).values(name="trust", value=0))
    connection.execute(
        sa.update(_CHANGE_COUNTERS).where(_CHANGE_COUNTERS.c.name == "trust").values(value=_CHANGE_COUNTERS.c.value + 1)
    )


def _get_version(connection: Connection) -> int:
    statement = sa.select(_CHANGE_COUNTERS.c.value).where(_CHANGE_COUNTERS.c.name == "trust")
    return int(connection.execute(statement).scalar() or 0)
